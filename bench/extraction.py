"""What the offline rules find in texts, beside what people and a model found in them; and how fast, beside bare spaCy.

Nothing is judged by a model (KGMEM_DATA: hipporag, text2kg, causal_text). Pairs are the two arguments of a fact,
compared by their words, whatever the relation is called. Baselines: of MuSiQue's pairs, the shares of an earlier trial
of 70 rules on the same held-out passages; of speed, spaCy's own pipeline on the same texts in the same run. The other
figures are set against no baseline: other systems were measured on those sets with another way to compare.
The rows are texts a set.
"""

import re
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from itertools import islice

from bench.contract import Figure, alone, compared, within
from bench.rig.extraction_sets import CausalText, Labelled, alike, causal, musique, same_pair, text2kg
from bench.rig.mixed_texts import missed, mixed_texts, read, stored, wrong
from kgmem.domain.text.extraction import Extraction, TextToRead
from kgmem.extraction.rules import language, read_texts

ROWS = 600
SHORT = 60
_HELD_OUT = 300  # The rules were written with the passages before in view.
_TRIAL_COVERED, _TRIAL_SHARED = 50.1, 39.4
_STEM = 4  # Letters that two words of a relation share: "director", "directed".
_DATE = re.compile(r"\d{4}")


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return agreement, precision, recall and F1 a set, and texts a second."""
    passages = musique(_HELD_OUT, rows)
    read_texts([TextToRead(passages[0].text)])
    found, seconds = _timed(passages)
    for figure in _agreement(passages, found):
        yield figure
    yield _speed(passages, seconds)
    for part in ("wikidata_tekgen", "dbpedia_webnlg"):
        sentences = list(_spread(list(text2kg(part)), rows))
        for figure in _matched(part, sentences, _timed(sentences)[0]):
            yield figure
    for part in ("develop", "held_out"):
        yield _mixed(part)
    for figure in _causal(list(islice(causal("ccnc/causality-identification_train.jsonl.xz"), 5 * rows))):
        yield figure


def _mixed(part: str) -> Figure:
    """Return the share of the facts stored of mixed texts that is right, as judged by hand."""
    texts = mixed_texts(part)
    facts = [
        (each, stored(each, one)) for each, one in zip(texts, read_texts([read(each) for each in texts]), strict=True)
    ]
    total = sum(len(some) for _, some in facts)
    right = total - sum(len(wrong(each, some)) for each, some in facts)
    known = sum(len(each.facts) for each in texts)
    missing = sum(len(missed(each, some)) for each, some in facts)
    note = f"{total} facts of {len(texts)} texts; {missing} of {known} true ones are missed."
    return alone(f"mixed texts ({part}): stored facts that are right", 100 * right / total, "%", note)


def _timed(texts: Sequence[Labelled]) -> tuple[list[Extraction], float]:
    started = time.perf_counter()
    found = read_texts([TextToRead(each.text, title=each.title) for each in texts])
    return found, time.perf_counter() - started


def _spread(texts: Sequence[Labelled], count: int) -> Iterable[Labelled]:
    """Return so many texts from all over a set, which is ordered by subject."""
    return texts[:: max(1, len(texts) // count)][:count]


def _agreement(passages: Sequence[Labelled], found: Sequence[Extraction]) -> list[Figure]:
    theirs = covered = ours = shared = 0
    for passage, each in zip(passages, found, strict=True):
        known = [(s, o) for s, _, o in passage.triples]
        own = [(fact.subject.name, fact.object.name) for fact in each.facts if not fact.denied]
        theirs, ours = theirs + len(known), ours + len(own)
        covered += sum(any(same_pair(pair, other) for other in own) for pair in known)
        shared += sum(any(same_pair(pair, other) for other in known) for pair in own)
    return [
        compared("musique: pairs of GPT-3.5 that are found", 100 * covered / theirs, _TRIAL_COVERED, "%", at_least=1),
        compared("musique: found pairs that GPT-3.5 has", 100 * shared / ours, _TRIAL_SHARED, "%", at_least=1),
        alone("musique: facts a passage", ours / len(passages), "facts", f"GPT-3.5 has {theirs / len(passages):.1f}."),
    ]


def _speed(passages: Sequence[Labelled], seconds: float) -> Figure:
    started = time.perf_counter()
    for _ in language().pipe((passage.text for passage in passages), batch_size=32):
        pass
    bare = len(passages) / (time.perf_counter() - started)
    return compared("passages read", len(passages) / seconds, bare, "texts/s", at_least=0.6)


def _matched(part: str, texts: Sequence[Labelled], found: Sequence[Extraction]) -> list[Figure]:
    pairs, triples = [0, 0, 0, 0], [0, 0, 0, 0]
    for text, each in zip(texts, found, strict=True):
        own = [(fact.subject.name, fact.predicate, fact.object.name) for fact in each.facts if not fact.denied]
        for counts, with_relation in ((pairs, False), (triples, True)):
            counts[0] += sum(any(_same(gold, one, with_relation) for one in own) for gold in text.triples)
            counts[1] += len(text.triples)
            counts[2] += sum(any(_same(gold, one, with_relation) for gold in text.triples) for one in own)
            counts[3] += len(own)
    return [
        alone(f"text2kg {part}: {what} {measured}", value, "%", "the gold has a few relations of each sentence only.")
        for what, counts in (("pairs,", pairs), ("triples,", triples))
        for measured, value in _scores(*counts)
    ]


def _scores(covered: int, gold: int, right: int, own: int) -> list[tuple[str, float]]:
    recall, precision = covered / max(1, gold), right / max(1, own)
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return [("precision", 100 * precision), ("recall", 100 * recall), ("F1", 100 * f1)]


def _same(gold: tuple[str, str, str], own: tuple[str, str, str], with_relation: bool) -> bool:
    year = _DATE.search(gold[2])
    ends = gold[0], year[0] if year and "date" in gold[1].lower() else gold[2]
    if not same_pair(ends, (own[0], own[2])):
        return False
    if not with_relation:
        return True
    stems = {word[:_STEM].lower() for word in re.findall(r"[A-Za-z][a-z]+", own[1])}
    return any(word[:_STEM].lower() in stems for word in re.findall(r"[A-Za-z][a-z]+", gold[1]))


def _causal(texts: Sequence[CausalText]) -> list[Figure]:
    found = read_texts([TextToRead(each.text) for each in texts])
    covered = {True: 0, False: 0}
    right = own = gold = denied_gold = believed = 0
    for text, each in zip(texts, found, strict=True):
        told = [(one.cause.name, one.effect.name, one.denied) for one in each.causes]
        own += len(told)
        gold += len(text.statements)
        for cause, effect, denied in text.statements:
            same = [one for one in told if alike(one[0], cause) and alike(one[1], effect)]
            covered[denied] += any(one[2] == denied for one in same)
            denied_gold += denied
            believed += denied and any(not one[2] for one in same)
        right += sum(any(_stated(one, known) for known in text.statements) for one in told)
    reason = "rules written with other sentences in view; the sets' own systems are trained on it."
    name = "causal statements with their denials"
    figures = [
        alone(f"{name}: {what}", value, "%", reason)
        for what, value in _scores(covered[True] + covered[False], gold, right, own)
    ]
    share = alone("denied causes that are taken for causes", 100 * believed / max(1, denied_gold), "%", reason)
    return [*figures, within(share, 10)]


def _stated(own: tuple[str, str, bool], known: tuple[str, str, bool]) -> bool:
    return own[2] == known[2] and alike(own[0], known[0]) and alike(own[1], known[1])
