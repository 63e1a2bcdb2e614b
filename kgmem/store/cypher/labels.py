"""Label expressions as conditions of SQL on rows of the index."""

from collections.abc import Collection, Iterable

from kgmem.query.tree.patterns import AllLabels, AnyLabel, LabelName, Labels, NotLabel, OneLabel
from kgmem.store.cypher.composed_sql import Parameters
from kgmem.store.db.sql import NOTHING, SQL, compose, join, number
from kgmem.store.graph.labels import NO_LABEL
from kgmem.store.graph.layout import EDGE, LABEL_SHIFT, VERTEX, Label, Layout


def node_condition(layout: Layout, labels: Labels, item: SQL, parameters: Parameters) -> SQL:
    """Return the condition that the item under an alias bears these labels: its table's, or further ones."""
    if isinstance(labels, LabelName):
        further = compose("{}.labels @> {}", item, parameters.add_names([labels.name]))
        held = layout.labels.get((VERTEX, labels.name))
        own = (
            NOTHING
            if held is None
            else compose("{} AND {}.labels[1] IS DISTINCT FROM ''", _within(held.id, item), item)
        )
        return compose("({} OR {})", own, further) if own else further
    if isinstance(labels, AnyLabel):
        held = layout.labels.get((VERTEX, NO_LABEL))
        own = (
            SQL("true") if held is None else compose("(NOT {} OR {}.labels IS NOT NULL)", _within(held.id, item), item)
        )
        return compose("CASE WHEN {item}.labels[1] = '' THEN {item}.labels[2] <> '' ELSE {own} END", item=item, own=own)
    if isinstance(labels, NotLabel):
        return compose("(({}) IS NOT TRUE)", node_condition(layout, labels.operand, item, parameters))
    if isinstance(labels, AllLabels | OneLabel):
        conditions = [node_condition(layout, each, item, parameters) for each in labels.operands]
        return compose("({})", join(" AND ", conditions) if isinstance(labels, AllLabels) else join(" OR ", conditions))
    raise TypeError(f"{type(labels).__name__} is no condition that SQL can hold")


def tables_of(layout: Layout, labels: Iterable[Labels], further: Collection[int]) -> list[Label]:
    """Return the labels in whose tables nodes may be that bear all of these labels.

    `further` are the numbers of the tables of which some nodes have further labels.
    """
    asked = list(labels)
    return [
        held
        for held in sorted(layout.by_id.values(), key=lambda label: label.id)
        if held.kind == VERTEX and (held.id in further or all(_bears(each, held.name) for each in asked))
    ]


def lean_condition(layout: Layout, labels: Labels, id_: SQL) -> SQL:
    """Return the condition that a node's table is of one of these labels, where no node has further ones."""
    held = tables_of(layout, [labels], ())
    if not held:
        return SQL("false")
    numbers = join(",", (number(label.id) for label in held))
    return compose("({}) >> {} IN ({numbers})", id_, number(LABEL_SHIFT), numbers=numbers)


def _bears(labels: Labels, name: str) -> bool:
    if isinstance(labels, AnyLabel):
        return name != NO_LABEL
    if isinstance(labels, NotLabel):
        return not _bears(labels.operand, name)
    if isinstance(labels, AllLabels | OneLabel):
        holds = all if isinstance(labels, AllLabels) else any
        return holds(_bears(each, name) for each in labels.operands)
    return isinstance(labels, LabelName) and labels.name == name


def kinds_of(layout: Layout, types: Labels | None) -> list[int] | None:
    """Return the numbers of the relationship types that an expression allows; None where it allows all."""
    if types is None or isinstance(types, AnyLabel):
        return None
    return sorted(label.id for label in layout.by_id.values() if label.kind == EDGE and _allows(types, label.name))


def _within(label: int, item: SQL) -> SQL:
    first, end = number(label << LABEL_SHIFT), number((label + 1) << LABEL_SHIFT)
    return compose("({item}.id >= {first} AND {item}.id < {end})", item=item, first=first, end=end)


def _allows(types: Labels, name: str) -> bool:
    if isinstance(types, LabelName):
        return types.name == name
    if isinstance(types, NotLabel):
        return not _allows(types.operand, name)
    if isinstance(types, AllLabels):
        return all(_allows(each, name) for each in types.operands)
    if isinstance(types, OneLabel):
        return any(_allows(each, name) for each in types.operands)
    return isinstance(types, AnyLabel)
