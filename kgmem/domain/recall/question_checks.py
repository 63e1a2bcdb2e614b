"""The checks of a question, for every interface, and the predicates on properties that it may contain.

A predicate is a value, which asks for equality, or a table of operators, all of which must hold: {"gte": 5, "lt": 9}.
A property that an item does not have matches only {"exists": false} and null. Numbers are compared with numbers and
text with text, so that {"gt": 5} matches no text; a date is compared as text.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from kgmem.domain.errors import InvalidInput
from kgmem.domain.recall.causality import check_why
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
from kgmem.domain.recall.reranking import MOST_RERANKED
from kgmem.domain.time.interval import parse_time, valid_interval

Operator = Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "exists", "contains", "starts_with"]
OPERATORS: tuple[Operator, ...] = get_args(Operator)
MOST_PREDICATES = 50
_MOST_VALUES = 1000  # Of one `in`.
_LARGEST = 2**63
_SCALARS = (str, int, float)  # A bool is an int.


@dataclass(frozen=True, slots=True)
class Predicate:
    """One condition on one property."""

    name: str
    operator: Operator
    value: Any


def predicates_of(properties: Mapping[str, Any]) -> list[Predicate]:
    """Return the predicates on properties of a question. Raises InvalidInput with the name of the property."""
    found = [predicate for name, told in properties.items() for predicate in _of(name, told)]
    if len(found) > MOST_PREDICATES:
        raise InvalidInput(f"what.properties has {len(found)} predicates.", hint=f"Use at most {MOST_PREDICATES}.")
    return found


def _of(name: str, told: Any) -> Iterator[Predicate]:
    if not name or "\0" in name:
        raise InvalidInput(f"what.properties: {name!r} is not a name.", hint="Use the name of a property.")
    if told is None:
        yield Predicate(name, "exists", False)
        return
    if not isinstance(told, Mapping):
        yield Predicate(name, "eq", _plain(name, told))
        return
    if not told:
        raise _wrong(name, "asks nothing", f"Give a value, or operators: {', '.join(OPERATORS)}.")
    for operator, value in told.items():
        if operator not in OPERATORS:
            hint = f'Operators are {", ".join(OPERATORS)}; a table is compared as {{"eq": {{...}}}}.'
            raise _wrong(name, f"has no operator {operator!r}", hint)
        _check(name, operator, value)
        yield Predicate(name, operator, value)


def _check(name: str, operator: Operator, value: Any) -> None:
    """Raise InvalidInput where the operand does not fit the operator."""
    where = f"{name}.{operator}"
    if operator == "exists" and not isinstance(value, bool):
        raise _wrong(where, f"is {value!r}", "Give true or false.")
    if operator == "starts_with" and not isinstance(value, str):
        raise _wrong(where, f"is {value!r}", "Give a text.")
    if operator == "contains" and not isinstance(value, _SCALARS):
        raise _wrong(where, f"is {value!r}", "Give a text that the text contains, or an element of the list.")
    if operator in {"gt", "gte", "lt", "lte"} and (isinstance(value, bool) or not isinstance(value, _SCALARS)):
        raise _wrong(where, f"is {value!r}", "Give a number or a text, such as a date.")
    if operator == "in" and not (isinstance(value, list | tuple) and 1 <= len(value) <= _MOST_VALUES):
        raise _wrong(where, f"is {value!r}"[:100], f"Give a list of 1 to {_MOST_VALUES} values.")
    if value is None:
        raise _wrong(where, "is null", 'Ask {"exists": true} or {"exists": false}.')
    _plain(where, value)


def _plain(where: str, value: Any) -> Any:
    """Return a value back that can stand in a property: JSON, with numbers that a graph holds."""
    if isinstance(value, float) and not math.isfinite(value):
        raise _wrong(where, f"is {value}", "Give a number.")
    if isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
        raise _wrong(where, f"is {value}", "Give an integer of 64 bits.")
    if isinstance(value, str) and "\0" in value:
        raise _wrong(where, "holds a NUL", "Leave it out.")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _plain(f"{where}.{_plain(where, key)}", inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:
            _plain(where, inner)
    elif value is not None and not isinstance(value, _SCALARS):
        raise _wrong(where, f"is {value!r}", "Give text, numbers, true, false, or lists of them.")
    return value


def _wrong(where: str, what: str, hint: str) -> InvalidInput:
    return InvalidInput(f"what.properties.{where} {what}.", hint=hint, property=where)


def check_question(question: Question) -> None:
    """Raise InvalidInput for an empty question, and for parts out of range or in contradiction."""
    what = question.what
    if not asks_something(question):
        raise InvalidInput("The question is empty.", hint="Set what.text, what.vector, what.labels or another part.")
    if what.text is not None and not what.text.strip():
        raise InvalidInput("what.text is empty.", hint="Set it to the words to search for, or leave it out.")
    if what.start and not question.graph.expand:
        raise InvalidInput(
            "what.start has an effect only with graph expansion.",
            hint="Set graph.expand to true.",
        )
    predicates_of(what.properties)
    when = question.when
    if TIME_STATES & set(question.states) and (when.any_time or when.valid_at or when.between or when.relation):
        raise InvalidInput("Temporal states and a time in when cannot be combined.", hint="Leave one of them out.")
    if question.min_consensus is not None and not 0 <= question.min_consensus <= 1:
        raise InvalidInput(f"min_consensus is {question.min_consensus}.", hint="Give 0 to 1.")
    if question.min_score is not None and not 0 <= question.min_score <= 1:
        raise InvalidInput(f"min_score is {question.min_score}.", hint="Give 0 to 1.")
    if question.min_score is not None and what.text is None:
        raise InvalidInput(
            "min_score needs what.text: it is the minimum relevance to a text.",
            hint="Set what.text, or leave min_score out.",
        )
    if not 0 <= question.diversity <= 1:
        raise InvalidInput(f"diversity is {question.diversity}.", hint="Give 0 to 1.")
    if question.budget is not None and question.budget < 1:
        raise InvalidInput(f"budget is {question.budget}.", hint="Give a number of tokens of at least 1.")
    _check_reranking(question)
    _check_weights(question)
    _check_superposed(question.superposition)
    check_why(question.why)
    _check_when(question.when)
    if not 1 <= question.k <= MOST_HITS:
        raise InvalidInput(f"k is {question.k}.", hint=f"Use 1 to {MOST_HITS}.")


def _check_reranking(question: Question) -> None:
    if question.rerank and not (question.what.text or "").strip():
        raise InvalidInput(
            "rerank needs what.text: the reranker compares texts.", hint="Set what.text, or leave rerank out."
        )
    if question.rerank and question.k > MOST_RERANKED:
        raise InvalidInput(
            f"rerank takes k up to {MOST_RERANKED}, not {question.k}.",
            hint="Use a smaller k, and the cursor for more.",
        )


def check_weights(weights: Collection[float]) -> None:
    """Raise InvalidInput for weights of retrievers that are negative or infinite, or all 0."""
    if not all(0 <= weight < math.inf for weight in weights) or (weights and not any(weights)):
        raise InvalidInput(
            "Weights must not be negative, and at least one must be above 0.",
            hint="Leave weights out for equal weights.",
        )


def _check_weights(question: Question) -> None:
    """Raise InvalidInput for unknown retrievers, and where every retriever of the question has weight 0."""
    if unknown := question.weights.keys() - RETRIEVERS.keys():
        known = ", ".join(sorted(RETRIEVERS))
        raise InvalidInput(f"weights: there is no retriever {min(unknown)!r}.", hint=f"Retrievers are {known}.")
    check_weights([question.weight(name) for name in retrievers_of(question)])
    check_weights([*question.weights.values(), DEFAULT_WEIGHT])  # Also those of retrievers that are not asked.


def _check_superposed(asked: Superposed | None) -> None:
    if asked is not None and not 0 <= asked.level <= 1:
        raise InvalidInput(f"superposition.level is {asked.level}.", hint="Give 0 to 1.")


def _check_when(when: When) -> None:
    """Raise InvalidInput for invalid or contradictory times."""
    if when.any_time and (when.valid_at is not None or when.between is not None or when.relation is not None):
        raise InvalidInput("when.any_time and another time cannot be combined.", hint="Leave one of them out.")
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
                "when.relation needs an interval or an entity.",
                hint='Set `of`, such as ["1961", "1965"], or `entity`, the key of an entity, not both.',
            )
        if of is not None:
            valid_interval(*of)
