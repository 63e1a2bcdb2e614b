"""Candidates: every retriever's best items for a question, and what was held back."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from operator import itemgetter
from typing import Any

import asyncpg

from kgmem.domain.ports import Candidates
from kgmem.domain.recall.fusion import ranked
from kgmem.store.graph.layout import EDGE, VERTEX, Layout, learn_labels, learn_subsystems, source_ids
from kgmem.store.search import archived, causal, lookups, siblings
from kgmem.store.search.adjacent_turns import around, asks_context, gate, scores_by_text
from kgmem.store.search.linked_places import learn_kinds
from kgmem.store.search.pagerank import ExpansionGraph, walk
from kgmem.store.search.request import STANDS, SearchRequest
from kgmem.store.search.retrievers import all_large, words_note
from kgmem.store.search.statement import Statement, candidate_statement
from kgmem.store.search.visibility import HELD_BACK

# Per retriever: twice what is asked, so that fusion sees beyond the k best of each, and at least 40.
LEAST_CANDIDATES = 40
# Passages of few long texts may fill a retriever; then so many times as many are asked for, up to a limit.
_WIDER, _WIDEST = 5, 10_000
_VALUE = itemgetter(1)


@dataclass(frozen=True, slots=True)
class _Candidates:
    """The result of a statement: the best value of each item by retriever, why items are held back, and notes."""

    values: dict[str, dict[int, float]]
    looked_up: dict[str, dict[int, float]]  # By the retrievers of the text, of what only others list.
    held_back: Mapping[int, str]
    notes: Sequence[Any]
    outdated: bool = False  # Another process has made tables of the graph since this one last looked.
    large: bool = False  # A large scope is seen.


async def candidates(
    connection: asyncpg.Connection, layout: Layout, request: SearchRequest, *, archive: bool
) -> Candidates:
    """Return each retriever's candidates, greatest value first, and count those outside of the valid time.

    The statement returns whether each candidate is valid, so that the others can be counted; only where too few are
    left for an answer does a second statement filter by time.
    """
    what = request.question.what
    if any((VERTEX, name) not in layout.labels and (EDGE, name) not in layout.labels for name in what.labels):
        await learn_labels(connection, layout)
    await learn_kinds(connection, layout, request.question)
    await source_ids(connection, layout, what.sources, make=False)
    numbers = await archived.numbers_of(connection, layout) if archived.searches(request.question) else None
    searched = archive or numbers is None or await archived.is_needed(connection, layout, request.question)
    if searched:
        request = replace(request, archive=numbers)
    found = await _ask_widely(connection, layout, request, only_standing=False)
    held_back = found.held_back
    if held_back and any(len(retriever) < request.question.k for retriever in found.values.values()):
        found = await _ask_widely(connection, layout, request, only_standing=True)
    if request.archive is not None:
        most = _least(request)
        large = found.large or all_large(layout, request.question.scope)
        await archived.value(connection, layout, request, found.values, found.looked_up, most=most, large=large)
        found = replace(found, notes=_of_listed(found))
    retrievers = {retriever: ranked(values.items()) for retriever, values in found.values.items()}
    if "words" in retrievers:  # BM25 gives 0 to what shares no word with the question.
        retrievers["words"] = [pair for pair in retrievers["words"] if pair[1] > 0]
    retrievers.pop("nothing", None)
    looked_up = {} if request.question.graph.expand else lookups.completed(retrievers, found.looked_up)
    gates: dict[str, str] = {}
    if asks_context(layout, request):
        named = request.question.graph.context or False
        needed = named or any(note[0] == "beside" for note in found.notes)
        scored = scores_by_text(layout, request.question, retrievers, looked_up) if needed else {}
        open_, why = (True, "") if named else gate(found.notes, scored)
        if open_:
            retrievers["context"] = around(found.notes, scored)
        if why:
            gates["context"] = why
    if request.question.graph.expand:
        retrievers["expansion"] = walk(ExpansionGraph.of(found.notes), layout, request.question, retrievers, looked_up)
    suppressed = {**Counter(held_back.values()), **words_note(layout, request), **causal.cut_note(found.notes)}
    enough = None if searched or numbers is None else numbers.enough
    return Candidates(
        retrievers, suppressed, causal.paths_of(found.notes), gates, looked_up, siblings.told(found.notes), enough
    )


def _of_listed(found: _Candidates) -> list[Any]:
    """Return the notes without those on episodes beside what is in no list any more."""
    listed = {id_ for values in found.values.values() for id_ in values}
    return [note for note in found.notes if note[0] != "beside" or note[4][0] in listed]


def _least(request: SearchRequest) -> int:
    return max(LEAST_CANDIDATES, 2 * request.question.k)


async def _ask_widely(
    connection: asyncpg.Connection, layout: Layout, request: SearchRequest, *, only_standing: bool
) -> _Candidates:
    """Request more passages as long as those of a retriever are of fewer items than the question's limit."""
    most = _least(request)
    while True:
        statement = candidate_statement(layout, request, only_standing=only_standing, most=most)
        if statement is None:
            return _Candidates({}, {}, {}, ())
        rows = await connection.fetch(statement.sql, *statement.values)
        found, crowded = _read(layout, statement, rows, wanted=request.question.k, most=most)
        if found.outdated:
            await learn_subsystems(connection, layout)
            continue
        if not crowded or most >= _WIDEST:
            return found
        most = min(_WIDER * most, _WIDEST)


def _read(
    layout: Layout, statement: Statement, rows: Sequence[Any], *, wanted: int, most: int
) -> tuple[_Candidates, bool]:
    """Return the rows of a statement, and whether passages of few items crowd others out of a retriever."""
    found: dict[str, dict[int, float]] = {retriever: {} for retriever in statement.retrievers}
    back: dict[str, set[int]] = {retriever: set() for retriever in statement.retrievers}
    looked_up: dict[str, dict[int, float]] = {name: {} for name in lookups.ROWS.values() if name in found}
    passages = dict.fromkeys(found, 0)
    held_back: dict[int, str] = {}
    notes = []
    outdated = large = False
    for retriever, items, told, standing, ids in rows:
        values = found.get(retriever)
        if values is None:
            if retriever in lookups.ROWS:
                pairs = zip(items, told, strict=True)
                looked_up[lookups.ROWS[retriever]].update(pair for pair in pairs if pair[1] is not None)
            elif retriever == "made":
                outdated = True
            elif retriever == "refused":
                raise statement.refusals[items[0]]
            elif retriever == "large":
                large = True
                layout.large.update(dict.fromkeys(items, time.monotonic()))
            else:
                notes.append((retriever, items[0], told[0], standing[0], ids))
            continue
        if not (values or None in told or (standing and any(standing))):  # Most of them: nothing has to be compared.
            passages[retriever] += len(items)
            values.update(sorted(zip(items, told, strict=True), key=_VALUE))  # Of an item of several passages the best.
            continue
        for item, value, stands in zip(items, told, standing or repeat(STANDS), strict=False):
            if value is None:
                continue
            passages[retriever] += 1
            if stands != STANDS:
                held_back[item] = HELD_BACK[stands]
                back[retriever].add(item)
            elif item not in values or value > values[item]:
                values[item] = value
    crowded = any(
        count >= most and len(found[retriever]) + len(back[retriever]) < wanted
        for retriever, count in passages.items()
        if retriever not in archived.NAMES
    )
    return _Candidates(found, looked_up, held_back, notes, outdated, large), crowded
