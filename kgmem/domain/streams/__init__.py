"""Work streams: messages between agents, delivered to consumer groups at least once, and in order for each key."""
