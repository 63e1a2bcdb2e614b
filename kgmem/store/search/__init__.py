"""Search: one statement for the candidates of every retriever, one for what the best of them say."""

from kgmem.store.search.candidates import candidates
from kgmem.store.search.causal import causal_graph
from kgmem.store.search.hits import fetch
from kgmem.store.search.neighbourhood import neighbourhood
from kgmem.store.search.request import SearchRequest
from kgmem.store.search.spatial import placed

__all__ = ["SearchRequest", "candidates", "causal_graph", "fetch", "neighbourhood", "placed"]
