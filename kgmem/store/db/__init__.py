"""The database: pool, connections, errors, SQL files, migrations, extensions and diagnostics."""
