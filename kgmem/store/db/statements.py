"""SQL files: named statements, and the one place where names enter them as identifiers."""

import re
from collections import OrderedDict
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from threading import Lock

from kgmem.store.db.sql import SQL, identifier

_HEADER = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_PLACE = re.compile(r"\{(\w+)\}(?:\.(\w+))?")
# The schemas of tables and views that a graph does not have: they have the same columns there, and no rows.
ABSENT_SCHEMA, ABSENT_ASOF = "kgm_0", "kgm_0_asof"
_OF_A_GRAPH = frozenset({"index", "held", "asof"})  # The places of schemas in which such tables would be.
# A graph's statements are about 50 KB; one for each label is among them.
_MOST_GRAPHS = 200
_MOST_EACH = 5_000
_MOST_NAMES = 50_000
_WORD = re.compile(r"\W.*", re.DOTALL)

Key = tuple[str | frozenset[str], ...]


@cache
def _files() -> dict[str, Traversable]:
    """Return the SQL files of all rooms by name; no two have one name."""
    found = [file for room in (files("kgmem.store") / "sql").iterdir() if room.is_dir() for file in room.iterdir()]
    return {file.name.removesuffix(".sql"): file for file in found}


@cache
def load(file: str) -> dict[str, SQL]:
    """Return the statements of kgmem/store/sql/<room>/<file>.sql by name (each follows a `-- name:` line)."""
    text = _files()[file].read_text(encoding="utf-8")
    _, *parts = _HEADER.split(text)
    return dict(zip(parts[::2], map(SQL, parts[1::2]), strict=True))


def statement(file: str, name: str, absent: frozenset[str] = frozenset(), /, **names: str) -> SQL:
    """Return one statement with its {places} filled by the given names, quoted as identifiers.

    `absent` names tables that the graph does not have yet; the statement takes the empty ones in their place.
    """
    kept = _OF_NO_GRAPH if "index" not in names else _RENDERED.of(names["index"])
    key: Key = (file, name, absent, *names.values())
    found = kept.get(key)
    if found is None:
        if len(kept) >= _MOST_EACH:
            kept.clear()

        def fill(place: re.Match[str]) -> str:
            if place[1] not in names:
                return place[0]
            table = f".{place[2]}" if place[2] else ""
            schema = ABSENT_SCHEMA if place[2] in absent and place[1] in _OF_A_GRAPH else names[place[1]]
            return identifier(schema) + table

        found = SQL(_PLACE.sub(fill, load(file)[name]))
        kept[key] = found
        if len(_NAMES) >= _MOST_NAMES:
            _NAMES.clear()
        _NAMES[found] = f"sql {file}.{name}"
    return found


def name_of(query: str) -> str:
    """Return the name of a statement for traces: its file and name, or its first word where it was composed."""
    return _NAMES.get(query) or f"sql {_WORD.sub('', query.lstrip()[:20]).upper() or 'statement'}"


def forget_statements(index: str) -> None:
    """Keep no statements of a graph that is gone; `index` is the schema of its index."""
    _RENDERED.forget(index)


def kept_statements() -> Mapping[str, int]:
    """Return how many statements are kept of each graph, by the schema of its index."""
    return _RENDERED.counts()


class _Rendered:
    """Statements by graph; of the graphs that were used longest ago none are kept."""

    def __init__(self) -> None:
        """Begin with none."""
        self._graphs: OrderedDict[str, dict[Key, SQL]] = OrderedDict()
        self._lock = Lock()  # Batches are staged in threads.
        self._newest: tuple[str, dict[Key, SQL]] = ("", {})  # Most statements are of the graph of the one before.

    def of(self, index: str) -> dict[Key, SQL]:
        """Return the statements of a graph, also those of its index as it was known earlier."""
        newest, found = self._newest
        if newest == index:
            return found
        with self._lock:
            found = self._graphs.setdefault(index, {})
            self._graphs.move_to_end(index)
            self._newest = index, found
            if len(self._graphs) > _MOST_GRAPHS:
                self._graphs.popitem(last=False)
        return found

    def forget(self, index: str) -> None:
        """Drop the statements of a graph."""
        with self._lock:
            self._newest = "", {}
            for kept in [each for each in self._graphs if each in {index, f"{index}_asof"}]:
                del self._graphs[kept]

    def counts(self) -> dict[str, int]:
        """Return how many statements are kept of each graph."""
        with self._lock:
            return {index: len(kept) for index, kept in self._graphs.items()}


_NAMES: dict[str, str] = {}
_OF_NO_GRAPH: dict[Key, SQL] = {}
_RENDERED = _Rendered()
