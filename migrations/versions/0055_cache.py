"""Graphs have an epoch, by which caches know that their entries are current."""

from kgmem.store.db.alembic_run import run_sql

revision = "0055"
down_revision = "0054"


def upgrade() -> None:
    """Make the function of the triggers, and the tables that stand in for absent ones."""
    run_sql("0055_up")


def downgrade() -> None:
    """Drop them, after migrations/sql/0055_down_graph.sql has dropped those of each graph."""
    run_sql("0055_down")
