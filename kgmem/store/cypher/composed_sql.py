"""An SQL statement that is being put together: its text grows, its values are parameters."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, LiteralString

from kgmem.query.execution.graph import MatchQuery
from kgmem.store.db.sql import SQL, parameter

Value = Callable[[MatchQuery], Any]


@dataclass(slots=True)
class Parameters:
    """What gives the values of a statement out of what is sought; each has its place."""

    values: list[Value] = field(default_factory=list)

    def add(self, value: Value, kind: LiteralString) -> SQL:
        """Return the place of a value: $3::text[]."""
        self.values.append(value)
        return parameter(len(self.values), kind)

    def add_names(self, names: list[str]) -> SQL:
        """Return the place of names that are the same each time."""
        return self.add(lambda _sought: names, "text[]")
