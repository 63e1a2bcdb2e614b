"""The candidate statement: the filters, the retrievers and the dimensions of a question in one query."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from kgmem.domain.errors import KgmemError
from kgmem.domain.graph.scope import visible_from
from kgmem.store.db.sql import NOTHING, SQL, compose, fill, identifier, join, literal, number
from kgmem.store.graph.layout import Layout
from kgmem.store.search import archived, as_of, lookups, temporal
from kgmem.store.search.adjacent_turns import context
from kgmem.store.search.causal import why
from kgmem.store.search.pagerank import NAME as EXPANSION
from kgmem.store.search.pagerank import SEEDS, walking
from kgmem.store.search.prefilter import Prefilter, chosen, conditions, hops, labelled, narrowing
from kgmem.store.search.properties import properties
from kgmem.store.search.request import STANDS, Dimension, Parameters, SearchRequest
from kgmem.store.search.retrievers import all_large, text_retrievers
from kgmem.store.search.siblings import siblings
from kgmem.store.search.spatial import where
from kgmem.store.search.visibility import trusted, visibility

_WIDE = 50  # For up to so many, the setting of connections looks at enough (SEARCH_SETTINGS).
_MOST_LOOKED_AT = 1000  # The most that pgvector takes for hnsw.ef_search.
Build = Callable[[Layout, SearchRequest, Parameters], Dimension | None]
# None of a dimension of which the question asks nothing.
_DIMENSIONS: Sequence[Build] = (
    properties,
    labelled,
    where,
    why,
    temporal.when,
    temporal.recency,
    trusted,
    hops,
    walking,
    context,
    siblings,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A candidate statement: rows of (retriever, items, values, stands, ids), its retrievers, and its parameters.

    The arrays of a row have one order. Where `stands` is null nothing is held back, and a value may be null, which is
    none. Besides, the row of "large" names scopes that were found large, that of "made" says that the graph has tables
    that the layout does not know, that of "refused" names the place of an error among the refusals, and each note of a
    dimension is a row of one item, with ids.
    """

    sql: SQL
    values: Sequence[Any]
    retrievers: Sequence[str]
    refusals: Sequence[KgmemError] = ()


def candidate_statement(layout: Layout, request: SearchRequest, *, only_standing: bool, most: int) -> Statement | None:
    """Compose the statement out of its parts; every value is a parameter. None when no retriever is left to run."""
    question, parameters = request.question, Parameters()
    names = {
        "paths": parameters.add(list(visible_from(question.scope)), "text[]"),
        "most": parameters.add(most, "integer"),
    }
    dimensions = [part for build in _DIMENSIONS if (part := build(layout, request, parameters))]
    hard = conditions(layout, question.what, parameters)
    hard += [dimension.condition for dimension in dimensions if dimension.condition]
    visible = visibility(layout, request, parameters)
    texts = text_retrievers(layout, request)
    ranking = [dimension for dimension in dimensions if dimension.candidates or dimension.value]
    if not texts and not any(each.candidates for each in ranking):
        if question.what.text or request.vector is not None:
            return None  # All that could run is away, or weighs nothing.
        texts = {"nothing": ("nothing",)} if question.what.start else {"listed": ("listed",)}
    names |= {**_text_names(layout, request, parameters, texts), **archived.of_few(layout, request), "wider": NOTHING}
    if (
        "meaning" in texts and most > _WIDE
    ):  # With twice as many looked at as are wanted, HNSW misses one in two hundred.
        ef_search = parameters.add(str(min(2 * most, _MOST_LOOKED_AT)), "text")
        names["wider"] = fill(layout.sql("recall", "ef_search"), {"ef_search": ef_search})
    names["stands"] = visible.told
    narrow = narrowing(layout, dimensions)
    large = all_large(layout, question.scope)
    tables = [_seen(layout, request, names, large=large)]
    tables += archived.tables(layout, request, names) + lookups.tables(layout, texts, names)
    tables += [*(table for each in dimensions for table in each.tables), *narrow.tables]
    for each in (each for each in dimensions if each.chooses):
        narrow = chosen(each, {**names, **narrow.places, "filters": _all([*hard, visible.condition])})
        tables += narrow.tables
        hard.append(SQL("(i.id IN (SELECT id FROM chosen)) IS TRUE"))
    places = {**names, **narrow.places, "filters": _all([*hard, *([visible.condition] if only_standing else [])])}
    parts = [] if large else [layout.sql("recall", "told_large")]
    if layout.subsystems.absent_tables and not layout.is_past:
        made = number(len(layout.subsystems.made))
        parts.append(fill(layout.sql("recall", "more_made"), {"graph": number(layout.id), "made": made}))
    parts += [
        part
        for retriever, pieces in texts.items()
        for part in _of_text(layout, retriever, narrow.pieces(pieces), places)
    ]
    of_archive = archived.parts(
        layout, request, texts, parameters, places, pieces=archived.pieces_of(layout, large=large, narrow=narrow.tables)
    )
    parts += chain.from_iterable(of_archive.values())
    parts += [_of_dimension(each, places) for each in ranking if each.candidates]
    if question.graph.expand:
        by_text = texts.keys() <= {"meaning", "words"}
        wanted = {**names, "filters": _all([visible.condition])}
        tables.append(
            _seeds(layout, texts, wanted) if hard or not by_text else layout.sql("pagerank", "seeds_of_found")
        )
    refusals = [refusal for each in dimensions for refusal in each.refusals]
    parts += [
        compose(
            "SELECT 'refused', {at}::bigint, 0::float8, {stands} WHERE {when}",
            at=number(at),
            stands=number(STANDS),
            when=when,
        )
        for at, (when, _) in enumerate(refusals)
    ]
    retrievers = [*texts, *of_archive, *(each.name for each in ranking)]
    notes = [fill(note, places) for each in dimensions for note in each.notes]
    rows, valued = _values(layout, texts, dimensions, places)
    beside = [each.beside for each in dimensions if each.beside]
    if rows or valued or notes:
        parts, tables = [SQL("SELECT * FROM found"), *rows], _with_found(layout, tables, parts, notes, beside)
    packed = [fill(layout.sql("recall", "packed"), {"rows": join(" UNION ALL ", parts)}), *valued]
    if notes:
        packed.append(layout.sql("recall", "packed_notes"))
    sql = parameters.complete(compose("WITH RECURSIVE {} {}", join(", ", tables), join(" UNION ALL ", packed)))
    return Statement(sql, parameters.values, retrievers, [error for _, error in refusals])


def _seen(layout: Layout, request: SearchRequest, names: Mapping[str, SQL], *, large: bool) -> SQL:
    exactly = "seen_archive" if request.archive and not layout.is_past else "seen"
    return fill(layout.sql("recall", "seen_large" if large else exactly), names)


def _text_names(
    layout: Layout,
    request: SearchRequest,
    parameters: Parameters,
    texts: Mapping[str, Sequence[str]],
) -> dict[str, SQL]:
    """Return what the pieces of meaning and words are filled with."""
    filled: dict[str, SQL] = {}
    if "meaning" in texts:
        filled["vector"] = parameters.add(request.vector, "halfvec")
    if "words" in texts:
        filled["text"] = parameters.add(request.question.what.text, "text")
        filled["words"] = literal(compose("{}.passage_words", identifier(layout.held_name)))
        filled["sharing"] = fill(as_of.sharing(layout), filled)
        filled["any_word"] = fill(layout.sql("recall", "any_word"), filled)
    return filled


def _all(conditions: Sequence[SQL]) -> SQL:
    return join("", (compose(" AND {}", condition) for condition in conditions))


def _of_text(layout: Layout, retriever: str, pieces: Sequence[str], places: Mapping[str, SQL]) -> list[SQL]:
    told = []
    for piece in pieces:
        file = "prefilter" if piece.endswith("_narrow") else "temporal" if piece.endswith("_then") else "recall"
        sql = fill(layout.sql(file, piece, table=layout.vectors or "", held=layout.held_name), places)
        told.append(
            compose("SELECT {}, item, -value::float8, stands FROM ({}) {}", literal(retriever), sql, identifier(piece))
        )
    return told


def _of_dimension(dimension: Dimension, places: Mapping[str, SQL]) -> SQL:
    return compose(
        "SELECT {}, item, value::float8, stands FROM ({}) {}",
        literal(dimension.name),
        fill(dimension.candidates, places),
        identifier(f"{dimension.name}_found"),
    )


def _seeds(layout: Layout, texts: Mapping[str, Sequence[str]], names: Mapping[str, SQL]) -> SQL:
    """Return the table of the entities and facts that match the question's text, whatever else it asks for."""
    places = {
        **names,
        **Prefilter().places,
        "most": number(SEEDS),
        "filters": compose("{} AND i.kind <> 2", names["filters"]),
    }
    parts = [
        part
        for retriever in ("meaning", "words")
        for part in _of_text(layout, retriever, texts.get(retriever, ()), places)
    ]
    parts = parts or _of_text(layout, "nothing", ("nothing",), places)
    return compose("walk_seeds (retriever, item, value, stands) AS MATERIALIZED ({})", join(" UNION ALL ", parts))


def _values(
    layout: Layout, texts: Mapping[str, Sequence[str]], dimensions: Sequence[Dimension], places: Mapping[str, SQL]
) -> tuple[list[SQL], list[SQL]]:
    """Return the queries that value all candidates, whichever retriever found them: by dimensions, and by the text.

    The first give a row for each candidate, the second one for each retriever.
    """
    finding = len(texts) + sum(bool(each.candidates) + bool(each.beside) for each in dimensions)
    # Graph expansion ranks what text retrievers do not value: completing the others alone would hold that back.
    completes = finding > 1 and not any(each.name == EXPANSION for each in dimensions)
    columns = {each.name: each.value for each in dimensions if each.value}
    sources = [layout.sql("recall", "item_of_candidate")] if columns else []
    if completes:
        of_text, source = lookups.columns(layout, texts, places)
        columns |= of_text
        sources.append(source)
    valued = [_valued(layout, columns, sources)] if columns else []
    return lookups.rows(layout, texts, places) if completes else [], valued


def _valued(layout: Layout, columns: Mapping[str, SQL], sources: Sequence[SQL]) -> SQL:
    """Return the query of the values of all candidates, a row for each column."""
    aliases = {name: identifier(name) for name in columns}
    places = {
        "columns": join(", ", (compose("({})::float8 AS {}", each, aliases[name]) for name, each in columns.items())),
        "arrays": join(", ", (compose("array_agg({}) AS {}", alias, alias) for alias in aliases.values())),
        "rows": join(", ", (compose("({}, v.{})", literal(name), alias) for name, alias in aliases.items())),
        "sources": join(" ", sources),
    }
    return fill(layout.sql("recall", "valued"), places)


def _with_found(
    layout: Layout, tables: Sequence[SQL], parts: Sequence[SQL], notes: Sequence[SQL], beside: Sequence[SQL]
) -> list[SQL]:
    """Return the tables with those of what is found, of notes on it, and of all candidates."""
    found = join(" UNION ALL ", parts)
    complete = [*tables, compose("found (retriever, item, value, stands) AS MATERIALIZED ({})", found)]
    if notes:
        told = join(" UNION ALL ", (compose("({})", note) for note in notes))
        complete.append(compose("notes (retriever, item, value, stands, ids) AS MATERIALIZED ({})", told))
    more = join("", (compose(" UNION ALL {}", each) for each in beside))
    return [*complete, fill(layout.sql("recall", "candidate"), {"beside": more})]
