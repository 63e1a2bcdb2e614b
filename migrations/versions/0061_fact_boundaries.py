"""Facts note when they begin and end, so that a cached context ends where one of its values does."""

from kgmem.store.db.alembic_run import run_sql

revision = "0061"
down_revision = "0060"


def upgrade() -> None:
    """Make the function for the tables that stand in for absent ones, by the file that each graph runs."""
    run_sql("0061_up_graph")


def downgrade() -> None:
    """Drop it."""
    run_sql("0061_down_graph")
