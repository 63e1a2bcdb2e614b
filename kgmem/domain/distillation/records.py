"""Runs of distillation and allowances as records of a file, which name texts by keys."""

from collections.abc import Mapping
from typing import Any, Final, get_args

from kgmem.domain.distillation.run import MOST_EPISODES, Allowance, GroupState, Trigger
from kgmem.domain.errors import InvalidInput
from kgmem.domain.time.interval import parse_time

DISTILLATION: Final = "distillation"
ALLOWANCE: Final = "allowance"
# States in which a file may have a run; one that is in progress is not exported.
STATES: Final = ("done", "waiting", "rolled_back", "undone")
_COUNTS: Final = ("tokens_before", "tokens_after", "facts", "had", "kept")


def allowance_of(told: Mapping[str, Any]) -> Allowance:
    """Return the allowance that a record states. Raises InvalidInput."""
    closed, age = told.get("closed_sessions"), told.get("older_than")
    if type(closed) is not bool:
        raise _wrong("closed_sessions", "true or false")
    if age is not None and type(age) not in {int, float}:
        raise _wrong("older_than", "a number of seconds")
    return Allowance(
        told.get("scope") or "", told.get("items"), told.get("tokens"), None if age is None else float(age), closed
    ).checked()


def check_allowance(told: Mapping[str, Any], _: str = "") -> None:
    """Raise InvalidInput for a record of an allowance that kgmem would not have written."""
    allowance_of(told)


def check_distillation(told: Mapping[str, Any], _: str = "") -> None:
    """Raise InvalidInput for a record of a run that kgmem would not have written."""
    if told.get("trigger") not in get_args(Trigger):
        raise _wrong("trigger", f"one of {', '.join(get_args(Trigger))}")
    for name in ("share", "threshold"):
        value = told.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
            raise _wrong(name, "a number from 0 to 1")
    for name in ("started", "finished"):
        if told.get(name) is not None and parse_time(told[name]).start is None:
            raise _wrong(name, "a time")
    skipped, sizes, groups = told.get("skipped", {}), told.get("bytes"), told.get("groups")
    if not isinstance(skipped, Mapping) or not all(_is_count(each) for each in skipped.values()):
        raise _wrong("skipped", "a map of counts")
    if not isinstance(sizes, list) or len(sizes) != 2 or not all(map(_is_count, sizes)):
        raise _wrong("bytes", "two sizes")
    if not isinstance(groups, list) or len(groups) > MOST_EPISODES:
        raise _wrong("groups", f"a list of at most {MOST_EPISODES} groups")
    for each in groups:
        _check_group(each)
    numbers = [each["number"] for each in groups]
    texts = [key for each in groups for key, _ in each["episodes"]]
    if len(set(numbers)) < len(numbers) or len(set(texts)) < len(texts):
        raise _wrong("groups", "a list without repeated numbers and texts")


def _check_group(told: Any) -> None:
    if not isinstance(told, Mapping) or not {"number", "key", "state", "episodes"} <= told.keys():
        raise _wrong("groups", "a list of groups with number, key, state and episodes")
    if told["state"] not in get_args(GroupState):
        raise _wrong("groups.state", f"one of {', '.join(get_args(GroupState))}")
    if not all(_is_count(told.get(name, 0)) for name in (*_COUNTS, "number")):
        raise _wrong("groups", "a list of groups with whole numbers")
    texts = [told["key"], told.get("maker", "rules"), told.get("problem") or ""]
    if not all(isinstance(each, str) and len(each) <= 10_000 for each in texts):
        raise _wrong("groups", "a list of groups with texts")
    if not all(type(told.get(name, False)) is bool for name in ("critical", "has_text")):
        raise _wrong("groups.critical", "true or false")
    lost = told.get("lost", [])
    if not isinstance(lost, list) or not all(
        isinstance(each, Mapping) and all(isinstance(part, str) for part in each.values()) for each in lost
    ):
        raise _wrong("groups.lost", "a list of maps of texts")
    members = told["episodes"]
    if not isinstance(members, list) or not all(
        isinstance(each, list) and len(each) == 2 and isinstance(each[0], str) and each[1] in (0, 1, 2, 3)
        for each in members
    ):
        raise _wrong("groups.episodes", "a list of keys, each with the number of its tier before")


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**31


def _wrong(name: str, wanted: str) -> InvalidInput:
    return InvalidInput(
        f"{name} is not {wanted}.", hint="Remove the record, or write it as an export does.", field=name
    )
