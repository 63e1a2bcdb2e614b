"""neo4j-admin's header files: the names of columns stand in a file of their own, apart from the data.

`persons-header.csv` is the header of `persons.csv`, `persons-1.csv`, `persons_2.csv.gz` and `persons3.csv` beside it. A
file of such a name with more than one line is one like any other.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kgmem.formats.io.files import bare_name, open_file
from kgmem.formats.kgmem.csv_rows import read_dialect, read_rows

_HEADER = re.compile(r"(?P<stem>.+)[-_.]header(?P<end>\.[ct]sv)", re.IGNORECASE)
_PART = re.compile(r"([-_.].*|\d+)?")  # What stands behind the stem in the name of a file of data.


def with_header_files(files: Sequence[Any], options: Mapping[str, str]) -> dict[Any, list[str]]:
    """Return the columns of files whose header stands in another of them; none for these others, which hold no rows.

    Raises InvalidInput for a file that cannot be read, or options that are wrong.
    """
    paths = [file for file in files if isinstance(file, Path | str) and Path(file).is_file()]
    found: dict[Any, list[str]] = {}
    # The longest name first: persons-old-header.csv is that of persons-old-1.csv, and persons-header.csv is not.
    for header in sorted(paths, key=lambda file: -len(bare_name(file))):
        told = _HEADER.fullmatch(bare_name(header))
        data = [file for file in paths if told and file not in found and _belongs(file, header, told)]
        columns = _columns(header, options) if data else []
        if columns:
            found |= {header: [], **dict.fromkeys(data, columns)}
    return found


def _belongs(file: Path | str, header: Path | str, told: re.Match[str]) -> bool:
    name, stem, end = bare_name(file), told["stem"], told["end"]
    fits = name.startswith(stem) and name.endswith(end) and Path(file).parent == Path(header).parent
    return fits and not _HEADER.fullmatch(name) and bool(_PART.fullmatch(name[len(stem) : -len(end)]))


def _columns(header: Path | str, options: Mapping[str, str]) -> list[str]:
    """Return the cells of the only line of a file; none when it has more."""
    with open_file(header) as opened:
        rows = read_rows(opened.stream, read_dialect(options))
        first, more = next(rows, None), next(rows, None)
        return list(first[1]) if first and more is None and isinstance(first[1], list) else []
