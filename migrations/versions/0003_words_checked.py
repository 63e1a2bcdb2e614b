"""Since which start of Postgres a graph's text index is known to be whole; asked anew after the way down."""

from kgmem.store.db.alembic_run import run_sql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column; without a value the next recall looks."""
    run_sql("0003_up")


def downgrade() -> None:
    """Drop the column, which says nothing that a look would not tell again."""
    run_sql("0003_down")
