"""Checks of entities, relationships and episodes that hold for every graph, whatever its schema."""

import re
from collections.abc import Iterable, Sequence

from kgmem.domain.claims.echoes import check_origins
from kgmem.domain.errors import InvalidInput
from kgmem.domain.fields import LONGEST_LABEL, Field, number_fields
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.scope import check_scope
from kgmem.domain.time.interval import parse_time, valid_interval

DEFAULT_LABEL = "Thing"  # Of an entity whose statements name none.
EPISODE_LABEL = "Episode"  # The label of episodes alone, since it tells what a vertex is.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def check_entities(stated: Sequence[Entity]) -> None:
    """Raise InvalidInput for invalid entities."""
    check_keys(item.key for item in stated)
    _check_scopes(stated)
    labels = {item.label for item in stated if item.label is not None}
    if EPISODE_LABEL in labels:
        raise InvalidInput(f"An entity cannot be an {EPISODE_LABEL}.", hint="Store it as an episode with its text.")
    check_labels(labels.union(*(item.labels for item in stated if item.labels)))
    numbers = number_fields(Entity)
    for item in stated:
        check_names(item.properties)
        _check_numbers(item, numbers)
        check_origins(item.derived_from or ())
        if item.valid_from is not None or item.valid_to is not None:
            valid_interval(item.valid_from, item.valid_to)


def check_relationships(stated: Sequence[Relationship]) -> None:
    """Raise InvalidInput for invalid relationships."""
    check_keys(item.key for item in stated if item.key is not None)
    _check_scopes(stated)
    check_labels({item.kind for item in stated})
    numbers = number_fields(Relationship)
    for item in stated:
        check_names(item.properties)
        if item.valid_from is not None or item.valid_to is not None:
            valid_interval(item.valid_from, item.valid_to)
        _check_numbers(item, numbers)
        check_origins(item.derived_from or ())


def check_episodes(stated: Sequence[Episode]) -> None:
    """Raise InvalidInput for invalid episodes."""
    check_keys(item.key for item in stated if item.key is not None)
    _check_scopes(stated)
    for item in stated:
        check_names(item.properties)
        if not item.text.strip():
            raise InvalidInput("An episode has no text.", hint="Leave it out, or give its text.")
        if item.occurred_at is not None:
            parse_time(item.occurred_at)


def has_control(text: str) -> bool:
    """Whether a text has a control character."""
    # What is printable has none; asking that first costs next to nothing.
    return not text.isprintable() and _CONTROL.search(text) is not None


def check_keys(keys: Iterable[str]) -> None:
    """Raise InvalidInput for an invalid key."""
    for key in keys:
        if not key:
            raise InvalidInput("A key is empty.", hint="Use a name that stays the same for the same thing.")
        if has_control(key):
            raise InvalidInput(f"The key {key[:80]!r} has a control character.", hint="Remove it from the key.")


def check_names(names: Iterable[str]) -> None:
    """Raise InvalidInput for an invalid name of a property."""
    for name in names:
        if has_control(name):
            raise InvalidInput(
                f"The property name {name[:80]!r} has a control character.", hint="Remove it from the name."
            )


def _check_numbers(item: Entity | Relationship, numbers: Sequence[Field]) -> None:
    """Raise InvalidInput for a number outside its field's limits."""
    for field in numbers:
        value = getattr(item, field.name)
        if value is not None and not field.allows(value):
            raise InvalidInput(f"{field.name} is {value!r}.", hint=f"Give {field.range}, or leave it out.")


def _check_scopes(stated: Sequence[Entity] | Sequence[Relationship] | Sequence[Episode]) -> None:
    for scope in {item.scope for item in stated}:
        check_scope(scope)


def check_labels(names: Iterable[str]) -> None:
    """Raise InvalidInput for an invalid label or kind."""
    for name in names:
        # U+001F joins labels on their way to the database, which takes neither U+0000 nor half a character; a label
        # with a line feed looks like two wherever it is shown.
        if not 0 < len(name) <= LONGEST_LABEL or has_control(name) or not _is_utf8(name):
            raise InvalidInput(
                f"{name[:80]!r} is not a valid name for a label or a kind.",
                hint=f"Give 1 to {LONGEST_LABEL} characters without control characters.",
            )


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
