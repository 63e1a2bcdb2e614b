"""What agents keep beside knowledge, in tables of each graph."""
