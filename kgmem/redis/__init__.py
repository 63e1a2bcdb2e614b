"""Redis or Valkey beside the database: what several processes share, and nothing that a right answer needs."""
