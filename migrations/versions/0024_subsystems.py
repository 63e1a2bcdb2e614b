"""The tables of a subsystem are made when it is first used."""

from kgmem.store.db.alembic_run import run_sql

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Register which subsystems a graph has tables of, and make the empty tables that stand in for the others."""
    run_sql("0024_up")


def downgrade() -> None:
    """Drop both, once each graph has all tables again."""
    run_sql("0024_down")
