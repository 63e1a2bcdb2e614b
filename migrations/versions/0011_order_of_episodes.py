"""Episodes of a scope by the order in which they came."""

from kgmem.storage.postgres.alembic_run import run_sql

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Index the episodes of every graph by scope and id."""
    run_sql("0011_up")


def downgrade() -> None:
    """Drop that index."""
    run_sql("0011_down")
