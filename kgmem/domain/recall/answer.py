"""Answers: ranked hits with the contribution of each retriever, and cursors to the next page."""

import base64
import binascii
import json
import zlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from hashlib import blake2b
from typing import Any, Final

from kgmem.domain.claims.claim import Option
from kgmem.domain.errors import InvalidInput
from kgmem.domain.recall.causality import CausalPath
from kgmem.domain.recall.question import HitKind, Question, TimeState


@dataclass(frozen=True, slots=True)
class RetrieverShare:
    """The part of one retriever in one hit: rank (from 1), raw value, and share of the score (0 to 1).

    `listed` is false where other retrievers found the hit, and its value was looked up; the rank is that among all
    candidates either way.
    """

    rank: int
    value: float
    share: float
    listed: bool = True


@dataclass(frozen=True, slots=True)
class End:
    """The start or end of a fact."""

    key: str
    name: str | None
    label: str | None


_STATES: Final = "STATES"
_ENDS: Final = "ends"  # The property with the kind, or the words, of what a fact says is over.


@dataclass(frozen=True, slots=True)
class Hit:
    """One ranked item, with the reasons for its rank."""

    kind: HitKind
    id: int
    key: str
    label: str
    name: str | None
    text: str | None
    score: float
    confidence: float | None = None
    relevance: float | None = None  # The probability that it answers the question's text; None without a text.
    valid_from: str | None = None
    valid_to: str | None = None
    scope: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)
    place: Mapping[str, Any] | None = None
    # With `explain`: of what has no point of its own, the links to where it stands, as "OCCURRED_AT -> pad-34".
    placed_by: Sequence[str] = ()
    retrievers: Mapping[str, RetrieverShare] = field(default_factory=dict)
    provenance: Sequence[Mapping[str, Any]] = ()
    paths: Sequence[CausalPath] = ()  # Of a path itself; of what causes or effects are, when it is to be explained.
    start: End | None = None  # Of a fact, as its end and its strength; its label is the relationship's kind.
    end: End | None = None
    strength: float | None = None
    state: TimeState | None = None  # As of now, or of when.known_at; of an entity or a fact.
    alternatives: Sequence[Option] = ()  # Of a fact that sources disagree on, when the question asks for them.


@dataclass(frozen=True, slots=True)
class Answer:
    """The hits of one question, best first, and what was suppressed (reason -> number of candidates)."""

    hits: Sequence[Hit]
    suppressed: Mapping[str, int] = field(default_factory=dict)
    profile: Mapping[str, float] = field(default_factory=dict)  # Milliseconds a stage, when it was asked for.
    # Of each retriever that recall decided on by itself whether it counts, and why; with `explain`.
    gates: Mapping[str, str] = field(default_factory=dict)
    understood: Mapping[str, Any] = field(default_factory=dict)  # What was made of the text: the times in it.
    # Whether no hit is likely to answer the question's text, whatever its score; None without a text.
    nothing_relevant: bool | None = None
    cursor: str | None = None  # Goes on behind these hits; None when there are no more.
    # Of an answer without hits: by filter, how many items pass it alone (at most 1,000), so which one to relax.
    filter_matches: Mapping[str, int] = field(default_factory=dict)


def current_first(hits: Sequence[Hit]) -> list[Hit]:
    """Return hits with nothing that is over before what holds instead.

    A past fact comes behind a current one of its kind that shares a subject or an object with it: "Ada works for Acme"
    behind "Ada works for Globex"; and behind the statement that it is over: "Ada no longer works for Acme". What holds
    moves up and takes the score of the first that it passes; all else keeps its place, so that history is found where
    nothing replaced it.
    """
    ordered = list(hits)
    at = 0
    while at < len(ordered):
        over = ordered[at]
        kind = _kind(over) if over.state == "past" else over.properties.get(_ENDS)
        if over.kind == "fact" and kind is not None:
            behind = range(at + 1, len(ordered))
            found = next((n for n in behind if _holds_instead(ordered[n], over, str(kind))), None)
            if found is None and over.state == "past":
                found = next((n for n in behind if _says_over(ordered[n], over)), None)
            if found is not None:
                ordered.insert(at, replace(ordered.pop(found), score=over.score))
        at += 1
    return ordered


def _holds_instead(hit: Hit, over: Hit, kind: str) -> bool:
    if hit.kind != "fact" or hit.state != "current" or hit.scope != over.scope or _kind(hit) != kind:
        return False
    one, other = _ends(hit), _ends(over)
    return one[0] == other[0] or one[1] == other[1]


def _says_over(hit: Hit, past: Hit) -> bool:
    same = hit.kind == "fact" and hit.state == "current" and hit.scope == past.scope and _ends(hit) == _ends(past)
    return same and hit.properties.get(_ENDS) == _kind(past)


def _ends(hit: Hit) -> tuple[str | None, str | None]:
    return (hit.start.key if hit.start is not None else None, hit.end.key if hit.end is not None else None)


def _kind(hit: Hit) -> str:
    """Return the kind of a fact; its words, where it has no kind of its own."""
    return str(hit.properties.get("predicate", hit.label)) if hit.label == _STATES else hit.label


_LARGEST = 100_000  # Bytes of what a cursor unpacks to.
_HIGHEST = 2**63 - 1  # No id is higher.


def next_cursor(graph: str, question: Question, given: Sequence[int]) -> str:
    """Return the cursor after the hits with these ids: all that were returned so far."""
    steps = [after - before for before, after in zip((0, *given), given, strict=False)]
    packed = zlib.compress(json.dumps([_digest(graph, question), steps], separators=(",", ":")).encode(), 9)
    return base64.urlsafe_b64encode(packed).decode()


def given_before(graph: str, question: Question) -> list[int]:
    """Return the ids of the hits before a cursor. Raises InvalidInput for the cursor of another question."""
    if question.cursor is None:
        return []
    try:
        unpacked = zlib.decompressobj().decompress(base64.urlsafe_b64decode(question.cursor), _LARGEST)
        digest, steps = json.loads(unpacked)
        ids = []
        last = 0
        for step in steps:
            last += int(step)
            ids.append(last)
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error, zlib.error) as error:
        raise InvalidInput(
            "The cursor is invalid.", hint="Send the cursor of the previous answer unchanged."
        ) from error
    if not all(abs(id_) <= _HIGHEST for id_ in ids):  # Ids of paths may be negative.
        raise InvalidInput("The cursor is invalid.", hint="Send the cursor of the previous answer unchanged.")
    if digest != _digest(graph, question):
        raise InvalidInput(
            "The cursor belongs to another question.",
            hint="Send the same question again; only k and cursor may differ.",
        )
    return ids


def question_digest(question: Question) -> bytes:
    """Return a digest of all that a question asks: equal questions have one digest, and others have others."""
    return _hashed("", question, size=20).digest()


def _digest(graph: str, question: Question) -> str:
    asked = replace(question, cursor=None, k=0, explain=False, profile=False)
    return _hashed(graph, asked, size=9).hexdigest()


def _hashed(graph: str, question: Question, *, size: int) -> "blake2b":
    # A vector is hundreds of numbers, most of all that a question holds, so its bytes stand for it.
    vector = b"" if question.what.vector is None else array("d", question.what.vector).tobytes()
    asked = replace(question, what=replace(question.what, vector=None))
    told = repr((graph, _plain(asked))).encode("utf-8", "surrogatepass")
    return blake2b(told + vector, digest_size=size)


_NAMES: dict[type, tuple[str, ...]] = {}  # Of the fields of the classes that a question has.


def _names(of: type) -> tuple[str, ...]:
    if of not in _NAMES:
        _NAMES[of] = tuple(each.name for each in fields(of))
    return _NAMES[of]


def _plain(value: object) -> object:
    """Return a value in one canonical form: lists as tuples, mappings sorted by key."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if is_dataclass(value):
        return tuple([_plain(getattr(value, name)) for name in _names(type(value))])
    if isinstance(value, Mapping):
        return tuple((key, _plain(value[key])) for key in sorted(value))
    if not isinstance(value, Iterable):
        return value
    return tuple(_plain(each) for each in value)
