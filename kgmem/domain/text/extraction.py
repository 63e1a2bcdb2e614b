"""What is found in a text: candidates for entities, facts, times, places and causes, each with its words in the text.

Nothing here is in the graph yet: who is meant, and what is believed, is decided later. Positions are characters of the
text as it was given, start included and end not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from kgmem.domain.errors import LimitReached
from kgmem.domain.ledger.model_calls import Payer
from kgmem.domain.time.dates import Granularity
from kgmem.domain.time.interval import Interval

CausalKind = Literal["CAUSES", "ENABLES", "CONTRIBUTES_TO", "PREVENTS"]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a text: text[start:end]."""

    start: int
    end: int

    def within(self, other: "Span") -> bool:
        """Return whether this stretch lies inside the other."""
        return other.start <= self.start and self.end <= other.end


@dataclass(frozen=True, slots=True)
class TextToRead:
    """A text with what is known about it before it is read.

    `occurred_at` (ISO 8601) is what "last year" is relative to; without it such words are not understood. `speaker` is
    "I", `listener` is "you". `title` is what a document is about. `country` (two letters) settles places of one name.
    """

    text: str
    occurred_at: str | None = None
    speaker: str | None = None
    listener: str | None = None
    title: str | None = None
    country: str | None = None
    labels: Sequence[str] = ()  # Of the graph, for extractors that can be told them.
    kinds: Sequence[str] = ()
    before: Sequence[str] = ()  # The turns before it in the same conversation, the nearest last.
    before_by: Sequence[str | None] = ()  # Who said each of them.
    payer: Payer | None = None  # In whose ledger a model's request is booked.


@dataclass(frozen=True, slots=True)
class FoundEntity:
    """A thing that a text names, with every place where it does."""

    name: str
    label: str  # Person, Organization, Place, Event, Object, Concept, Document or Thing.
    spans: Sequence[Span]
    aliases: Sequence[str] = ()
    confidence: float = 1.0
    found_by: str = ""


@dataclass(frozen=True, slots=True)
class FoundTime:
    """A time that a text names, and the interval that it means."""

    text: str
    span: Span
    interval: Interval
    granularity: Granularity
    found_by: str = ""


@dataclass(frozen=True, slots=True)
class FoundPlace:
    """A name in a text that is a place on the earth, with its point."""

    text: str
    span: Span
    name: str
    country: str  # Two letters.
    lon: float
    lat: float
    population: int
    id: str  # geonames:<number>
    confidence: float = 1.0
    found_by: str = ""


@dataclass(frozen=True, slots=True)
class Argument:
    """One end of a fact: what it is called, and the words that say so, which may be a pronoun or "the film"."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class FoundFact:
    """What a text asserts of two things: subject, predicate, object.

    A denied fact says that it is not so. A hedged one may be so: modal verbs, "allegedly", conditions. A reported one
    is somebody's word: `reported_by` says whose, where the text does.
    """

    subject: Argument
    predicate: str
    predicate_span: Span
    object: Argument
    confidence: float
    found_by: str
    denied: bool = False
    hedged: bool = False
    reported_by: str | None = None
    time: FoundTime | None = None


@dataclass(frozen=True, slots=True)
class FoundEnding:
    """What a text says holds no more: facts of a subject, an object, or both, of these kinds or any.

    `predicate` is that of a denied fact in the words of the text. `instead` takes the object's place from then on,
    `heir` the subject's, and a fact of the kind `becomes` that of the fact itself. `never` says that it did not hold
    before either: a correction, or "has never been". With neither subject nor object it is about what was said last.
    `latest` means, of the facts that fit, only what was stated last ("sold it"): facts of the kinds, and facts in a
    text's own words by one of the `verbs`.
    """

    subject: Argument | None
    object: Argument | None
    span: Span
    confidence: float
    found_by: str
    kinds: Sequence[str] = ()
    predicate: str | None = None
    instead: Argument | None = None
    heir: Argument | None = None
    never: bool = False
    time: FoundTime | None = None
    becomes: str | None = None
    verbs: Sequence[str] = ()
    latest: bool = False
    otherwise: bool = False  # Meant only where nothing else in the same words ends anything.


@dataclass(frozen=True, slots=True)
class FoundCause:
    """What a text says brings about what. A denied one says that it does not, and is never a cause."""

    cause: Argument
    effect: Argument
    kind: CausalKind
    span: Span  # The words that say so: "because of", "led to".
    confidence: float
    found_by: str
    denied: bool = False
    hedged: bool = False


@dataclass(frozen=True, slots=True)
class Extraction:
    """All that was found in one text, by whom, and what it cost."""

    entities: Sequence[FoundEntity] = ()
    facts: Sequence[FoundFact] = ()
    times: Sequence[FoundTime] = ()
    places: Sequence[FoundPlace] = ()
    causes: Sequence[FoundCause] = ()
    endings: Sequence[FoundEnding] = ()
    says_endings: bool = False  # A model was asked for them and answered, if only that there are none.
    extractor: str = ""
    tokens: int = 0  # That a model counted, question and answer.
    cost: float = 0.0  # In the currency of the prices that were set.
    refused: int = 0  # What a model said that the text does not say.
    problem: str | None = None  # Why the offline rules stood in for a model, or a text was not read.
    said_at: str | None = None  # The date that the text itself bears, such as a mail's.
    speaker: str | None = None  # Who writes, as the text itself says.
    unpaid: LimitReached | None = None  # Why a model was not requested, where its payer's ledger refuses that.


class Extractor(Protocol):
    """Finds entities, facts, times, places and causes in texts."""

    @property
    def name(self) -> str:
        """The value of `found_by` and `extractor`, with a version that changes when the results do."""

    async def extract(self, texts: Sequence[TextToRead]) -> Sequence[Extraction]:
        """Return what was found in each text, in their order. Raises ExtractorUnavailable."""

    async def aclose(self) -> None:
        """Free what it holds."""
