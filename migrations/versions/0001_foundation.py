"""The register of graphs, API keys, the capture of foreign writes, and procrastinate's job tables."""

from kgmem.store.db.alembic_run import run_procrastinate, run_sql

revision = "0001"
down_revision = None

# The newest of procrastinate's migrations when this one was written; later ones come with a migration of ours.
JOBS = "03.04.00_50_post_add_retry_failed_job_procedure"


def upgrade() -> None:
    """Make what every kgmem database has."""
    run_sql("0001_up")
    run_procrastinate("", JOBS)
    run_sql("0001_jobs")


def downgrade() -> None:
    """Remove kgmem from a database without graphs. The extensions stay: others may use them."""
    run_sql("0001_down")
