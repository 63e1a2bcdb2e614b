"""What agents keep beside knowledge."""
