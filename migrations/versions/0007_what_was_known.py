"""What was known earlier, row by row of the index, so that a question can be answered as of then."""

from kgmem.store.db.alembic_run import run_sql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Keep what changes from now on; what was replaced before is not known row by row."""
    run_sql("0007_up")


def downgrade() -> None:
    """Keep nothing more, and park what was kept."""
    run_sql("0007_down")
