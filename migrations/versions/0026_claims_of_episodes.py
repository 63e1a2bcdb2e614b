"""Claims are found by their episode, so that forgetting a text does not read all claims."""

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Make the index in each graph (migrations/sql/0026_up_graph.sql)."""


def downgrade() -> None:
    """Drop it."""
