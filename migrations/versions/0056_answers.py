"""Subscriptions follow the best hits of a question."""

from kgmem.store.db.alembic_run import run_sql

revision = "0056"
down_revision = "0055"


def upgrade() -> None:
    """Make the tables that stand in for absent ones; a graph's own are made when they are first needed."""
    run_sql("0056_up")


def downgrade() -> None:
    """Drop them, after migrations/sql/0056_down_graph.sql has dropped those of each graph."""
    run_sql("0056_down")
