"""The nouns and rules of kgmem: frozen dataclasses and pure functions, standard library only."""
