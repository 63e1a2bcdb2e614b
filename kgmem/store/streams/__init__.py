"""Work streams: messages, consumer groups, and what these have not acknowledged."""
