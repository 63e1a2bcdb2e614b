"""An import stores the records of one agent state together."""

from kgmem.store.db.alembic_run import run_sql

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    """Let waiting records name what they are about."""
    run_sql("0035_up")


def downgrade() -> None:
    """Drop the columns, and the records that need them: their import is run again."""
    run_sql("0035_down")
