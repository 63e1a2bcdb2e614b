"""Agents keep states in versions, with checkpoints and retention rules."""

from kgmem.store.db.alembic_run import run_sql

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    """Make the tables that stand in for absent ones; a graph's own are made when they are first needed."""
    run_sql("0033_up")


def downgrade() -> None:
    """Drop them, after migrations/sql/0033_down_graph.sql has dropped those of each graph."""
    run_sql("0033_down")
