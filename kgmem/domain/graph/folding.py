"""Duplicates of one item in one request: they are merged as the store would merge them one after the other.

Up to MOST of them are written separately, each as a version of its own; the rest is merged into the last.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from kgmem.domain.errors import InvalidInput
from kgmem.domain.fields import value_names
from kgmem.domain.graph.embedding import Vector
from kgmem.domain.graph.entity import Entity, WriteResult
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship

Item = TypeVar("Item")

MOST = 8  # Statements of one thing that are written one after the other.


@dataclass(frozen=True, slots=True)
class Folded(Generic[Item]):
    """The remaining statements, in order, and for each original statement its index among them."""

    items: Sequence[Item]
    places: Sequence[int]

    def spread(self, written: WriteResult) -> WriteResult:
        """Return the result per original statement: merged ones share the result."""
        if len(self.items) == len(self.places):
            return written
        versions = [written.versions[place] for place in self.places] if written.versions else []
        repeated = len(self.places) - len(self.items)
        ids = [written.ids[place] for place in self.places]
        return replace(written, unchanged=written.unchanged + repeated, ids=ids, versions=versions)


def fold(
    items: Sequence[Item],
    identity: Callable[[Item], Hashable],
    merge: tuple[Callable[[Item, Item], bool], Callable[[Sequence[Item]], Item]],
) -> Folded[Item]:
    """Fold statements of the same identity; `merge` says whether one may go into the one before, and merges some.

    Raises InvalidInput for too many that cannot be merged.
    """
    may, merged = merge
    runs_of: dict[Hashable, list[int]] = {}
    runs: list[list[Item]] = []
    places = []
    for item in items:
        held = runs_of.setdefault(identity(item), [])
        if len(held) >= MOST and may(runs[held[-1]][-1], item):
            runs[held[-1]].append(item)
            places.append(held[-1])
            continue
        if len(held) >= 2 * MOST:
            raise InvalidInput(
                f"One request contains {_named(item)} more than {2 * MOST} times with different versions or ends.",
                hint="Send it once, or send several requests.",
            )
        held.append(len(runs))
        places.append(len(runs))
        runs.append([item])
    return Folded([run[0] if len(run) == 1 else merged(run) for run in runs], places)


def _may_entities(_one: Entity, other: Entity) -> bool:
    return other.version is None


def _merged_entities(run: Sequence[Entity]) -> Entity:
    """Return the statement with the same effect as several of one entity in order."""
    fields: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    embedding: Vector | None = None
    for each in map(_lifted, run):
        if each.embedding is not None or _retold(fields, properties, each):
            embedding = each.embedding
        fields |= _stated(each)
        properties |= each.properties
    return replace(run[0], **fields, embedding=embedding, properties=properties, derived_from=_origins(run))


def _may_relationships(one: Relationship, other: Relationship) -> bool:
    return other.version is None and (one.kind, one.start, one.end) == (other.kind, other.start, other.end)


def _merged_relationships(run: Sequence[Relationship]) -> Relationship:
    """Return the statement with the same effect as several of one relationship in order."""
    fields: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    for each in run:
        fields |= _stated(each)
        properties |= each.properties
    return replace(run[0], **fields, properties=properties, derived_from=_origins(run))


def _may_episodes(_one: Episode, other: Episode) -> bool:
    return other.version is None


def _merged_episodes(run: Sequence[Episode]) -> Episode:
    """Return the statement with the same effect as several of one episode in order."""
    fields: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    mentions: dict[str, None] = {}
    for each in run:
        fields |= {name: value for name, value in _stated(each).items() if value}
        properties |= each.properties
        mentions |= dict.fromkeys(each.mentions)
    extract = any(each.extract for each in run)
    fields["mentions"] = list(mentions)
    return replace(run[0], **fields, properties=properties, extract=extract)


ENTITIES = (_may_entities, _merged_entities)
RELATIONSHIPS = (_may_relationships, _merged_relationships)
EPISODES = (_may_episodes, _merged_episodes)


def _stated(item: Any) -> dict[str, Any]:
    return {name: value for name in value_names(type(item)) if (value := getattr(item, name)) is not None}


def _origins(run: Sequence[Entity] | Sequence[Relationship]) -> Sequence[str] | None:
    """Return what statements are derived from together; nothing where one of them is by itself."""
    if not all(each.derived_from for each in run):
        return None
    return list(dict.fromkeys(origin for each in run for origin in each.derived_from or ()))


def _lifted(entity: Entity) -> Entity:
    """Return an entity with name and text as fields, also where they were sent as properties."""
    properties = dict(entity.properties)
    fields = {
        name: properties.pop(name)
        for name in ("name", "text")
        if getattr(entity, name) is None and isinstance(properties.get(name), str)
    }
    return replace(entity, **fields, properties=properties) if fields else entity


def _retold(fields: Mapping[str, Any], properties: Mapping[str, Any], other: Entity) -> bool:
    """Return whether a later statement changes the text that the vector of the earlier ones belongs to."""
    if other.name not in (None, fields.get("name")) or other.text not in (None, fields.get("text")):
        return True
    return any(name not in properties or properties[name] != value for name, value in other.properties.items())


def _named(item: Any) -> str:
    return repr(str(item.key or (item.text if isinstance(item, Episode) else item.kind))[:80])
