"""Work streams in Redis: scripts that run whole or not at all, and the choice between Redis and Postgres."""
