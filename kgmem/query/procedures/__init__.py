"""The procedures that queries can call, and what SHOW shows."""

from collections.abc import Mapping

from kgmem.query.execution.procedures import Procedure, ShowRows
from kgmem.query.procedures import analytics, apoc, schema, searching, shows, writing
from kgmem.query.procedures.surroundings import Surroundings


def procedures(around: Surroundings) -> list[Procedure]:
    """Return all procedures, over what surrounds the engine."""
    return [
        *schema.procedures(around),
        *apoc.procedures(around),
        *searching.procedures(around),
        *analytics.procedures(around),
        *writing.procedures(around),
    ]


def shown(around: Surroundings) -> Mapping[str, ShowRows]:
    """Return what each kind of SHOW shows."""
    return shows.shown(around, procedures(around))
