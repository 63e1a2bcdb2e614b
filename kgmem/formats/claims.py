"""The fields of records of what a graph believes, for every format that carries them."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from kgmem.domain.claims.records import BeliefKind
from kgmem.domain.errors import InvalidInput, TooLarge
from kgmem.domain.time.interval import parse_time
from kgmem.formats import fields

_Read = Callable[[Any, str], Any]
_LARGEST = 16 * 1024 * 1024  # Bytes of JSON in one field: a fact may have many options.
_KEY, _NAME, _REASON = fields.text(1, 500), fields.text(1, 200), fields.text(0, 10_000)
_SCOPE, _TIME = fields.text(0, 400), fields.text(1, 50)


def _json(value: Any, name: str) -> Any:
    """Read any JSON value of bounded size."""
    try:
        size = len(orjson.dumps(value))
    except (TypeError, RecursionError) as error:
        raise InvalidInput(f"{name} holds what JSON cannot say: {error}.", mend="Give a JSON value.") from error
    if size > _LARGEST:
        raise TooLarge(f"{name} takes {size} bytes of JSON, and {_LARGEST} is the most.", mend="Give less.")
    return value


def _known(value: Any, name: str) -> str:
    """Read a moment, such as 2026-01-31T12:00:00.000001Z."""
    text = _TIME(value, name)
    if parse_time(text).start is None:
        raise InvalidInput(f"{name} is {text!r} and no moment.", mend="Give a date and a time.")
    return text


def _of(*known: str) -> _Read:
    """Give a reader of one of some words."""

    def read(value: Any, name: str) -> str:
        if value not in known:
            raise InvalidInput(f"{name} is {str(value)[:80]!r}.", mend=f"Give one of {', '.join(known)}.")
        return str(value)

    return read


_TOPIC: Final[dict[str, _Read]] = {"subject": _KEY, "predicate": _NAME, "about": fields.text(0, 500)}
FIELDS: Final[Mapping[BeliefKind, Mapping[str, _Read]]] = {
    "claim": {
        "source": _KEY, "subject": _KEY, "predicate": _NAME, "object": _KEY, "value": _json, "valid_from": _TIME,
        "valid_to": _TIME, "confidence": fields.fraction, "episode": _KEY, "span": _json, "scope": _SCOPE,
        "known_from": _known, "known_to": _known, "relationship": _json,
    },
    "decision": {
        "action": _NAME, "by": fields.text(0, 500), "reason": _REASON, "at": _known, **_TOPIC, "value": _json,
        "scope": _SCOPE, "detail": _json,
    },
    "fact": {**_TOPIC, "scope": _SCOPE, "facts": _json},
    "correlation": {
        "relation": _of("exclusion", "implication", "same_origin"), "strength": fields.fraction,
        "by": fields.text(0, 500), "reason": _REASON, "known_from": _known, "known_to": _known, "scope": _SCOPE,
        "detail": _json,
    },
    "trust": {
        "of": _of("source", "predicate", "copies", "run"), "source": _KEY, "predicate": _NAME, "other": _KEY,
        "trust": fields.fraction, "scope": _SCOPE, "known_from": _known, "detail": _json,
    },
    "merge": {
        "keep": _KEY, "gone": _KEY, "by": fields.text(0, 500), "reason": _REASON, "at": _known, "scope": _SCOPE,
        "detail": _json,
    },
    "pair": {
        "one": _KEY, "other": _KEY, "decided": _of("different"), "by": fields.text(0, 500), "reason": _REASON,
        "at": _known, "scope": _SCOPE, "detail": _json,
    },
}  # fmt: skip
REQUIRED: Final[Mapping[BeliefKind, tuple[str, ...]]] = {
    "claim": ("source", "subject", "predicate"),
    "decision": ("action", "by", "at"),
    "fact": ("subject", "predicate", "facts"),
    "correlation": ("relation", "detail"),
    "trust": ("of", "detail"),
    "merge": ("keep", "gone", "at"),
    "pair": ("one", "other", "decided"),
}
AS_JSON: Final = frozenset({"value", "span", "relationship", "detail", "facts"})  # Fields of any JSON value.
