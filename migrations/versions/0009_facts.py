"""Which relationships are found as facts; those that are held become facts by a job, as the worker sees to."""

from kgmem.store.db.alembic_run import run_sql

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the setting, and that no graph's facts are made yet."""
    run_sql("0009_up")


def downgrade() -> None:
    """Park the settings, and take facts out of the indexes; the relationships stay."""
    run_sql("0009_down")
