"""The change feed does not wait for transactions of other databases of the server."""

from kgmem.store.db.alembic_run import run_sql

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Make the function that tells below what transaction nothing can appear any more."""
    run_sql("0018_up")


def downgrade() -> None:
    """Drop it."""
    run_sql("0018_down")
