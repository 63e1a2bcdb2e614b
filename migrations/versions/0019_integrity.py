"""Reports of integrity checks, and on which timeline of the server a graph's keyword index was checked."""

from kgmem.store.db.alembic_run import run_sql

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Make the table of reports, and the column; without a value the keyword index is checked at the first use."""
    run_sql("0019_up")


def downgrade() -> None:
    """Drop both: a check makes its report anew."""
    run_sql("0019_down")
