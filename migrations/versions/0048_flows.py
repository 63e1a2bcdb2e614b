"""Flows are written to a table, so that every process shows them."""

from kgmem.store.db.alembic_run import run_sql

revision = "0048"
down_revision = "0047"


def upgrade() -> None:
    """Make the tables of flows."""
    run_sql("0048_up")


def downgrade() -> None:
    """Drop them."""
    run_sql("0048_down")
