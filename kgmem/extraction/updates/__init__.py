"""What a text changes: states that begin, end, are corrected or handed on, and when a mail was said."""
