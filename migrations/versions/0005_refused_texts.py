"""Why an embedder refuses a text that waits for a vector; after the way down such texts are tried again."""

from kgmem.storage.postgres.alembic_run import run_sql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column to each graph's waiting passages."""
    run_sql("0005_up")


def downgrade() -> None:
    """Drop the column; the embedder says again what it refuses."""
    run_sql("0005_down")
