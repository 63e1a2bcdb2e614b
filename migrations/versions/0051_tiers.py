"""Items have tiers by their last use, and cold ones an archive."""

from kgmem.store.db.alembic_run import run_sql

revision = "0051"
down_revision = "0050"


def upgrade() -> None:
    """Make the tables that stand in for absent ones; a graph's own are made when they are first needed."""
    run_sql("0051_up")


def downgrade() -> None:
    """Drop them, after migrations/sql/0051_down_graph.sql has dropped those of each graph."""
    run_sql("0051_down")
