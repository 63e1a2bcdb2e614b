"""The procedures that queries can call, and what SHOW shows."""

from collections.abc import Mapping

from kgmem.query.execution.procedures import Procedure
from kgmem.query.execution.show import Rows
from kgmem.query.procedures import apoc, own, ranking, schema, searching, shows, writing
from kgmem.query.procedures.surroundings import Surroundings


def procedures(around: Surroundings) -> list[Procedure]:
    """Return all procedures, over what surrounds the engine."""
    found = [
        *schema.procedures(around),
        *apoc.procedures(around),
        *searching.procedures(around),
        *own.procedures(around),
        *writing.procedures(around),
    ]
    return [*found, *ranking.procedures(around)]


def shown(around: Surroundings) -> Mapping[str, Rows]:
    """Return what each kind of SHOW shows."""
    return shows.shown(around, procedures(around))
