"""A clause by its roles: the verb, who does it to whom, and what its prepositions lead to."""

from dataclasses import dataclass
from typing import Final

from spacy.tokens import Token

from kgmem.extraction.arguments import nouns_of
from kgmem.extraction.clauses import is_passive, subjects_of

# Kinds of relationships that end together, where a text names none.
WORK: Final = ("WORKS_FOR", "MEMBER_OF", "LEADS")
HOME: Final = ("LIVES_IN",)
PARTNERS: Final = ("MARRIED_TO", "ENGAGED_TO", "PARTNER_OF")


class Clause:
    """A verb with what it says of whom, by role."""

    def __init__(self, verb: Token) -> None:
        """Take the verb."""
        self.verb = verb
        self.lemma = verb.lemma_.lower()
        self.subjects = subjects_of(verb)
        self.passive = is_passive(verb)
        self.objects = [
            noun for child in verb.children if child.dep_ in {"dobj", "oprd", "attr"} for noun in nouns_of(child)
        ]
        self.particles = {child.lower_ for child in verb.children if child.dep_ in {"prt", "advmod"}}
        self.led = dict[str, list[Token]]()
        self._lead(verb, 0)

    def _lead(self, head: Token, depth: int) -> None:
        for child in head.children:
            if child.dep_ in {"prep", "agent", "dative"} and child.pos_ in {"ADP", "SCONJ"}:
                for part in child.children:
                    if part.dep_ in {"pobj", "pcomp"}:
                        self.led.setdefault(child.lower_, []).extend(nouns_of(part))
                if depth < 2:
                    self._lead(child, depth + 1)
                    self._through(child)
            elif (child.dep_ == "dobj" or child.lower_ in {"back", "over", "away", "up", "down"}) and depth == 0:
                self._lead(child, 1)

    def _through(self, preposition: Token) -> None:
        """Take in "from Acme to Globex", where the second preposition hangs on the first noun."""
        for part in preposition.children:
            if part.dep_ == "pobj":
                for child in part.children:
                    if child.dep_ == "prep" and child.lower_ in {"to", "for", "from", "as"}:
                        self.led.setdefault(child.lower_, []).extend(
                            noun for inner in child.children if inner.dep_ == "pobj" for noun in nouns_of(inner)
                        )

    def behind(self, *prepositions: str) -> Token | None:
        """Return the first noun that one of these prepositions leads to."""
        return next((self.led[word][0] for word in prepositions if self.led.get(word)), None)


@dataclass(frozen=True, slots=True)
class Over:
    """What a clause says is over between two words; one may be left open."""

    subject: Token | None
    object: Token | None
    kinds: tuple[str, ...] = ()
    instead: Token | None = None
    heir: Token | None = None
    never: bool = False
    becomes: str | None = None
    verbs: tuple[str, ...] = ()
    latest: bool = False


def is_time(word: Token) -> bool:
    """Return whether a noun names a day, a date or an hour."""
    if word.ent_type_ in {"DATE", "TIME"} or word.lower_ in _CLOCK:
        return True
    return word.text in _MONTHS and any(child.pos_ == "NUM" for child in word.children)


_MONTHS: Final = frozenset(
    {
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    }
)  # fmt: skip
_CLOCK: Final = frozenset(
    {
        "noon", "midnight", "am", "pm", "a.m.", "p.m.", "o'clock", "monday", "tuesday", "wednesday", "thursday",
        "friday", "saturday", "sunday", "today", "tomorrow", "tonight", "mondays", "tuesdays", "wednesdays",
        "thursdays", "fridays", "saturdays", "sundays",
    }
)  # fmt: skip
