"""The procedures that queries can call, and what SHOW shows."""

from collections.abc import Mapping

from kgmem.query.execution.procedures import Procedure, ShowRows
from kgmem.query.procedures import analytics, apoc, schema, search, shows, writes
from kgmem.query.procedures.context import ProcedureContext


def procedures(context: ProcedureContext) -> list[Procedure]:
    """Return all procedures, over what surrounds the engine."""
    return [
        *schema.procedures(context),
        *apoc.procedures(context),
        *search.procedures(context),
        *analytics.procedures(context),
        *writes.procedures(context),
    ]


def shown(context: ProcedureContext) -> Mapping[str, ShowRows]:
    """Return what each kind of SHOW shows."""
    return shows.shown(context, procedures(context))
