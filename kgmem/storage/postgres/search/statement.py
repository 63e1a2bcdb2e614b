"""The candidate statement: the filters, the arms and the dimensions of a question in one query."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kgmem.domain.scope import visible_from
from kgmem.storage.postgres.layout import Layout
from kgmem.storage.postgres.search import filters, times
from kgmem.storage.postgres.search.arms import all_large, text_arms
from kgmem.storage.postgres.search.request import STANDS, Dimension, Parameters, SearchRequest
from kgmem.storage.postgres.statements import quote

Build = Callable[[Layout, SearchRequest, Parameters], Dimension | None]
_DIMENSIONS: Sequence[Build] = ()  # None of a dimension of which the question asks nothing.


@dataclass(frozen=True, slots=True)
class Statement:
    """A candidate statement: rows of (arm, item, value, stands), the arms that can be among them, and its values.

    Besides, rows of the arm "large" name scopes that were found large.
    """

    sql: str
    values: Sequence[Any]
    arms: Sequence[str]


def compose(layout: Layout, request: SearchRequest, *, only_standing: bool, most: int) -> Statement | None:
    """Compose the statement out of its parts; every value is a parameter. None when no arm is left to run."""
    question, parameters = request.question, Parameters()
    names = {
        "paths": parameters.add(list(visible_from(question.scope)), "text[]"),
        "most": parameters.add(most, "integer"),
        "filters": "",
        "stands": str(STANDS),
    }
    dimensions = [part for build in _DIMENSIONS if (part := build(layout, request, parameters))]
    hard = filters.conditions(layout, question.what, parameters) + times.conditions(question.when, parameters)
    hard += [dimension.condition for dimension in dimensions if dimension.condition]
    stands = times.stands(layout, request, parameters)
    texts = text_arms(layout, request)
    ranking = [dimension for dimension in dimensions if dimension.candidates or dimension.value]
    if not texts and not ranking:
        if question.what.text or request.vector is not None:
            return None  # All that could run is away, or weighs nothing.
        texts = {"listed": ("listed",)}
    if "meaning" in texts:
        names["vector"] = parameters.add(request.vector, "halfvec")
    if "words" in texts:
        names["text"] = parameters.add(question.what.text, "text")
        names["words"] = "'" + f"{quote(layout.index_name)}.passage_words".replace("'", "''") + "'"
    places = {**names, "filters": "".join(f" AND {each}" for each in [*hard, *([stands] if only_standing else [])])}
    if stands != "true":
        places["stands"] = f"CASE WHEN {stands} THEN {STANDS} WHEN lower(i.valid) > now() THEN 2 ELSE 1 END"
    large = all_large(layout, question.scope)
    parts = [] if large else [layout.sql("recall", "told_large")]
    parts += [part for arm, pieces in texts.items() for part in _of_text(layout, arm, pieces, places)]
    parts += [_of_dimension(each, places) for each in ranking if each.candidates]
    tables = [layout.sql("recall", "seen_large" if large else "seen") % names]
    tables += [table for each in dimensions for table in each.tables]
    found = " UNION ALL ".join(parts)
    arms = [*texts, *(each.name for each in ranking)]
    return Statement(_valued(layout, tables, found, ranking), parameters.values, arms)


def _of_text(layout: Layout, arm: str, pieces: Sequence[str], places: Mapping[str, str]) -> list[str]:
    sql = ((piece, layout.sql("recall", piece, table=layout.vectors or "") % places) for piece in pieces)
    return [f"SELECT '{arm}', item, -value::float8, stands FROM ({part}) {piece}" for piece, part in sql]  # noqa: S608 - no text of callers


def _of_dimension(dimension: Dimension, places: Mapping[str, str]) -> str:
    return f"SELECT '{dimension.name}', item, value::float8, stands FROM ({dimension.candidates % places}) {dimension.name}_found"  # noqa: S608, E501 - no text of callers


def _valued(layout: Layout, tables: Sequence[str], found: str, ranking: Sequence[Dimension]) -> str:
    """Give the whole statement; dimensions value what the other arms found, too."""
    valuing = [dimension for dimension in ranking if dimension.value]
    if not valuing:
        return f"WITH {', '.join(tables)} {found}"
    tables = [*tables, f"found (arm, item, value, stands) AS MATERIALIZED ({found})"]
    parts = [layout.sql("recall", "value_found") % {"arm": each.name, "value": each.value} for each in valuing]
    return f"WITH {', '.join(tables)} SELECT * FROM found UNION ALL {' UNION ALL '.join(parts)}"  # noqa: S608 - no text of callers
