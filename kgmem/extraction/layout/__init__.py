"""How a text is laid out: which lines are sentences, and what tables and labels say."""
