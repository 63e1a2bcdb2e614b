"""Tables, tasks and roles of keys are named by the terms that the documentation uses."""

from kgmem.store.db.alembic_run import run_sql

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Rename those of the server; migrations/sql/0027_up_graph.sql renames the tables of each graph."""
    run_sql("0027_up")


def downgrade() -> None:
    """Return them their former names."""
    run_sql("0027_down")
