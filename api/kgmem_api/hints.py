"""What to send in place of a value that has the wrong type, or is out of bounds."""

from collections.abc import Mapping
from typing import Any, Final

_KINDS: Final[Mapping[str, str]] = {
    "int": "Send a whole number.", "float": "Send a number.", "string": "Send a text.", "bool": "Send true or false.",
    "list": "Send a list.", "tuple": "Send a list.", "dict": "Send an object.", "model": "Send an object.",
    "dataclass": "Send an object.",
}  # fmt: skip
_BOUNDS: Final[Mapping[str, tuple[str, str]]] = {
    "greater_than_equal": ("ge", "Send {} or more."),
    "greater_than": ("gt", "Send more than {}."),
    "less_than_equal": ("le", "Send {} or less."),
    "less_than": ("lt", "Send less than {}."),
    "string_too_short": ("min_length", "Send a text of at least {:,} characters."),
    "string_too_long": ("max_length", "Send a text of at most {:,} characters."),
    "too_short": ("min_length", "Send at least {:,}."),
    "too_long": ("max_length", "Send at most {:,}."),
    "literal_error": ("expected", "Send one of {}."),
    "enum": ("expected", "Send one of {}."),
}


def hint_of(kind: str, facts: Mapping[str, Any]) -> str | None:
    """Return what to do about an error of validation, by its type and what it says of it; None where nobody knows."""
    if facts.get("hint"):
        return str(facts["hint"])
    if kind in _BOUNDS and _BOUNDS[kind][0] in facts:
        name, text = _BOUNDS[kind]
        return text.format(facts[name])
    return _KINDS.get(kind.partition("_")[0]) if kind.endswith(("_type", "_parsing", "_from_float")) else None
