"""The set of sentences and dialogues about change: how it is read from its files, and how a case is judged.

A case is a context, what is said then, and what must hold or must not hold afterwards. `+works: Ada > Acme` must hold,
and `-works: Ada > Acme` must not: nothing that is current may say it. A relation stands for the kinds and the words of
predicates that may say it, so that a reader is not bound to one wording.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "tests" / "data" / "updates"
SAID_BEFORE, SAID = "2024-03-01T10:00:00Z", "2024-05-01T12:00:00Z"
# Of each relation: its kinds, and the stems of verbs or nouns in a predicate that say the same.
RELATIONS = {
    "works": "WORKS_FOR MEMBER_OF LEADS / work employ join", "lives": "LIVES_IN / live based move home",
    "married": "MARRIED_TO / marri", "partner": "PARTNER_OF / dating girlfriend boyfriend partner",
    "engaged": "ENGAGED_TO / engaged", "friend": "FRIEND_OF / friend",
    "owns": "OWNS ACQUIRED / own have has bought buy acquire adopt got", "when": "SCHEDULED_FOR / scheduled",
    "where": "TAKES_PLACE_IN / place", "likes": "LIKES / like love enjoy", "dislikes": "DISLIKES / hate dislike",
    "prefers": "PREFERS / prefer", "favorite": "/ favorite favourite", "uses": "USES / use",
    "answer": "WANTS_ANSWERS_IN / answer", "drinks": "/ drink", "plays": "PLAYED_FOR MEMBER_OF / play take took join",
    "learns": "/ learn", "speaks": "SPEAKS / speak", "diet": "/ is am 'm", "allergic": "ALLERGIC_TO / allergic",
    "avoids": "AVOIDS ALLERGIC_TO / avoid", "role": "/ is became become", "leads": "LEADS RESPONSIBLE_FOR / lead head",
    "responsible": "RESPONSIBLE_FOR OWNS LEADS / responsible own", "amount": "/ is are", "named": "/ named called name",
    "drives": "/ drive", "born": "BORN_IN / born", "member": "MEMBER_OF / member join", "studies": "STUDIED_AT / stud",
    "goes": "/ go", "subscribes": "/ subscribe", "teaches": "/ teach", "volunteers": "/ volunteer",
    "coaches": "/ coach", "stored": "/ stored hosted", "runs": "/ run",
    "located": "LOCATED_IN LIVES_IN TAKES_PLACE_IN / is located based",
    "causes": "CAUSES ENABLES CONTRIBUTES_TO PREVENTS /",
}  # fmt: skip
_OVER = re.compile(r"^(?:no longer|got rid|used to|left|quit|stopped|gave up|sold|lost|was never|moved (?:out|from))\b")


@dataclass(frozen=True)
class Expectation:
    """What must hold after a turn, or must not."""

    holds: bool
    relation: str
    subject: str
    object: str
    since: str | None = None


@dataclass(frozen=True)
class Stated:
    """A current fact as a memory has it: its kind, the words of its predicate, names of its ends, when it began."""

    kind: str
    predicate: str
    subject: str
    object: str
    since: str | None = None


@dataclass(frozen=True)
class Turn:
    """One text with who says it to whom, and what is so after it."""

    text: str
    speaker: str
    listener: str
    expected: Sequence[Expectation] = ()


@dataclass(frozen=True)
class Case:
    """A conversation with what is so after each turn."""

    kind: str
    turns: Sequence[Turn]
    question: str | None = None  # Of which no stale fact may come first.


def expectation(text: str) -> Expectation:
    """Parse `+works: Ada > Globex @2023-08`."""
    found = re.fullmatch(r"([+-])(\w+): (.+?) > (.+?)(?: @(\S+))?", text.strip())
    if found is None or found[2] not in RELATIONS:
        raise ValueError(f"{text!r} is no expectation.")
    return Expectation(found[1] == "+", found[2], found[3], found[4], found[5])


def sentences(part: str) -> list[Case]:
    """Return the sentences of a part: `develop` or `held_out`."""
    cases, kind = [], ""
    for line in (FOLDER / f"{part}.txt").read_text().splitlines():
        if line.startswith("["):
            kind = line.strip("[]")
        elif line and not line.startswith("#"):
            context, said, expected = (each.strip().replace("\\n", "\n") for each in line.split(" | "))
            told = [expectation(each) for each in expected.split(";")]
            cases.append(Case(kind, (Turn(context, "Ada", "Bob"), Turn(said, "Ada", "Bob", told))))
    return cases


def dialogues(part: str) -> list[Case]:
    """The dialogues of a part: blocks of `speaker > listener: text | expectations`, a `? question` at the end."""
    cases = []
    for block in (FOLDER / f"{part}_dialogues.txt").read_text().strip().split("\n\n"):
        turns, question = list[Turn](), None
        for line in block.splitlines():
            if line.startswith("#"):
                continue
            if line.startswith("? "):
                question = line[2:]
                continue
            who, _, rest = line.partition(": ")
            text, _, expected = rest.partition(" | ")
            speaker, _, listener = who.partition(" > ")
            told = [expectation(each) for each in expected.split(";")] if expected else []
            turns.append(Turn(text.strip(), speaker, listener, told))
        cases.append(Case("dialogues", turns, question))
    return cases


def met(expected: Expectation, facts: Iterable[Stated]) -> bool:
    """Say whether facts that are current are as expected."""
    found = [each for each in facts if _says(expected, each)]
    if not expected.holds:
        return not found
    return any(expected.since is None or (each.since or "").startswith(expected.since) for each in found)


def _says(expected: Expectation, fact: Stated) -> bool:
    kinds, _, stems = RELATIONS[expected.relation].partition("/")
    ends = (fact.subject, fact.object)
    pairs = [ends, ends[::-1]] if expected.relation in {"married", "partner", "engaged", "friend"} else [ends]
    if not any(_named(expected.subject, one) and _named(expected.object, other) for one, other in pairs):
        return False
    if fact.kind in kinds.split():
        return True
    words = fact.predicate.lower()
    return (
        fact.kind == "STATES"
        and not _OVER.match(words)
        and any(word.startswith(stem) for word in words.split() for stem in stems.split())
    )


def _named(expected: str, name: str) -> bool:
    told, own = (re.findall(r"[\w,:.]+", each.casefold()) for each in (expected, name))
    at = len(told)
    return any(own[n : n + at] == told for n in range(len(own) - at + 1)) or _joined(expected) in _joined(name)


def _joined(name: str) -> str:
    return " ".join(name.casefold().replace("-", " ").split())
