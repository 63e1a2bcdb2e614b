"""Correlated facts: what is known of one moves the others, by joint factors over their values."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import orjson

from kgmem.consensus import joint_inference
from kgmem.domain.claims.claim import Option
from kgmem.domain.claims.consensus import ValueRule
from kgmem.domain.claims.fact_rules import Draft, moved
from kgmem.domain.errors import TooLarge
from kgmem.domain.graph.scope import visible_from
from kgmem.store.graph.layout import Layout

_MOST = 500  # Topics that hang together.
_MOST_READ = 2000
_OTHER = "?"  # Any value that nobody claims.
_MOVED = 0.0005  # Less than this is no news.

# By topic: its drafts, and the rule by which they are held.
Drafts = dict[int, tuple[list[Draft], ValueRule]]
Widen = Callable[[Sequence[int]], Awaitable[Drafts]]


@dataclass(frozen=True, slots=True)
class _Variable:
    """One of several correlated facts."""

    name: str
    topic: int
    place: int  # Among the topic's drafts.
    draft: Draft

    def beliefs(self) -> dict[str, float]:
        """Return how probable each option is alone, and any other value."""
        told = {str(at): option.probability for at, option in enumerate(self.draft.options)}
        return {**told, _OTHER: max(0.0, 1.0 - sum(told.values()))}


async def entangled(connection: asyncpg.Connection, layout: Layout, scope: str, drafts: Drafts, widen: Widen) -> Drafts:
    """Return the facts after all correlated ones were taken into account, those of other topics included.

    `widen` locks further topics and returns their facts before correlations. Raises TooLarge for too many.
    """
    rows = await _rows(connection, layout, scope, list(drafts))
    if not rows:
        return drafts
    held = dict(drafts)
    while missing := sorted({topic for row in rows for topic in row["topics"]} - held.keys()):
        if len(held) + len(missing) > _MOST:
            raise TooLarge(
                f"More than {_MOST} facts are correlated.", hint="Correlate fewer, or end some correlations."
            )
        held |= await widen(missing)
        rows = await _rows(connection, layout, scope, list(held))
    return _inferred(held, rows)


async def _rows(connection: asyncpg.Connection, layout: Layout, scope: str, topics: Sequence[int]) -> list[Any]:
    sql = layout.sql("fact_queries", "correlations")
    return list(await connection.fetch(sql, list(visible_from(scope)), list(topics), _MOST_READ))


def _inferred(held: Drafts, rows: Sequence[Any]) -> Drafts:
    variables = [
        _Variable(f"{topic}:{place}", topic, place, draft)
        for topic, (drafts, _) in sorted(held.items())
        for place, draft in enumerate(drafts)
        if draft.options and not draft.several
    ]
    beliefs = {each.name: each.beliefs() for each in variables}
    observed = {each.topic for each in variables if each.draft.decision is not None}
    factors = []
    for row in rows:
        # What was found and nobody declared says something only where one of the facts is settled.
        if not row["found"] or observed & set(row["topics"]):
            factors += _factors(row, variables, beliefs)
    if not factors:
        return held
    told = joint_inference.infer(beliefs, factors).beliefs
    found = {topic: (list(drafts), rule) for topic, (drafts, rule) in held.items()}
    for each in variables:
        after = told[each.name]
        sure = [after[str(at)] for at in range(len(each.draft.options))]
        if max(abs(one - option.probability) for one, option in zip(sure, each.draft.options, strict=True)) > _MOVED:
            why = f"Correlated facts were taken into account: alone it had {each.draft.probability:.2f}."
            drafts, rule = found[each.topic]
            drafts[each.place] = moved(each.draft, sure, rule, why)
    return found


def _factors(
    row: Any, variables: Sequence[_Variable], beliefs: Mapping[str, Mapping[str, float]]
) -> list[joint_inference.Factor]:
    """Return the factors of a correlation; none where one of its values is claimed no more."""
    meant = [_meant(variables, topic, set(claims)) for topic, claims in
             zip(row["topics"], orjson.loads(row["claims"]), strict=True)]  # fmt: skip
    if any(each is None for each in meant):
        return []
    pairs = [each for each in meant if each is not None]
    values = {name: sorted(told) for name, told in beliefs.items()}
    if row["kind"] == "same_origin":
        right = dict(pairs)
        names = [name for name, _ in pairs]
        return joint_inference.same_origin(names, right, values, together=max(row["strength"], 0.5))
    make = joint_inference.exclusion if row["kind"] == "exclusion" else joint_inference.implication
    factors = [make(pairs[0], other, values) for other in pairs[1:]]
    return [replace(each, table=row["strength"] * each.table + (1 - row["strength"])) for each in factors]


def _meant(variables: Sequence[_Variable], topic: int, claims: set[int]) -> tuple[str, str] | None:
    """Return the variable and the value that a correlation means."""
    for each in variables:
        if each.topic == topic:
            for at, option in enumerate(each.draft.options):
                if claims & set(option.claims):
                    return each.name, str(at)
    return None


def option_of(options: Sequence[Option], value: Any) -> Option | None:
    """Return the option of a value; of None the accepted one."""
    if value is None:
        return next((option for option in options if option.chosen), None)
    for same in (lambda one: one == value, lambda one: str(one).casefold() == str(value).casefold()):
        if found := next((option for option in options if same(option.value)), None):
            return found
    return None
