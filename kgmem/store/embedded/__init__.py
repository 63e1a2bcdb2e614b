"""The parts of the embedded Postgres: its binaries, account, cluster, settings, locks, log and postmaster."""
