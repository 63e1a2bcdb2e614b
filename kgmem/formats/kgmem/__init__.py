"""The formats of kgmem's own records: JSON Lines, CSV and Parquet."""
