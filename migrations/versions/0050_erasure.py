"""Reports of erasures are kept, and processes learn that scopes and sources have other names."""

from kgmem.store.db.alembic_run import run_sql

revision = "0050"
down_revision = "0049"


def upgrade() -> None:
    """Make the register of reports."""
    run_sql("0050_up")


def downgrade() -> None:
    """Drop it."""
    run_sql("0050_down")
