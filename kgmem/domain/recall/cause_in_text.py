"""Questions about causes and effects, by their words, in English: "why did ...", "what led to ...", "how come".

What follows these words names the event of the question; a search decides which entity that is.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

_LONGEST: Final = 500  # Characters of a question; a longer text tells a story, which has a "why" somewhere.
_LINKS: Final = r"(?:cause|lead\s+(?:up\s+)?to|result\s+in|bring\s+about|trigger|provoke|give\s+rise\s+to)"
_EFFECTS: Final = re.compile(
    rf"""\bwhat\s+(?:\w+\s+)?(?:did|does|do|will|would|could|can)\s+[^?!]{{1,200}}?\s+{_LINKS}\s*(?=[?!.]|$)
      | \bwhat\s+(?:all\s+)?(?:came|comes|resulted|results|arose|followed|follows)\s+(?:out\s+)?(?:of|from)\b
      | \bwhat\s+(?:happened|happens|changed|changes)\s+(?:because|as\s+a\s+(?:result|consequence))\s+of\b
      | \b(?:consequences?|effects|after-?effects|aftermath|repercussions?)\s+of\b
    """,
    re.VERBOSE | re.IGNORECASE,
)
_CAUSES: Final = re.compile(
    r"""\bwhy\b(?!\s+(?:not\s+)?(?:don['\u2019]?t\s+(?:you|we)|not)\b)
      | \bhow\s+come\b
      | \b(?:because\s+of|due\s+to|owing\s+to|by|from)\s+what\b
            (?=\s+(?:did|do|does|was|were|is|are|has|had|cause|reason)\b)
      | \b(?:what|which\s+\w+)\s+(?:\w+\s+)?(?:caused?|causes|led\s+(?:up\s+)?(?:to|towards?)|leads\s+to|
            brought\s+(?:about\b|[^?!]{1,60}?\s+to\b)|triggered|provoked|resulted\s+in|gave\s+rise\s+to|contributed\s+to)\b
      | \bwhat\s+made\b
      | \b(?:what|who)\s+(?:is|was|were|are)\s+(?:responsible|to\s+blame)\s+for\b
      | \b(?:what|who)(?:\s+(?:is|was|were|lay|lies)|['\u2019]s)\s+behind\b
      | \bcauses?\s+(?:of|for|behind)\b
      | \breasons?\s+(?:for|why|behind|that|of)\b
      | \bwas\s+[^?!]{1,80}\s+caused\s+by\s+what\b
    """,
    re.VERBOSE | re.IGNORECASE,
)
_ROOT: Final = re.compile(
    r"\b(?:root|ultimate|underlying|original|first|deeper|deepest)\s+(?:causes?|reasons?)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class CauseInText:
    """What a text asks about an event: its causes or its effects, in which words, and whether the first causes."""

    text: str
    side: Literal["causes", "effects"]
    root: bool = False


def cause_in(text: str) -> CauseInText | None:
    """Return what a text asks about causes or effects; None where it asks nothing of the kind, or is too long."""
    if len(text) > _LONGEST:
        return None
    effects, causes = _EFFECTS.search(text), _CAUSES.search(text)
    if effects is not None and (causes is None or effects.start() <= causes.start()):
        return CauseInText(effects[0], "effects")
    if causes is None:
        return None
    root = _ROOT.search(text)
    return CauseInText(root[0] if root else causes[0], "causes", root is not None)
