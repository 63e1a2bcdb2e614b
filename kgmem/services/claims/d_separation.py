"""D-separation, ancestry and circles of a causal structure, by networkx; loaded at first use."""

from collections.abc import Iterable, Sequence
from typing import Any

import networkx as nx

from kgmem.domain.errors import Conflict
from kgmem.domain.recall.causality import MOST_CYCLES, CausalGraph, Lineage, Separated, Separation


def separated(found: CausalGraph, asked: Separation) -> Separated:
    """Return whether the given d-separate the two sides. Raises Conflict where causes go in a circle.

    d-separation by Pearl, "Causality" (2009), section 1.2.3; the minimal set by van der Zander and Liskiewicz, "Finding
    Minimal d-separators in Linear Time and Applications" (UAI 2019), both as networkx has them.
    """
    structure = _structure(found)
    if circles := _circles(found, structure):
        raise Conflict(
            f"Causes go in a circle: {' -> '.join(circles[0])}.",
            hint="Take one of these relationships out, or close it in time: separation needs causes without circles.",
            cycle=list(circles[0]),
        )
    one, other, given = (_ids(found, keys) for keys in (asked.one, asked.other, asked.given))
    allowed = set(structure) if asked.among is None else _ids(found, asked.among)
    minimal = nx.find_minimal_d_separator(structure, one, other, restricted=allowed - one - other)
    holds = nx.is_d_separator(structure, one, other, given)
    return Separated(
        separated=holds,
        given_is_minimal=holds and nx.is_minimal_d_separator(structure, one, other, given),
        minimal=None if minimal is None else _keys(found, minimal),
        entities=len(structure),
    )


def lineage(found: CausalGraph, keys: Sequence[str]) -> Lineage:
    """All ancestors and descendants of entities, and a circle for each knot of entities that cause each other."""
    structure, asked = _structure(found), _ids(found, keys)
    ancestors = set().union(*(nx.ancestors(structure, id_) for id_ in asked))
    descendants = set().union(*(nx.descendants(structure, id_) for id_ in asked))
    circles = _circles(found, structure)
    return Lineage(_keys(found, ancestors), _keys(found, descendants), not circles, circles)


def _structure(found: CausalGraph) -> Any:
    structure = nx.DiGraph()
    structure.add_nodes_from(sorted(found.nodes))
    structure.add_edges_from(sorted(found.links))
    return structure


def _circles(found: CausalGraph, structure: Any) -> list[list[str]]:
    """Return one circle of each knot; an entity that causes itself is one too."""
    knots = [
        sorted(knot)
        for knot in nx.strongly_connected_components(structure)
        if len(knot) > 1 or structure.has_edge(*2 * tuple(knot))
    ]
    circles = []
    for knot in sorted(knots)[:MOST_CYCLES]:
        links = nx.find_cycle(structure.subgraph(knot), knot[0])
        circles.append([found.nodes[id_].key for id_ in (links[0][0], *(end for _, end, *_ in links))])
    return circles


def _ids(found: CausalGraph, keys: Iterable[str]) -> set[int]:
    return {found.asked[key] for key in keys}


def _keys(found: CausalGraph, ids: Iterable[int]) -> list[str]:
    return sorted(found.nodes[id_].key for id_ in ids)
