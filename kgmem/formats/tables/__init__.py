"""Tables of any shape: mapping files, cells, types and typed columns."""
