"""What is to be erased in Redis when that is back, is noted."""

from kgmem.store.db.alembic_run import run_sql

revision = "0066"
down_revision = "0065"


def upgrade() -> None:
    """Make the table."""
    run_sql("0066_up")


def downgrade() -> None:
    """Drop it."""
    run_sql("0066_down")
