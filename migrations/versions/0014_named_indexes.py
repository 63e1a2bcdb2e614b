"""Indexes on vectors and words that properties hold."""

from kgmem.store.db.alembic_run import run_sql

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Make the functions that such indexes stand on, and give schemas back the indexes that they had."""
    run_sql("0014_up")


def downgrade() -> None:
    """Put what schemas say of indexes aside, and drop the indexes with the functions."""
    run_sql("0014_down")
