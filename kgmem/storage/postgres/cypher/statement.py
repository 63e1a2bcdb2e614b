"""An SQL statement that is being put together: its text grows, its values are parameters."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Parameters:
    """The values of a statement; each is given its place."""

    values: list[Any] = field(default_factory=list)

    def add(self, value: Any, kind: str) -> str:
        """Give the place of a value: $3::text[]."""
        self.values.append(value)
        return f"${len(self.values)}::{kind}"
