"""`kgmem ledger`."""
