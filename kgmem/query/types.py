"""The types of Cypher's values, as far as they are known before a query runs."""

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
