"""Expiry: from when on an item is in no answer, stated as a time (`expires_at`) or as a duration (`ttl`)."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final, Protocol, TypeVar

from kgmem.domain.claims.claim import ClaimStatement
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.time.interval import DAY, SECOND, iso, now, parse_time

NEVER: Final = "never"  # As `expires_at`: the item expires no more. On the wire null says the same.
LONGEST_TTL: Final = 100_000 * DAY  # Microseconds: about 270 years.
_UNITS: Final = {"w": 7 * DAY, "d": DAY, "h": 3600 * SECOND, "m": 60 * SECOND, "s": SECOND}
CLAIM: Final = 5  # The kind of a claim among expiring items, as in the change feed.
# Those of what the change feed does not have.
BLOCK_KIND: Final = 11
STATE_KIND: Final = 12
SESSION_KIND: Final = 13
TOPIC_KIND: Final = 14  # Of a subject and a predicate: the next moment at which a value begins or ends.
DOCUMENTS: Final = (BLOCK_KIND, STATE_KIND, SESSION_KIND)
_SHORT = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*([wdhms])", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,6})?", re.ASCII)
_NUMBER = r"(?:([0-9]{1,12}(?:[.,][0-9]{1,6})?)%s)?"
_ISO = re.compile(
    "P" + "".join(_NUMBER % unit for unit in "WD") + "(?:T" + "".join(_NUMBER % unit for unit in "HMS") + ")?", re.ASCII
)

Expiring = TypeVar("Expiring", Entity, Relationship, Episode, ClaimStatement)


@dataclass(frozen=True, slots=True)
class ExpiredItem:
    """An item whose time is over: which it is, and when it expired."""

    kind: int  # ENTITY, EPISODE, RELATIONSHIP, CLAIM, TOPIC_KIND, or one of DOCUMENTS.
    id: int
    scope: str
    key: str  # Empty for a relationship, a claim and a topic; of a state its agent and its name, with a slash between.


class ExpirySchedule(Protocol):
    """When items of a graph expire."""

    async def due(self, graph: str, most: int) -> Sequence[ExpiredItem]:
        """Return items whose time is over, those that expired first before the others."""

    async def settle(self, graph: str, items: Sequence[ExpiredItem]) -> None:
        """Note that items are deleted: their history ends at the time at which they expired."""

    async def has_due(self, graph: str) -> bool:
        """Return whether the time of an item is over."""

    def on_due(self, expire: Callable[[str], Any]) -> None:
        """Take what deletes the expired items of a graph; it runs before anything reads or writes the graph."""


def duration(ttl: Any) -> int:
    """Return a duration in microseconds: seconds, `30d` (units w, d, h, m, s) or ISO 8601 without years and months.

    Raises InvalidInput for what is no duration, and for one that is not above zero.
    """
    microseconds = _seconds(ttl) if isinstance(ttl, int | float) and not isinstance(ttl, bool) else None
    if isinstance(ttl, str):
        microseconds = _of_text(ttl.strip())
    if microseconds is None:
        raise InvalidInput(
            f"ttl is {str(ttl)[:60]!r}, which is not a duration.",
            hint="Give seconds (3600), a number with its unit (30d, 12h, 15m, 10s, 2w), or ISO 8601 (P30D, PT12H).",
            field="ttl",
        )
    if not 0 < microseconds <= LONGEST_TTL:
        raise InvalidInput(
            f"ttl is {str(ttl)[:60]!r}.", hint="Give a duration above zero, of 100000 days at most.", field="ttl"
        )
    return microseconds


def ttl_of(text: str | None) -> str | float | None:
    """Return a duration of a command line or an address as `duration` takes it: digits alone are seconds."""
    return float(text) if text is not None and _SECONDS.fullmatch(text.strip()) else text


def expiry_of(expires_at: str | None, ttl: Any, present: int | None = None) -> str | None:
    """Return when something expires, as ISO 8601 in UTC with microseconds; NEVER as it is, None where neither says.

    A year, a month or a day expires at its start. Raises InvalidInput for both, and for a time that is over at
    `present` (default: now).
    """
    present = now() if present is None else present
    if ttl is not None and expires_at is not None:
        raise InvalidInput(
            "Both expires_at and ttl are given.", hint="Give the time or the duration, not both.", field="ttl"
        )
    if ttl is not None:
        return iso(present + duration(ttl))
    if expires_at is None or expires_at == NEVER:
        return expires_at
    at = moment_of(expires_at)
    if at <= present:
        raise InvalidInput(
            f"expires_at is {expires_at!r}, which is over.",
            hint="Give a time to come, or delete the item.",
            field="expires_at",
        )
    return iso(at)


def moment_of(expires_at: str) -> int:
    """Return the instant that `expires_at` names. Raises InvalidInput."""
    try:
        at = parse_time(expires_at).start
    except InvalidInput as error:
        raise InvalidInput(f"expires_at: {error.message}", hint=error.hint, field="expires_at") from error
    if at is None:
        raise InvalidInput("expires_at names no time.", hint="Give ISO 8601.", field="expires_at")
    return at


def timed(items: Sequence[Expiring], *, imported: bool = False, present: int | None = None) -> Sequence[Expiring]:
    """Return statements with `ttl` as `expires_at`, in UTC. Raises InvalidInput, which names the field and the place.

    Of records that are `imported` NEVER says nothing.
    """
    if all(each.expires_at is None and each.ttl is None for each in items):
        return items
    ready = []
    for at, each in enumerate(items):
        try:
            expires_at = expiry_of(each.expires_at, each.ttl, present)
        except InvalidInput as error:
            raise InvalidInput(error.message, hint=error.hint, **error.facts | {"place": at}) from error
        ready.append(replace(each, expires_at=None if imported and expires_at == NEVER else expires_at, ttl=None))
    return ready


def _seconds(number: float) -> int | None:
    if isinstance(number, float) and not math.isfinite(number):
        return None
    return int(Fraction(number) * SECOND)


def _of_text(text: str) -> int | None:
    if found := _SHORT.fullmatch(text):
        return int(Fraction(found[1]) * _UNITS[found[2]])
    found = _ISO.fullmatch(text)
    if found is None or not any(found.groups()) or text.endswith("T"):
        return None
    amounts = zip(found.groups(), _UNITS.values(), strict=True)
    return int(sum((Fraction(number.replace(",", ".")) * unit for number, unit in amounts if number), Fraction(0)))
