"""Random Cypher queries that are valid: variables are bound and of the kind that is asked for, clauses in their place.

`queries()` writes and reads, `queries(writes=False)` only reads. Labels, types, properties and parameters come from the
few names below, so that a small graph with those names is touched by most of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

from hypothesis import strategies as st

LABELS = ("A", "B", "Long Label", "Match")
TYPES = ("R", "KNOWS", "a type")
PROPERTIES = ("num", "name", "list", "end", "my key")
PARAMETERS = {"number": 2, "text": "a", "items": [1, 2, 3], "entries": {"num": 1, "name": "b"}, "flag": True}

T = TypeVar("T")
Choose = Callable[[Sequence[Any]], Any]
_TEXTS = ("''", "'a'", '"b c"', r"'it\'s'", r"'\u00e9\n'", "'%'")
_INTEGERS = ("0", "1", "-1", "42", "0x1F", "0o17", "1_000", "9223372036854775807", "-9223372036854775808")
_FLOATS = ("0.0", "1.5", ".5", "1e3", "2.5E-3", "-0.1")
_KINDS = ("number", "string", "boolean", "list", "map")


def quoted(name: str) -> str:
    """Return a name as a query writes it."""
    return name if name.isidentifier() else f"`{name}`"


def queries(*, writes: bool = True) -> st.SearchStrategy[str]:
    """Return valid queries, of one to some clauses, some with UNION."""
    return st.composite(lambda draw: _Writer(_drawing(draw), writes=writes).query())()


def random_query(random: Random, *, writes: bool = True) -> str:
    """Return a valid query, much faster than hypothesis does."""
    return _Writer(random.choice, writes=writes).query()


def predicates() -> st.SearchStrategy[str]:
    """Return expressions that are true or false and use no variables."""
    return st.composite(lambda draw: _Writer(_drawing(draw), writes=False).boolean(3))()


def _drawing(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Choose:
    return lambda options: draw(st.sampled_from(options))


@dataclass
class _Scope:
    names: dict[str, str] = field(default_factory=dict)  # Kinds by variable.

    def of(self, kind: str) -> list[str]:
        return [name for name, found in self.names.items() if found == kind]


class _Writer:
    """Writes one query, clause by clause, with what is in scope."""

    def __init__(self, choose: Choose, *, writes: bool) -> None:
        self._choose = choose
        self._writes = writes
        self._scope = _Scope()
        self._count = 0

    def _one(self, *options: T) -> T:
        chosen: T = self._choose(options)
        return chosen

    def _pick(self, *options: Callable[[], str]) -> str:
        return self._one(*options)()

    def _maybe(self) -> bool:
        return self._one(True, False)

    def _some(self, part: Callable[[], str], least: int = 1, most: int = 3, between: str = ", ") -> str:
        return between.join(part() for _ in range(self._one(*range(least, most + 1))))

    def _new(self, kind: str) -> str:
        self._count += 1
        name = self._one(f"v{self._count}", f"`v {self._count}`", f"é{self._count}", f"Count{self._count}")
        self._scope.names[name] = kind
        return name

    def _bound(self, kind: str) -> str | None:
        names = self._scope.of(kind)
        return self._one(*names) if names else None

    # Queries and clauses

    def query(self) -> str:
        """Return a whole query."""
        first = self._part(("c1", "c2"))
        if self._one(*range(5)):
            return first
        union = self._one(" UNION ", " UNION ALL ")
        self._scope = _Scope()
        return first + union + self._part(("c1", "c2"))

    def _part(self, columns: tuple[str, ...]) -> str:
        clauses = [self._clause() for _ in range(self._one(1, 2, 3))]
        return " ".join([*clauses, self._projection("RETURN", columns)])

    def _clause(self) -> str:
        options = [self._match, self._match, self._unwind, self._with, self._call]
        if self._writes:
            options += [self._create, self._merge, self._change, self._foreach]
        return self._one(*options)()

    def _match(self) -> str:
        optional = self._one("", "", "OPTIONAL ")
        patterns = self._some(self._path, most=2)
        return f"{optional}MATCH {patterns}{self._where()}"

    def _where(self) -> str:
        return f" WHERE {self.boolean(3)}" if self._maybe() else ""

    def _unwind(self) -> str:
        source = self.list(2)
        return f"UNWIND {source} AS {self._new('any')}"

    def _with(self) -> str:
        kept = [name for name in self._scope.names if self._maybe()]
        value = self.value(2)
        names = {name: self._scope.names[name] for name in kept}
        where = self._where()
        self._scope = _Scope(names)
        new = self._new("any")
        return f"WITH {', '.join([*kept, f'{value} AS {new}'])}{self._order(kept)}{where}"

    def _order(self, names: list[str]) -> str:
        if not names or self._maybe():
            return ""
        order = self._some(lambda: f"{self._one(*names)}.num{self._one('', ' DESC', ' ASC')}", most=2)
        nodes = [name for name in names if self._scope.names.get(name) in {"node", "relationship"}]
        return f" ORDER BY {order}" if len(nodes) == len(names) else " SKIP 0 LIMIT $number"

    def _call(self) -> str:
        kept = list(self._scope.names)
        outer = dict(self._scope.names)
        inner = self._clause()
        self._count += 1
        name = f"r{self._count}"
        returned = f"RETURN {self.value(2)} AS {name}"
        self._scope = _Scope({**outer, name: "any"})
        imports = self._one("*", ", ".join(kept))
        return f"CALL ({imports}) {{ {inner} {returned} }}"

    def _create(self) -> str:
        return f"CREATE {self._some(self._new_path, most=2)}"

    def _merge(self) -> str:
        path = self._new_path()
        change = f"{self._one(*self._scope.of('node'))}.{self._property()} = {self.value(1)}"
        return f"MERGE {path}{self._one('', f' ON CREATE SET {change}', f' ON MATCH SET {change}')}"

    def _change(self) -> str:
        name = self._bound("node") or self._bound("relationship")
        if name is None:
            return self._create()
        key = self._property()
        if self._scope.names[name] == "node" and self._one(*range(3)) == 0:
            return self._one(f"SET {name}:{self._label()}", f"REMOVE {name}:{self._label()}")
        return self._pick(
            lambda: f"SET {name}.{key} = {self.value(2)}",
            lambda: f"SET {name} += {self.map(1)}, {name}[$text] = {self.value(1)}",
            lambda: f"REMOVE {name}.{key}",
            lambda: f"DETACH DELETE {name}",
        )

    def _foreach(self) -> str:
        source, outer = self.list(1), dict(self._scope.names)
        variable = self._new("any")
        update = self._one(self._create, self._merge)()
        self._scope = _Scope(outer)
        return f"FOREACH ({variable} IN {source} | {update})"

    def _projection(self, word: str, columns: tuple[str, ...]) -> str:
        aggregated = self._maybe()
        values = [self._aggregate() if aggregated and n else self.value(3) for n, _ in enumerate(columns)]
        items = ", ".join(f"{value} AS {name}" for value, name in zip(values, columns, strict=True))
        distinct = self._one("", "", "DISTINCT ")
        order = self._one("", f" ORDER BY {columns[0]}", f" ORDER BY {columns[1]} DESC, {columns[0]}")
        limit = self._one("", " SKIP 1", " LIMIT 3", " SKIP $number LIMIT 10")
        return f"{word} {distinct}{items}{order}{limit}"

    def _aggregate(self) -> str:
        name = self._one("count", "collect", "min", "max")
        return self._pick(
            lambda: "count(*)",
            lambda: f"{name}({self.value(1)})",
            lambda: f"{name}(DISTINCT {self.value(1)})",
            lambda: f"sum({self.number(1)})",
        )

    # Patterns

    def _label(self) -> str:
        return quoted(self._one(*LABELS))

    def _property(self) -> str:
        return quoted(self._one(*PROPERTIES))

    def _labels(self) -> str:
        a, b = self._label(), self._label()
        return self._one("", f":{a}", f":{a}:{b}", f":{a}|{b}", f":!{a}&{b}", f":({a}|{b})&%", ":%")

    def _properties(self) -> str:
        return self._one("", "", f" {{{self._property()}: {self.value(1)}}}")

    def _node(self) -> str:
        bound = self._bound("node")
        if bound is not None and self._maybe():
            return f"({bound})"
        properties = self._properties()
        variable = self._new("node") if self._maybe() else ""
        return f"({variable}{self._labels()}{properties})"

    def _relationship(self) -> str:
        a, b = quoted(self._one(*TYPES)), quoted(self._one(*TYPES))
        types = self._one("", f":{a}", f":{a}|{b}", f":{a}|:{b}", f":!{a}")
        length = self._one("", "", "", "*", "*2", "*..2", "*1..", "*0..2")
        properties = self._properties()
        variable = ""
        if self._maybe():
            variable = self._new("list" if length else "relationship")
        left, right = self._one(("-", "->"), ("<-", "-"), ("-", "-"))
        inside = f"[{variable}{types}{length}{properties}]"
        return f"{left}{inside if inside != '[]' or self._maybe() else ''}{right}"

    def _path(self) -> str:
        variable = self._new("path") if self._maybe() else ""
        # The path's own variable is bound only after its nodes and relationships.
        self._scope.names.pop(variable, None)
        if variable and self._one(*range(4)) == 0:
            shortest = self._one("shortestPath({})", "allShortestPaths({})", "SHORTEST 1 {}", "ALL SHORTEST {}")
            found = shortest.format(f"{self._node()}-[:R*..3]->{self._node()}")
        elif self._one(*range(6)) == 0:
            found = f"{self._node()} {self._group()} {self._node()}"
        else:
            steps = self._some(lambda: self._relationship() + self._node(), least=0, most=2, between="")
            found = self._node() + steps
        if not variable:
            return found
        self._scope.names[variable] = "path"
        return f"{variable} = {found}"

    def _group(self) -> str:
        left, link, right = self._new("node"), self._new("relationship"), self._new("node")
        asked, end = self._property(), self._one("->", "-")
        where = self._one("", f" WHERE {left}.{asked} <> {right}.{asked}", f" WHERE {link}.{asked} = $number")
        # Outside of the group they are lists.
        self._scope.names |= dict.fromkeys((left, link, right), "list")
        return f"(({left})-[{link}{self._one('', ':R', ':R|KNOWS')}]{end}({right}){where}){self._quantifier()}"

    def _quantifier(self) -> str:
        return self._one("{1,2}", "{0,2}", "{2}", "{,1}", "+", "*")

    def _new_path(self) -> str:
        # What is made asks for nothing that is made with it.
        said = [self._properties() for _ in range(2)]
        first = self._new_node(said[0])
        if self._maybe():
            return first
        kind = quoted(self._one(*TYPES))
        relationship = self._pick(lambda: f"-[:{kind}]->", lambda: f"<-[{self._new('relationship')}:{kind}]-")
        return first + relationship + self._new_node(said[1])

    def _new_node(self, properties: str) -> str:
        return f"({self._new('node')}{self._one('', ':A', ':A:B')}{properties})"

    # Expressions

    def value(self, depth: int) -> str:
        """Return an expression of some kind."""
        names = list(self._scope.names)
        if names and self._maybe():
            return self._one(*names)
        return self.of(self._one(*_KINDS), depth)

    def of(self, kind: str, depth: int) -> str:
        """Return an expression of one kind."""
        found: str = getattr(self, kind)(depth)
        return found

    def _element(self) -> str | None:
        return self._bound("node") or self._bound("relationship")

    def _any(self, depth: int, *, plain: tuple[str, ...], parameter: str, kind: str) -> str:
        """Return what can be of every kind: a literal, a parameter, a property, a CASE, an item of a list, coalesce."""
        element = self._element()
        if element is not None and self._maybe():
            return self._one(f"{element}.{self._property()}", f"{element}[$text]")
        literal = self._one(*plain, f"${parameter}")
        if depth <= 0 or self._one(*range(4)):
            return literal
        inner = self.of(kind, depth - 1)
        return self._pick(
            lambda: f"CASE WHEN {self.boolean(depth - 1)} THEN {inner} ELSE {literal} END",
            lambda: f"CASE {self.value(0)} WHEN {self.value(0)} THEN {inner} END",
            lambda: f"coalesce({inner}, {literal})",
            lambda: f"head([{inner}])",
            lambda: f"({inner})",
        )

    def boolean(self, depth: int) -> str:
        """Return a predicate."""
        if depth <= 0 or self._one(*range(4)) == 0:
            return self._any(depth, plain=("true", "FALSE", "null"), parameter="flag", kind="boolean")
        return self._one(self._compared, self._junction, self._tested, self._quantified, self._there)(depth - 1)

    def _compared(self, depth: int) -> str:
        kinds = ("number", "string")
        first, second = self.of(self._one(*kinds), depth), self.of(self._one(*kinds), depth)
        compared = f"{first} {self._one('=', '<>', '<', '<=', '>', '>=')} {second}"
        return compared if self._maybe() else f"{compared} <= {self.number(depth)}"

    def _junction(self, depth: int) -> str:
        if self._one(*range(3)) == 0:
            return f"NOT ({self.boolean(depth)})"
        return f"({self.boolean(depth)} {self._one('AND', 'or', 'XOR')} {self.boolean(depth)})"

    def _tested(self, depth: int) -> str:
        node = self._bound("node")
        if node is not None and self._maybe():
            return self._one(f"{node}:{self._label()}", f"NOT ({node})-[:R]->(:A)", f"exists(({node})--())")
        word = self._one("STARTS WITH", "ends with", "CONTAINS", "=~")
        return self._pick(
            lambda: f"{self.string(depth)} {word} {self.string(depth)}",
            lambda: f"{self.value(depth)} IN {self.list(depth)}",
            lambda: f"{self.string(depth)} IS NOT NULL",
            lambda: f"({self.number(depth)} IS NULL)",
            lambda: f"{self.string(depth)} IS :: STRING",
            lambda: f"{self.number(depth)} IS NOT :: INTEGER NOT NULL",
        )

    def _quantified(self, depth: int) -> str:
        return f"{self._one('all', 'any', 'none', 'single')}{self._over(depth, 'boolean', '(', ' WHERE ', ')')}"

    def _over(self, depth: int, kind: str, opening: str, middle: str, closing: str) -> str:
        source, outer = self.list(depth), dict(self._scope.names)
        variable = self._new("any")
        found = f"{opening}{variable} IN {source}{middle}{self.of(kind, depth)}{closing}"
        self._scope = _Scope(outer)
        return found

    def _there(self, depth: int) -> str:
        outer = dict(self._scope.names)
        inside = self._match() if self._maybe() else f"{self._path()} WHERE {self.boolean(depth)}"
        self._scope = _Scope(outer)
        return self._one(f"EXISTS {{ {inside} }}", f"COUNT {{ {inside} }} > 1")

    def number(self, depth: int) -> str:
        """Return a number."""
        if depth <= 0 or self._one(*range(3)) == 0:
            return self._any(depth, plain=_INTEGERS + _FLOATS, parameter="number", kind="number")
        return self._pick(
            lambda: f"({self.number(depth - 1)} {self._one('+', '-', '*', '/', '%', '^')} {self.number(depth - 1)})",
            lambda: f"-({self.number(depth - 1)})",
            lambda: f"size({self.list(depth - 1)})",
            lambda: f"abs({self.number(depth - 1)})",
            lambda: f"toInteger({self.string(depth - 1)})",
            lambda: f"reduce(t = 0, x IN {self.list(depth - 1)} | t + {self.number(0)})",
        )

    def string(self, depth: int) -> str:
        """Return a string."""
        if depth <= 0 or self._one(*range(3)) == 0:
            return self._any(depth, plain=_TEXTS, parameter="text", kind="string")
        return self._pick(
            lambda: f"({self.string(depth - 1)} + {self.string(depth - 1)})",
            lambda: f"toString({self.number(depth - 1)})",
            lambda: f"substring({self.string(depth - 1)}, 1)",
            lambda: f"toUpper({self.string(depth - 1)})",
        )

    def list(self, depth: int) -> str:
        """Return a list."""
        if depth <= 0 or self._one(*range(3)) == 0:
            return self._one("[]", "[1, 2]", "['a', null]", "$items", "range(1, 3)")
        return self._pick(
            lambda: f"[{self._some(lambda: self.value(depth - 1))}]",
            lambda: f"{self.list(depth - 1)}[1..2]",
            lambda: self._over(depth - 1, "boolean", "[", " WHERE ", " | 1]"),
            lambda: self._over(depth - 1, "map", "[", " | ", "]"),
            lambda: f"({self.list(depth - 1)} + {self.list(depth - 1)})",
            lambda: f"keys({self.map(depth - 1)})",
            self._pattern_comprehension,
        )

    def _pattern_comprehension(self) -> str:
        outer = dict(self._scope.names)
        found = f"[{self._node()}-->({self._new('node')}){self._where()} | {self.value(0)}]"
        self._scope = _Scope(outer)
        return found

    def map(self, depth: int) -> str:
        """Return a map."""
        if depth <= 0:
            return self._one("{}", "{a: 1}", "$entries")
        entries = self._some(lambda: f"{self._property()}: {self.value(depth - 1)}")
        element = self._element()
        if element is None:
            return f"{{{entries}}}"
        return self._one(f"{{{entries}}}", f"{element} {{.name, .*, {entries}}}", f"properties({element})")
