"""The one function that everything is written by, and how names and strings are written."""

import re
from collections.abc import Iterable
from functools import singledispatch

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Words that mean something else where a variable or a function may stand.
_KEYWORDS = """
ALL ALLSHORTESTPATHS AND ANY AS ASC ASCENDING BY CALL CASE COLLECT CONCURRENT CONTAINS COUNT CREATE CYPHER DELETE
DESC DESCENDING DETACH DIFFERENT DISTINCT ELSE END ENDS EXISTS EXPLAIN FALSE FINISH FOREACH IN IS LIMIT LOAD MATCH
MERGE NODETACH NOT NULL OFFSET ON OPTIONAL OR ORDER PROFILE REDUCE REMOVE REPEATABLE RETURN SET SHORTEST
SHORTESTPATH SHOW SKIP STARTS THEN TRANSACTION TRANSACTIONS TRUE UNION UNWIND USE USING WHEN WHERE WITH XOR YIELD
"""
_VARIABLES = frozenset(_KEYWORDS.split())
_FUNCTIONS = {"ALL", "ALLSHORTESTPATHS", "ANY", "NONE", "REDUCE", "SHORTESTPATH", "SINGLE", "TRIM"}


@singledispatch
def written(part: object) -> str:
    """Return a part of a tree as Cypher."""
    raise TypeError(f"{type(part).__name__} is no part of a query")


def listed(parts: Iterable[object], between: str = ", ") -> str:
    """Return parts as Cypher, with commas between them."""
    return between.join(map(written, parts))


def name(text: str) -> str:
    """Return a label, type, property or key; in backticks where it needs them."""
    return text if _PLAIN.fullmatch(text) else "`" + text.replace("`", "``") + "`"


def variable(text: str) -> str:
    """Return a variable; in backticks too where it is a keyword."""
    return f"`{text}`" if text.upper() in _VARIABLES else name(text)


def called(text: str) -> str:
    """Return a function's or procedure's name with its namespace."""
    return f"`{text}`" if text.upper() in _FUNCTIONS else ".".join(map(name, text.split(".")))


def where(predicate: object | None) -> str:
    """Return WHERE and a predicate, with a space before; nothing where there is none."""
    return "" if predicate is None else f" WHERE {written(predicate)}"


def opt(before: str, part: object | None, after: str = "") -> str:
    """Return a part with a text before it and one after it; nothing where there is no such part."""
    return "" if part is None else f"{before}{written(part)}{after}"
