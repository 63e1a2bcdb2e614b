"""What a question may not ask: the one place of its checks, which every interface reaches by a recall."""

import math
from collections.abc import Collection

from kgmem.domain.errors import InvalidInput
from kgmem.domain.recall.path import check_why
from kgmem.domain.recall.predicate import predicates_of
from kgmem.domain.recall.question import (
    DEFAULT_WEIGHT,
    MOST_HITS,
    RETRIEVERS,
    TIME_STATES,
    Question,
    Superposed,
    When,
    asks_something,
    retrievers_of,
)
from kgmem.domain.time.interval import parse_time, valid_interval


def check_question(question: Question) -> None:
    """Raise InvalidInput for a question that asks nothing, or whose parts are out of range or exclude each other."""
    what = question.what
    if not asks_something(question):
        raise InvalidInput("The question asks nothing.", hint="Give what.text, what.vector, what.labels or the like.")
    if what.text is not None and not what.text.strip():
        raise InvalidInput("what.text is empty.", hint="Give words to look for, or leave it out.")
    if what.start and not question.graph.expand:
        raise InvalidInput(
            "what.start is where graph expansion starts, and the question does not expand.",
            hint="Set graph.expand to true.",
        )
    predicates_of(what.properties)
    when = question.when
    if TIME_STATES & set(question.states) and (when.any_time or when.valid_at or when.between or when.relation):
        raise InvalidInput("States in time and a time in when exclude each other.", hint="Leave one of them out.")
    if question.min_consensus is not None and not 0 <= question.min_consensus <= 1:
        raise InvalidInput(f"min_consensus is {question.min_consensus}.", hint="Give 0 to 1.")
    if question.min_score is not None and not 0 <= question.min_score <= 1:
        raise InvalidInput(f"min_score is {question.min_score}.", hint="Give 0 to 1.")
    if question.min_score is not None and what.text is None:
        raise InvalidInput("min_score is the least relevance to a text.", hint="Give what.text, or leave it out.")
    if not 0 <= question.diversity <= 1:
        raise InvalidInput(f"diversity is {question.diversity}.", hint="Give 0 to 1.")
    if question.budget is not None and question.budget < 1:
        raise InvalidInput(f"budget is {question.budget}.", hint="Give a number of tokens of at least 1.")
    _check_weights(question)
    _check_superposed(question.superposition)
    check_why(question.why)
    _check_when(question.when)
    if not 1 <= question.k <= MOST_HITS:
        raise InvalidInput(f"k is {question.k}.", hint=f"Ask for 1 to {MOST_HITS} hits.")


def check_weights(weights: Collection[float]) -> None:
    """Raise InvalidInput for weights of retrievers that are negative or infinite, or all 0."""
    if not all(0 <= weight < math.inf for weight in weights) or (weights and not any(weights)):
        raise InvalidInput("Weights are at least 0, and one of them is more.", hint="Leave weights out for equal ones.")


def _check_weights(question: Question) -> None:
    """Refuse weights of unknown retrievers, and those that leave no retriever of the question any weight."""
    if unknown := question.weights.keys() - RETRIEVERS.keys():
        known = ", ".join(sorted(RETRIEVERS))
        raise InvalidInput(f"There is no retriever {min(unknown)!r} to weigh.", hint=f"Retrievers are {known}.")
    check_weights([question.weight(name) for name in retrievers_of(question)])
    check_weights([*question.weights.values(), DEFAULT_WEIGHT])  # Also those of retrievers that are not asked.


def _check_superposed(asked: Superposed | None) -> None:
    if asked is not None and not 0 <= asked.level <= 1:
        raise InvalidInput(f"superposition.level is {asked.level}.", hint="Give 0 to 1.")


def _check_when(when: When) -> None:
    """Raise InvalidInput for times that cannot be read, or that exclude each other."""
    if when.any_time and (when.valid_at is not None or when.between is not None or when.relation is not None):
        raise InvalidInput("when.any_time and another time exclude each other.", hint="Leave one of them out.")
    if when.valid_at is not None:
        parse_time(when.valid_at)
    if when.between is not None:
        valid_interval(*when.between)
    if when.known_at is not None:
        parse_time(when.known_at)
    if when.half_life_days is not None and not 0 < when.half_life_days < math.inf:
        raise InvalidInput(f"when.half_life_days is {when.half_life_days}.", hint="Give a number of days above 0.")
    if when.relation is not None:
        of, entity = when.relation.of, when.relation.entity
        if (of is None) == (entity is None) or of == (None, None):
            raise InvalidInput(
                "when.relation needs an interval, or an entity, to relate to.",
                hint='Give of, such as ["1961", "1965"], or the key of an entity, not both.',
            )
        if of is not None:
            valid_interval(*of)
