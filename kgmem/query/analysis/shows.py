"""The columns of SHOW: those that it gives by itself, and those that YIELD can ask for besides."""

from collections.abc import Mapping
from dataclasses import dataclass

from kgmem.query.types import Type, named


@dataclass(frozen=True, slots=True)
class Shown:
    """What one kind of SHOW has to show."""

    plain: Mapping[str, Type]
    all: Mapping[str, Type]


def _columns(text: str) -> dict[str, Type]:
    pairs = (part.split(":") for part in text.split())
    return {name: named(kind[0]) if kind else named("STRING") for name, *kind in pairs}


def _shown(plain: str, more: str) -> Shown:
    return Shown(_columns(plain), _columns(f"{plain} {more}"))


SHOWN: Mapping[str, Shown] = {
    "DATABASES": _shown(
        "name type aliases:LIST<STRING> access address role writer:BOOLEAN requestedStatus currentStatus "
        "statusMessage default:BOOLEAN home:BOOLEAN constituents:LIST<STRING>",
        "databaseID serverID creationTime:DATETIME lastStartTime:DATETIME lastStopTime:DATETIME store",
    ),
    "INDEXES": _shown(
        "id:INTEGER name state populationPercent:FLOAT type entityType labelsOrTypes:LIST<STRING> "
        "properties:LIST<STRING> indexProvider owningConstraint lastRead:DATETIME readCount:INTEGER",
        "trackedSince:DATETIME options:MAP failureMessage createStatement",
    ),
    "CONSTRAINTS": _shown(
        "id:INTEGER name type entityType labelsOrTypes:LIST<STRING> properties:LIST<STRING> ownedIndex propertyType",
        "options:MAP createStatement",
    ),
    "CURRENT USER": _shown("user roles:LIST<STRING> passwordChangeRequired:BOOLEAN suspended:BOOLEAN home", ""),
    "PROCEDURES": _shown(
        "name description mode worksOnSystem:BOOLEAN",
        "signature argumentDescription:LIST<MAP> returnDescription:LIST<MAP> admin:BOOLEAN rolesExecution:LIST<STRING> "
        "rolesBoostedExecution:LIST<STRING> isDeprecated:BOOLEAN deprecatedBy option:MAP",
    ),
    "FUNCTIONS": _shown(
        "name category description",
        "signature isBuiltIn:BOOLEAN argumentDescription:LIST<MAP> returnDescription aggregating:BOOLEAN "
        "rolesExecution:LIST<STRING> rolesBoostedExecution:LIST<STRING> isDeprecated:BOOLEAN deprecatedBy",
    ),
}
