"""Paths, built of the nodes and relationships of a row."""

from collections.abc import Mapping, Sequence

from kgmem.query.evaluation.environment import Row
from kgmem.query.values import Node, Path, Relationship


def build_path(row: Row, elements: Sequence[str], read: Mapping[int, Node]) -> Path:
    """Return the path of a row's nodes and relationships, whose names are given in turn; `read` has those between."""
    nodes: list[Node] = [row[elements[0]]]
    relationships: list[Relationship] = []
    for link, end in zip(elements[1::2], elements[2::2], strict=True):
        held = row[link]
        if isinstance(held, Relationship):
            relationships.append(held)
            nodes.append(row[end])
            continue
        for each in held:
            relationships.append(each)
            there = each.end if each.start == nodes[-1].id else each.start
            nodes.append(row[end] if there == row[end].id else read[there])
    return Path(tuple(nodes), tuple(relationships))
