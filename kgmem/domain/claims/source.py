"""Sources: who said it, and how far they are trusted."""

from dataclasses import dataclass

PRIOR_TRUST = 0.5


@dataclass(frozen=True, slots=True)
class Source:
    """One source of a graph; a source that was only named has the prior trust."""

    key: str
    name: str | None = None
    kind: str | None = None
    trust: float = PRIOR_TRUST
    note: str | None = None
    parent: str | None = None  # The source whose outlet or mirror it is: both have one voice.
    domain: str | None = None  # What it is at home in.
