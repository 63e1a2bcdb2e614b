"""An index of what bears further labels, for filters by label and by property."""

from kgmem.storage.postgres.alembic_run import run_sql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the index in every graph."""
    run_sql("0008_up")


def downgrade() -> None:
    """Drop it."""
    run_sql("0008_down")
