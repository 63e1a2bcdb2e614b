"""Columns with hashes are named by the terms that the documentation uses: content_hash and parallel_edge_hash."""

from kgmem.store.db.alembic_run import run_sql

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """Rename those of the server, and of the tables that stand in for absent ones by the file that each graph runs."""
    run_sql("0030_up")
    run_sql("0030_up_graph")


def downgrade() -> None:
    """Restore their former names."""
    run_sql("0030_down_graph")
    run_sql("0030_down")
