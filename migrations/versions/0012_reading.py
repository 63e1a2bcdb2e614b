"""What is read out of texts: which wait, what was read, and what each text brought."""

from kgmem.store.db.alembic_run import run_sql

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the setting of graphs, and the tables of every graph."""
    run_sql("0012_up")


def downgrade() -> None:
    """Park both."""
    run_sql("0012_down")
