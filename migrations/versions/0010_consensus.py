"""Claims, and what is made of them: facts, what is learned of sources, correlations, decisions."""

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make the tables of every graph, or take those back that were parked."""


def downgrade() -> None:
    """Park the tables of every graph."""
