"""Unique values are held by every node that bears the label, whatever table it is in."""

from kgmem.store.db.alembic_run import run_sql

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Make the functions; migrations/sql/0025_up_graph.sql gathers the values of each graph."""
    run_sql("0025_up")


def downgrade() -> None:
    """Drop the functions; unique values are those of a label's table again."""
    run_sql("0025_down")
