"""The budget ledger: double entry, append-only, sealed by a hash chain."""
