"""The queue of extraction keeps the API keys by which a text came."""

from kgmem.store.db.alembic_run import run_sql

revision = "0044"
down_revision = "0043"


def upgrade() -> None:
    """Add the column to the table that stands in for absent ones, by the file that each graph runs."""
    run_sql("0044_up_graph")


def downgrade() -> None:
    """Drop it."""
    run_sql("0044_down_graph")
