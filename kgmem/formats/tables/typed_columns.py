"""Columns of a table as the texts that the store takes, and which of their rows may go there as columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from kgmem.domain.graph.batch import BatchKind, Columns
from kgmem.formats.tables.columns import Property, number_texts, plain_columns
from kgmem.formats.wire import REQUIRED

# Types of Neo4j's columns, and what their cells look like when they are taken as they stand.
_PATTERNS = (
    ("integer", frozenset({"int", "long", "byte", "short"}), r"^(0|-?[1-9][0-9]{0,17})$"),
    ("float", frozenset({"float", "double"}), r"^-?[0-9]{1,19}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?$"),
    ("boolean", frozenset({"boolean"}), r"^(true|false)$"),
)


@dataclass(frozen=True, slots=True)
class Texts:
    """One column: its type (string, integer, float, boolean), its texts as JSON has them, and which of them may be.

    Of one whose values are more than that (the type is empty) only the rows without a value may be.
    """

    type: str
    texts: Any
    good: Any

    @property
    def property_type(self) -> str:
        """The type by which a property's texts are taken."""
        return "string" if self.type == "string" else "json"


def special(column: Any) -> Texts:
    """Return a column whose rows with a value have to be read one by one."""
    return Texts("", pa.nulls(len(column), pa.string()), column.is_null())


def typed_cells(cells: Any, type_: str, *, listed: bool) -> Texts:
    """Return cells of a text table as a type of Neo4j's has them; what is not plainly of the type is read by itself."""
    if listed:
        return special(cells)
    if type_ == "string":
        return Texts("string", cells, pa.scalar(value=True))
    for name, known, pattern in _PATTERNS:
        if type_ in known:
            good = pc.fill_null(pc.match_substring_regex(cells, pattern), True)
            texts = pc.if_else(good, cells, None)
            return Texts(name, number_texts(texts.cast(pa.float64())) if name == "float" else texts, good)
    return special(cells)


def typed_values(column: Any) -> Texts:
    """Return an Arrow column of values as texts."""
    type_ = column.type
    if types.is_string(type_):
        return Texts("string", column, pa.scalar(value=True))
    if types.is_float64(type_):
        return Texts("float", number_texts(column), pc.fill_null(pc.invert(pc.is_inf(column)), True))
    if types.is_signed_integer(type_):
        return Texts("integer", column.cast(pa.string()), pa.scalar(value=True))
    if types.is_boolean(type_):
        return Texts("boolean", column.cast(pa.string()), pa.scalar(value=True))
    return special(column)


def chosen_columns(
    kind: BatchKind, lines: Any, fields: Mapping[str, Any], properties: Sequence[Property], plain: Any
) -> tuple[Columns | None, list[int]]:
    """Return those of the rows chosen by `plain` that are plain as columns, and the places of all others."""
    for texts in fields.values():
        plain = pc.and_(plain, pc.fill_null(pc.not_equal(texts, ""), True))
    chosen = [n for n, is_plain in enumerate(plain.to_pylist()) if is_plain]
    if not chosen or not fields.keys() >= set(REQUIRED[kind]):
        return None, list(range(len(lines)))
    if len(chosen) < len(lines):
        lines = lines.filter(plain)
        fields = {name: texts.filter(plain) for name, texts in fields.items()}
        properties = [(name, type_, texts.filter(plain)) for name, type_, texts in properties]
    columns, good = plain_columns(kind, lines, fields, properties, exact=True)
    taken = {n for n, is_good in zip(chosen, good.to_pylist(), strict=True) if is_good}
    return columns if len(columns) else None, [n for n in range(len(plain)) if n not in taken]
