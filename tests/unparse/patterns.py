"""Patterns and label expressions as Cypher."""

from kgmem.query.tree import patterns as label
from kgmem.query.tree import patterns as tree
from tests.unparse.written import name, opt, where, written

_ENDS = {"in": ("<-", "-"), "out": ("-", "->"), "both": ("-", "-")}
_FUNCTIONS = {"shortestPath", "allShortestPaths"}


@written.register
def _(part: label.LabelName) -> str:
    return name(part.name)


@written.register
def _(part: label.DynamicLabel) -> str:
    quantifier = "any" if part.quantifier == "any" else ""
    return f"${quantifier}({written(part.value)})"


written.register(label.AnyLabel, lambda _: "%")


@written.register
def _(part: label.NotLabel) -> str:
    return f"!{_operand(part.operand)}"


@written.register
def _(part: label.AllLabels) -> str:
    return "&".join(map(_operand, part.operands))


@written.register
def _(part: label.OneLabel) -> str:
    return "|".join(_operand(operand, label.OneLabel) for operand in part.operands)


def _operand(part: label.Labels, *looser: type) -> str:
    loose = looser or (label.AllLabels, label.OneLabel)
    return f"({written(part)})" if isinstance(part, loose) else written(part)


def _inside(part: tree.NodePattern | tree.RelationshipPattern, labels: label.Labels | None, length: str = "") -> str:
    properties = opt(" ", part.properties)
    return f"{opt('', part.variable)}{opt(':', labels)}{length}{properties}{where(part.where)}".strip()


@written.register
def _(part: tree.NodePattern) -> str:
    return f"({_inside(part, part.labels)})"


@written.register
def _(part: tree.RelationshipPattern) -> str:
    left, right = _ENDS[part.direction]
    length = ""
    if part.length is not None:
        least, most = part.length.least, part.length.most
        length = "*" if least is None and most is None else f"*{_bound(least)}..{_bound(most)}"
    return f"{left}[{_inside(part, part.types, length)}]{right}{_quantifier(part.quantifier)}"


def _bound(number: int | None) -> str:
    return "" if number is None else str(number)


def _quantifier(quantifier: tree.Length | None) -> str:
    return "" if quantifier is None else f"{{{_bound(quantifier.least)},{_bound(quantifier.most)}}}"


@written.register
def _(part: tree.GroupPattern) -> str:
    elements = "".join(map(written, part.elements))
    return f"({opt('', part.variable, ' = ')}{elements}{where(part.where)}){_quantifier(part.quantifier)}"


@written.register
def _(part: tree.PathPattern) -> str:
    elements = "".join(map(written, part.elements))
    selector = part.selector
    before = opt("", part.variable, " = ")
    if selector is None:
        return f"{before}{elements}"
    if selector.kind in _FUNCTIONS:
        return f"{before}{selector.kind}({elements})"
    words, groups = selector.kind.removesuffix(" GROUPS"), " GROUPS" if selector.kind.endswith("GROUPS") else ""
    return f"{before}{words}{opt(' ', selector.count)}{groups} {elements}"


@written.register
def _(part: tree.PatternPredicate) -> str:
    return written(part.pattern)


@written.register
def _(part: tree.ShortestPath) -> str:
    return written(part.pattern)


@written.register
def _(part: tree.PatternComprehension) -> str:
    return f"[{written(part.pattern)}{where(part.where)} | {written(part.result)}]"
