"""The retrieval index: kept in line with foreign writes, rebuilt and repaired."""
