"""Records that wait for the columns of their table: which properties there are, and of what types, shows at the end."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any, TypeAlias

import orjson

TypeOf: TypeAlias = Callable[[Any], str | None]  # Gives the type of a column that can hold a value; None: none can.

# Properties beyond these have no column of their own: a table of a million columns is of use to nobody.
MOST_COLUMNS = 1000
_MOST_NAMES = 10 * MOST_COLUMNS
_CHUNK = 1024 * 1024
_KEPT_IN_MEMORY = 16 * 1024 * 1024


class RowSpool:
    """Rows in a temporary file, and for each property the type that most of its values have."""

    def __init__(self, type_of: TypeOf) -> None:
        """Take what gives the type of a column for a value."""
        self._type_of = type_of
        self._file = tempfile.SpooledTemporaryFile(max_size=_KEPT_IN_MEMORY)  # noqa: SIM115  # closed by close()
        self._seen: dict[str, Counter[str]] = {}
        self.count = 0

    def add(self, fixed: Mapping[str, Any], properties: Mapping[str, Any]) -> None:
        """Take a row: what every table of its kind has columns for, and its properties."""
        for name, value in properties.items():
            type_ = self._type_of(value)
            if type_ is not None:
                seen = self._seen.get(name)
                if seen is None:
                    if len(self._seen) >= _MOST_NAMES:
                        continue
                    seen = self._seen[name] = Counter()
                seen[type_] += 1
        self._file.write(orjson.dumps([fixed, properties], option=orjson.OPT_APPEND_NEWLINE))
        self.count += 1

    def columns(self) -> dict[str, str]:
        """Return the properties that get a column, in alphabetical order, each with its type."""
        frequent = sorted(self._seen, key=lambda name: (-self._seen[name].total(), name))[:MOST_COLUMNS]
        # Of types that are equally frequent the first in the alphabet, so that the same records make the same table.
        return {
            name: min(self._seen[name].items(), key=lambda item: (-item[1], item[0]))[0] for name in sorted(frequent)
        }

    def rows(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Return the rows in the order in which they came."""
        return chain.from_iterable(self.chunks(_CHUNK))

    def chunks(self, size: int) -> Iterator[list[tuple[dict[str, Any], dict[str, Any]]]]:
        """Return the rows in chunks of about so many bytes of JSON."""
        self._file.seek(0)
        chunk: list[tuple[dict[str, Any], dict[str, Any]]] = []
        taken = 0
        for line in self._file:
            fixed, properties = orjson.loads(line)
            chunk.append((fixed, properties))
            taken += len(line)
            if taken >= size:
                yield chunk
                chunk, taken = [], 0
        if chunk:
            yield chunk

    def close(self) -> None:
        """Release the temporary file."""
        self._file.close()
