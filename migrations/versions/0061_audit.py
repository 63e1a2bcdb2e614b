"""The audit log."""

from kgmem.store.db.alembic_run import run_sql

revision = "0061"
down_revision = "0060"


def upgrade() -> None:
    """Make the tables."""
    run_sql("0061_up")


def downgrade() -> None:
    """Drop them."""
    run_sql("0061_down")
