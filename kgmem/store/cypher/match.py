"""Patterns as one SQL statement over the tables of items and edges: nodes are items, links edges, chains recursive."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from typing import Any

import orjson

from kgmem.query.execution.graph import Condition, MatchQuery
from kgmem.query.execution.store_queries import IDS
from kgmem.query.planning.steps import LinkPart, NodePart, Order, Pattern
from kgmem.query.values.agtype import to_agtype
from kgmem.query.values.comparison import group_key
from kgmem.store.cypher.composed_sql import Parameters
from kgmem.store.cypher.expansion import NEVER, asked_of_edge, one_way, visible
from kgmem.store.cypher.labels import kinds_of, lean_condition, node_condition, tables_of
from kgmem.store.cypher.properties import chosen, ordered, property_of
from kgmem.store.cypher.read import BEGINS
from kgmem.store.cypher.result_shapes import ResultShapes
from kgmem.store.db.sql import NOTHING, SQL, compose, fill, identifier, join, number, stripped
from kgmem.store.graph.layout import LABEL_SHIFT, Label, Layout

_SELECT, _ONE = SQL("SELECT"), SQL("1")
# Of conditions, as SQL writes them.
_OPERATORS = {"=": SQL("="), "<": SQL("<"), "<=": SQL("<="), ">": SQL(">"), ">=": SQL(">=")}
_EVERY_VERTEX = "_ag_label_vertex"  # AGE's table of all vertices, which those of the labels inherit from.
_MOST_TABLES = 12  # How many tables a node is read out of of which nothing is asked but its labels.
# How many values are compared one by one: a longer list Postgres hashes, where equal numbers of two forms differ.
_MOST_TOGETHER = 8
_EXACT = 2**53  # Up to here an integer is one float, and a float of no fraction one integer.
_FILE = "cypher"


@dataclass(slots=True)
class MatchStatement:
    """Composes the statement that finds the ways in which a pattern matches.

    `scopes` are the numbers of the scopes that may be seen, None for all. `lean` holds while no node of the graph has
    further labels, which the statement tells: a node's table then is its label. Otherwise `further` are the numbers of
    the tables that have such nodes.
    """

    layout: Layout
    sought: MatchQuery
    scopes: Sequence[int] | None
    lean: bool = False
    further: frozenset[int] = frozenset()
    parameters: Parameters = field(default_factory=Parameters)
    tables: list[SQL] = field(default_factory=list)
    lists: dict[SQL, SQL] = field(default_factory=dict)  # What the lists that rows have are unfolded to, by its alias.
    laterals: list[SQL] = field(default_factory=list)
    conditions: list[SQL] = field(default_factory=list)
    ids: dict[str, SQL] = field(default_factory=dict)  # What gives the id of a node or link, by name.
    rows: dict[str, SQL] = field(default_factory=dict)  # The aliases of tables that have properties, by name.
    edges: dict[str, SQL] = field(default_factory=dict)  # The aliases of links that are one edge, by name.
    shared: dict[SQL, SQL] = field(default_factory=dict)  # Tables of the nodes that are looked up together, by alias.
    has_input: bool = False
    answers: bool = True  # Whether all conditions are in the statement.
    shapes: ResultShapes = field(init=False)

    @property
    def pattern(self) -> Pattern:
        """The pattern."""
        return self.sought.pattern

    def text(self) -> SQL:
        """Return the SQL: the number of the row, how often, whether it is lean in vain, and what the parts are."""
        self._input()
        self._nodes_and_links()
        self._unique()
        self.shapes = ResultShapes(self)
        columns = [SQL("i.at") if self.has_input else _ONE, SQL("count(*)") if self.sought.folded else _ONE]
        columns.append(self._part("any_further") if self.lean else NEVER)
        columns += self.shapes.columns
        parts = [_SELECT, join(", ", columns)]
        tables = [*self.tables[: self.has_input], *self.lists.values(), *self.tables[self.has_input :], *self.laterals]
        if tables:
            parts += [SQL("FROM"), join(", ", tables)]
        if self.conditions:
            parts += [SQL("WHERE"), join(" AND ", self.conditions)]
        if self.shared:
            parts.insert(0, compose("WITH {}", join(", ", self.shared.values())))
        keys = [*([1] if self.has_input else []), *range(4, len(columns) + 1)]
        if self.sought.folded and keys:
            parts += [SQL("GROUP BY"), join(", ", map(number, keys))]
        if self.sought.order is not None:
            value = self._ordering(self.sought.order)
            if value:
                return ordered(self.layout, columns, parts[2:], value, (self.sought.order, self.sought.most))
            self.answers = False
        return join(" ", [*parts, SQL("LIMIT"), number(self.sought.most)])

    def _ordering(self, order: Order) -> SQL:
        """Return the SQL of the value that it is ordered by, as text; empty where that is unknown."""
        node = next(each for each in self.pattern.nodes if each.name == order.name)
        properties = self._properties(node) if self.lean else NOTHING
        return compose("agtype_out({})::text", property_of(properties, order.property)) if properties else NOTHING

    def _input(self) -> None:
        """Return the rows as a table: ids in columns, lists as texts of arrays, values as agtype."""
        chains = {link.name for link in self.pattern.links if link.repeats}
        places: list[SQL] = []
        names: list[SQL] = []
        for n, name in enumerate(self.pattern.bound):
            names.append(compose("b{}", number(n)))
            if name in chains:
                places.append(self.parameters.add(partial(_chains_of, name), "text[]"))
                self.ids[name] = compose("i.{}::bigint[]", names[-1])
            else:
                places.append(self.parameters.add(partial(_ids_of, name), "bigint[]"))
                self.ids[name] = compose("i.{}", names[-1])
        for n, condition in enumerate(self._by_row()):
            names.append(compose("v{}", number(n)))
            if condition.property in IDS and not _is_unfolded(condition):
                places.append(self.parameters.add(partial(_ids_of, str(condition.column)), "bigint[]"))
            elif _is_unfolded(condition):
                places.append(
                    self.parameters.add(partial(_lists_of, condition.column, condition.property in IDS), "text[]")
                )
            else:
                places.append(self.parameters.add(partial(_values_of, condition.column), "agtype[]"))
        if places:
            self.has_input = True
            self.tables.append(
                compose("unnest({}) WITH ORDINALITY AS i ({}, at)", join(", ", places), join(", ", names))
            )

    def _asked(self, name: str) -> list[Condition]:
        """Return the conditions on a node's properties."""
        return [each for each in self.sought.conditions if each.name == name and each.property not in IDS]

    def _identified(self, name: str) -> list[Condition]:
        """Return the conditions on which node it is."""
        return [each for each in self.sought.conditions if each.name == name and each.property in IDS]

    def _is_identified(self, condition: Condition, id_: SQL) -> SQL:
        """Return the SQL of a condition on which node it is."""
        if condition.column is not None:
            row = number(self._by_row().index(condition))
            if not _is_unfolded(condition):
                return compose("{} = i.v{}", id_, row)
            alias = compose("u{}", row)
            self.lists[alias] = compose("unnest(i.v{}::bigint[]) AS {} (v)", row, alias)
            return compose("{} = {}.v", id_, alias)
        place = self.sought.conditions.index(condition)
        return compose("{} = ANY ({})", id_, self.parameters.add(partial(_wanted_ids, place), "bigint[]"))

    def meets(self, condition: Condition, properties: SQL) -> SQL:
        """Return the SQL of a condition on a row's properties."""
        read = property_of(properties, condition.property)
        if condition.column is not None:
            return self._meets_rows(condition, read)
        place = self.sought.conditions.index(condition)
        if condition.operator == "IN":
            return compose("{} = ANY ({})", read, self.parameters.add(partial(_list_of, place), "agtype[]"))
        constant = self.parameters.add(partial(_constant_of, place), "agtype")
        return compose("{read} {} {constant}", _OPERATORS[condition.operator], read=read, constant=constant)

    def _meets_rows(self, condition: Condition, read: SQL) -> SQL:
        row = number(self._by_row().index(condition))
        if not _is_unfolded(condition):
            return compose("{} {} i.v{row}", read, _OPERATORS[condition.operator], row=row)
        alias = compose("u{}", row)
        self.lists[alias] = compose("unnest(i.v{}::agtype[]) AS {} (v)", row, alias)
        met = compose("{} = {}.v", read, alias)
        if not condition.numbers:
            return met
        forms = [fill(self._part("number_form"), {"value": value}) for value in (read, compose("{}.v", alias))]
        # IS TRUE keeps Postgres from joining by the form, which is the same for nearly all.
        return compose("{} AND ({}) IS TRUE", met, join(" = ", forms))

    def _by_row(self) -> list[Condition]:
        """Return the conditions that compare with what differs by row."""
        return [each for each in self.sought.conditions if each.column is not None]

    def _nodes_and_links(self) -> None:
        self._anchors()
        for place, link in enumerate(self.pattern.links):
            if not link.repeats:
                self._edge(place, link)
        # A chain begins at a node that is found without it, wherever there is one.
        waiting = [(place, link) for place, link in enumerate(self.pattern.links) if link.repeats]
        while waiting:
            known = [pair for pair in waiting if {pair[1].left, pair[1].right} & self.ids.keys()]
            chosen = (known or waiting)[0]
            waiting.remove(chosen)
            self._chain(*chosen)
        for place, node in enumerate(self.pattern.nodes):
            self._node(place, node)

    def _table(self, name: str) -> SQL:
        return identifier(self.layout.index_name, name)

    def _anchors(self) -> None:
        """Begin, in each part of the pattern that nothing bound leads to, at a node with a condition on a property."""
        for place, node in enumerate(self.pattern.nodes):
            if self._identified(node.name):
                self._item(compose("d{}", number(place)), node.name)
        reached = {node.name for node in self.pattern.nodes if node.name in self.ids}
        reached = self._spread(reached)
        numbered = list(enumerate(self.pattern.nodes))
        # What differs by row leads to few nodes for each, where a constant may lead to the same many for all.
        for place, node in sorted(numbered, key=lambda each: not self._differs(each[1].name)):
            if node.name in reached or not any(each.operator in BEGINS for each in self._asked(node.name)):
                continue
            if self._rows_of(place, node):
                reached = self._spread(reached | {node.name})

    def _differs(self, name: str) -> bool:
        return any(each.column is not None and each.operator in BEGINS for each in self._asked(name))

    def _spread(self, names: set[str]) -> set[str]:
        """Return the nodes that links lead to from these."""
        before = -1
        while before != len(names):
            before = len(names)
            for link in self.pattern.links:
                if link.left in names or link.right in names or link.bound:
                    names |= {link.left, link.right}
        return names

    def _rows_of(self, place: int, node: NodePart) -> bool:
        """Bind a node to a row of its label's table, or of all tables; return whether the labels decide that."""
        tables = [label.age_name for label in self._tables_of(node)] if node.labels else [_EVERY_VERTEX]
        if not tables:
            return False
        alias = compose("n{}", number(place))
        asked = self._asked(node.name)
        inside = [each for each in asked if each.column is None]
        outside = [each for each in asked if each.column is not None]
        together = self._together(node, tables)
        if together:
            rows = join(
                " AND ",
                [fill(self._part("shared_rows"), {"rows": together}), *self._all_met(inside, SQL("t.properties"))],
            )
        else:
            rows = self._rows_where(tables, self._all_met(inside, SQL("t.properties")))
        if not together and not outside and any(each.operator == "=" for each in inside):
            # Read once: where Postgres expects too few rows elsewhere, it would read these tables for each of those.
            rows = fill(self._part("read_once"), {"rows": rows})
        self.tables.append(compose("({}) {}", rows, alias))
        self.conditions += self._all_met(outside, compose("{}.properties", alias))
        self.ids[node.name] = compose("{}.id", alias)
        self.rows[node.name] = alias
        return True

    def _rows_where(self, tables: Sequence[str], conditions: Sequence[SQL]) -> SQL:
        """Return the SQL of the rows of tables that meet conditions."""
        parts = (join(" AND ", [self._part("label_rows", label=table), *conditions]) for table in tables)
        return join(" UNION ALL ", parts)

    def _together(self, node: NodePart, tables: Sequence[str]) -> SQL:
        """Return the alias of the rows of all nodes that are looked up in the same tables by the same property.

        They are read once for all of these nodes. Empty where the node is the only one.
        """
        if self.sought.order is not None:
            return NOTHING
        for asked in self._asked(node.name):
            alike = [
                each
                for each in self.sought.conditions
                if (each.property, each.operator, each.column) == (asked.property, "=", None)
                and any(other.name == each.name and other.labels == node.labels for other in self.pattern.nodes)
            ]
            if asked not in alike or len({each.name for each in alike}) == 1 or len(alike) > _MOST_TOGETHER:
                continue
            alias = compose("s{}", number(self.sought.conditions.index(alike[0])))
            if alias not in self.shared:
                wanted = (partial(_constant_of, self.sought.conditions.index(each)) for each in alike)
                values = join(", ", (self.parameters.add(each, "agtype") for each in wanted))
                met = compose("{} = ANY (ARRAY[{}])", property_of(SQL("t.properties"), asked.property), values)
                self.shared[alias] = compose("{} AS MATERIALIZED ({})", alias, self._rows_where(tables, [met]))
            return alias
        return NOTHING

    def _tables_of(self, node: NodePart) -> list[Label]:
        """Return the labels in whose tables a node may be."""
        return tables_of(self.layout, node.labels, () if self.lean else self.further)

    def _properties(self, node: NodePart) -> SQL:
        """Return the SQL of all properties of a node that has an id; empty where it can be in no table."""
        if node.name in self.rows:
            return compose("{}.properties", self.rows[node.name])
        return chosen(self.layout, self._tables_of(node), self.ids[node.name])

    def _part(self, name: str, **names: str) -> SQL:
        return stripped(self.layout.sql(_FILE, name, **names))

    def _all_met(self, conditions: Sequence[Condition], properties: SQL) -> list[SQL]:
        return [self.meets(each, properties) for each in conditions]

    def _node(self, place: int, node: NodePart) -> None:
        """Join the item of a node where the statement needs it, or nothing else binds the node."""
        known = self.ids.get(node.name)
        few = bool(node.labels) and len(self._tables_of(node)) <= _MOST_TABLES
        if known is None and self.lean and few and self._rows_of(place, node):
            known = self.ids[node.name]
        asked = [] if node.name in self.rows and self.lean else list(node.labels)
        if known is not None and self.scopes is None and (self.lean or not asked):
            if node.bound:
                self.conditions.append(compose("{} IS NOT NULL", known))
            self.conditions += (lean_condition(self.layout, each, known) for each in asked)
        elif node.name in self.rows and self.scopes is None:
            self.conditions.append(self._bears(compose("m{}", number(place)), node))
        else:
            alias = compose("m{}", number(place))
            self.tables.append(compose("{} {}", self._table("item"), alias))
            self.conditions.append(compose("{}.kind < 3", alias))
            if known is None:
                self.ids[node.name] = compose("{}.id", alias)
            else:
                self.conditions.append(compose("{}.id = {}", alias, known))
            self.conditions += (node_condition(self.layout, each, alias, self.parameters) for each in node.labels)
            if self.scopes is not None:
                self.conditions.append(visible(alias, self.scopes))
        if node.name not in self.rows and self._asked(node.name):
            properties = self._properties(node)
            self.conditions += self._all_met(self._asked(node.name), properties) if properties else [NEVER]

    def _bears(self, alias: SQL, node: NodePart) -> SQL:
        """Return the condition that a row bears its labels: by its table, where no node of that has further ones.

        No join, of which Postgres would expect few rows or none while a table is new.
        """
        id_ = self.ids[node.name]
        labels = join(" AND ", (node_condition(self.layout, each, alias, self.parameters) for each in node.labels))
        own = tables_of(self.layout, node.labels, ())
        sure = [number(label.id) for label in own if label.id not in self.further]
        row = compose("{} {}", self._table("item"), alias)
        stored = compose(
            "EXISTS (SELECT FROM {row} WHERE {alias}.id = {id} AND {labels})",
            row=row,
            alias=alias,
            id=id_,
            labels=labels,
        )
        if not sure:
            return stored
        return compose(
            "({} >> {} IN ({sure}) OR {stored})", id_, number(LABEL_SHIFT), sure=join(",", sure), stored=stored
        )

    def _join(self, node: str, expression: SQL) -> None:
        """Bind a node to the value of an expression."""
        if node in self.ids:
            self.conditions.append(compose("{} = {}", expression, self.ids[node]))
        else:
            self.ids[node] = expression

    def _edge(self, place: int, link: LinkPart) -> None:
        alias = compose("e{}", number(place))
        self.edges.setdefault(link.name, alias)
        if link.direction == "both":
            self.tables.append(compose("({}) {}", self._part("both_ways"), alias))
            # Not in the halves: Postgres looks into each by its index only where neither has a WHERE.
            self.conditions.append(fill(self._part("both_ways_once"), {"edge": alias}))
            left, right = compose("{}.here", alias), compose("{}.there", alias)
        else:
            self.tables.append(compose("{} {}", self._table("edge"), alias))
            left, right = compose("{}.source", alias), compose("{}.target", alias)
            if link.direction == "in":
                left, right = right, left
        self._join(link.name, compose("{}.id", alias))
        self._join(link.left, left)
        self._join(link.right, right)
        self.conditions += asked_of_edge(self.layout, alias, link, self.scopes)

    def _chain(self, place: int, link: LinkPart) -> None:
        alias = compose("e{}", number(place))
        backwards = link.left not in self.ids and link.right in self.ids
        first, last = (link.right, link.left) if backwards else (link.left, link.right)
        if first not in self.ids:
            self._begin(first, place)
        walk = self._walk(link, self.ids[first], backwards=backwards)
        self.laterals.append(compose("LATERAL ({}) {}", walk, alias))
        self._join(link.name, compose("{}.path", alias))
        self._join(last, compose("{}.here", alias))

    def _begin(self, node: str, place: int) -> None:
        self._item(compose("s{}", number(place)), node)

    def _item(self, alias: SQL, node: str) -> None:
        """Bind a node to a row of the items."""
        self.tables.append(compose("{} {}", self._table("item"), alias))
        self.conditions.append(compose("{}.kind < 3", alias))
        self.ids[node] = compose("{}.id", alias)
        self.conditions += (self._is_identified(each, compose("{}.id", alias)) for each in self._identified(node))

    def _walk(self, link: LinkPart, start: SQL, *, backwards: bool) -> SQL:
        """Return the query of all chains from a node, each with the ids of its edges from left to right."""
        return fill(
            self.layout.sql(_FILE, "chain"),
            {
                "start": start,
                "grown": SQL("e.id || w.path") if backwards else SQL("w.path || e.id"),
                "edges": self._next_edges(link, backwards=backwards),
                "goes_on": SQL("true") if link.most is None else compose("w.depth < {}", number(link.most)),
                "least": number(link.least),
            },
        )

    def _next_edges(self, link: LinkPart, *, backwards: bool) -> SQL:
        asked = asked_of_edge(self.layout, SQL("x"), link, self.scopes)
        return one_way(self.layout, link, "next", asked, backwards=backwards)

    def _unique(self) -> None:
        """Add the conditions that relationships of the pattern differ, unless their types do."""
        for one, other in combinations(self.pattern.links, 2):
            if one.name == other.name or self._differ(one, other):
                continue
            a, b = self.ids[one.name], self.ids[other.name]
            if one.repeats and other.repeats:
                self.conditions.append(compose("NOT {} && {}", a, b))
            elif one.repeats or other.repeats:
                chain, single = (a, b) if one.repeats else (b, a)
                self.conditions.append(compose("NOT {} = ANY ({})", single, chain))
            else:
                self.conditions.append(compose("{} <> {}", a, b))

    def _differ(self, one: LinkPart, other: LinkPart) -> bool:
        kinds, others = kinds_of(self.layout, one.types), kinds_of(self.layout, other.types)
        return kinds is not None and others is not None and not set(kinds) & set(others)


def _ids_of(name: str, sought: MatchQuery) -> list[int | None]:
    return [row[name] for row in sought.rows]


def _chains_of(name: str, sought: MatchQuery) -> list[str | None]:
    """Return lists of ids as texts of arrays, since arrays of arrays would have to be equally long."""
    return [None if row[name] is None else "{" + ",".join(map(str, row[name])) + "}" for row in sought.rows]


def _is_unfolded(condition: Condition) -> bool:
    """Whether each row has a list of what it may be equal to: one for IN, and the forms that a number may have."""
    return condition.operator == "IN" or (
        condition.operator == "=" and condition.numbers and condition.property not in IDS
    )


def _wanted_ids(place: int, sought: MatchQuery) -> list[int]:
    """Return the ids of a condition that is the same for all rows."""
    value = sought.conditions[place].constant
    return [each for each in (value if isinstance(value, list) else [value]) if each is not None]


def _values_of(name: str | None, sought: MatchQuery) -> list[str | None]:
    return [_agtype(row[name]) for row in sought.rows]  # type: ignore[index]


def _lists_of(name: str | None, identities: bool, sought: MatchQuery) -> list[str | None]:
    """Return the lists as texts of arrays; what is twice in one, or null, is not in it."""
    found: list[str | None] = []
    for row in sought.rows:
        value = row[name]  # type: ignore[index]
        items = value if isinstance(value, list) else [value]
        told = {group_key(each): each for each in items if each is not None}
        if identities:
            found.append("{" + ",".join(map(str, told.values())) + "}")
            continue
        forms = (form for each in told.values() for form in _forms(each))
        found.append("{" + ",".join(orjson.dumps(form).decode() for form in forms) + "}")
    return found


def _forms(value: Any) -> list[str]:
    """Return a value in each form in which an equal one may be stored.

    AGE takes integers, floats and numerics for equal that are the same number, and yet hashes each in its own way: what
    is joined by hashing must have the form as well.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return [to_agtype(value)]
    forms = [to_agtype(value), f"{to_agtype(value)}::numeric"]
    if isinstance(value, int):
        return [*forms, to_agtype(float(value))] if abs(value) <= _EXACT else forms
    return [*forms, to_agtype(int(value))] if value.is_integer() and abs(value) <= _EXACT else forms


def _list_of(place: int, sought: MatchQuery) -> list[str | None]:
    # A list of more than some items is hashed as well.
    return [form for each in sought.conditions[place].constant for form in _forms(each)]


def _constant_of(place: int, sought: MatchQuery) -> str | None:
    return _agtype(sought.conditions[place].constant)


def _agtype(value: Any) -> str | None:
    return None if value is None else to_agtype(value)
