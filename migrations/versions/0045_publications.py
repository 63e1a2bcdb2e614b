"""Facts and texts are published from one scope to another."""

from kgmem.store.db.alembic_run import run_sql

revision = "0045"
down_revision = "0044"


def upgrade() -> None:
    """Make the tables that stand in for absent ones; a graph's own are made when they are first needed."""
    run_sql("0045_up")


def downgrade() -> None:
    """Drop them, after migrations/sql/0045_down_graph.sql has dropped those of each graph."""
    run_sql("0045_down")
