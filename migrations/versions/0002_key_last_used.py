"""When a key was last used; on the way down the times are parked, on the way up they come back."""

from kgmem.store.db.alembic_run import run_sql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column, with what an earlier way down parked."""
    run_sql("0002_up")


def downgrade() -> None:
    """Park the times and drop the column."""
    run_sql("0002_down")
