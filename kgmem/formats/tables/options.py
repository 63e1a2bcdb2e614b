"""The options of tables, as callers give them by name or a mapping file's table states them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from kgmem.domain.errors import InvalidInput
from kgmem.formats.kgmem.csv_rows import Dialect, character, read_dialect
from kgmem.formats.property_graph.elements import EdgeIds, edge_ids

# What graph tables (neo4j-admin, Gremlin, Parquet) may be told, each with what it does.
GRAPH_OPTIONS: Mapping[str, str] = {
    "array_delimiter": "the character between the items of a list, and between labels; by default ;",
    "parallel": "keep: edges of the same kind between the same two stay apart; merge: they become one",
    "edge_ids": "between: the id of an edge counts between its two ends; key: it is the key; ignore: it is nothing",
    "label": "the label of a nodes file that names none, or further labels (several: A;B)",
    "type": "the type of the relationships of a file that names none",
    "id_space": "prefix: id 1 of the space Person gets the key Person:1; leave_out: 1",
}
CSV_OPTIONS: Mapping[str, str] = {
    "delimiter": "the character between cells; else the one that the first line has most of",
    "quote": 'the character around cells that hold delimiters; by default "; none: there is none',
    "ragged": "reject: a line of more or fewer cells than the header is rejected; accept: they are dropped or empty",
    **GRAPH_OPTIONS,
}
_CHOICES = {"ragged": ("reject", "accept"), "parallel": ("keep", "merge"), "id_space": ("prefix", "leave_out")}


@dataclass(frozen=True, slots=True)
class TableOptions:
    """How a table is written, and how its rows become records."""

    dialect: Dialect = field(default_factory=Dialect)
    ragged: bool = False  # Lines may have more or fewer cells than the header.
    array_delimiter: str = ";"
    parallel: bool = True  # Edges of the same kind between the same two stay apart.
    edge_ids: EdgeIds = "between"
    labels: tuple[str, ...] = ()
    type: str | None = None
    prefix: bool = True  # An id space stands before the ids in the keys.


def table_options(given: Mapping[str, Any], known: Mapping[str, str] = CSV_OPTIONS) -> TableOptions:
    """Return what the options say. Raises InvalidInput for one that is unknown or has another value than it may."""
    check_names(given, known, "There is no option")
    for name, value in given.items():
        if not isinstance(value, str):
            raise InvalidInput(f"The option {name} is {value!r} and not a text.", hint=f"It is {known[name]}.")
        if value not in _CHOICES.get(name, (value,)):
            raise InvalidInput(
                f"The option {name} is {value!r}.", hint=f"Give one of {', '.join(_CHOICES[name])}.", option=name
            )
    array_delimiter = character(given.get("array_delimiter", ";"), "array_delimiter")
    labels = given.get("label", "").split(array_delimiter)
    return TableOptions(
        dialect=read_dialect(given),
        ragged=given.get("ragged") == "accept",
        array_delimiter=array_delimiter,
        parallel=given.get("parallel", "keep") == "keep",
        edge_ids=edge_ids(given),
        labels=tuple(label.strip() for label in labels if label.strip()),
        type=given.get("type") or None,
        prefix=given.get("id_space", "prefix") == "prefix",
    )


def check_names(given: Iterable[str], known: Iterable[str], what: str, where: str = "") -> None:
    """Raise InvalidInput when one of the names is not known; `where` and `what` begin the message."""
    held = list(known)
    for name in given:
        if name not in held:
            near = get_close_matches(str(name), held, n=1)
            raise InvalidInput(
                f"{where}{what} {str(name)[:80]!r}.",
                hint=f"Did you mean {near[0]!r}?"
                if near
                else f"There are {', '.join(held)}."
                if held
                else "Leave it out.",
                name=name,
            )
