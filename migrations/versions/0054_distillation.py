"""Texts are distilled, and runs can be undone."""

from kgmem.store.db.alembic_run import run_sql

revision = "0054"
down_revision = "0053"


def upgrade() -> None:
    """Make the tables that stand in for absent ones; a graph's own are made when they are first needed."""
    run_sql("0054_up")


def downgrade() -> None:
    """Drop them, after migrations/sql/0054_down_graph.sql has dropped those of each graph."""
    run_sql("0054_down")
