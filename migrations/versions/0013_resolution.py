"""Entities that are one: merges with what undoing them needs, pairs for review, names as they are looked up."""

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Make the tables of every graph, or take those back that were parked."""


def downgrade() -> None:
    """Park merges and pairs of every graph; names are derived, and go."""
