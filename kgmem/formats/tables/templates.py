"""Templates: texts that hold names of columns in braces, such as `Person:{id}` or, by position, `{#1}`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from kgmem.domain.errors import InvalidInput

# {{ and }} stand for one brace; a column's name holds none.
_PARTS = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+")


@dataclass(frozen=True, slots=True)
class ColumnName:
    """A column that a template names."""

    name: str


@dataclass(frozen=True, slots=True)
class Template:
    """A text with the columns in it; `path` says where it stands in its mapping."""

    path: str
    parts: tuple[str | ColumnName, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns."""
        return tuple(part.name for part in self.parts if isinstance(part, ColumnName))

    @property
    def sole(self) -> str | None:
        """The column that is all of it, so that its values keep their types; None for any other template."""
        only = self.parts[0] if len(self.parts) == 1 else None
        return only.name if isinstance(only, ColumnName) else None


def read_template(text: str, path: str) -> Template:
    """Return the template that a text is. Raises InvalidInput for a brace without its like."""
    parts: list[str | ColumnName] = []
    for found in _PARTS.finditer(text):
        part = found[0]
        if part in {"{", "}"}:
            raise InvalidInput(f"{path}: {text!r} has a brace without its like.", hint="Write {{ or }} for a brace.")
        if found[1] is not None:
            parts.append(ColumnName(found[1].strip()))
        else:
            parts.append({"{{": "{", "}}": "}"}.get(part, part))
    return Template(path, tuple(parts))


def find_column(name: str, columns: Sequence[str], path: str, file: str = "") -> int:
    """Return where a column stands, by its name or as #1, #2, ... by its position. Raises InvalidInput."""
    where = f" of {file}" if file else ""
    position = name.removeprefix("#")
    if position != name and position.isdecimal() and name not in columns:
        if 1 <= int(position) <= len(columns):
            return int(position) - 1
        raise InvalidInput(
            f"{path}: there is no column {name}{where}.", hint=f"It has {len(columns)} columns.", path=path
        )
    if name not in columns:
        near = get_close_matches(name, columns, n=1)
        known = ", ".join(columns[:30])
        raise InvalidInput(
            f"{path}: there is no column {name!r}{where}.",
            hint=(f"Did you mean {near[0]!r}? " if near else "") + f"Its columns are {known}; {{#1}} is the first.",
            path=path,
        )
    if columns.count(name) > 1:
        places = " and ".join(f"#{n}" for n, column in enumerate(columns, start=1) if column == name)
        raise InvalidInput(
            f"{path}: several columns{where} are named {name!r}.", hint=f"Name them by position: {places}.", path=path
        )
    return columns.index(name)
