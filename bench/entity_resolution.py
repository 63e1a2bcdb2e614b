"""How well records of one thing are found: F1 on labelled sets through kgmem's own interfaces, without their labels.

Beer, restaurants, papers, papers with shifted columns, products (KGMEM_DATA: er_magellan) and people (er_febrl), all
with one default. Of two catalogues one is stored, and `resolve` is asked for the records of the other; a register is
searched by `find_duplicates`. What is "same" counts. F1 is that of the pairs of a set's test split, of FEBRL-1 of all
pairs. The baselines are TF-IDF and four string measures over whole records, each with the threshold that is best on
the set's training labels (of FEBRL-1, which has no split, on half of the pairs); the best of them is told. Beside it
stands the share of true pairs that are told as the same or listed as candidates. Of the smaller catalogues, both in
one graph, F1 of `find_duplicates` is shown before and after a person decides the 100 doubtful pairs of the training
labels on the review list. Each set is looked at once more in a graph with the built-in embedder, whose vectors are
evidence as well. Sixty things that two catalogues describe in other words, written for this, show what vectors are for.
The rows are the most pairs that a set may have labelled to be measured.
"""

import math
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import replace

from rapidfuzz import fuzz
from rapidfuzz.distance import Indel, JaroWinkler

from bench.contract import Figure, alone, compared
from bench.rig.database import GRAPH, data_folder, fresh_database, memory_on
from bench.rig.resolution_sets import KINDS, LabelledSet, Pair, Row, catalogues, paraphrases, register
from kgmem.domain.graph.entity import Entity
from kgmem.domain.text.resolution import SAME_FROM, Candidate, Described, NewMerge
from kgmem.memory import Memory
from kgmem.resolution.words import normal, words

ROWS = 20_000
SHORT = 1000
_BATCH = 1000
_AFTER_REVIEW = 0.97  # One pair of the smallest set, which has 15 true ones that are tested, is 3 %.
_DECIDED = 100  # Pairs that a person decides.
_REVIEWED_SET = 4000  # Records of the largest set of which that is shown.
_LEAST = {"Textual/Abt-Buy": 60.0}
_PARAPHRASES = "paraphrases"
_PARAPHRASED = 70.0  # F1 where words differ and vectors are there.
_WITH_VECTORS = 0.985  # Of F1 without, which vectors have to keep.
_STRINGS: Mapping[str, Callable[[str, str], float]] = {
    "Levenshtein": Indel.normalized_similarity,
    "Jaro-Winkler": JaroWinkler.normalized_similarity,
    "sorted words": lambda left, right: fuzz.token_sort_ratio(left, right) / 100,
    "shared words": lambda left, right: fuzz.token_set_ratio(left, right) / 100,
}


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return F1 of each set that has no more labelled pairs than `rows`, beside the best baseline."""
    sets = [catalogues(data_folder("er_magellan"), name) for name in KINDS]
    sets.append(register(data_folder("er_febrl") / "dataset1.csv.xz"))
    sets.append(paraphrases())
    sets = [each for each in sets if len(each.judged) <= rows]
    by_words: dict[str, float] = {}
    async with fresh_database() as url, memory_on(url) as memory:
        for number, labelled in enumerate(sets):
            same, listed = await _found(memory, f"{GRAPH}{number}", labelled)
            name, baseline = _best_baseline(labelled)
            truth = labelled.same & labelled.tested
            f1 = _f1(same & labelled.tested if labelled.judged else same, truth)
            by_words[labelled.name] = f1
            figure = compared(f"{labelled.name}: F1 over {name}", f1, baseline, "%", at_least=1)
            least = _LEAST.get(labelled.name)
            if labelled.name == _PARAPHRASES:  # Words do not tell these; what vectors add is shown below.
                figure = alone(f"{labelled.name}: F1 by words", f1, "%", name)
            yield replace(figure, holds=figure.holds and f1 >= least) if least else figure
            kept = 100 * len(labelled.same & listed) / len(labelled.same)
            yield alone(f"{labelled.name}: true pairs that are told or listed", kept, "%", "a share of what is true")
            if labelled.train and len(labelled.left) + len(labelled.right) <= _REVIEWED_SET:
                before, after = await reviewed(memory, f"{GRAPH}{number}r", labelled)
                yield compared(
                    f"{labelled.name}: F1 after review over before", after, before, "%", at_least=_AFTER_REVIEW
                )
    async with fresh_database() as url, memory_on(url, embedder="minilm") as memory:
        for number, labelled in enumerate(sets):
            same, _ = await _found(memory, f"{GRAPH}{number}", labelled)
            f1 = _f1(same & labelled.tested if labelled.judged else same, labelled.same & labelled.tested)
            title = f"{labelled.name}: F1 with vectors over without"
            figure = compared(title, f1, by_words[labelled.name], "%", at_least=_WITH_VECTORS)
            paraphrased = labelled.name == _PARAPHRASES
            yield replace(figure, bar=f">= {_PARAPHRASED:g} %", holds=f1 >= _PARAPHRASED) if paraphrased else figure


async def _found(memory: Memory, graph: str, labelled: LabelledSet) -> tuple[set[Pair], set[Pair]]:
    """Return the pairs that kgmem takes for the same, and those that it names at all."""
    await memory.graphs.create(graph)
    entities = [_entity(place, row) for place, row in enumerate(labelled.left)]
    for at in range(0, len(entities), _BATCH):
        await memory.entities.put(graph, entities[at : at + _BATCH])
    await memory.embeddings.run(graph)
    if labelled.left is labelled.right:
        return await _reviewed(memory, graph)
    same: set[Pair] = set()
    listed: set[Pair] = set()
    for at in range(0, len(labelled.right), _BATCH):
        described = [_described(row) for row in labelled.right[at : at + _BATCH]]
        for place, each in enumerate(await memory.resolution.resolve(graph, described), at):
            if each.key is not None:
                same.add((int(each.key), place))
            listed.update((int(one.key), place) for one in each.candidates)
    return same, listed


async def reviewed(memory: Memory, graph: str, labelled: LabelledSet) -> tuple[float, float]:
    """Return F1 on the tested pairs before and after a person decides the doubtful pairs of the training labels.

    Pairs of which a decision merged a record away are counted neither before nor after.
    """
    await memory.graphs.create(graph)
    entities = [_entity(place, row) for place, row in enumerate([*labelled.left, *labelled.right])]
    for at in range(0, len(entities), _BATCH):
        await memory.entities.put(graph, entities[at : at + _BATCH])
    before = await _across(memory, graph, len(labelled.left))
    doubtful = sorted(
        (pair for pair in before if pair in labelled.train), key=lambda pair: abs(before[pair].evidence - SAME_FROM)
    )
    merged: tuple[set[int], set[int]] = (set(), set())
    for pair in doubtful[:_DECIDED]:
        candidate = before[pair]
        if pair not in labelled.same:
            await memory.resolution.reject(graph, candidate.id or 0, by="bench", reason="A label.")
        elif pair[0] not in merged[0] and pair[1] not in merged[1]:
            one = NewMerge(candidate.one, candidate.other, by="bench", reason="A label.")
            await memory.resolution.merge(graph, one)
            for place, side in zip(pair, merged, strict=True):
                side.add(place)
    after = await _across(memory, graph, len(labelled.left))
    tested = {pair for pair in labelled.tested if pair[0] not in merged[0] and pair[1] not in merged[1]}
    told = [{pair for pair in found if found[pair].decision == "same"} & tested for found in (before, after)]
    return _f1(told[0], labelled.same & tested), _f1(told[1], labelled.same & tested)


async def _across(memory: Memory, graph: str, left: int) -> dict[Pair, Candidate]:
    """Return the pairs on the review list of which one record is of each table."""
    await memory.resolution.find_duplicates(graph)
    found: dict[Pair, Candidate] = {}
    cursor = None
    while True:
        page = await memory.resolution.candidates(graph, cursor=cursor, limit=_BATCH)
        for each in page.items:
            one, other = sorted((int(each.one), int(each.other)))
            if one < left <= other:
                found[one, other - left] = each
        cursor = page.cursor
        if cursor is None:
            return found


async def _reviewed(memory: Memory, graph: str) -> tuple[set[Pair], set[Pair]]:
    await memory.resolution.find_duplicates(graph)
    same, listed, cursor = set(), set(), None
    while True:
        page = await memory.resolution.candidates(graph, cursor=cursor, limit=_BATCH)
        for each in page.items:
            one, other = sorted((int(each.one), int(each.other)))
            listed.add((one, other))
            if each.decision == "same":
                same.add((one, other))
        cursor = page.cursor
        if cursor is None:
            return same, listed


def _entity(place: int, row: Row) -> Entity:
    values = {name: value for name, value in row.items() if name != "name" and value}
    return Entity(str(place), "Object", name=row.get("name") or None, properties=values)


def _described(row: Row) -> Described:
    values = {name: value for name, value in row.items() if name != "name" and value}
    return Described([row["name"]] if row.get("name") else [], "Object", values)


def _f1(told: Collection[Pair], same: Collection[Pair]) -> float:
    return 200 * len(set(same) & set(told)) / (len(told) + len(same))


def _best_baseline(labelled: LabelledSet) -> tuple[str, float]:
    """Return the baseline that is best on the tested pairs, and its F1 with the threshold of the training labels."""
    texts = [[normal(" ".join(row.values())) for row in table] for table in (labelled.left, labelled.right)]
    vectors = _vectors(labelled)
    measures: dict[str, Callable[[Pair], float]] = {
        "TF-IDF": lambda pair: _cosine(vectors[0][pair[0]], vectors[1][pair[1]])
    }
    for name, similarity in _STRINGS.items():
        measures[name] = lambda pair, of=similarity: of(texts[0][pair[0]], texts[1][pair[1]])  # type: ignore[misc]
    train, tested = _splits(labelled, vectors[0])
    best = ((_trained(measure, train, tested, labelled.same), name) for name, measure in measures.items())
    f1, name = max(best)
    return name, f1


def _splits(labelled: LabelledSet, vectors: Sequence[Mapping[str, float]]) -> tuple[Sequence[Pair], Sequence[Pair]]:
    if labelled.judged:
        return sorted(labelled.train), sorted(labelled.tested)
    count = len(labelled.left)
    near = [(a, b) for a in range(count) for b in range(a + 1, count) if _cosine(vectors[a], vectors[b]) > 0.1]
    pairs = sorted({*near, *labelled.same})
    return pairs[::2], pairs[1::2]


def _trained(
    measure: Callable[[Pair], float], train: Sequence[Pair], tested: Sequence[Pair], same: Collection[Pair]
) -> float:
    scored = {pair: measure(pair) for pair in (*train, *tested)}

    def f1(pairs: Sequence[Pair], threshold: float) -> float:
        return _f1([pair for pair in pairs if scored[pair] >= threshold], [pair for pair in pairs if pair in same])

    threshold = max((step / 100 for step in range(5, 100)), key=lambda each: f1(train, each))
    return f1(tested, threshold)


def _vectors(labelled: LabelledSet) -> list[list[dict[str, float]]]:
    tables = [labelled.left] if labelled.left is labelled.right else [labelled.left, labelled.right]
    counted = [[Counter(words(" ".join(row.values()))) for row in table] for table in tables]
    frequency = Counter(word for table in counted for row in table for word in row)
    total = sum(map(len, counted))
    made = [[_unit(row, frequency, total) for row in table] for table in counted]
    return made if len(made) == 2 else made * 2


def _unit(counted: Counter[str], frequency: Counter[str], total: int) -> dict[str, float]:
    weights = {word: (1 + math.log(count)) * math.log(1 + total / frequency[word]) for word, count in counted.items()}
    length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
    return {word: weight / length for word, weight in weights.items()}


def _cosine(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    return sum(weight * other.get(word, 0.0) for word, weight in one.items())
