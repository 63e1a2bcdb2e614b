"""The archive has digests of all words of a passage, so that it can weigh them as the text index does."""

from kgmem.store.db.alembic_run import run_sql

revision = "0063"
down_revision = "0062"


def upgrade() -> None:
    """Change the table that stands in for absent ones, by the file that each graph with an archive runs."""
    run_sql("0063_up_graph")


def downgrade() -> None:
    """Change it back."""
    run_sql("0063_down_graph")
