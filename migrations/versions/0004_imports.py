"""The register of imports, and in each graph's change feed which import a change came with."""

from kgmem.store.db.alembic_run import run_sql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the register, with what an earlier way down parked."""
    run_sql("0004_up")


def downgrade() -> None:
    """Park the register and what came with which import."""
    run_sql("0004_down")
