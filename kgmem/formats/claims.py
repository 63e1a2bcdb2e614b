"""The fields of records of what a graph believes, for every format that carries them."""

from collections.abc import Mapping
from typing import Any, Final

from kgmem.domain.agents.block import LARGEST_LIMIT
from kgmem.domain.agents.publication import STATES
from kgmem.domain.agents.publication_records import PUBLICATION_KINDS
from kgmem.domain.agents.records import PART_BYTES
from kgmem.domain.claims.claim import ClaimStatement
from kgmem.domain.claims.records import BeliefKind
from kgmem.domain.distillation.records import STATES as RUN_STATES
from kgmem.domain.errors import InvalidInput
from kgmem.domain.fields import FRACTION, KEY, LABEL, SCOPE, TIME, stated_fields
from kgmem.domain.graph.tier import TIERS
from kgmem.domain.graph.tier_records import OF
from kgmem.domain.retention.rule import ACTIONS, CLOCKS
from kgmem.domain.time.interval import parse_time
from kgmem.formats import fields
from kgmem.formats.fields import Read, reader_of

_KEY, _NAME, _SCOPE, _TIME = map(reader_of, (KEY, LABEL, SCOPE, TIME))
_FRACTION, _json, _REASON = reader_of(FRACTION), fields.json_value, fields.text(0, 10_000)
_AGENT, _DATA = fields.text(1, 200), fields.text(0, 2 * PART_BYTES)


def _known(value: Any, name: str) -> str:
    """Read a moment, such as 2026-01-31T12:00:00.000001Z."""
    text = str(_TIME(value, name))
    if parse_time(text).start is None:
        raise InvalidInput(f"{name} is {text!r} and no moment.", hint="Give a date and a time.")
    return text


def _of(*known: str) -> Read:
    """Return a reader of one of some words."""

    def read(value: Any, name: str) -> str:
        if value not in known:
            raise InvalidInput(f"{name} is {str(value)[:80]!r}.", hint=f"Give one of {', '.join(known)}.")
        return str(value)

    return read


_TOPIC: Final[dict[str, Read]] = {"subject": _KEY, "predicate": _NAME, "about": fields.text(0, 500)}
FIELDS: Final[Mapping[BeliefKind, Mapping[str, Read]]] = {
    "claim": {
        **{field.wire: reader_of(field) for field in stated_fields(ClaimStatement) if field.wire != "ttl"},
        "known_from": _known, "known_to": _known, "relationship": _json, "published_from": fields.text(0, 1000),
    },
    "adjudication": {
        "action": _NAME, "by": fields.text(0, 500), "reason": _REASON, "at": _known, **_TOPIC, "value": _json,
        "scope": _SCOPE, "detail": _json,
    },
    "fact": {**_TOPIC, "scope": _SCOPE, "facts": _json, "beside": _json},
    "correlation": {
        "relation": _of("exclusion", "implication", "same_origin"), "strength": _FRACTION,
        "by": fields.text(0, 500), "reason": _REASON, "known_from": _known, "known_to": _known, "scope": _SCOPE,
        "detail": _json,
    },
    "trust": {
        "of": _of("source", "predicate", "copies", "run"), "source": _KEY, "predicate": _NAME, "other": _KEY,
        "trust": _FRACTION, "scope": _SCOPE, "known_from": _known, "detail": _json,
    },
    "merge": {
        "keep": _KEY, "gone": _KEY, "by": fields.text(0, 500), "reason": _REASON, "at": _known, "scope": _SCOPE,
        "detail": _json,
    },
    "pair": {
        "one": _KEY, "other": _KEY, "decided": _of("different"), "by": fields.text(0, 500), "reason": _REASON,
        "at": _known, "scope": _SCOPE, "detail": _json,
    },
    "agent_state": {
        "agent": _AGENT, "name": _AGENT, "scope": _SCOPE, "last": _json, "versions": _json, "checkpoints": _json,
        "expires_at": _known,
    },
    "agent_state_version": {
        "agent": _AGENT, "name": _AGENT, "scope": _SCOPE, "version": _json, "at": _known, "media_type": _AGENT,
        "size": _json, "sha256": _AGENT, "author": fields.text(0, 500), "restored_from": _json,
        "branched_from": fields.text(0, 500), "base": _json, "part": _json, "parts": _json, "data": _DATA,
    },
    "agent_retention": {"agent": _AGENT, "scope": _SCOPE, "rules": _json},
    "session": {
        "id": _AGENT, "scope": _SCOPE, "agent": _AGENT, "users": _json, "metadata": _json, "opened": _known,
        "closed": _known, "latest": _known, "last": _json, "messages": _json, "expires_at": _known,
    },
    "session_message": {
        "session": _AGENT, "scope": _SCOPE, "seq": _json, "id": _AGENT, "episode": _KEY, "tokens": _json, "at": _known,
        "digest": _AGENT, "sent": _json,
    },
    "memory_block": {
        "name": _AGENT, "scope": _SCOPE, "last": _json, "versions": _json, "expires_at": _known,
    },
    "memory_block_version": {
        "block": _AGENT, "scope": _SCOPE, "version": _json, "at": _known, "author": fields.text(0, 500),
        "text": fields.text(0, LARGEST_LIMIT), "description": fields.text(0, 1000), "limit": _json, "agents": _json,
    },
    "subscription": {
        "subscription": _AGENT, "scope": _SCOPE, "what": _of("scope", "entity", "label", "kinds", "question", "answer"),
        "filter": _json, "answer": _json, "below": _json, "at": _known, "author": fields.text(0, 500), "groups": _json,
    },
    "feedback": {
        "item": _of("entity", "episode", "relationship"), "key": _KEY, "start": _KEY, "relation": _NAME, "end": _KEY,
        "apart": fields.text(0, 20), "of_scope": _SCOPE, "scope": _SCOPE, "by": fields.text(0, 500),
        "question": fields.text(0, 2000), "verdict": _of("useful", "wrong"), "reason": _REASON, "at": _known,
    },
    "publication": {
        "publication": _of(*PUBLICATION_KINDS), **_TOPIC, "object": _KEY, "key": _KEY, "apart": fields.text(0, 20),
        "claims": _json, "scope": _SCOPE, "to": _SCOPE, "by": fields.text(0, 500), "reason": _REASON, "at": _known,
        "state": _of(*STATES), "note": _REASON, "ended": _known, "stored": _json,
    },
    "ledger_record": {
        "scope": _SCOPE, "seq": _json, "previous": _AGENT, "hash": _AGENT, "after": _AGENT, "content": _DATA,
    },
    "retention_rule": {
        "rule": _AGENT, "scope": _SCOPE, "covers": _json, "keep": _json, "clock": _of(*CLOCKS), "then": _of(*ACTIONS),
        "originals": _json, "reason": _REASON, "author": fields.text(0, 500), "at": _known,
    },
    "distillation": {
        "state": _of(*RUN_STATES), "scope": _SCOPE, "trigger": _AGENT, "share": _json, "threshold": _json,
        "started": _known, "finished": _known, "bytes": _json, "skipped": _json, "problem": _REASON,
        "by": fields.text(0, 500), "groups": _json,
    },
    "allowance": {
        "closed_sessions": _json, "items": _json, "tokens": _json, "older_than": _json, "scope": _SCOPE,
    },
    "tier": {
        "of": _of(*OF), "scope": _SCOPE, "item": _of("entity", "episode"), "tier": _of(*TIERS), "pinned": _json,
        "keys": _json, "settings": _json,
    },
}  # fmt: skip
REQUIRED: Final[Mapping[BeliefKind, tuple[str, ...]]] = {
    "claim": tuple(field.wire for field in stated_fields(ClaimStatement) if field.required),
    "adjudication": ("action", "by", "at"),
    "fact": ("subject", "predicate", "facts"),
    "correlation": ("relation", "detail"),
    "trust": ("of", "detail"),
    "merge": ("keep", "gone", "at"),
    "pair": ("one", "other", "decided"),
    "agent_state": ("agent", "name", "last"),
    "agent_state_version": ("agent", "name", "version", "at", "media_type", "size", "sha256", "data"),
    "agent_retention": ("agent", "rules"),
    "session": ("id", "opened", "last", "messages"),
    "session_message": ("session", "seq", "id", "episode", "tokens", "at", "digest", "sent"),
    "memory_block": ("name", "last", "versions"),
    "memory_block_version": ("block", "version", "at", "limit"),
    "subscription": ("subscription", "what"),
    "feedback": ("item", "verdict", "at"),
    "publication": ("publication", "by", "reason", "at"),
    "ledger_record": ("seq", "previous", "hash", "content"),
    "retention_rule": ("rule", "covers", "clock", "then"),
    "distillation": ("state", "trigger", "share", "threshold", "started", "bytes", "groups"),
    "allowance": ("closed_sessions",),
    "tier": ("of",),
}
# Fields of any JSON value.
AS_JSON: Final = frozenset(
    {
        "value", "span", "relationship", "detail", "facts", "last", "versions", "checkpoints", "size", "restored_from",
        "base", "part", "parts", "rules", "users", "metadata", "messages", "seq", "tokens", "sent", "limit", "agents",
        "filter", "answer", "below", "groups", "claims", "stored", "covers", "keep", "originals",
        "bytes", "skipped", "items", "older_than", "closed_sessions", "share", "threshold",
        "pinned", "keys", "settings", "beside",
    }
)  # fmt: skip
