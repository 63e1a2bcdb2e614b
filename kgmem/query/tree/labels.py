"""Label and relationship-type expressions: A|B, !A, A&B, %."""

from dataclasses import dataclass

from kgmem.query.tree.expressions import Expression
from kgmem.query.tree.located import Located


@dataclass(frozen=True, slots=True)
class Labels(Located):
    """What the labels of a node, or the type of a relationship, may be."""


@dataclass(frozen=True, slots=True)
class LabelName(Labels):
    """One label or type."""

    name: str


@dataclass(frozen=True, slots=True)
class DynamicLabel(Labels):
    """$(expression): labels that a value names; `quantifier` is all or any."""

    value: Expression
    quantifier: str


@dataclass(frozen=True, slots=True)
class AnyLabel(Labels):
    """%: any label at all."""


@dataclass(frozen=True, slots=True)
class NotLabel(Labels):
    """!A."""

    operand: Labels


@dataclass(frozen=True, slots=True)
class AllLabels(Labels):
    """A&B, which is also what :A:B means."""

    operands: tuple[Labels, ...]


@dataclass(frozen=True, slots=True)
class OneLabel(Labels):
    """A|B."""

    operands: tuple[Labels, ...]


@dataclass(frozen=True, slots=True)
class HasLabels(Expression):
    """n:A|B as a predicate."""

    subject: Expression
    labels: Labels
