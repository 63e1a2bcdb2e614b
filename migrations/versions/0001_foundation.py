"""The register of graphs, API keys, the capture of foreign writes, and procrastinate's job tables."""

from alembic import op

from kgmem.domain.errors import Conflict
from kgmem.storage.postgres.alembic_run import run_procrastinate, run_sql

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
    """Remove kgmem from the database; never a graph. The extensions stay: others may use them."""
    graphs = op.get_bind().exec_driver_sql("SELECT count(*) FROM kgmem.graph").scalar_one()
    if graphs:
        raise Conflict(
            f"{graphs} graph(s) stand in this database, and going back to base would remove them.",
            mend="Export what you want to keep and delete the graphs first: kgmem graph delete.",
            graphs=graphs,
        )
    run_sql("0001_down")
