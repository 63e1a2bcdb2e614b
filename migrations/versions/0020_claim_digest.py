"""The digest of claims is computed in the database, alike for single statements and bulk loads."""

from kgmem.store.db.alembic_run import run_sql

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Make the function, and give current claims the digest that it computes."""
    run_sql("0020_up")


def downgrade() -> None:
    """Drop the function."""
    run_sql("0020_down")
