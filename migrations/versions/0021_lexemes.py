"""The words of passages of small scopes are stored, and the text index is asked by a function of each graph."""

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Add them to each graph (migrations/sql/0021_up_graph.sql)."""


def downgrade() -> None:
    """Drop them; the words are parsed again."""
