"""API keys have two secrets while they are rotated, and limits of requests."""

from kgmem.store.db.alembic_run import run_sql

revision = "0059"
down_revision = "0058"


def upgrade() -> None:
    """Add the columns."""
    run_sql("0059_up")


def downgrade() -> None:
    """Drop them."""
    run_sql("0059_down")
