"""Legal holds: what they cover is not deleted, whichever way."""

from kgmem.store.db.alembic_run import run_sql

revision = "0053"
down_revision = "0052"


def upgrade() -> None:
    """Make the table of holds, and the function of the triggers that refuse deletions."""
    run_sql("0053_up")


def downgrade() -> None:
    """Drop it, with the triggers."""
    run_sql("0053_down")
