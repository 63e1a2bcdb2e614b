"""What is known of a function or procedure before it runs: its name, what it takes, and what it gives."""

import re
from dataclasses import dataclass

from kgmem.query.types import ANY, Type, list_of, named

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
    """A procedure's parameter or column; a parameter with a default may be left out."""

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
