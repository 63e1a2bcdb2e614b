"""Files: opening, compression, zip archives, lines, chunks and spools."""
