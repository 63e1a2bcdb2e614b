"""Replay: what entities would be after statements that a dry run reads, by the rules by which the store merges them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from kgmem.domain.graph.entity import ENTITY, Entity
from kgmem.domain.graph.statement import DEFAULT_LABEL
from kgmem.domain.imports import EntityState, UniqueValue
from kgmem.store.db.database import Database
from kgmem.store.db.statements import statement
from kgmem.store.db.unique_values import taken
from kgmem.store.graph.labels import borne, relabelled
from kgmem.store.graph.layout import Layout, label_id
from kgmem.store.graph.property_indexes import expected_rules
from kgmem.store.graph.records import alike, encoded
from kgmem.store.graph.stored_properties import read_vertices
from kgmem.store.graph.unique_rules import UniqueRule
from kgmem.store.write import claims_from_entities

_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class EntityReplay:
    """Predicts the states of entities after further statements, from what is stored; writes nothing."""

    database: Database
    layout: Layout
    rules: Mapping[str, Sequence[UniqueRule]] = field(default_factory=dict)  # By label.

    @property
    def has_rules(self) -> bool:
        """Whether any values shall be unique."""
        return bool(self.rules)

    async def states(self, places: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], EntityState]:
        """Return what the graph holds of entities (scope, key) in exactly these scopes."""
        if not places:
            return {}
        scopes, keys = map(list, zip(*places, strict=True))
        async with self.database.connection() as connection:
            rows = await connection.fetch(self.layout.sql("imports", "items_at"), scopes, keys, ENTITY)
            stored = await read_vertices(connection, self.layout, [row["id"] for row in rows])
        by_id = self.layout.by_id
        return {
            (row["path"], row["key"]): EntityState(row["version"], by_id[label_id(row["id"])].name, stored[row["id"]])
            for row in rows
            if row["id"] in stored
        }

    def after(self, state: EntityState | None, stated: Entity) -> EntityState:
        """Return what an entity is after a statement, as the store merges it."""
        if state is None:
            made = claims_from_entities.merged(self.layout, {}, stated)
            return EntityState(1, stated.label or DEFAULT_LABEL, _plain(made))
        stored = claims_from_entities.merged(self.layout, state.stored, stated)
        if stated.label and borne(state.label, stored.get("labels"))[0] != stated.label:
            stored = relabelled(state.label, stored, stated.label)
        if alike(stored, state.stored) and stated.embedding is None:
            return state
        return EntityState(state.version + 1, state.label, _plain(stored))

    def unique(self, state: EntityState) -> Sequence[UniqueValue]:
        """Return the values of an entity that no other of its labels and scope may have."""
        found, stored = [], state.stored
        for label in borne(state.label, stored.get("labels")):
            for rule in self.rules.get(label, ()):
                values = [stored.get(name) for name in rule.stored]
                if None not in values:
                    same, shown = _listed([_whole(value) for value in values]), _listed(values)
                    found.append(UniqueValue(label, rule.declared, same, stored.get("scope"), shown))
        return found

    async def holders(self, wanted: Sequence[UniqueValue]) -> Mapping[UniqueValue, str]:
        """Return the keys of entities of the graph that have some of these values."""
        if not wanted or not self.rules:
            return {}
        async with self.database.connection() as connection:
            if not await connection.fetchval(statement("unique_values", "there"), self.layout.index_name):
                return {}
            rows = await connection.fetch(
                self.layout.sql("unique_values", "holders"),
                [each.label for each in wanted],
                [_SEPARATOR.join(each.properties) for each in wanted],
                [each.value for each in wanted],
                [None if each.scope is None else orjson.dumps(each.scope).decode() for each in wanted],
            )
        return {wanted[row["at"] - 1]: row["key"] for row in rows}

    def refusal(self, value: UniqueValue, holder: str) -> str:
        """Return why an entity is refused that wants a value which another one has."""
        return str(taken(value.label, value.properties, value.shown, [orjson.dumps(holder).decode()]))


async def entity_replay(database: Database, layout: Layout) -> EntityReplay:
    """Return the replay of a graph, by the schema that holds in it now."""
    rules: dict[str, list[UniqueRule]] = {}
    for rule in expected_rules(layout.schema()):
        rules.setdefault(rule.label, []).append(rule)
    return EntityReplay(database, layout, rules)


def _plain(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored properties as they are read back."""
    plain: dict[str, Any] = orjson.loads(encoded(stored))
    return plain


def _listed(values: Sequence[Any]) -> str:
    """Return values as JSON, several of them as a list."""
    texts = [encoded(value).decode() for value in values]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def _whole(value: Any) -> Any:
    """Return the whole number that a float equals, as the graph compares them, and other values as they are."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value
