"""Columns of plain records: which rows of a table of texts are plain, so that no object has to be made of them.

A plain record states fields within their bounds, properties that are texts, numbers or booleans, and is searched by
one passage. Whatever is more, less or wrong goes the way of single records, which says what is wrong with it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from kgmem.domain.errors import InvalidInput
from kgmem.domain.fields import LARGEST_PROPERTIES, Field, stated_fields
from kgmem.domain.graph.batch import BatchKind, Columns
from kgmem.domain.graph.episode import PASSAGE_CHARACTERS
from kgmem.domain.graph.scope import check_scope
from kgmem.domain.graph.statement import EPISODE_LABEL
from kgmem.domain.time.interval import valid_interval
from kgmem.formats.wire import FIELDS as ALL_FIELDS
from kgmem.formats.wire import RECORDS

KINDS: Final[tuple[BatchKind, ...]] = ("entity", "relationship")
_PLAIN_TYPES = frozenset({"text", "time", "scope", "integer", "float"})
_DEGREES = {"lon": Field("float", least=-180, most=180), "lat": Field("float", least=-90, most=90)}
_FIELDS: Final[Mapping[BatchKind, Mapping[str, Field]]] = {
    kind: {
        field.wire: field
        for field in stated_fields(RECORDS[kind])
        if field.type in _PLAIN_TYPES and field.role in {"value", "identity"} and field.name != "expires_at"
    }
    for kind in KINDS
}
FIELDS: Final[Mapping[BatchKind, tuple[str, ...]]] = {
    "entity": (*_FIELDS["entity"], *_DEGREES),
    "relationship": tuple(_FIELDS["relationship"]),
}
# The fields that hold a number, each with its limits.
NUMBERS: Final[Mapping[BatchKind, Mapping[str, Field]]] = {
    kind: {
        **{name: field for name, field in fields.items() if field.is_number},
        **(_DEGREES if kind == "entity" else {}),
    }
    for kind, fields in _FIELDS.items()
}
_CONTROL = r"[\x00-\x1f\x7f-\x9f]"  # As keys of records are checked (domain/graph/statement.py).
# Properties of these names are more than properties to the store, or stand under another name there.
_SPECIAL = frozenset({"aliases", *_DEGREES, *(name for kind in KINDS for name in ALL_FIELDS[kind])})
_LONGEST_PLAIN = 2000  # Characters of a text; what an entity is searched by has to fit one passage (`_short`).
_LONGEST_LITERAL = 30  # Characters of a number or a boolean, with what stands around it.
_LITERALS = {
    "integer": r"^-?(0|[1-9][0-9]{0,17})$",
    # At most 15 digits, and none that is written with an exponent: the text is the number's own. Of others it is seen
    # by writing them.
    "float": r"^-?(0|[1-9][0-9]{0,9})\.([0-9]{0,3}[1-9]|0)$",
    "boolean": r"^(true|false)$",
}

_NUMBER = r"^-?[0-9]{1,19}\.[0-9]{1,20}$"

# Name, type (string, integer, float, boolean; json: the texts are JSON as kgmem writes it), texts.
Property = tuple[str, str, Any]


def is_plain_property(name: str) -> bool:
    """Return whether a property may stand in columns under this name."""
    return name not in _SPECIAL and not name.endswith("_")


def plain_columns(
    kind: BatchKind, lines: Any, fields: Mapping[str, Any], properties: Sequence[Property], *, exact: bool = False
) -> tuple[Columns, Any]:
    """Return the plain ones of some records as columns, and for each of all whether it is one (an Arrow array).

    `exact`: the numbers among the fields are JSON as kgmem writes it.
    """
    count = len(lines)
    plain = _in_bounds(kind, fields, count)
    for name, check in (("scope", _is_scope), ("label", _is_label)):
        if name in fields:
            plain = pc.and_(plain, _each(fields[name], check))
    if {"valid_from", "valid_to"} & fields.keys():
        plain = pc.and_(plain, _timed(fields, count))
    told: list[tuple[str, bool, Any]] = []
    for name, type_, texts in properties:
        literals, good = _literals(texts, type_)
        plain = pc.and_(plain, good)
        told.append((name, type_ != "string", literals))
    fields, numbers = _numbers(kind, fields, "json" if exact else "float")
    plain = pc.and_(pc.and_(plain, numbers) if numbers is not None else plain, _short(kind, fields, properties, count))
    plain = pc.fill_null(plain, False)
    if pc.all(plain).as_py():
        return Columns(kind, lines, fields, told), plain
    return Columns(
        kind,
        lines.filter(plain),
        {name: texts.filter(plain) for name, texts in fields.items()},
        [(name, literal, texts.filter(plain)) for name, literal, texts in told],
    ), plain


def _in_bounds(kind: BatchKind, fields: Mapping[str, Any], count: int) -> Any:
    plain = pa.repeat(pa.scalar(value=True), count)
    for name, texts in fields.items():
        field = _FIELDS[kind].get(name)
        if field is not None and field.type in {"text", "time"}:
            longest = min(field.most or PASSAGE_CHARACTERS, _LONGEST_PLAIN)
            good = pc.and_(pc.greater(pc.utf8_length(texts), 0), pc.less_equal(pc.utf8_length(texts), longest))
            if field.least:
                good = pc.and_(good, pc.invert(pc.match_substring_regex(texts, _CONTROL)))
            else:
                visible = pc.not_equal(pc.utf8_trim_whitespace(texts), "")
                good = pc.and_(pc.and_(good, visible), pc.invert(pc.match_substring(texts, "\x00")))
            plain = pc.and_(plain, pc.fill_null(good, not field.required))
    return plain


def _each(texts: Any, check: Any) -> Any:
    """Return for each text whether it passes a check; what is not given does."""
    told = texts.dictionary_encode()
    passed = pa.array([check(text) for text in told.dictionary.to_pylist()], pa.bool_())
    return pc.fill_null(passed.take(told.indices), True)


def _is_scope(text: str) -> bool:
    try:
        check_scope(text)
    except InvalidInput:
        return False
    return True


def _is_label(text: str) -> bool:
    return text != EPISODE_LABEL


def _timed(fields: Mapping[str, Any], count: int) -> Any:
    nothing = pa.nulls(count, pa.string())
    starts, ends = (fields.get(name, nothing) for name in ("valid_from", "valid_to"))
    pairs = pc.binary_join_element_wise(pc.fill_null(starts, ""), pc.fill_null(ends, ""), "\x1f")
    return _each(pairs, _is_interval)


def _is_interval(pair: str) -> bool:
    start, _, end = pair.partition("\x1f")
    try:
        valid_interval(start or None, end or None)
    except InvalidInput:
        return False
    return True


def _literals(texts: Any, type_: str) -> tuple[Any, Any]:
    """Return texts as the store takes them, and of each whether it may stand in columns."""
    if type_ == "json":
        return texts, pa.repeat(pa.scalar(value=True), len(texts))
    if type_ == "string":
        return texts, pc.fill_null(pc.invert(pc.match_substring(texts, "\x00")), True)
    good = pc.fill_null(pc.match_substring_regex(texts, _LITERALS[type_]), True)
    if type_ != "float":
        return texts, good
    whole = pc.fill_null(pc.match_substring_regex(texts, _LITERALS["integer"]), False)
    if pc.any(whole).as_py():  # An integer among floats is one of them.
        texts = pc.if_else(whole, pc.binary_join_element_wise(texts, ".0", ""), texts)
    others = pc.and_not(pc.and_not(pc.match_substring_regex(texts, _NUMBER), good), whole)
    good = pc.or_(good, whole)
    if pc.any(others).as_py():
        chosen = texts.filter(others)
        # Where Python writes no exponent, JSON has the same digits.
        written = pa.array([repr(number) for number in chosen.cast(pa.float64()).to_pylist()], pa.string())
        good = pc.replace_with_mask(good, others, pc.equal(written, chosen))
    return texts, good


def number_texts(numbers: Any) -> Any:
    """Return floats as kgmem writes them in JSON; NaN is none."""
    written = orjson.dumps(numbers.to_pylist())[1:-1].decode().split(",") if len(numbers) else []
    return pa.array([None if text == "null" else text for text in written], pa.string())


def _numbers(kind: BatchKind, fields: Mapping[str, Any], type_: str) -> tuple[Mapping[str, Any], Any]:
    """Return the fields with their numbers as the store takes them, and of each record whether they are plain."""
    plain = None
    made = dict(fields)
    for name, field in NUMBERS[kind].items():
        if name in fields:
            made[name], good = _literals(fields[name], "integer" if field.type == "integer" else type_)
            numbers = pc.if_else(good, made[name], None).cast(pa.float64())
            high = float("inf") if field.most is None else field.most
            within = pc.and_(pc.greater_equal(numbers, field.least), pc.less_equal(numbers, high))
            good = pc.or_(pc.is_null(fields[name]), pc.fill_null(within, False))
            plain = good if plain is None else pc.and_(plain, good)
    if "lon" in made or "lat" in made:
        if not {"lon", "lat"} <= made.keys():
            raise InvalidInput("lat and lon belong together.", hint="Give both columns or none.")
        both = pc.equal(pc.is_null(made["lon"]), pc.is_null(made["lat"]))
        plain = pc.and_(plain, both)
    return made, plain


def _short(kind: BatchKind, fields: Mapping[str, Any], properties: Sequence[Property], count: int) -> Any:
    """Return for each record whether its properties are within bounds, and one passage holds all it is searched by."""
    within = sum(len(name) + _LONGEST_LITERAL for name, _, _ in properties) < LARGEST_PROPERTIES // 4
    texts = [fields[name] for name in ("key", "name", "text") if name in fields] if kind == "entity" else []
    texts += [told for _, type_, told in properties if type_ == "string"]
    total = pa.repeat(pa.scalar(0, pa.int64()), count)
    for each in texts:
        total = pc.add(total, pc.add(pc.fill_null(pc.utf8_length(each), 0), 1))
    # A character takes six bytes of JSON at the most.
    most = PASSAGE_CHARACTERS if kind == "entity" else LARGEST_PROPERTIES // 12
    return pc.and_(pc.less_equal(total, most), pa.scalar(value=within))
