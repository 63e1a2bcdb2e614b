"""The routes of the budget ledger."""
