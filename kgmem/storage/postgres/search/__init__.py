"""Search: one statement for the candidates of every arm, one for what the best of them say."""

from kgmem.storage.postgres.search.candidates import candidates
from kgmem.storage.postgres.search.fetching import fetch
from kgmem.storage.postgres.search.request import SearchRequest

__all__ = ["SearchRequest", "candidates", "fetch"]
