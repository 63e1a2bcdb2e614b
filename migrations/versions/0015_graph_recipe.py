"""A recipe that counts for the questions of a graph which name none."""

from kgmem.store.db.alembic_run import run_sql

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add the setting of graphs."""
    run_sql("0015_up")


def downgrade() -> None:
    """Park it."""
    run_sql("0015_down")
