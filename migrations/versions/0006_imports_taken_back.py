"""Imports that wait for a worker and tell how far they are, and what is needed to take one back out."""

from kgmem.store.db.alembic_run import run_sql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the states, the signs of life and the moves of vertices."""
    run_sql("0006_up")


def downgrade() -> None:
    """Drop them, and park what they hold."""
    run_sql("0006_down")
