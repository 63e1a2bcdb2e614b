"""API keys can be granted further scopes."""

from kgmem.store.db.alembic_run import run_sql

revision = "0041"
down_revision = "0040"


def upgrade() -> None:
    """Make the table of grants."""
    run_sql("0041_up")


def downgrade() -> None:
    """Drop it."""
    run_sql("0041_down")
