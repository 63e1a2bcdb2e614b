"""Expressions as Cypher, with parentheses just where precedence needs them."""

from kgmem.query.tree import expressions as tree
from kgmem.query.tree.clauses import Subquery
from kgmem.query.tree.expressions import Expression
from kgmem.query.tree.patterns import HasLabels, PatternPredicate
from tests.unparse.written import called, listed, name, opt, variable, where, written

# How tightly expressions bind; what is not named here binds tightest.
_OR, _XOR, _AND, _NOT, _COMPARISON, _TEST, _SUM, _PRODUCT, _POWER, _SIGN, _FOLLOWED, _PRIMARY = range(1, 13)
_LEVELS: dict[type, int] = {
    tree.Or: _OR,
    tree.Xor: _XOR,
    tree.And: _AND,
    tree.Not: _NOT,
    # A pattern swallows a - or < that follows it.
    PatternPredicate: _NOT,
    tree.Comparison: _COMPARISON,
    tree.Test: _TEST,
    tree.IsNull: _TEST,
    # A < after a type could begin what is inside of it.
    tree.IsTyped: _NOT,
    tree.Signed: _SIGN,
    HasLabels: _FOLLOWED,
    tree.Property: _FOLLOWED,
    tree.Index: _FOLLOWED,
    tree.Slice: _FOLLOWED,
    tree.MapProjection: _FOLLOWED,
}
_ARITHMETIC = {"+": _SUM, "-": _SUM, "||": _SUM, "*": _PRODUCT, "/": _PRODUCT, "%": _PRODUCT, "^": _POWER}


def _level(part: Expression) -> int:
    if isinstance(part, tree.Arithmetic):
        return _ARITHMETIC[part.operator]
    if isinstance(part, tree.IntegerLiteral | tree.FloatLiteral) and repr(part.value).startswith("-"):
        return _SIGN
    return _LEVELS.get(type(part), _PRIMARY)


def _operand(part: Expression, floor: int) -> str:
    text = written(part)
    return text if _level(part) >= floor else f"({text})"


written.register(tree.NullLiteral, lambda _: "null")


@written.register
def _(part: tree.BooleanLiteral) -> str:
    return "true" if part.value else "false"


@written.register
def _(part: tree.IntegerLiteral) -> str:
    return str(part.value)


@written.register
def _(part: tree.FloatLiteral) -> str:
    return repr(part.value)


@written.register
def _(part: tree.StringLiteral) -> str:
    escaped = part.value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


@written.register
def _(part: tree.ListLiteral) -> str:
    if not part.items:
        return "[]"
    # [x IN y] and [p = (a)-->(b) | c] would be comprehensions.
    first = _operand(part.items[0], _FOLLOWED)
    return f"[{', '.join([first, *map(written, part.items[1:])])}]"


@written.register
def _(part: tree.MapLiteral) -> str:
    return "{" + ", ".join(f"{name(key)}: {written(value)}" for key, value in part.entries) + "}"


@written.register
def _(part: tree.Parameter) -> str:
    return f"${name(part.name)}" if not part.name.isdecimal() else f"${part.name}"


@written.register
def _(part: tree.Variable) -> str:
    return variable(part.name)


@written.register
def _(part: tree.Property) -> str:
    return f"{_operand(part.subject, _FOLLOWED)}.{name(part.name)}"


@written.register
def _(part: tree.Index) -> str:
    return f"{_operand(part.subject, _FOLLOWED)}[{written(part.index)}]"


@written.register
def _(part: tree.Slice) -> str:
    return f"{_operand(part.subject, _FOLLOWED)}[{opt('', part.start)}..{opt('', part.stop)}]"


@written.register
def _(part: tree.Arithmetic) -> str:
    level = _ARITHMETIC[part.operator]
    return f"{_operand(part.left, level)} {part.operator} {_operand(part.right, level + 1)}"


@written.register
def _(part: tree.Signed) -> str:
    operand = _operand(part.operand, _SIGN)
    # A sign right before digits would become part of the number.
    return f"{part.operator}({operand})" if operand[0].isdigit() else f"{part.operator}{operand}"


@written.register
def _(part: tree.Not) -> str:
    return f"NOT {_operand(part.operand, _NOT)}"


@written.register(tree.And)
@written.register(tree.Or)
@written.register(tree.Xor)
def _(part: tree.And | tree.Or | tree.Xor) -> str:
    level = _LEVELS[type(part)]
    word = type(part).__name__.upper()
    return f" {word} ".join(_operand(operand, level + 1) for operand in part.operands)


@written.register
def _(part: tree.Comparison) -> str:
    rest = "".join(f" {operator} {_operand(operand, _TEST)}" for operator, operand in part.rest)
    return f"{_operand(part.first, _TEST)}{rest}"


@written.register
def _(part: tree.Test) -> str:
    return f"{_operand(part.left, _TEST)} {part.operator} {_operand(part.right, _SUM)}"


@written.register
def _(part: tree.IsNull) -> str:
    return f"{_operand(part.operand, _TEST)} IS {'NOT ' if part.negated else ''}NULL"


@written.register
def _(part: tree.IsTyped) -> str:
    return f"{_operand(part.operand, _TEST)} IS {'NOT ' if part.negated else ''}:: {written(part.type)}"


@written.register
def _(part: tree.TypeName) -> str:
    inner = f"<{listed(part.parts, ' | ')}>" if part.parts else ""
    word = "ANY" if part.name == "ANY OF" else part.name
    return f"{word}{inner}{' NOT NULL' if part.not_null else ''}"


@written.register
def _(part: tree.Call) -> str:
    distinct = "DISTINCT " if part.distinct else ""
    return f"{called(part.name)}({distinct}{listed(part.arguments)})"


written.register(tree.CountAll, lambda _: "count(*)")


@written.register
def _(part: tree.Case) -> str:
    branches = "".join(f" WHEN {listed(branch.tests)} THEN {written(branch.result)}" for branch in part.branches)
    return f"CASE{opt(' ', part.subject)}{branches}{opt(' ELSE ', part.otherwise)} END"


@written.register
def _(part: tree.ListComprehension) -> str:
    result = opt(" | ", part.result)
    return f"[{written(part.variable)} IN {written(part.source)}{where(part.where)}{result}]"


@written.register
def _(part: tree.ListPredicate) -> str:
    return f"{part.kind}({written(part.variable)} IN {written(part.source)}{where(part.where)})"


@written.register
def _(part: tree.Reduce) -> str:
    start = f"{written(part.accumulator)} = {written(part.start)}"
    return f"reduce({start}, {written(part.variable)} IN {written(part.source)} | {written(part.step)})"


@written.register
def _(part: tree.ProjectedProperty) -> str:
    return f".{name(part.name)}"


@written.register
def _(part: tree.ProjectedEntry) -> str:
    return f"{name(part.name)}: {written(part.value)}"


written.register(tree.ProjectedAll, lambda _: ".*")


@written.register
def _(part: tree.MapProjection) -> str:
    return f"{written(part.subject)} {{{listed(part.items)}}}"


@written.register
def _(part: HasLabels) -> str:
    # A label test of a label test needs parentheses, else both become one.
    subject = _operand(part.subject, _PRIMARY if isinstance(part.subject, HasLabels) else _FOLLOWED)
    return f"{subject}:{label_test(part.labels)}"


def label_test(labels: object) -> str:
    """Return a label expression where a | of it could be taken for one that divides a comprehension."""
    text = written(labels)
    return f"({text})" if "|" in text and not text.startswith("`") else text


@written.register
def _(part: Subquery) -> str:
    return f"{part.kind} {{ {written(part.body)} }}"
