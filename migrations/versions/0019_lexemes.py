"""The words of passages of small scopes are stored, and the text index is asked by a function of each graph."""

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Add them to each graph (migrations/sql/0019_up_graph.sql)."""


def downgrade() -> None:
    """Drop them; the words are parsed again."""
