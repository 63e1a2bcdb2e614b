"""Multi-hop question sets: passages, questions with the passages that answer them, and a graph made without a model."""

import json
import lzma
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.rig.database import data_folder
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship

_LONGEST_KEY = 300
_WORDS = re.compile(r"\w+")
_ASIDE = re.compile(r"\s*\(.*?\)\s*$")
_SHORTEST_TITLE = 7  # Characters of a title of one word that is looked for in other passages.


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage with its title and, where they were stored with the set, its triples."""

    title: str
    text: str
    triples: Sequence[tuple[str, str, str]] | None = None


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """Passages, and questions with the numbers of the passages that answer them."""

    name: str
    passages: Sequence[Passage]
    questions: Sequence[tuple[str, frozenset[int]]]


def read(name: str) -> QuestionSet:
    """Return a set by its name: musique, hotpotqa or 2wiki. Raises SkippedError where the data is absent."""
    return _READERS[name]()


def part_of(asked: QuestionSet, questions: int, passages: int) -> QuestionSet:
    """Return a set of its first questions, over the passages that answer them and others up to a number of passages."""
    first = asked.questions[:questions]
    gold = frozenset[int]().union(*(answers for _, answers in first))
    others = [number for number in range(len(asked.passages)) if number not in gold]
    step = max(1, len(others) // max(1, passages - len(gold)))
    numbers = sorted([*gold, *others[::step]])
    place = {number: at for at, number in enumerate(numbers)}
    kept = [(text, frozenset(place[number] for number in answers)) for text, answers in first]
    return QuestionSet(asked.name, [asked.passages[number] for number in numbers], kept)


def graph_of(
    passages: Sequence[Passage],
) -> tuple[Sequence[Entity], Sequence[Relationship], Sequence[Episode]]:
    """Return entities, facts and episodes: of stored triples, or else of titles that other passages name."""
    named: dict[str, str] = {}
    facts: dict[tuple[str, str, str], str] = {}
    episodes = []
    titles = {_key(_ASIDE.sub("", passage.title)) for passage in passages}
    longest = max(len(title.split()) for title in titles)
    for number, passage in enumerate(passages):
        title = _ASIDE.sub("", passage.title)
        mentions = {_key(title): title}
        if passage.triples is None:
            mentions |= {found: found for found in _titles_in(passage.text, titles, longest)}
        for subject, predicate, object_ in passage.triples or ():
            ends = _key(subject), _key(object_)
            if all(ends):
                mentions |= dict(zip(ends, (subject, object_), strict=True))
                facts.setdefault((ends[0], _key(predicate), ends[1]), f"{subject} {predicate} {object_}")
        for key, name in mentions.items():
            named.setdefault(key, name)
        text = f"{passage.title}\n{passage.text}"
        episodes.append(Episode(text, str(number), title=passage.title, mentions=list(mentions)))
    entities = [Entity(key, "Thing", name=name) for key, name in named.items() if key]
    stated = [
        Relationship("STATES", start, end, key=str(number), text=text)
        for number, ((start, _, end), text) in enumerate(facts.items())
        if start != end
    ]
    return entities, stated, episodes


def _titles_in(text: str, titles: set[str], longest: int) -> Iterator[str]:
    """Return the titles that a text names, at each place the longest."""
    words = _key(text, most=len(text)).split()
    for first in range(len(words)):
        for length in range(min(longest, len(words) - first), 0, -1):
            found = " ".join(words[first : first + length])
            if found in titles and (length > 1 or len(found) >= _SHORTEST_TITLE):
                yield found
                break


def _key(phrase: str, most: int = _LONGEST_KEY) -> str:
    return " ".join(_WORDS.findall(phrase.lower()))[:most]


def _musique() -> QuestionSet:
    documents = _load("openie_musique_train_results_ner_gpt-3.5-turbo-1106_1890.json.xz")["docs"]
    at = {(each["title"], each["text"]): number for number, each in enumerate(documents)}
    questions = [
        (
            each["question"],
            frozenset(at[p["title"], p["paragraph_text"]] for p in each["paragraphs"] if p["is_supporting"]),
        )
        for each in _load("musique_train.json.xz")
    ]
    passages = [
        Passage(
            each["title"],
            each["text"],
            [(str(s), str(p), str(o)) for s, p, o in (t for t in each["extracted_triples"] if len(t) == 3)],
        )
        for each in documents
    ]
    return QuestionSet("musique", passages, questions)


def _hotpotqa() -> QuestionSet:
    corpus = _load("hotpotqa_train_corpus.json.xz")
    told = corpus.items() if isinstance(corpus, dict) else ((each["title"], each["text"]) for each in corpus)
    passages = [Passage(title, text if isinstance(text, str) else "".join(text)) for title, text in told]
    at = {passage.title: number for number, passage in enumerate(passages)}
    questions = [
        (each["question"], frozenset(at[title] for title, _ in each["supporting_facts"] if title in at))
        for each in _load("hotpotqa_train.json.xz")
    ]
    return QuestionSet("hotpotqa", passages, questions)


def _2wiki() -> QuestionSet:
    passages = [Passage(each["title"], each["text"]) for each in _load("2wikimultihopqa_corpus.json.xz")]
    at = defaultdict(set)
    for number, passage in enumerate(passages):
        at[passage.title].add(number)
    questions = [
        (each["question"], frozenset(number for title in each["gold_titles"] for number in at[title]))
        for each in _load("2wikimultihopqa_gold_dev209.json.xz")
    ]
    return QuestionSet("2wiki", passages, questions)


def _load(name: str) -> Any:
    return json.loads(lzma.decompress((data_folder("hipporag") / name).read_bytes()))


_READERS: Mapping[str, Callable[[], QuestionSet]] = {"musique": _musique, "hotpotqa": _hotpotqa, "2wiki": _2wiki}
