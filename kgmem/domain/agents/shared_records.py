"""Subscriptions and feedback as records of a file, which name what they are about by keys."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Final

from kgmem.domain.agents.publication_records import is_hash
from kgmem.domain.errors import InvalidInput
from kgmem.domain.recall.feedback import Feedback
from kgmem.domain.recall.question_record import question_of
from kgmem.domain.subscriptions.subscription import (
    MOST_GROUPS,
    EventFilter,
    SubscriptionAddress,
    SubscriptionRequest,
    check_group,
)

SUBSCRIPTION: Final = "subscription"
FEEDBACK: Final = "feedback"
_PARTS: Final = frozenset(each.name for each in fields(EventFilter))
_NAMED: Final = {"entity": ("key",), "episode": ("key",), "relationship": ("start", "relation", "end")}


def subscription_of(told: Mapping[str, Any]) -> tuple[SubscriptionAddress, SubscriptionRequest, Sequence[str]]:
    """Return what a record says: the subscription and the names of its groups. Raises InvalidInput."""
    filter_ = told.get("filter") or {}
    if not isinstance(filter_, Mapping) or not filter_.keys() <= _PARTS:
        raise _wrong("filter", f"a map of {', '.join(sorted(_PARTS))}")
    for name in ("kinds", "labels", "keys"):
        if not _are_texts(filter_.get(name, [])):
            raise _wrong(f"filter.{name}", "a list of texts")
    question, least = filter_.get("question"), filter_.get("min_relevance", 0.5)
    if question is not None and not isinstance(question, str):
        raise _wrong("filter.question", "a text")
    if type(least) not in {int, float}:
        raise _wrong("filter.min_relevance", "a number")
    below, groups = told.get("below"), told.get("groups") or []
    if below is not None and type(below) is not bool:
        raise _wrong("below", "true or false")
    if not _are_texts(groups) or len(groups) > MOST_GROUPS:
        raise _wrong("groups", f"a list of at most {MOST_GROUPS} names")
    address = SubscriptionAddress(told["subscription"], told.get("scope") or "").checked()
    asked = told.get("answer")
    answer = replace(question_of(asked), scope=address.scope) if asked is not None else None
    request = SubscriptionRequest(told["what"], EventFilter(**filter_), below is not False, answer=answer).checked()
    return address, request, [check_group(each) for each in dict.fromkeys(groups)]


def check_subscription(told: Mapping[str, Any], _: str = "") -> None:
    """Raise InvalidInput for a record of a subscription that kgmem would not have written."""
    subscription_of(told)


def check_feedback(told: Mapping[str, Any], _: str = "") -> None:
    """Raise InvalidInput for a record of feedback that kgmem would not have written."""
    for name in _NAMED[told["item"]]:
        if not told.get(name):
            raise _wrong(name, f"given, as it names the {told['item']}")
    if told.get("apart") is not None and not is_hash(told["apart"]):
        raise _wrong("apart", "a whole number of 64 bits as a text")
    Feedback(1, told["verdict"], told.get("question"), told.get("reason"), told.get("scope") or "").checked()


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _wrong(name: str, wanted: str) -> InvalidInput:
    return InvalidInput(
        f"{name} is not {wanted}.", hint="Remove the record, or write it as an export does.", field=name
    )
