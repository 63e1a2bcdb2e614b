"""Roles of analysts, reviewers and importers."""

from kgmem.store.db.alembic_run import run_sql

revision = "0064"
down_revision = "0063"


def upgrade() -> None:
    """Allow them to keys."""
    run_sql("0064_up")


def downgrade() -> None:
    """Make keys that read readers, and revoke the others."""
    run_sql("0064_down")
