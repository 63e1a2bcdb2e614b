"""Messages of a session, in the shapes that the APIs of models use, and what of them is read."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final, Literal, cast, get_args

from kgmem.domain.errors import InvalidInput, TooLarge
from kgmem.domain.fields import LARGEST_PROPERTIES, LONGEST_NAME, LONGEST_TEXT
from kgmem.domain.graph.expiry import expiry_of
from kgmem.domain.time.interval import parse_time

Role = Literal["user", "assistant", "system", "tool"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
# Other names that APIs have for them.
_ROLES: Final[Mapping[str, Role]] = {**{role: role for role in ROLES}, "developer": "system", "function": "tool"}
READ: Final[frozenset[Role]] = frozenset({"user", "assistant"})  # Whose words are extracted.
MOST_AT_ONCE: Final = 1000
LARGEST_MESSAGE: Final = 4 * 1024 * 1024  # Bytes of JSON.
_ID = re.compile(r"[^\s/\x00-\x1f\x7f]{1,200}")
_TEXTS: Final = frozenset({"text", "input_text", "output_text"})
NOT_EXTRACTED: Final = "not_extracted"  # The property of an episode that is extracted only on request.
_SEARCHED: Final = 20_000  # Characters of a tool's output by which it is found.


@dataclass(frozen=True, slots=True)
class Message:
    """One message, as a model's API gives or takes it.

    `content` is a text, or a list of parts such as {"type": "text", "text": ...}; None where there are only tool calls.
    """

    role: Role
    content: str | Sequence[Mapping[str, Any]] | None = None
    id: str | None = None  # Without one it gets one; sent again with the same id it is stored once.
    name: str | None = None  # Who speaks, or which tool answers.
    tool_calls: Sequence[Mapping[str, Any]] = ()
    tool_call_id: str | None = None  # Of a tool's answer.
    tokens: int | None = None  # As the model's API has counted; without it kgmem counts.
    occurred_at: str | None = None  # ISO 8601; now, where it is not given.
    refusal: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    expires_at: str | None = None  # ISO 8601: from then on it is in no answer.
    ttl: str | float | None = None  # How long it lasts, instead of expires_at: seconds, or such as 30d and PT12H.

    @property
    def parts(self) -> Sequence[Mapping[str, Any]]:
        """Its parts; none where its content is a text."""
        return () if self.content is None or isinstance(self.content, str) else self.content

    @property
    def words(self) -> str:
        """What was said, without tool calls, tool results, thoughts and pictures."""
        if isinstance(self.content, str):
            return self.content
        said = [str(part["text"]) for part in self.parts if part.get("type") in _TEXTS]
        return "\n".join([*said, self.refusal] if self.refusal else said)

    @property
    def is_read(self) -> bool:
        """Whether entities and facts are extracted from it: words of a user or an assistant."""
        return self.role in READ and bool(self.words.strip())

    @property
    def text(self) -> str:
        """What it is found by: its words, else its tool results, its tool calls, or the kinds of its parts."""
        if self.words.strip():
            return self.words if self.role in READ else self.words[:_SEARCHED]
        told = "\n".join((*results(self), *calls(self))).strip()
        return told[:_SEARCHED] or " ".join(f"[{part.get('type')}]" for part in self.parts) or "[empty]"

    def digest(self) -> bytes:
        """Return the hash of what it says, so of all but its id, its count of tokens, and when it expires."""
        said = [
            self.role, self.content, self.name, self.tool_calls, self.tool_call_id, self.occurred_at, self.refusal,
            self.metadata,
        ]  # fmt: skip
        data = json.dumps(said, sort_keys=True, ensure_ascii=False, default=_plain).encode(errors="surrogatepass")
        return blake2b(data, digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message with its place in the session."""

    seq: int  # From 1, in the order of the session.
    id: str
    session: str
    episode: str  # The key of its episode.
    role: Role
    content: str | Sequence[Mapping[str, Any]] | None
    name: str | None
    tool_calls: Sequence[Mapping[str, Any]]
    tool_call_id: str | None
    refusal: str | None
    metadata: Mapping[str, Any]
    tokens: int
    occurred_at: str
    created_at: str
    created: bool = True  # False in the answer to a message that was stored before.

    def message(self) -> Message:
        """Return it as it was given."""
        return Message(
            self.role, self.content, self.id, self.name, self.tool_calls, self.tool_call_id, self.tokens,
            self.occurred_at, self.refusal, self.metadata,
        )  # fmt: skip


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else list(cast("Sequence[object]", value))


def calls(message: Message) -> Iterator[str]:
    """Return the tool calls of a message as texts: search_flights({"to": "LIS"})."""
    for call in message.tool_calls:
        function = call.get("function") or call.get("custom") or {}
        given = function.get("arguments", function.get("input", ""))
        yield f"{function.get('name', '')}({given if isinstance(given, str) else json.dumps(given)})"
    for part in message.parts:
        if part.get("type") == "tool_use":
            yield f"{part.get('name', '')}({json.dumps(part.get('input', {}), ensure_ascii=False)})"


def results(message: Message) -> Iterator[str]:
    """Return the results of tools that a message carries as parts, as texts."""
    for part in message.parts:
        if part.get("type") == "tool_result":
            held = part.get("content") or ""
            yield (
                held
                if isinstance(held, str)
                else "\n".join(
                    str(inner.get("text", f"[{inner.get('type')}]")) for inner in held if isinstance(inner, Mapping)
                )
            )


def role_of(name: object, at: str = "role") -> Role:
    """Return a role by the name that an API has for it. Raises InvalidInput."""
    if not isinstance(name, str) or name not in _ROLES:
        raise InvalidInput(
            f"{at} is {str(name)[:80]!r}, which is no role.", hint=f"Give one of {', '.join(sorted(_ROLES))}.", field=at
        )
    return _ROLES[name]


_READERS: Final[Mapping[str, tuple[type, ...]]] = {
    "role": (str,), "content": (str, list), "id": (str,), "name": (str,), "tool_calls": (list,), "tool_call_id": (str,),
    "tokens": (int,), "occurred_at": (str,), "refusal": (str,), "metadata": (dict,),
    "expires_at": (str,), "ttl": (str, int, float),
}  # fmt: skip


def message_from(told: object, at: str) -> Message:
    """Return the message that a JSON object tells; null is the same as omitted. Raises InvalidInput."""
    if not isinstance(told, Mapping):
        raise _wrong(at, "no object", 'Give {"role": ..., "content": ...}.')
    given = {str(name): value for name, value in told.items() if value is not None}
    for name, value in given.items():
        if name not in _READERS:
            raise _wrong(f"{at}.{name[:80]}", "not known", f"A message may have {', '.join(_READERS)}.")
        if not isinstance(value, _READERS[name]) or isinstance(value, bool):
            raise _wrong(f"{at}.{name}", f"of the type {type(value).__name__}", "Give it as models' APIs do.")
        if isinstance(value, list) and not all(isinstance(each, Mapping) for each in value):
            raise _wrong(f"{at}.{name}", "a list of something else than objects", "Give a list of objects.")
    role = role_of(given.pop("role", None), f"{at}.role")
    return Message(role, **given)


def check_messages(messages: Sequence[Message]) -> None:
    """Raise InvalidInput or TooLarge, with the place of what is wrong, for messages that cannot be stored."""
    if not 1 <= len(messages) <= MOST_AT_ONCE:
        raise InvalidInput(
            f"{len(messages)} messages were sent.", hint=f"Send 1 to {MOST_AT_ONCE} at once.", field="messages"
        )
    for n, message in enumerate(messages):
        check_message(message, f"messages[{n}]")


def check_message(message: Message, at: str) -> None:
    """Raise InvalidInput or TooLarge for a message that cannot be stored; `at` is its place."""
    role_of(message.role, f"{at}.role")
    if message.id is not None and not _ID.fullmatch(message.id):
        raise _wrong(f"{at}.id", f"{message.id[:80]!r}", "Give 1 to 200 characters without spaces and slashes.")
    for name, value in (("name", message.name), ("tool_call_id", message.tool_call_id)):
        if value is not None and not 1 <= len(value) <= LONGEST_NAME:
            raise _wrong(f"{at}.{name}", f"of {len(value)} characters", f"Give 1 to {LONGEST_NAME}.")
    if message.tokens is not None and not 0 <= message.tokens < 2**31:
        raise _wrong(f"{at}.tokens", str(message.tokens), "Give 0 or more, or omit it.")
    if message.occurred_at is not None:
        parse_time(message.occurred_at)
    _check_expiry(message, at)
    _check_content(message, at)
    if message.tool_calls and message.role != "assistant":
        raise _wrong(f"{at}.tool_calls", "on a message that is not of the assistant", "Only an assistant calls tools.")
    if message.tool_call_id is not None and message.role != "tool":
        raise _wrong(f"{at}.tool_call_id", "on a message that is not of a tool", "Give it with the role tool.")
    for n, call in enumerate(message.tool_calls):
        function = call.get("function", call.get("custom"))
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            raise _wrong(
                f"{at}.tool_calls[{n}]", "without the name of a function",
                'Give {"id": ..., "type": "function", "function": {"name": ..., "arguments": ...}}.',
            )  # fmt: skip
    _check_size(message, at)


def _check_expiry(message: Message, at: str) -> None:
    try:
        expiry_of(message.expires_at, message.ttl)
    except InvalidInput as error:
        raise InvalidInput(error.message, hint=error.hint, field=f"{at}.{error.facts.get('field')}") from error


def _check_content(message: Message, at: str) -> None:
    content, at = message.content, f"{at}.content"
    for n, part in enumerate(message.parts):
        kind = part.get("type")
        if not isinstance(kind, str) or not kind:
            raise _wrong(f"{at}[{n}].type", "missing", 'Give parts such as {"type": "text", "text": "..."}.')
        needed = {"tool_use": "name", "tool_result": "tool_use_id"}.get(kind, "text" if kind in _TEXTS else None)
        if needed is not None and not isinstance(part.get(needed), str):
            raise _wrong(f"{at}[{n}].{needed}", "not a text", f"A part of the type {kind} needs it.")
    blank = not content.strip() if isinstance(content, str) else not content
    if blank and not message.tool_calls and not message.refusal:
        raise _wrong(at, "empty", "Give a text, parts, or tool_calls.")
    if len(message.words) > LONGEST_TEXT:
        raise TooLarge(f"{at} has {len(message.words):,} characters.", hint=f"Send at most {LONGEST_TEXT:,}.", field=at)


def _check_size(message: Message, at: str) -> None:
    for name, value, most in (
        ("metadata", message.metadata, LARGEST_PROPERTIES),
        ("content", [message.content, message.tool_calls], LARGEST_MESSAGE),
    ):
        size = len(json.dumps(value, default=_plain, ensure_ascii=False).encode(errors="surrogatepass"))
        if size > most:
            raise TooLarge(
                f"{at}.{name} takes {size:,} bytes of JSON.", hint=f"Send at most {most:,}.", field=f"{at}.{name}"
            )


def _wrong(at: str, what: str, hint: str) -> InvalidInput:
    return InvalidInput(f"{at} is {what}.", hint=hint, field=at)
