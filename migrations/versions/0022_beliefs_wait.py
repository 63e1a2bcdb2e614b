"""Imports take records of claims, decisions and what else a graph believes, which wait as episodes do."""

from kgmem.store.db.alembic_run import run_sql

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Let waiting records be of several kinds."""
    run_sql("0022_up")


def downgrade() -> None:
    """Let them be episodes alone; what waits of other kinds is lost."""
    run_sql("0022_down")
