"""Routes about what agents keep beside knowledge."""
