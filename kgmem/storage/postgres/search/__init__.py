"""Search: one statement for the candidates of every arm, one for what the best of them say."""

from kgmem.storage.postgres.search.candidates import candidates
from kgmem.storage.postgres.search.fetching import fetch
from kgmem.storage.postgres.search.neighbourhood import neighbourhood
from kgmem.storage.postgres.search.request import SearchRequest
from kgmem.storage.postgres.search.structure import causal_graph

__all__ = ["SearchRequest", "candidates", "causal_graph", "fetch", "neighbourhood"]
