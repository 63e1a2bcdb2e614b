"""The setting `extraction` of a graph is `requested`, `all` or `off`."""

from kgmem.store.db.alembic_run import run_sql

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """Rename the value of graphs that extract only from episodes with `extract`."""
    run_sql("0029_up")


def downgrade() -> None:
    """Restore its former name."""
    run_sql("0029_down")
