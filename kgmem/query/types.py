"""Types of Cypher values, and signatures: the name, parameters and results of a function or procedure."""

import re
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Type:
    """A type; `element` is that of a list's items. ANY is what nothing is known of, NULL is the type of null alone."""

    name: str
    element: "Type | None" = None

    def __str__(self) -> str:
        """Return the type as Cypher writes it: LIST<INTEGER>."""
        return self.name if self.element is None else f"{self.name}<{self.element}>"


ANY = Type("ANY")
NULL = Type("NULL")
BOOLEAN = Type("BOOLEAN")
INTEGER = Type("INTEGER")
FLOAT = Type("FLOAT")
NUMBER = Type("NUMBER")
STRING = Type("STRING")
MAP = Type("MAP")
NODE = Type("NODE")
RELATIONSHIP = Type("RELATIONSHIP")
PATH = Type("PATH")

TEMPORAL = frozenset({"DATE", "TIME", "LOCALTIME", "DATETIME", "LOCALDATETIME"})
# What n.name and n[key] can be asked of.
HOLDERS = frozenset({"NODE", "RELATIONSHIP", "MAP", "POINT", "DURATION"}) | TEMPORAL
NUMBERS = frozenset({"INTEGER", "FLOAT", "NUMBER"})
_OPEN = frozenset({"ANY", "NULL"})
_NONE: frozenset[str] = frozenset()
_WIDER = {"INTEGER": NUMBERS, "FLOAT": frozenset({"NUMBER"}), "NUMBER": NUMBERS}


@cache
def list_of(element: Type) -> Type:
    """Return the type of a list."""
    return Type("LIST", element)


LIST = list_of(ANY)


def can_be(found: Type, names: frozenset[str]) -> bool:
    """Whether a value of this type may stand where one of the types named is wanted; an INTEGER may for a FLOAT."""
    name = found.name
    return name in _OPEN or name in names or "ANY" in names or not names.isdisjoint(_WIDER.get(name, _NONE))


def joined(left: Type, right: Type) -> Type:
    """Return the narrowest type that holds the values of both."""
    if right in {left, NULL}:
        return left
    if left == NULL:
        return right
    if left.name in NUMBERS and right.name in NUMBERS:
        return NUMBER
    if left.element is not None and right.element is not None:
        return list_of(joined(left.element, right.element))
    return ANY


@cache
def named(text: str) -> Type:
    """Return the type of a declaration: INTEGER?, LIST<STRING>, LIST? OF STRING; ANY for a name that is not known."""
    plain = text.strip().upper().rstrip("?").strip()
    if plain.startswith("LIST"):
        inner = plain[4:].lstrip("? ").removeprefix("OF").strip().removeprefix("<").removesuffix(">")
        return list_of(named(inner)) if inner else LIST
    plain = _SYNONYMS.get(plain, plain)
    return Type(plain) if plain in _KNOWN else ANY


_KNOWN = HOLDERS | NUMBERS | {"BOOLEAN", "STRING", "PATH", "NULL"}
_SYNONYMS = {"BOOL": "BOOLEAN", "INT": "INTEGER", "VARCHAR": "STRING", "EDGE": "RELATIONSHIP", "VERTEX": "NODE"}


_LINE = re.compile(r"(?P<name>[\w.]+)\((?P<parameters>[^)]*)\) (?P<result>\S+)(?P<volatile> !)?")


@dataclass(frozen=True, slots=True)
class FunctionSignature:
    """A function: for each parameter the names of the types that it takes; `most` is None where there is no end.

    `result` is the name of a type, or what it is of the first argument's: SAME, its ELEMENT, or LISTED (a list of it).
    A function that is not `constant` gives another value each time (rand).
    """

    name: str
    parameters: tuple[frozenset[str], ...]
    least: int
    most: int | None
    result: str
    aggregates: bool = False
    constant: bool = True

    def takes(self, position: int) -> frozenset[str]:
        """Return the names of the types that an argument may have; the last parameter of an open end repeats."""
        return self.parameters[min(position, len(self.parameters) - 1)]

    def gives(self, arguments: list[Type]) -> Type:
        """Return the type of its result for arguments of these types."""
        if not arguments or self.result not in {"SAME", "ELEMENT", "LISTED"}:
            return named(self.result)
        first = arguments[0]
        if self.result == "SAME":
            return first
        return list_of(first) if self.result == "LISTED" else first.element or ANY


@dataclass(frozen=True, slots=True)
class Field:
    """A procedure's parameter or column; a parameter with a default may be omitted."""

    name: str
    type: Type
    optional: bool = False


@dataclass(frozen=True, slots=True)
class ProcedureSignature:
    """A procedure: what it takes, the columns of its rows, and whether it writes."""

    name: str
    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]
    writes: bool = False


def signature(line: str, *, aggregates: bool = False) -> FunctionSignature:
    """Read a function's line: name(TYPE|TYPE, TYPE?, TYPE...) RESULT, and ! where its values are not constant."""
    found = _LINE.fullmatch(line)
    if found is None:
        raise ValueError(f"{line!r} declares no function")
    declared = [part.strip() for part in found["parameters"].split(",") if part.strip()]
    endless = bool(declared) and declared[-1].endswith("...")
    least = sum(not part.endswith(("?", "...")) for part in declared)
    parameters = tuple(frozenset(part.rstrip("?.").split("|")) for part in declared)
    most = None if endless else len(declared)
    constant = found["volatile"] is None
    return FunctionSignature(found["name"], parameters, least, most, found["result"], aggregates, constant)
