"""The register of imports keeps which keys a file states more than once."""

from kgmem.store.db.alembic_run import run_sql

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Make room for the report."""
    run_sql("0023_up")


def downgrade() -> None:
    """Drop the reports."""
    run_sql("0023_down")
