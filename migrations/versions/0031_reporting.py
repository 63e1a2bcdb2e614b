"""The reliability of sources tells how they report changes: reported_changes and reporting_delay."""

from kgmem.store.db.alembic_run import run_sql

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Add the columns to the tables that stand in for absent ones, by the file that each graph runs."""
    run_sql("0031_up_graph")


def downgrade() -> None:
    """Drop them."""
    run_sql("0031_down_graph")
