"""A graph knows by which API keys the claims of a source came."""

from kgmem.store.db.alembic_run import run_sql

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    """Make the table that stands in for absent ones; migrations/sql/0039_up_graph.sql makes those of each graph."""
    run_sql("0039_up")


def downgrade() -> None:
    """Drop it, after migrations/sql/0039_down_graph.sql has dropped those of each graph."""
    run_sql("0039_down")
