"""What is no vector of a property does not keep it from being stored."""

from kgmem.store.db.alembic_run import run_sql

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Take lists too long and numbers too large for none."""
    run_sql("0016_up")


def downgrade() -> None:
    """Let them be refused again."""
    run_sql("0016_down")
