"""Named queries: Cypher files whose first comments tell what they answer, their parameters and their columns.

// answers: Who took part in an event?
// parameter event STRING = "landing": the event's key
// column person: the name of who took part
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from kgmem.domain.cypher import NamedParameter, NamedQuery
from kgmem.domain.errors import InvalidInput

_ANSWERS = re.compile(r"// answers: (.+)")
_PARAMETER = re.compile(r"// parameter (\w+) (\w+) = (.+?): (.+)")
_COLUMN = re.compile(r"// column (\w+): (.+)")


def load_named_queries(folder: Path) -> Mapping[str, NamedQuery]:
    """Return the named queries of a folder, by name. Raises InvalidInput for a header that is not one."""
    return {file.stem: read_named_query(file.stem, file.read_text()) for file in sorted(folder.glob("*.cypher"))}


def read_named_query(name: str, text: str) -> NamedQuery:
    """Return the named query that a file's text is. Raises InvalidInput."""
    answers, parameters, columns = "", [], {}
    lines = text.splitlines()
    header = [line for line in lines if line.startswith("//")]
    for line in header:
        if found := _ANSWERS.fullmatch(line):
            answers = found[1]
        elif found := _PARAMETER.fullmatch(line):
            parameters.append(NamedParameter(found[1], found[2], json.loads(found[3]), found[4]))
        elif found := _COLUMN.fullmatch(line):
            columns[found[1]] = found[2]
        else:
            raise InvalidInput(f"{name}: {line!r} is no line of a header.", hint="See docs/cypher.md, named queries.")
    if not answers or not columns:
        raise InvalidInput(f"{name} does not tell what it answers, or its columns.", hint="See docs/cypher.md.")
    body = "\n".join(line for line in lines if not line.startswith("//")).strip()
    return NamedQuery(name, answers, tuple(parameters), columns, body)
