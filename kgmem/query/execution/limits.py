"""How much one statement may take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """`seconds` for the whole statement; `rows` that any of its steps may hold; `depth` of queries in queries.

    `length` is that of the text, in characters; `memory` is by how many bytes the process may grow while expressions
    are computed.
    """

    seconds: float = 30.0
    rows: int = 1_000_000
    depth: int = 20
    memory: int = 1 << 30
    length: int = 1_000_000
