"""Syntax tree: expressions. Every node has its place in the text of the query."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Located:
    """A part of a query; `at` is the offset where it begins, and no part of what makes two parts equal."""

    at: int = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Expression(Located):
    """What gives a value. Two expressions are equal when they are written the same way, whatever the space between."""


@dataclass(frozen=True, slots=True)
class NullLiteral(Expression):
    """The word null."""


@dataclass(frozen=True, slots=True)
class BooleanLiteral(Expression):
    """true or false."""

    value: bool


@dataclass(frozen=True, slots=True)
class IntegerLiteral(Expression):
    """An integer of 64 bits; a sign right before its digits is part of it."""

    value: int


@dataclass(frozen=True, slots=True)
class FloatLiteral(Expression):
    """A floating-point number; a sign right before its digits is part of it."""

    value: float


@dataclass(frozen=True, slots=True)
class StringLiteral(Expression):
    """A string, its escapes resolved."""

    value: str


@dataclass(frozen=True, slots=True)
class ListLiteral(Expression):
    """[1, 2, 3]."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class MapLiteral(Expression):
    """{name: 'Ada', age: 36}; of a key that comes twice, the last counts."""

    entries: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True, slots=True)
class Parameter(Expression):
    """$name: a value that is given with the query."""

    name: str


@dataclass(frozen=True, slots=True)
class Variable(Expression):
    """A name that a clause bound."""

    name: str


@dataclass(frozen=True, slots=True)
class Property(Expression):
    """n.name, of a node, relationship, map, temporal value or point."""

    subject: Expression
    name: str


@dataclass(frozen=True, slots=True)
class KeptKey(Expression):
    """What a node's key is compared with, one key or a list: that of a node which was merged away is the kept one's.

    The planner makes it; nobody writes it.
    """

    operand: Expression


@dataclass(frozen=True, slots=True)
class Index(Expression):
    """list[0], map['key'], n[$key]."""

    subject: Expression
    index: Expression


@dataclass(frozen=True, slots=True)
class Slice(Expression):
    """list[1..3]; an end that is omitted is None."""

    subject: Expression
    start: Expression | None
    stop: Expression | None


@dataclass(frozen=True, slots=True)
class Arithmetic(Expression):
    """Two operands and one of + - * / % ^ and || (which joins strings or lists)."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Signed(Expression):
    """+x or -x."""

    operator: str
    operand: Expression


@dataclass(frozen=True, slots=True)
class Not(Expression):
    """NOT x."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class And(Expression):
    """a AND b AND c."""

    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or(Expression):
    """a OR b OR c."""

    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Xor(Expression):
    """a XOR b XOR c."""

    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Comparison(Expression):
    """a < b, and chains of it: a < b <= c holds when both parts hold. Operators: = <> < <= > >=."""

    first: Expression
    rest: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True, slots=True)
class Test(Expression):
    """Two operands and one of IN, STARTS WITH, ENDS WITH, CONTAINS, =~."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class IsNull(Expression):
    """x IS NULL, or with `negated` x IS NOT NULL."""

    operand: Expression
    negated: bool


@dataclass(frozen=True, slots=True)
class TypeName(Located):
    """A type as it is written after `::`; `parts` are the alternatives of ANY OF, or the type of a list's items."""

    name: str
    parts: tuple["TypeName", ...] = ()
    not_null: bool = False


@dataclass(frozen=True, slots=True)
class IsTyped(Expression):
    """x IS :: INTEGER, or with `negated` x IS NOT :: INTEGER."""

    operand: Expression
    type: TypeName
    negated: bool


@dataclass(frozen=True, slots=True)
class Call(Expression):
    """A function and its arguments; the name as written, with its namespace: date.truncate."""

    name: str
    arguments: tuple[Expression, ...]
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class CountAll(Expression):
    """count(*)."""


@dataclass(frozen=True, slots=True)
class Branch(Located):
    """WHEN a, b THEN result."""

    tests: tuple[Expression, ...]
    result: Expression


@dataclass(frozen=True, slots=True)
class Case(Expression):
    """CASE in both forms: with a subject, that the tests are compared with, and without, where they are predicates."""

    subject: Expression | None
    branches: tuple[Branch, ...]
    otherwise: Expression | None


@dataclass(frozen=True, slots=True)
class ListComprehension(Expression):
    """[x IN list WHERE predicate | result]."""

    variable: Variable
    source: Expression
    where: Expression | None
    result: Expression | None


@dataclass(frozen=True, slots=True)
class ListPredicate(Expression):
    """all, any, none or single (`kind`) of (x IN list WHERE predicate)."""

    kind: str
    variable: Variable
    source: Expression
    where: Expression | None


@dataclass(frozen=True, slots=True)
class Reduce(Expression):
    """reduce(total = 0, x IN list | total + x)."""

    accumulator: Variable
    start: Expression
    variable: Variable
    source: Expression
    step: Expression


@dataclass(frozen=True, slots=True)
class ProjectedProperty(Located):
    """The .name of n {.name}."""

    name: str


@dataclass(frozen=True, slots=True)
class ProjectedEntry(Located):
    """The key: value of n {key: value}."""

    name: str
    value: Expression


@dataclass(frozen=True, slots=True)
class ProjectedAll(Located):
    """The .* of n {.*}."""


ProjectedItem = ProjectedProperty | ProjectedEntry | ProjectedAll | Variable


@dataclass(frozen=True, slots=True)
class MapProjection(Expression):
    """n {.name, .*, key: value, variable}."""

    subject: Variable
    items: tuple[ProjectedItem, ...]
