"""Between RDF's literals and the values of properties: plain JSON values that are pleasant to query.

What the plain value does not tell of its literal (a language, a datatype, an unusual spelling) stands in a property
of the same name with `@` behind it, the mark: English as ["@en"], xsd:date as ["xsd__date"], 01 as
["01^^xsd__integer"], an IRI that is no node as ["<>"]. A list of values has one mark for all, or one for each. Marks
are lists so that no entity is found by them, as it is by texts.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from pyoxigraph import BlankNode, Literal, NamedNode, RdfFormat, Triple, parse

from kgmem.formats.rdf.names import RDF, XSD, Names, is_iri

MARK: Final = "@"  # Behind a property's name.
IRI_MARK: Final = "<>"  # The value is an IRI (or a blank node's label) and not a text.
TRIPLE_MARK: Final = "<<>>"  # The value is a triple term of RDF 1.2, as N-Triples writes it.
DEEPEST_TERM: Final = 100  # Triple terms inside of each other; pyoxigraph's stack holds some ten thousand.
_INTEGER = re.compile(r"[+-]?[0-9]{1,30}")
_FLOAT = re.compile(r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,6})?")
_LANGUAGE = re.compile(r"@[a-z]{1,8}(?:-[a-z0-9]{1,8})*(?:--(?:ltr|rtl))?")
_LEAST, _MOST = -(2**63), 2**63 - 1
_ESCAPED = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)
_ESCAPES: Final = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f"}
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_UNPLAIN = re.compile(r'[\x00-\x1f"\\\x7f]')
_WRITTEN: Final = {"\t": "\\t", "\b": "\\b", "\n": "\\n", "\r": "\\r", "\f": "\\f", '"': '\\"', "\\": "\\\\"}

Value = str | int | float | bool | dict[str, Any] | list[Any] | None
Reader = Callable[[str], tuple[Value, str | None]]  # A literal's text -> its value and its mark.


@dataclass(frozen=True, slots=True)
class Literals:
    """Reads and writes literals with the datatypes' names as a graph's vocabulary has them."""

    names: Names
    datatypes: bool = True  # Keep what the plain value does not tell.

    def reader(self, tail: str) -> Reader:
        """Return what reads literals that end with `@language` or `^^<datatype>` or nothing."""
        if not tail or tail == f"^^<{XSD}string>":
            return _text
        if tail.startswith("@"):
            return _tagged(tail.lower())
        datatype = tail[3:-1]
        mark = self.names.short(datatype) if self.datatypes else None
        if datatype in _NUMBERS:
            parse_, usual = _NUMBERS[datatype]
            return _numbers(parse_, mark, None if datatype == usual else mark)
        return _json_reader(mark) if datatype == RDF + "JSON" else _tagged(mark)

    def mark(self, tail: str) -> str | None:
        """Return the mark of literals with this tail that are spelt as usual."""
        if tail.startswith("@"):
            return tail.lower()
        datatype = tail[3:-1]
        usual = _NUMBERS[datatype][1] if datatype in _NUMBERS else XSD + "string"
        return self.names.short(datatype) if tail and datatype != usual and self.datatypes else None

    def type(self, tail: str) -> str | None:
        """Return the type of column for literals with this tail: string, integer, float, boolean; None for JSON."""
        if not tail.startswith("^^"):
            return "string"
        datatype = tail[3:-1]
        if datatype in _NUMBERS:
            return {XSD + "integer": "integer", XSD + "double": "float"}.get(_NUMBERS[datatype][1], "boolean")
        return None if datatype == RDF + "JSON" else "string"

    def held(self, text: str, tail: str) -> tuple[Value, str | None]:
        """Return the value and the mark of one literal."""
        return self.reader(tail)(text)

    def term(self, value: Any, mark: str | None = None) -> str | None:
        """Return the term of a value as N-Triples writes it; None for a mark that does not belong to the value."""
        if mark is None or (type(value) is str and _LANGUAGE.fullmatch(mark)):
            term = plain_term(value)
            return f"{term}{mark}" if mark else term
        if mark in {IRI_MARK, TRIPLE_MARK}:
            return _kept_term(value, mark)
        spelt, _, kind = mark.rpartition("^^") if "^^" in mark else ("", "", mark)
        tail = kind if _LANGUAGE.fullmatch(kind) else self._tail(kind)
        if tail is None:
            return None
        if "^^" in mark and self._says(unescaped(spelt), tail, value, mark):
            return f'"{spelt}"{tail}'
        # A value that was changed since keeps its datatype where it can, and loses its spelling.
        usual = _spelt(value)
        if usual is not None and self._says(usual, tail, value, None if "^^" in mark else mark):
            return f'"{escaped(usual)}"{tail}'
        return None

    def _says(self, text: str, tail: str, value: Any, mark: str | None) -> bool:
        held, found = self.held(text, tail)
        return type(held) is type(value) and held == value and mark in {None, found}

    def _tail(self, kind: str) -> str | None:
        datatype = self.names.whole(kind)
        return f"^^<{datatype}>" if datatype is not None else None


def plain_term(value: Any) -> str | None:
    """Return the literal of a value that has no mark; None for what no literal says."""
    if isinstance(value, bool):
        return f'"{str(value).lower()}"^^<{XSD}boolean>'
    if isinstance(value, str):
        return f'"{escaped(value)}"'
    if isinstance(value, int):
        return f'"{value}"^^<{XSD}integer>'
    if isinstance(value, float):
        return f'"{value!r}"^^<{XSD}double>' if math.isfinite(value) else None
    return None if value is None else json_term(value)


def json_term(value: Any) -> str:
    """Return a value as a literal of type rdf:JSON."""
    return f'"{escaped(_dumped(value))}"^^<{RDF}JSON>'


def is_scalar(value: Any) -> bool:
    """Return whether a value is one that a literal of its own says."""
    return isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))


def escaped(text: str) -> str:
    """Return a text as it is written between the quotes of a literal."""
    return _UNPLAIN.sub(_written, text) if _UNPLAIN.search(text) else text


def unescaped(text: str) -> str:
    """Return the text that was escaped."""
    return _ESCAPED.sub(_meant, text) if "\\" in text else text


def parted(term: str) -> tuple[str, str]:
    """Return the text and the tail of a literal as N-Triples writes it."""
    end = term.rindex('"')
    return unescaped(term[1:end]), term[end + 1 :]


def marks_of(marks: Sequence[str | None]) -> list[str] | None:
    """Return the mark of some values: a list of one for all, or of one for each with empty texts for none."""
    if len(set(marks)) == 1:
        return [marks[0]] if marks[0] is not None else None
    return [mark or "" for mark in marks]


def marks_for(count: int, mark: Any) -> Sequence[str | None] | None:
    """Return the mark of each of some values; None when it is none of these values."""
    if mark is None:
        return [None] * count
    if not isinstance(mark, list) or not all(isinstance(one, str) for one in mark):
        return None
    each = mark * count if len(mark) == 1 else mark
    return [one or None for one in each] if len(each) == count else None


def _text(text: str) -> tuple[Value, str | None]:
    # Postgres holds no NUL; the mark keeps where it was.
    return (text, None) if "\x00" not in text else (text.replace("\x00", "\ufffd"), f"{escaped(text)}^^xsd__string")


def _tagged(mark: str | None) -> Reader:
    def read(text: str) -> tuple[Value, str | None]:
        if "\x00" not in text:
            return text, mark
        return text.replace("\x00", "\ufffd"), f"{escaped(text)}^^{mark}" if mark else None

    return read


def _numbers(number: Callable[[str], Value], mark: str | None, short: str | None) -> Reader:
    """Return a reader of numbers or truth values; those that JSON cannot say stay texts.

    `short` is the mark of one that is spelt as usual.
    """
    as_text = _tagged(mark)

    def read(text: str) -> tuple[Value, str | None]:
        value = number(text)
        if value is None:
            return as_text(text)
        if _spelt(value) == text:
            return value, short
        return value, f"{escaped(text)}^^{mark}" if mark else None

    return read


def _integer(text: str) -> Value:
    if not _INTEGER.fullmatch(text):
        return None
    value = int(text)
    return value if _LEAST <= value <= _MOST else None


def _float(text: str) -> Value:
    value = float(text) if _FLOAT.fullmatch(text) else math.inf
    return value if math.isfinite(value) else None


def _boolean(text: str) -> Value:
    return {"true": True, "1": True, "false": False, "0": False}.get(text)


def _json_reader(mark: str | None) -> Reader:
    as_text = _tagged(mark)

    def read(text: str) -> tuple[Value, str | None]:
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            return as_text(text)
        # A list of scalars would look like several values, and NUL cannot be held.
        stays = isinstance(value, dict) or (isinstance(value, list) and not (value and all(map(is_scalar, value))))
        return (value, None) if stays and not _NUL.search(text) and _dumped(value) == text else as_text(text)

    return read


def _spelt(value: Any) -> str | None:
    """Return how a value is spelt as a literal, without its datatype."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value
    return repr(value) if isinstance(value, int | float) else None


def _kept_term(value: Any, mark: str) -> str | None:
    if not isinstance(value, str):
        return None
    if mark == TRIPLE_MARK:
        return value if is_triple_term(value) else None
    return f"<{value}>" if is_iri(value) else None


def is_triple_term(text: str) -> bool:
    """Return whether a text is a triple term as N-Triples writes it."""
    if not text.startswith("<<(") or text.count("<<") > DEEPEST_TERM:
        return False
    try:
        return [term_text(quad.object) for quad in parse(f"<a:a> <a:a> {text} .", format=RdfFormat.N_TRIPLES)] == [text]
    except SyntaxError:
        return False


def term_text(term: NamedNode | BlankNode | Literal | Triple) -> str:
    """Return a term as N-Triples writes it."""
    if isinstance(term, Triple):
        return f"<<( {term_text(term.subject)} {term.predicate} {term_text(term.object)} )>>"
    return str(term)


def _dumped(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS).decode()


def _written(found: re.Match[str]) -> str:
    return _WRITTEN.get(found[0]) or f"\\u{ord(found[0]):04X}"


def _meant(found: re.Match[str]) -> str:
    if found[3]:
        return _ESCAPES.get(found[3], found[3])
    return chr(int(found[1] or found[2], 16))


_WHOLE = ("integer", "int", "long", "short", "byte", "nonNegativeInteger", "positiveInteger", "nonPositiveInteger",
          "negativeInteger", "unsignedLong", "unsignedInt", "unsignedShort", "unsignedByte")  # fmt: skip
# A datatype -> what reads it, and the datatype of numbers of this kind that need no mark.
_NUMBERS: Final[dict[str, tuple[Callable[[str], Value], str]]] = {
    **{XSD + name: (_integer, XSD + "integer") for name in _WHOLE},
    **{XSD + name: (_float, XSD + "double") for name in ("double", "float", "decimal")},
    XSD + "boolean": (_boolean, XSD + "boolean"),
}
