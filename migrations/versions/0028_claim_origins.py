"""Claims say what they are derived from, and a graph remembers what was answered lately."""

from kgmem.store.db.alembic_run import run_sql

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Make the tables that stand in for absent ones; migrations/sql/0028_up_graph.sql makes those of each graph."""
    run_sql("0028_up")


def downgrade() -> None:
    """Drop them."""
    run_sql("0028_down")
