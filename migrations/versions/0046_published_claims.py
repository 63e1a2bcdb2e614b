"""Claims of publications keep what they repeat, so that exports can name it."""

from kgmem.store.db.alembic_run import run_sql

revision = "0046"
down_revision = "0045"


def upgrade() -> None:
    """Make the table that stands in for absent ones, by the file that each graph with publications runs."""
    run_sql("0046_up_graph")


def downgrade() -> None:
    """Drop it."""
    run_sql("0046_down_graph")
