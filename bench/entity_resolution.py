"""How well two descriptions are told to be of one thing: F1 on labelled sets, and what blocking keeps.

Beer, Fodors-Zagats, DBLP-ACM (KGMEM_DATA: er_magellan) and FEBRL-1 (er_febrl), all with the same constants and nothing
learned from labels. Whole tables are matched, blocking included (clean catalogues one to one); F1 is that of the pairs
of a set's test split, of FEBRL-1, which has none, of all pairs. Tables are the records that stand in a set's pairs. The
baselines: equal names; and a string similarity over whole records, the one of four and with the one threshold for all
sets that are best on these very pairs.
Completeness is the share of true pairs that blocking keeps, beside what equal names keep. The rows are the most pairs
that a set may have labelled to be measured.
"""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import replace

from rapidfuzz import fuzz
from rapidfuzz.distance import Indel, JaroWinkler

from bench.contract import Figure, alone, compared, within
from bench.rig.database import data_folder
from bench.rig.matching.blocking import SHARE
from bench.rig.matching.tables import TableMatch, match
from bench.rig.resolution_sets import LabelledSet, Pair, catalogues, register
from kgmem.resolution.words import normal

ROWS = 20_000
SHORT = 2000
_BARS = {"Beer": 80.0, "Fodors-Zagats": 97.0, "DBLP-ACM": 95.0, "FEBRL-1": 95.0}
_COMPLETE = 97.0
_STRINGS: dict[str, Callable[[str, str], float]] = {
    "Levenshtein": Indel.normalized_similarity,
    "Jaro-Winkler": JaroWinkler.normalized_similarity,
    "sorted words": lambda left, right: fuzz.token_sort_ratio(left, right) / 100,
    "shared words": lambda left, right: fuzz.token_set_ratio(left, right) / 100,
}


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Give F1 and completeness of each set that has no more labelled pairs than `rows`."""
    sets = [catalogues(data_folder("er_magellan"), name) for name in ("Beer", "Fodors-Zagats", "DBLP-ACM")]
    sets.append(register(data_folder("er_febrl") / "dataset1.csv.xz"))
    measured = [(labelled, _match(labelled)) for labelled in sets if len(labelled.judged) <= rows]
    name, similar = max((_similar(measured, name) for name in _STRINGS), key=lambda each: sum(each[1]))
    for (labelled, found), baseline in zip(measured, similar, strict=True):
        f1 = _f1(_told(labelled, found), labelled)
        yield compared(f"{labelled.name}: F1 over {name}", f1, baseline, "%", at_least=1)
        for figure in _figures(labelled, found, f1):
            yield figure


def _match(labelled: LabelledSet) -> TableMatch:
    right = None if labelled.left is labelled.right else labelled.right
    return match(labelled.left, right)


def _figures(labelled: LabelledSet, found: TableMatch, f1: float) -> list[Figure]:
    named = _f1({pair for pair in _asked(labelled, found) if _same_name(labelled, pair)}, labelled)
    bar = _BARS[labelled.name]
    share = 100 * len(found.compared) / labelled.all_pairs
    kept = 100 * len(labelled.same & set(found.compared)) / len(labelled.same)
    kept_by_name = 100 * sum(_same_name(labelled, pair) for pair in labelled.same) / len(labelled.same)
    complete = compared(f"{labelled.name}: true pairs that blocking keeps", kept, kept_by_name, "%")
    compared_share = alone(f"{labelled.name}: share of all pairs compared", share, "%", "without blocking it is 100")
    return [
        replace(
            compared(f"{labelled.name}: F1 over equal names", f1, named, "%"), bar=f">= {bar:g} %", holds=f1 >= bar
        ),
        replace(complete, bar=f">= {_COMPLETE:g} %", holds=kept >= _COMPLETE),
        within(compared_share, 100 * SHARE),
    ]


def _asked(labelled: LabelledSet, found: TableMatch) -> Collection[Pair]:
    """Give the pairs that the baselines judge: the tested ones; of a whole table those compared, and all true ones."""
    return labelled.tested if labelled.judged else {*found.compared, *labelled.same}


def _told(labelled: LabelledSet, found: TableMatch) -> set[Pair]:
    """Give the pairs that are told to be the same, blocking included, as far as they are judged."""
    same = found.same(one_to_one=labelled.left is not labelled.right)
    return same & labelled.tested if labelled.judged else same


def _f1(told: Collection[Pair], labelled: LabelledSet) -> float:
    same = labelled.same & labelled.tested
    return 200 * len(same & set(told)) / (len(told) + len(same))


def _same_name(labelled: LabelledSet, pair: Pair) -> bool:
    return normal(labelled.left[pair[0]]["name"]) == normal(labelled.right[pair[1]]["name"])


def _similar(measured: Sequence[tuple[LabelledSet, TableMatch]], name: str) -> tuple[str, list[float]]:
    """Give the F1 on each set of a string similarity of whole records, at the threshold that is best for all."""
    scored = [_scored(labelled, found, _STRINGS[name]) for labelled, found in measured]
    by_threshold = [
        [_f1([pair for pair, likeness in each.items() if likeness >= step / 100], labelled)
         for each, (labelled, _) in zip(scored, measured, strict=True)]
        for step in range(30, 100)
    ]  # fmt: skip
    return name, max(by_threshold, key=sum)


def _scored(labelled: LabelledSet, found: TableMatch, similarity: Callable[[str, str], float]) -> dict[Pair, float]:
    texts = [[normal(" ".join(row.values())) for row in table] for table in (labelled.left, labelled.right)]
    return {pair: similarity(texts[0][pair[0]], texts[1][pair[1]]) for pair in _asked(labelled, found)}
