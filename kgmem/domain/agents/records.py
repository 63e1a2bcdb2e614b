"""Agent states as records of a file: what belongs to one state, in which order it is stored, and what is wrong with it.

A version's content comes compressed in parts of base64, each a record of its own, so that no line of a file is longer
than lines may be. A state with all its versions is stored as a whole or not at all.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, Final

from kgmem.domain.agents.state import MEDIA_TYPES, MOST_BYTES, RetentionRule, check_name, check_rules
from kgmem.domain.errors import InvalidInput
from kgmem.domain.time.interval import parse_time

STATE: Final = "agent_state"
VERSION: Final = "agent_state_version"
RETENTION: Final = "agent_retention"
STATE_KINDS: Final = (STATE, VERSION)  # Records that are stored with their state.
PART_BYTES: Final = 2 * 1024 * 1024  # Of compressed content in one record.
_MOST_PARTS: Final = 2 * MOST_BYTES // PART_BYTES  # Compressed, no content takes twice its bytes.
_LARGEST: Final = 2**31 - 1
_SHA256: Final = 64  # Hexadecimal digits.
# What all parts of one version repeat.
_SHARED: Final = ("at", "author", "base", "branched_from", "media_type", "parts", "restored_from", "sha256", "size")


def state_of(told: Mapping[str, Any]) -> str:
    """Return which state a record is of, as a text that sorts the records of one state together."""
    return f"{told.get('scope') or ''} {told['agent']}/{told['name']}"


def place_in_state(told: Mapping[str, Any]) -> int:
    """Return the place of a record among those of its state: the state itself, then its versions part by part."""
    if "version" not in told:
        return 0
    return int(told["version"]) * (_MOST_PARTS + 1) + int(told.get("part") or 1)


def check_state(told: Mapping[str, Any], _: str = "") -> None:
    """Raise InvalidInput for a record of a state that kgmem would not have written."""
    _check_names(told)
    _whole(told, "last", 1)
    if told.get("versions") is not None:
        _whole(told, "versions", 0)
    for place, each in enumerate(_list(told.get("checkpoints") or [], "checkpoints")):
        if not isinstance(each, Mapping) or not isinstance(each.get("name"), str):
            raise _wrong(f"checkpoints[{place}]", "a checkpoint with name, version and at")
        check_name("checkpoint", each["name"])
        _whole(each, "version", 1)
        _moment(each, "at")


def check_version(told: Mapping[str, Any], _: str = "") -> None:
    """Raise InvalidInput for a part of a version that kgmem would not have written."""
    _check_names(told)
    version = _whole(told, "version", 1)
    _moment(told, "at")
    if told["media_type"] not in MEDIA_TYPES.values():
        raise _wrong("media_type", f"one of {', '.join(sorted(set(MEDIA_TYPES.values())))}")
    if _whole(told, "size", 0) > MOST_BYTES:
        raise _wrong("size", f"at most {MOST_BYTES}")
    digest = told["sha256"]
    if len(digest) != _SHA256 or not set(digest) <= set("0123456789abcdef"):
        raise _wrong("sha256", f"{_SHA256} hexadecimal digits")
    for name in ("base", "restored_from"):
        if told.get(name) is not None and _whole(told, name, 1) >= version:
            raise _wrong(name, f"a version before {version}")
    part, parts = (_whole(told, name, 1) if told.get(name) is not None else 1 for name in ("part", "parts"))
    if part > parts or parts > _MOST_PARTS:
        raise _wrong("part", f"one of at most {_MOST_PARTS} parts")
    _bytes(told)


def check_retention(told: Mapping[str, Any], _: str = "") -> None:
    """Raise InvalidInput for a record of retention rules that kgmem would not have written."""
    check_name("agent", told["agent"])
    rules_of(told)


def rules_of(told: Mapping[str, Any]) -> tuple[RetentionRule, ...]:
    """Return the rules of a record. Raises InvalidInput."""
    rules = []
    for place, each in enumerate(_list(told["rules"], "rules")):
        if not isinstance(each, Mapping):
            raise _wrong(f"rules[{place}]", "a rule with within_seconds and every_seconds")
        within = _whole(each, "within_seconds", 1)
        rules.append(RetentionRule(within, _whole(each, "every_seconds", 0) if "every_seconds" in each else 0))
    return check_rules(rules)


def packed_of(parts: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the compressed content of a version from its parts, in their order. Raises InvalidInput."""
    first = parts[0]
    wanted = first.get("parts") or 1
    if [part.get("part") or 1 for part in parts] != list(range(1, wanted + 1)):
        raise InvalidInput(
            f"Version {first['version']} of the state {first['name']!r} has {len(parts)} of its {wanted} parts.",
            hint="Import the whole file, as the export wrote it.",
        )
    if any(part.get(name) != first.get(name) for part in parts for name in _SHARED):
        raise InvalidInput(
            f"The parts of version {first['version']} of the state {first['name']!r} contradict each other.",
            hint="Import the file as the export wrote it.",
        )
    return b"".join(map(_bytes, parts))


def _check_names(told: Mapping[str, Any]) -> None:
    check_name("agent", told["agent"])
    check_name("name", told["name"])


def _bytes(told: Mapping[str, Any]) -> bytes:
    try:
        return base64.b64decode(told["data"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise _wrong("data", "base64") from error


def _whole(told: Mapping[str, Any], name: str, least: int) -> int:
    value = told.get(name)
    if type(value) is not int or not least <= value <= _LARGEST:
        raise _wrong(name, f"a whole number from {least} on")
    return value


def _moment(told: Mapping[str, Any], name: str) -> None:
    value = told.get(name)
    if not isinstance(value, str) or parse_time(value).start is None:
        raise _wrong(name, "a moment such as 2026-01-31T12:00:00Z")


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise _wrong(name, "a list")
    return value


def _wrong(name: str, wanted: str) -> InvalidInput:
    return InvalidInput(
        f"{name} is not {wanted}.", hint="Remove the record, or write it as an export does.", field=name
    )
