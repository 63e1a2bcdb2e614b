"""What is derived of entities: which are alike, their communities, summaries of both."""

from kgmem.storage.postgres.alembic_run import run_sql

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Make the tables of every graph, with what was asked for before."""
    run_sql("0017_up")


def downgrade() -> None:
    """Park what was asked for; the rest is derived, and goes."""
    run_sql("0017_down")
