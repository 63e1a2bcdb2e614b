"""Retention rules as records of a file."""

from collections.abc import Mapping
from typing import Any, Final

from kgmem.domain.errors import InvalidInput
from kgmem.domain.retention.rule import RetentionRule

RULE: Final = "retention_rule"


def record_of(rule: RetentionRule) -> dict[str, Any]:
    """Return the record of a rule. Its scope is in `scope`; `covers` has the rest, and `everywhere` for no scope."""
    covers: dict[str, Any] = {name: value for name, value in (("label", rule.label), ("source", rule.source)) if value}
    if rule.scope is None:
        covers["everywhere"] = True
    return {
        "rule": rule.name, "scope": rule.scope or None, "covers": covers,
        "keep": rule.keep, "clock": rule.clock, "then": rule.then, "originals": rule.originals,
        "reason": rule.reason or None, "author": rule.by or None, "at": rule.at,
    }  # fmt: skip


def rule_of(told: Mapping[str, Any]) -> RetentionRule:
    """Return the rule of a record. Raises InvalidInput for a record that kgmem would not have written."""
    covers = told.get("covers")
    if not isinstance(covers, Mapping) or not {"label", "source", "everywhere"} >= covers.keys():
        raise _wrong("covers", "a map of label, source and everywhere")
    if covers.get("everywhere") and told.get("scope"):
        raise _wrong("covers.everywhere", "given beside a scope")
    for name in ("label", "source"):
        if covers.get(name) is not None and (type(covers[name]) is not str or "\0" in covers[name]):
            raise _wrong(f"covers.{name}", "a text")
    for name in ("keep", "originals"):
        if told.get(name) is not None and type(told[name]) not in {int, float}:
            raise _wrong(name, "a number of seconds")
    scope = None if covers.get("everywhere") else str(told.get("scope") or "")
    return RetentionRule(
        str(told["rule"]), told.get("keep"), scope, covers.get("label"), covers.get("source"), told["clock"],
        told["then"], told.get("originals"), str(told.get("reason") or ""), str(told.get("author") or ""),
        told.get("at"),
    ).checked()  # fmt: skip


def check_rule(told: Mapping[str, Any], _: str = "") -> None:
    """Raise InvalidInput for a record that kgmem would not have written."""
    rule_of(told)


def _wrong(name: str, wanted: str) -> InvalidInput:
    return InvalidInput(
        f"{name} is not {wanted}.", hint="Remove the record, or write it as an export does.", field=name
    )
