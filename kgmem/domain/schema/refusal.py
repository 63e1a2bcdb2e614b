"""The errors for what a graph refuses: by its schema, for an end that is missing, for a version that is not held."""

from collections.abc import Iterable, Sequence

from kgmem.domain.errors import InvalidInput, SchemaViolation, UnknownEntities, VersionConflict
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.schema.schema import GraphSchema, Violation, check_ends

_SHOWN = 10  # Violations that an error spells out.
_NAMED = 1000  # Keys that an error names to programs.


def end_refused(schema: GraphSchema, item: Relationship, start: str | None, end: str | None) -> str | None:
    """Return why the schema of a strict graph does not let a relationship join entities of these labels, or None."""
    try:
        refuse((name_of(item), violation) for violation in check_ends(schema, True, item.kind, start, end))
    except SchemaViolation as error:
        return str(error)
    return None


def name_of(item: Relationship) -> str:
    """Return a relationship as errors name it."""
    return f"{item.start} -{item.kind}-> {item.end}"


def unknown_entities(keys: Sequence[str]) -> UnknownEntities:
    """Return the error for ends of relationships, or mentions of texts, that are nowhere."""
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return UnknownEntities(
        f"These entities do not exist: {', '.join(map(repr, keys[:_SHOWN]))}{more}.",
        hint="Store the entities first. A relationship can link entities of its own scope, of scopes above it, and "
        "shared ones.",
        keys=list(keys)[:_NAMED],
    )


def unknown_episodes(keys: Sequence[str]) -> InvalidInput:
    """Return the error for claims that cite texts which are nowhere."""
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return InvalidInput(
        f"These episodes do not exist: {', '.join(map(repr, keys[:_SHOWN]))}{more}.",
        hint="Store the episodes first, or leave `episode` out. A claim can cite episodes of its own scope, of scopes "
        "above it, and shared ones.",
        keys=list(keys)[:_NAMED],
    )


def version_conflict(key: str, held: int, given: int) -> VersionConflict:
    """Return the error for a statement on a version that is not the one that is stored."""
    return VersionConflict(
        f"{key!r} is stored in version {held}, not {given}.",
        hint="Read it again, and send the version that you read.",
        key=key,
        held=held,
        given=given,
    )


def refuse(found: Iterable[tuple[str, Violation]]) -> None:
    """Raise SchemaViolation when there are violations; each comes with what it is in."""
    violations = [f"{where}: {violation}" for where, violation in found]
    if violations:
        more = f" (and {len(violations) - _SHOWN} more)" if len(violations) > _SHOWN else ""
        raise SchemaViolation(
            "The graph's schema refuses it: " + "; ".join(violations[:_SHOWN]) + more + ".",
            hint="Correct the items, extend the graph's schema, or set strict to false.",
            violations=violations,
        )
