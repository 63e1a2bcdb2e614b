"""Sessions, their messages and memory blocks as records of a file, and what is wrong with one.

The text of a message is in its episode; these records have its place in the session and what else was sent. A session
is stored with all its messages, and a block with all its versions, as a whole or not at all.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from kgmem.domain.agents.block import BlockAddress, BlockContent
from kgmem.domain.agents.message import Message, check_message, message_from
from kgmem.domain.agents.records import STATE_KINDS, place_in_state, state_of
from kgmem.domain.agents.session import SessionAddress, SessionDetails
from kgmem.domain.errors import InvalidInput
from kgmem.domain.fields import LONGEST_KEY
from kgmem.domain.ledger.records import LEDGER
from kgmem.domain.time.interval import parse_time

SESSION: Final = "session"
MESSAGE: Final = "session_message"
BLOCK: Final = "memory_block"
BLOCK_VERSION: Final = "memory_block_version"
_APART: Final = "\x1f"  # Begins what no scope begins with.
_DIGEST: Final = 32  # Hexadecimal digits.
_LARGEST: Final = 2**62
# Fields of a message that are stored as they were sent.
_SENT: Final = (
    "role", "content", "name", "tool_calls", "tool_call_id", "refusal", "metadata", "occurred_at",
)  # fmt: skip


Stored: TypeAlias = Literal["agent state", "session", "memory block", "ledger"]  # What is stored as a whole.


def stored_with(kind: str, told: Mapping[str, Any]) -> tuple[str | None, int | None]:
    """Return as a text what a record is stored with, and its place there; None twice where it is stored by itself."""
    scope = told.get("scope") or ""
    if kind in STATE_KINDS:
        return state_of(told), place_in_state(told)
    if kind in (SESSION, MESSAGE):
        return f"{_APART}{scope} session {told.get('session') or told.get('id')}", told.get("seq") or 0
    if kind in (BLOCK, BLOCK_VERSION):
        return f"{_APART}{scope} memory block {told.get('block') or told.get('name')}", told.get("version") or 0
    if kind == LEDGER:  # Of all scopes together, in the order of the chain.
        return f"{_APART} ledger records", told.get("seq") or 0
    return None, None


def stored_as(about: str) -> Stored:
    """Return which of them a text of `stored_with` is."""
    rest = about.partition(" ")[2]
    if not about.startswith(_APART):
        return "agent state"
    if rest.startswith("ledger "):
        return "ledger"
    return "session" if rest.startswith("session ") else "memory block"


def name_of(about: str) -> str:
    """Return the name in a text of `stored_with`."""
    rest = about.partition(" ")[2]
    return rest.removeprefix(f"{stored_as(about)} ") if about.startswith(_APART) else rest


def check_session(told: Mapping[str, Any], _: str = "") -> None:
    """Raise InvalidInput for a session that kgmem would not have written."""
    SessionAddress(told["id"], told.get("scope") or "").checked()
    users, metadata = told.get("users") or [], told.get("metadata") or {}
    if not isinstance(users, list) or not all(isinstance(user, str) for user in users):
        raise _wrong("users", "a list of texts")
    if not isinstance(metadata, Mapping):
        raise _wrong("metadata", "an object")
    SessionDetails(told.get("agent"), users, metadata).checked()
    _moment(told, "opened")
    for name in ("closed", "latest"):
        if told.get(name) is not None:
            _moment(told, name)
    _whole(told, "last", 0)
    _whole(told, "messages", 0)


def check_session_message(told: Mapping[str, Any], _: str = "") -> None:
    """Raise InvalidInput for a message that kgmem would not have written."""
    SessionAddress(told["session"], told.get("scope") or "").checked()
    if not told["episode"] or len(told["episode"]) > LONGEST_KEY:
        raise _wrong("episode", "the key of an episode")
    _whole(told, "seq", 1)
    _whole(told, "tokens", 0)
    _moment(told, "at")
    digest = told["digest"]
    if len(digest) != _DIGEST or not set(digest) <= set("0123456789abcdef"):
        raise _wrong("digest", f"{_DIGEST} hexadecimal digits")
    if not isinstance(told["sent"], Mapping) or not set(told["sent"]) <= set(_SENT):
        raise _wrong("sent", f"an object with {', '.join(_SENT)}")
    check_message(sent_message(told), "sent")


def sent_message(told: Mapping[str, Any]) -> Message:
    """Return the message of a record. Raises InvalidInput."""
    return message_from({**told["sent"], "id": told["id"], "tokens": told["tokens"]}, "sent")


def body_of(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is stored of a message besides its place, as a new message has it."""
    sent = sent_message(told)
    if sent.occurred_at is None:
        raise _wrong("sent.occurred_at", "a time")
    return {
        "episode": told["episode"], "role": sent.role, "content": sent.content, "name": sent.name,
        "tool_calls": sent.tool_calls, "tool_call_id": sent.tool_call_id, "refusal": sent.refusal,
        "metadata": sent.metadata, "occurred_at": sent.occurred_at,
    }  # fmt: skip


def sent_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a stored message a record has: what is not empty."""
    return {name: body[name] for name in _SENT if body.get(name) not in (None, [], {}, ())}


def check_block(told: Mapping[str, Any], _: str = "") -> None:
    """Raise InvalidInput for a memory block that kgmem would not have written."""
    BlockAddress(told["name"], told.get("scope") or "").checked()
    _whole(told, "last", 1)
    _whole(told, "versions", 0)


def check_block_version(told: Mapping[str, Any], _: str = "") -> None:
    """Raise InvalidInput for a version of a memory block that kgmem would not have written."""
    BlockAddress(told["block"], told.get("scope") or "").checked()
    _whole(told, "version", 1)
    _moment(told, "at")
    block_content(told).checked()


def block_content(told: Mapping[str, Any]) -> BlockContent:
    """Return the content of a version of a block. Raises InvalidInput."""
    agents = told.get("agents") or []
    if not isinstance(agents, list) or not all(isinstance(agent, str) for agent in agents):
        raise _wrong("agents", "a list of texts")
    _whole(told, "limit", 1)
    return BlockContent(told.get("text") or "", told.get("description") or "", told["limit"], tuple(agents))


def _whole(told: Mapping[str, Any], name: str, least: int) -> None:
    value = told.get(name)
    if type(value) is not int or not least <= value <= _LARGEST:
        raise _wrong(name, f"a whole number from {least} on")


def _moment(told: Mapping[str, Any], name: str) -> None:
    value = told.get(name)
    if not isinstance(value, str) or parse_time(value).start is None:
        raise _wrong(name, "a moment such as 2026-01-31T12:00:00Z")


def _wrong(name: str, wanted: str) -> InvalidInput:
    return InvalidInput(
        f"{name} is not {wanted}.", hint="Remove the record, or write it as an export does.", field=name
    )
