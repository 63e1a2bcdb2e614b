"""Streams may have their messages in Redis."""

from kgmem.store.db.alembic_run import run_sql

revision = "0058"
down_revision = "0057"


def upgrade() -> None:
    """Add the column to the table that stands in for absent ones, by the file that each graph runs."""
    run_sql("0058_up_graph")


def downgrade() -> None:
    """Drop it."""
    run_sql("0058_down_graph")
