"""Facts note when they begin and end, so that a cached context ends where one of its values does."""

from kgmem.store.db.alembic_run import run_sql

revision = "0062"
down_revision = "0061"


def upgrade() -> None:
    """Make the function for the tables that stand in for absent ones, by the file that each graph runs."""
    run_sql("0062_up_graph")


def downgrade() -> None:
    """Drop it."""
    run_sql("0062_down_graph")
