"""The error for what a graph's schema refuses."""

from collections.abc import Iterable

from kgmem.domain.errors import SchemaViolation
from kgmem.domain.schema import Violation

_SHOWN = 10  # Violations that an error spells out.


def refuse(found: Iterable[tuple[str, Violation]]) -> None:
    """Raise SchemaViolation when there are violations; each comes with what it is in."""
    violations = [f"{where}: {violation}" for where, violation in found]
    if violations:
        more = f" (and {len(violations) - _SHOWN} more)" if len(violations) > _SHOWN else ""
        raise SchemaViolation(
            "The graph's schema refuses it: " + "; ".join(violations[:_SHOWN]) + more + ".",
            mend="Correct the items, extend the graph's schema, or make the graph not strict.",
            violations=violations,
        )
