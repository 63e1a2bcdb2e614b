"""Relationships that wait in an import for their ends keep what they are derived from."""

from kgmem.store.db.alembic_run import run_sql

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    """Add the column."""
    run_sql("0032_up")


def downgrade() -> None:
    """Drop it."""
    run_sql("0032_down")
