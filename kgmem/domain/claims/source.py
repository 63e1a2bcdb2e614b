"""Sources: who said it, and how far they are trusted."""

from dataclasses import dataclass, replace
from typing import Annotated

from kgmem.domain.fields import FRACTION, KEY, NAME

PRIOR_TRUST = 0.5


@dataclass(frozen=True, slots=True)
class Source:
    """One source of a graph; a source that was only named has the prior trust."""

    key: Annotated[str, replace(KEY, role="identity")]
    name: Annotated[str | None, NAME] = None
    kind: Annotated[str | None, NAME] = None
    trust: Annotated[float, FRACTION] = PRIOR_TRUST
    note: Annotated[str | None, NAME] = None
    parent: Annotated[str | None, replace(KEY, doc="The source whose outlet or mirror it is: both have one voice.")] = (
        None
    )
    domain: Annotated[str | None, replace(NAME, doc="What it is at home in.")] = None
