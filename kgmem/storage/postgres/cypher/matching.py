"""Patterns as one SQL statement over the tables of items and edges: nodes are items, links edges, chains recursive."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from kgmem.query.planning.steps import LinkPart, NodePart, Pattern
from kgmem.storage.postgres.cypher.labels import kinds_of, node_condition
from kgmem.storage.postgres.cypher.statement import Parameters
from kgmem.storage.postgres.layout import Layout
from kgmem.storage.postgres.statements import quote

_SELECT, _NEVER = "SELECT", "false"
_FILE = "cypher"


@dataclass(slots=True)
class MatchStatement:
    """Composes the statement that finds the ways in which a pattern matches.

    `scopes` are the numbers of the scopes that may be seen, None for all.
    """

    layout: Layout
    pattern: Pattern
    scopes: Sequence[int] | None
    parameters: Parameters = field(default_factory=Parameters)
    tables: list[str] = field(default_factory=list)
    laterals: list[str] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)  # What gives the id of a node or link, by name.

    def text(self, rows: Sequence[Mapping[str, Any]], most: int) -> str:
        """Give the SQL: a column with the number of the row, then one a node and one a link."""
        bound = self.pattern.bound
        if bound:
            self._input(bound, rows)
        self._nodes_and_links()
        self._unique()
        columns = [
            f'{"i.at" if bound else "1"} AS "at"',
            *(f"{self.ids[part.name]} AS c{n}" for n, part in enumerate(self.pattern.parts)),
        ]
        source = ", ".join([*self.tables, *self.laterals])
        where = f" WHERE {' AND '.join(self.conditions)}" if self.conditions else ""
        return f"{_SELECT} {', '.join(columns)}{f' FROM {source}' if source else ''}{where} LIMIT {int(most)}"

    def _input(self, bound: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
        """Give the rows as a table: ids in columns, lists of ids as texts of arrays."""
        chains = {link.name for link in self.pattern.links if link.repeats}
        places, names = [], []
        for n, name in enumerate(bound):
            names.append(f"b{n}")
            if name in chains:
                texts = [None if row[name] is None else "{" + ",".join(map(str, row[name])) + "}" for row in rows]
                places.append(self.parameters.add(texts, "text[]"))
                self.ids[name] = f"i.b{n}::bigint[]"
            else:
                places.append(self.parameters.add([row[name] for row in rows], "bigint[]"))
                self.ids[name] = f"i.b{n}"
        self.tables.append(f"unnest({', '.join(places)}) WITH ORDINALITY AS i ({', '.join(names)}, at)")

    def _nodes_and_links(self) -> None:
        for number, link in enumerate(self.pattern.links):
            if not link.repeats:
                self._edge(number, link)
        # A chain begins at a node that is found without it, wherever there is one.
        waiting = [(number, link) for number, link in enumerate(self.pattern.links) if link.repeats]
        while waiting:
            known = [pair for pair in waiting if {pair[1].left, pair[1].right} & self.ids.keys()]
            chosen = (known or waiting)[0]
            waiting.remove(chosen)
            self._chain(*chosen)
        for number, node in enumerate(self.pattern.nodes):
            self._node(number, node)

    def _table(self, name: str) -> str:
        return f"{quote(self.layout.index_name)}.{name}"

    def _node(self, number: int, node: NodePart) -> None:
        """Join the item of a node where something is asked of it, or nothing else gives it."""
        known = self.ids.get(node.name)
        if known is not None and not node.labels and self.scopes is None:
            if node.bound:
                self.conditions.append(f"{known} IS NOT NULL")
            return
        alias = f"n{number}"
        self.tables.append(f"{self._table('item')} {alias}")
        if known is None:
            self.ids[node.name] = f"{alias}.id"
            self.conditions.append(f"{alias}.kind < 3")
        else:
            self.conditions.append(f"{alias}.id = {known}")
        self.conditions += (node_condition(self.layout, each, alias, self.parameters) for each in node.labels)
        if self.scopes is not None:
            self.conditions.append(self._visible(alias))

    def _visible(self, alias: str) -> str:
        return f"{alias}.scope = ANY ('{{{','.join(str(int(each)) for each in self.scopes or ())}}}'::integer[])"

    def _join(self, node: str, expression: str) -> None:
        """Let a node be what an expression gives."""
        if node in self.ids:
            self.conditions.append(f"{expression} = {self.ids[node]}")
        else:
            self.ids[node] = expression

    def _edge(self, number: int, link: LinkPart) -> None:
        alias = f"e{number}"
        if link.direction == "both":
            self.tables.append(f"({self.layout.sql(_FILE, 'both_ways')}) {alias}")
            left, right = f"{alias}.here", f"{alias}.there"
        else:
            self.tables.append(f"{self._table('edge')} {alias}")
            left, right = f"{alias}.source", f"{alias}.target"
            if link.direction == "in":
                left, right = right, left
        self._join(link.name, f"{alias}.id")
        self._join(link.left, left)
        self._join(link.right, right)
        self.conditions += self.asked_of_edge(alias, link)

    def asked_of_edge(self, alias: str, link: LinkPart) -> list[str]:
        """Give the conditions on an edge that may be a link: its type and its scope."""
        found = []
        kinds = kinds_of(self.layout, link.types)
        if kinds is not None:
            numbers = ",".join(map(str, kinds))
            found.append(f"{alias}.kind IN ({numbers})" if kinds else _NEVER)
        if self.scopes is not None:
            found.append(self._visible(alias))
        return found

    def _chain(self, number: int, link: LinkPart) -> None:
        alias = f"e{number}"
        backwards = link.left not in self.ids and link.right in self.ids
        first, last = (link.right, link.left) if backwards else (link.left, link.right)
        if first not in self.ids:
            self._begin(first, number)
        walk = self._walk(link, self.ids[first], backwards=backwards)
        self.laterals.append(f"LATERAL ({walk}) {alias}")
        self._join(link.name, f"{alias}.path")
        self._join(last, f"{alias}.here")

    def _begin(self, node: str, number: int) -> None:
        alias = f"s{number}"
        self.tables.append(f"{self._table('item')} {alias}")
        self.conditions.append(f"{alias}.kind < 3")
        self.ids[node] = f"{alias}.id"

    def _walk(self, link: LinkPart, start: str, *, backwards: bool) -> str:
        """Give the query of all chains from a node, each with the ids of its edges from left to right."""
        return self.layout.sql(_FILE, "chain") % {
            "start": start,
            "grown": "e.id || w.path" if backwards else "w.path || e.id",
            "edges": self._next_edges(link, backwards=backwards),
            "goes_on": "true" if link.most is None else f"w.depth < {int(link.most)}",
            "least": int(link.least),
        }

    def _next_edges(self, link: LinkPart, *, backwards: bool) -> str:
        return one_way(self.layout, link, "next", self.asked_of_edge("x", link), backwards=backwards)

    def _unique(self) -> None:
        """Let no relationship be two of the pattern's, unless the types tell that already."""
        for one, other in combinations(self.pattern.links, 2):
            if one.name == other.name or self._differ(one, other):
                continue
            a, b = self.ids[one.name], self.ids[other.name]
            if one.repeats and other.repeats:
                self.conditions.append(f"NOT {a} && {b}")
            elif one.repeats or other.repeats:
                chain, single = (a, b) if one.repeats else (b, a)
                self.conditions.append(f"NOT {single} = ANY ({chain})")
            else:
                self.conditions.append(f"{a} <> {b}")

    def _differ(self, one: LinkPart, other: LinkPart) -> bool:
        kinds, others = kinds_of(self.layout, one.types), kinds_of(self.layout, other.types)
        return kinds is not None and others is not None and not set(kinds) & set(others)


def expansion(layout: Layout, link: LinkPart, scopes: Sequence[int] | None, *, backwards: bool) -> str:
    """Give the SQL of what leads on from nodes ($1) along a link: the node, the edge, and the node behind it."""
    statement = MatchStatement(layout, Pattern((), (link,), (), (), (), ()), scopes)
    return one_way(layout, link, "expand", statement.asked_of_edge("x", link), backwards=backwards)


def one_way(layout: Layout, link: LinkPart, what: str, asked: Sequence[str], *, backwards: bool) -> str:
    """Give the SQL of the edges that lead on along a link, or against it if `backwards`."""
    told = {"asked": "".join(f" AND {each}" for each in asked)}
    out, into = layout.sql(_FILE, f"{what}_out") % told, layout.sql(_FILE, f"{what}_in") % told
    if link.direction == "both":
        return f"{out} UNION ALL {into} AND x.source <> x.target"
    return out if (link.direction == "out") != backwards else into
