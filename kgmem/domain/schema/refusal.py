"""Errors of writes: violations of the schema, missing ends, version conflicts."""

from collections.abc import Iterable, Sequence

from kgmem.domain.errors import InvalidInput, SchemaViolation, UnknownEntities, VersionConflict
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.schema.schema import GraphSchema, Violation, check_ends

_SHOWN = 10  # Violations that an error spells out.
_NAMED = 1000  # Keys that an error names to programs.


def end_refused(schema: GraphSchema, item: Relationship, start: str | None, end: str | None) -> str | None:
    """Return why the schema of a strict graph refuses a relationship between these labels, or None."""
    try:
        refuse((name_of(item), violation) for violation in check_ends(schema, True, item.kind, start, end))
    except SchemaViolation as error:
        return str(error)
    return None


def name_of(item: Relationship) -> str:
    """Return a relationship as error messages show it."""
    return f"{item.start} -{item.kind}-> {item.end}"


def unknown_entities(keys: Sequence[str]) -> UnknownEntities:
    """Return the error for unknown ends of relationships, or unknown mentions of episodes."""
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return UnknownEntities(
        f"These entities do not exist: {', '.join(map(repr, keys[:_SHOWN]))}{more}.",
        hint="Store the entities first. A relationship can link entities of its own scope, of scopes above it, and "
        "shared ones.",
        keys=list(keys)[:_NAMED],
    )


def unknown_episodes(keys: Sequence[str]) -> InvalidInput:
    """Return the error for claims that cite unknown episodes."""
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return InvalidInput(
        f"These episodes do not exist: {', '.join(map(repr, keys[:_SHOWN]))}{more}.",
        hint="Store the episodes first, or leave `episode` out. A claim can cite episodes of its own scope, of scopes "
        "above it, and shared ones.",
        keys=list(keys)[:_NAMED],
    )


def version_conflict(key: str, held: int, given: int) -> VersionConflict:
    """Return the error for a write to another version than the stored one."""
    return VersionConflict(
        f"{key!r} is stored in version {held}, not {given}.",
        hint="Read it again, and send the version that you read.",
        key=key,
        held=held,
        given=given,
    )


def refuse(found: Iterable[tuple[str, Violation]]) -> None:
    """Raise SchemaViolation if there are violations; each comes with the name of its item."""
    violations = [f"{where}: {violation}" for where, violation in found]
    if violations:
        more = f" (and {len(violations) - _SHOWN} more)" if len(violations) > _SHOWN else ""
        raise SchemaViolation(
            "The graph's schema refuses it: " + "; ".join(violations[:_SHOWN]) + more + ".",
            hint="Correct the items, extend the graph's schema, or set strict to false.",
            violations=violations,
        )
