"""Values of facts as properties of entities: an entity shows what is true now, and what is true no more leaves it.

A property is removed only where it shows what facts made of it: what an entity was given besides, by a write that is no
claim, stays. What a write gave before facts took the place of it comes back when nothing was ever so that they said.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import orjson

from kgmem.domain.claims.consensus import FactState
from kgmem.domain.claims.fact_rules import Draft
from kgmem.domain.time.interval import ALWAYS, Interval, valid_interval
from kgmem.store.claims.claim_rows import Topic
from kgmem.store.graph.labels import main_label
from kgmem.store.graph.layout import label_id
from kgmem.store.graph.records import CONSENSUS, alike, dumps, stored_name
from kgmem.store.graph.stored_properties import read_vertices
from kgmem.store.write.claims_from_entities import CURRENT, OWN
from kgmem.store.write.passages import Passages
from kgmem.store.write.rows import entity_row

_DIGITS = 4


@dataclass(frozen=True, slots=True)
class ProjectedTopic:
    """A topic with the facts that its claims come to, and what tells which value of its property they made."""

    topic: Topic
    drafts: Sequence[Draft]
    rows: Sequence[Any]  # Of its claims.
    former: Sequence[Any]  # The values that its facts had until now.
    withdrawn: Sequence[Any] = ()  # Where it has no claims any more: what sources stated by writes of the entity.

    @property
    def is_of_entity(self) -> bool:
        """Return whether it is a property of an entity, as far as its claims say: one without claims may be any."""
        return not self.topic.about and all(row["object"] is None for row in self.rows)

    def next_change(self, now: int) -> int | None:
        """Return the first moment after `now` at which what is true changes by time alone."""
        bounds = {bound for draft in self.drafts for bound in (draft.valid.start, draft.valid.end)}
        if self.is_of_entity:
            bounds |= {bound for draft in self.drafts for valid in self._stated(draft) for bound in _bounds(valid)}
        return min((bound for bound in bounds if bound is not None and bound > now), default=None)

    def shown(self, now: int) -> list[Draft]:
        """Return the facts that are true at a moment, in the order of their beginnings."""
        ordered = sorted(self.drafts, key=lambda each: (each.valid.start is not None, each.valid.start or 0))
        return [
            each
            for each in ordered
            if each.state is not FactState.INVALIDATED and any(valid.contains(now) for valid in self._stated(each))
        ]

    def _stated(self, draft: Draft) -> list[Interval]:
        """Return for what times a fact is claimed, where it has none itself since its values do not compete."""
        if draft.valid != ALWAYS:
            return [draft.valid]
        claims = {claim for option in draft.options if option.chosen for claim in option.claims}
        stated = [valid_interval(row["valid_from"], row["valid_to"]) for row in self.rows if row["id"] in claims]
        return stated or [ALWAYS]

    def is_over(self, value: Any, now: int) -> bool:
        """Return whether a value, or one of a list, was true and is no more; else it is withdrawn or rejected."""
        begun = [each.value for each in self.drafts if _is_begun(each, now)]
        return any(_same(value, each) or (isinstance(value, list) and _is_in(each, value)) for each in begun)

    def is_rejected(self, value: Any) -> bool:
        """Return whether a value is one that is known to be wrong."""
        wrong = (each for each in self.drafts if each.state is FactState.INVALIDATED)
        return any(_same(value, option.value) for each in wrong for option in each.options)

    def has_begun(self, now: int) -> bool:
        """Return whether anything that is claimed has been true."""
        return any(_is_begun(each, now) for each in self.drafts)

    def is_stated(self, value: Any) -> bool:
        """Return whether a value is what a source states by a write of the entity."""
        stated = (orjson.loads(row["value"]) for row in self.rows if row["adopted"] and row["value"] is not None)
        return _is_in(value, stated)

    def was_shown(self, value: Any) -> bool:
        """Return whether a value is one that facts made, or a list of such."""
        return _is_in(value, self.former) or (
            isinstance(value, list) and value != [] and all(_is_in(each, self.former) for each in value)
        )


def _bounds(valid: Interval) -> tuple[int | None, int | None]:
    return valid.start, valid.end


def _is_begun(draft: Draft, now: int) -> bool:
    return draft.state is not FactState.INVALIDATED and (draft.valid.start is None or draft.valid.start <= now)


def _is_in(value: Any, values: Iterable[Any]) -> bool:
    return any(_same(value, each) for each in values)


def _same(one: Any, other: Any) -> bool:
    return alike({"value": one}, {"value": other})


async def tell_entities(
    connection: asyncpg.Connection, passages: Passages, topics: Sequence[ProjectedTopic], now: int
) -> None:
    """Bring the properties of entities in line with facts of the claims' own scope; those of others are left alone."""
    layout = passages.layout
    emptied = [each.topic.id for each in topics if not each.rows and not each.topic.about]
    stated: dict[int, list[tuple[Any, bool]]] = defaultdict(list)
    for row in await connection.fetch(layout.sql("claims", "ever_stated"), emptied) if emptied else []:
        stated[row["topic"]].append((orjson.loads(row["value"]), row["adopted"]))
    wanted: dict[str, dict[str, list[ProjectedTopic]]] = defaultdict(lambda: defaultdict(list))
    for each in topics:
        topic = each.topic
        if not each.rows and topic.id in stated:
            former = [*each.former, *(value for value, _ in stated[topic.id])]
            withdrawn = [value for value, adopted in stated[topic.id] if adopted]
            wanted[topic.scope][topic.subject].append(replace(each, former=former, withdrawn=withdrawn))
        elif each.rows and each.is_of_entity:
            wanted[topic.scope][topic.subject].append(each)
    for scope in sorted(wanted):
        await _tell_scope(connection, passages, scope, wanted[scope], now)


async def _tell_scope(
    connection: asyncpg.Connection,
    passages: Passages,
    scope: str,
    wanted: Mapping[str, Sequence[ProjectedTopic]],
    now: int,
) -> None:
    """Write a new version of the entities of which something else is believed now."""
    layout = passages.layout
    number = layout.scopes[scope]
    rows = await connection.fetch(layout.sql("claims", "lock_entities"), number, sorted(wanted))
    held = await read_vertices(connection, layout, [row["id"] for row in rows])
    changed = {}
    for row in rows:
        if row["id"] in held:
            merged = _merged(held[row["id"]], wanted[row["key"]], now)
            if not alike(merged, held[row["id"]]):
                changed[row["id"]] = (row, merged)
    if not changed:
        return
    groups: dict[int, list[int]] = defaultdict(list)
    for id_, (_, merged) in changed.items():
        groups[label_id(id_)].append(id_)
        cut = entity_row(merged).passages
        if cut != entity_row(held[id_]).passages:
            passages.want(id_, cut, new=False)
    for label, ids in groups.items():
        sql = layout.sql("write", "update_vertices", label=layout.by_id[label].age_name)
        await connection.execute(sql, ids, [dumps(changed[id_][1]) for id_ in ids])
    labels = {id_: main_label(layout.by_id[label_id(id_)].name, held[id_]) for id_ in changed}
    records = [dumps({"label": labels[id_], "properties": held[id_]}) for id_ in changed]
    await connection.execute(
        layout.sql("claims", "believe_entities"),
        list(changed),
        [row["version"] for row, _ in changed.values()],
        [row["known_from"] for row, _ in changed.values()],
        records,
    )


def _merged(held: Mapping[str, Any], topics: Sequence[ProjectedTopic], now: int) -> dict[str, Any]:
    """Return the properties of an entity with the values of facts that are true now, and how far these are believed."""
    before = held.get(CONSENSUS)
    beliefs = dict(before) if isinstance(before, dict) else {}
    merged = dict(held)
    for each in topics:
        name, predicate = stored_name(each.topic.predicate, "entity"), each.topic.predicate
        note = beliefs.pop(predicate, None)
        value, belief = _projected(each, merged.pop(name, None), note if isinstance(note, dict) else None, now)
        if value is not None:
            merged[name] = value
        if belief:
            beliefs[predicate] = belief
    merged.pop(CONSENSUS, None)
    return {**merged, CONSENSUS: beliefs} if beliefs else merged


def _projected(
    topic: ProjectedTopic, stored: Any, note: Mapping[str, Any] | None, now: int
) -> tuple[Any, Mapping[str, Any]]:
    """Return what an entity shows of a property, and how far that is believed; `stored` and `note` are what it has."""
    had_value = note is not None and note.get(CURRENT) is not False
    is_projection = had_value and (not topic.former or topic.was_shown(stored))
    is_written = stored is not None and not is_projection and not _is_stated(topic, stored, note)
    # Who removed a property that showed a value does not want the one before back.
    own = None if note is None or (had_value and stored is None) else note.get(OWN)
    own = stored if is_written else own
    kept = {} if own is None else {OWN: own}
    if shown := topic.shown(now):
        return _value(shown), _belief(shown) | kept
    is_over = topic.is_over(stored, now) if is_projection else topic.has_begun(now)
    is_over |= topic.is_rejected(own)  # What nobody in particular says is rejected with what sources say.
    value = own if is_written or not is_over else None
    if not topic.drafts:
        return value, {}
    return value, _belief(topic.drafts) | {CURRENT: False} | (kept if value is None else {})


def _is_stated(topic: ProjectedTopic, stored: Any, note: Mapping[str, Any] | None) -> bool:
    """Return whether a value is what a source states; without a note nothing was resolved since it was written."""
    return topic.is_stated(stored) or (note is None and _is_in(stored, topic.withdrawn))


def _value(shown: Sequence[Draft]) -> Any:
    """Return the value of a property: of values that do not compete, the list of those that are true."""
    current = [draft for draft in shown if draft.state is not FactState.SUPERSEDED] or shown
    if len(current) > 1 and all(len(draft.options) == 1 and draft.valid == current[0].valid for draft in current):
        return [draft.value for draft in current]
    return current[-1].value


def _belief(drafts: Sequence[Draft]) -> dict[str, Any]:
    """Return the probability of the value of a property."""
    draft = max(drafts, key=lambda each: (each.valid.start or 0, each.probability))
    return {
        "probability": round(draft.probability, _DIGITS),
        "trust": round(draft.trust, _DIGITS),
        "state": draft.state.value,
    }
