"""Publications keep what they stored in the other scope, so that only this goes with them."""

from kgmem.store.db.alembic_run import run_sql

revision = "0065"
down_revision = "0064"


def upgrade() -> None:
    """Make the table that stands in for absent ones, by the file that each graph with publications runs."""
    run_sql("0065_up_graph")


def downgrade() -> None:
    """Drop it."""
    run_sql("0065_down_graph")
