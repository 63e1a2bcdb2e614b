"""What arguments mean: an entity by name or key, a reference such as fact:12, a place, an interval."""

import re
from typing import Any, Final

from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.recall.question import Spot
from kgmem.domain.text.resolution import Described
from kgmem.mcp.caller import Reach

KINDS: Final = ("fact", "entity", "episode", "session")
_POINT: Final = re.compile(r"\s*([+-]?\d+(?:\.\d+)?)\s*,\s*([+-]?\d+(?:\.\d+)?)\s*")
_LONGEST_NAME: Final = 500
_GREATEST_ID: Final = 2**63 - 1


async def entity(reach: Reach, named: str, *, sure: bool = False) -> Entity:
    """Return the entity of a key, a reference entity:KEY or a name. Raises NotFound with those that are like it.

    With `sure`, for what changes something, the only one that is like the name does not do.
    """
    key = named.removeprefix("entity:").strip()
    if not key or len(key) > _LONGEST_NAME:
        raise InvalidInput("An entity needs a name or key.", hint=f"Give 1 to {_LONGEST_NAME} characters.")
    try:
        return await reach.memory.entities.get(reach.graph, key, scope=reach.scope)
    except NotFound:
        pass
    (found,) = await reach.memory.resolution.resolve(reach.graph, [Described((key,))], scope=reach.scope)
    if found.key is None and (sure or len(found.candidates) != 1):
        like = ", ".join(f"{each.key} ({each.label})" for each in found.candidates)
        hint = f"Did you mean one of: {like}?" if like else "Look it up with search_entities or recall."
        raise NotFound(f"There is no entity {key[:100]!r}.", hint=hint)
    return await reach.memory.entities.get(reach.graph, found.key or found.candidates[0].key, scope=reach.scope)


async def entity_or_none(reach: Reach, named: str) -> Entity | None:
    """Return the entity that surely has this key or name; None where there is none."""
    try:
        return await entity(reach, named, sure=True)
    except NotFound:
        return None


def fact_id(told: str) -> int:
    """Return the id that fact:12 or 12 names. Raises InvalidInput."""
    digits = told.strip().removeprefix("fact:").strip()
    if not digits.isascii() or not digits.isdigit() or int(digits) > _GREATEST_ID:
        raise InvalidInput(
            f"{told[:80]!r} is no reference of a fact.", hint="Give one that recall shows in brackets, such as fact:12."
        )
    return int(digits)


def reference(told: str) -> tuple[str, str]:
    """Return the kind and the key or id of a reference. Raises InvalidInput."""
    kind, colon, rest = told.strip().partition(":")
    if not colon or kind not in KINDS or not rest.strip():
        raise InvalidInput(
            f"{told[:80]!r} is no reference.",
            hint="Give one that recall shows in brackets: fact:ID, entity:KEY, episode:KEY, or session:ID.",
        )
    return kind, rest.strip()


async def spot(reach: Reach, told: str) -> Spot:
    """Return the spot that LATITUDE,LONGITUDE or an entity names."""
    found = _POINT.fullmatch(told)
    if found:
        return Spot(point=(float(found[2]), float(found[1])))
    return Spot(entity=(await entity(reach, told)).key)


async def names_of(reach: Reach, keys: set[str]) -> dict[str, str]:
    """Return the names of entities by key, of those that are there; at most 200 are looked up."""
    names: dict[str, str] = {}
    for key in sorted(keys)[:200]:
        try:
            found = await reach.memory.entities.get(reach.graph, key, scope=reach.scope)
        except NotFound:
            continue
        names[key] = found.name or key
    return names


def texts(value: Any) -> list[str]:
    """Return the texts among the values of a fact, which may be keys of entities."""
    if isinstance(value, list | tuple):
        return [text for each in value for text in texts(each)]
    return [value] if isinstance(value, str) else []
