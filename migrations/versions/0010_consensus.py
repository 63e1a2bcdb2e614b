"""Claims, and what is made of them: facts, what is learned of sources, correlations, decisions."""

from kgmem.storage.postgres.alembic_run import run_sql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make the tables of every graph, or take those back that were parked."""
    run_sql("0010_up")


def downgrade() -> None:
    """Park the tables of every graph."""
    run_sql("0010_down")
