"""The Cypher that is sent. Names enter it only through `quoted`; values are parameters."""

from dataclasses import dataclass
from typing import LiteralString

from kgmem.formats.property_graph.elements import KEY

ID = "kgmem_id"  # The property by which a node or relationship that kgmem wrote is known.


def quoted(name: str) -> str:
    r"""Return a name for Cypher, in backticks.

    Servers turn `\u0060` into a backtick before they look for the end of the name, so a backslash before a u is
    written as such an escape itself.
    """
    return "`" + name.replace("\\u", "\\u005cu").replace("`", "``") + "`"


@dataclass(frozen=True, slots=True)
class Reading:
    """The statements that read, for servers that know elements by `elementId`, or only by numbers."""

    node_ids: LiteralString
    relationship_ids: LiteralString
    nodes: LiteralString
    relationships: LiteralString
    numbers: bool

    def parameter(self, ids: list[str]) -> list[str] | list[int]:
        """Return ids as the statements take them."""
        return [int(id_) for id_ in ids] if self.numbers else ids


def _reading(id_: LiteralString, *, numbers: bool) -> Reading:
    ends = ", ".join(
        f"{id_}({end}) AS {name}_id, {end}[$key] AS {name}_natural, coalesce({end}.`{KEY}`, {end}.`{ID}`) AS {name}_key"
        for end, name in (("a", "start"), ("b", "end"))
    )
    return Reading(
        node_ids=f"MATCH (n) RETURN {id_}(n) AS id",
        relationship_ids=f"MATCH ()-[r]->() RETURN {id_}(r) AS id",
        # Servers that are not Neo4j look a node up in this form and a relationship in the other; Neo4j does in both.
        nodes=f"UNWIND $ids AS id MATCH (n) WHERE {id_}(n) = id RETURN id, labels(n) AS labels, "
        "properties(n) AS properties, n[$key] AS natural",
        relationships=f"MATCH (a)-[r]->(b) WHERE {id_}(r) IN $ids RETURN {id_}(r) AS id, type(r) AS kind, "
        f"properties(r) AS properties, {ends}",
        numbers=numbers,
    )


BY_ELEMENT_ID = _reading("elementId", numbers=False)
BY_NUMBER = _reading("id", numbers=True)


def constraints(label: str, key: str) -> tuple[str, ...]:
    """Return statements of which one is enough: Neo4j's constraint or index on nodes' keys, or Memgraph's index."""
    named, of = quoted(f"kgmem_{label}_{key}"), f"(n:{quoted(label)})"
    return (
        f"CREATE CONSTRAINT {named} IF NOT EXISTS FOR {of} REQUIRE n.{quoted(key)} IS UNIQUE",
        f"CREATE INDEX {named} IF NOT EXISTS FOR {of} ON (n.{quoted(key)})",
        f"CREATE INDEX ON :{quoted(label)}({quoted(key)})",
    )


def held_labels(label: str, key: str) -> str:
    """Return the statement that returns which of some nodes exist with other labels than these."""
    return (
        f"UNWIND $ids AS id MATCH (n:{quoted(label)} {{{quoted(key)}: id}}) WITH id, labels(n) AS existing "
        "WHERE size(existing) <> size($labels) OR any(name IN existing WHERE NOT name IN $labels) RETURN id, existing"
    )


def relabel(label: str, key: str, add: list[str], remove: list[str]) -> str:
    """Return the statement that adds and takes labels."""
    changes = [f"SET n{_labels(add)}"] if add else []
    changes += [f"REMOVE n{_labels(remove)}"] if remove else []
    return f"UNWIND $ids AS id MATCH (n:{quoted(label)} {{{quoted(key)}: id}}) {' '.join(changes)}"


def merge_nodes(labels: list[str], key: str, *, replace: bool) -> str:
    """Return the statement that writes nodes with these labels."""
    return (
        f"UNWIND $rows AS row MERGE (n{_labels(labels)} {{{quoted(key)}: row.id}}) "
        f"SET n {'=' if replace else '+='} row.properties"
    )


def merge_relationships(kind: str, label: str, key: str, *, replace: bool) -> str:
    """Return the statement that writes relationships of a kind, and tells how many found both ends."""
    node = f":{quoted(label)} {{{quoted(key)}: row."
    return (
        f"UNWIND $rows AS row MATCH (a{node}start}}) MATCH (b{node}end}}) "
        f"MERGE (a)-[r:{quoted(kind)} {{{quoted(ID)}: row.id}}]->(b) "
        f"SET r {'=' if replace else '+='} row.properties RETURN count(r) AS written"
    )


def _labels(labels: list[str]) -> str:
    return "".join(f":{quoted(name)}" for name in labels)
