"""Retention rules, and what runs removed by them."""

from kgmem.store.db.alembic_run import run_sql

revision = "0060"
down_revision = "0059"


def upgrade() -> None:
    """Make the tables that stand in for absent ones; a graph's own are made when they are first needed."""
    run_sql("0060_up")


def downgrade() -> None:
    """Drop them, after migrations/sql/0060_down_graph.sql has dropped those of each graph."""
    run_sql("0060_down")
