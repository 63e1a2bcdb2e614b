"""Cold episodes have an archive, out of the indexes that recall reads first."""

from kgmem.store.db.alembic_run import run_sql

revision = "0057"
down_revision = "0056"


def upgrade() -> None:
    """Make the tables that stand in for absent ones; a graph's own are made when they are first needed."""
    run_sql("0057_up")


def downgrade() -> None:
    """Drop them, after migrations/sql/0057_down_graph.sql has dropped those of each graph."""
    run_sql("0057_down")
