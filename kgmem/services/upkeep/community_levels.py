"""Grouping: communities of a graph in levels, by networkx; loaded when it is first used."""

from collections.abc import Sequence

import networkx as nx

from kgmem.domain.derived.communities import Members

_SEED = 20  # Any: what counts is that it is always the same.
_MOST_LEVELS = 5


def communities_of(links: Sequence[tuple[int, int, float]]) -> list[list[Members]]:
    """Return the communities of weighted links, the finest level first, each with its members by centrality.

    By the Louvain method (Blondel et al., "Fast unfolding of communities in large networks", 2008) with a fixed seed
    and a fixed order, so that the same links give the same communities. A node without links is in none.
    """
    graph = nx.Graph()
    graph.add_nodes_from(sorted({end for one, other, _ in links for end in (one, other)}))
    graph.add_weighted_edges_from(sorted(links))
    if not graph.number_of_edges():
        return []
    levels = list(nx.community.louvain_partitions(graph, seed=_SEED))[:_MOST_LEVELS]
    told = []
    for level in levels:
        ordered = sorted((sorted(each) for each in level if len(each) > 1), key=lambda each: (-len(each), each))
        told.append([_by_centrality(graph, each) for each in ordered])
    return told


def _by_centrality(graph: nx.Graph, members: Sequence[int]) -> Members:
    """Return the members with their shares of the weight of the links inside a community, the greatest first."""
    inside = set(members)
    weights = {
        item: sum(told.get("weight", 1.0) for other, told in graph.adj[item].items() if other in inside)
        for item in members
    }
    total = sum(weights.values()) or 1.0
    return sorted(((item, round(weight / total, 6)) for item, weight in weights.items()), key=lambda p: (-p[1], p[0]))
