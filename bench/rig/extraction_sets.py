"""Texts with what is known to be in them: triples by people and by a model, and causal statements."""

import json
import lzma
import re
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.rig.database import data_folder

_WORD = re.compile(r"[^\W_]+")
_SMALL = frozenset({"the", "a", "an", "of", "in", "and", "to", "his", "her", "its", "their"})
_OPEN_TAG = re.compile(r"<e(\d+)>")
_DENIED = 2  # The relationship of what does not bring about what follows; 1 is what does.
_ENOUGH = 0.6  # Of the words of either argument, for two to be one.


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text and the triples that it is known to state."""

    text: str
    triples: Sequence[tuple[str, str, str]]
    title: str | None = None


@dataclass(frozen=True, slots=True)
class CausalText:
    """A sentence and its causal statements: cause, effect, and whether it denies that one brings about the other."""

    text: str
    statements: Sequence[tuple[str, str, bool]]


def musique(first: int, count: int) -> list[Labelled]:
    """Return passages of MuSiQue with the triples that GPT-3.5 found in them. Raises SkippedError."""
    name = "openie_musique_train_results_ner_gpt-3.5-turbo-1106_1890.json.xz"
    documents = json.loads(lzma.decompress((data_folder("hipporag") / name).read_bytes()))["docs"]
    return [
        Labelled(
            each["text"],
            [(str(s), str(p), str(o)) for s, p, o in (t for t in each["extracted_triples"] if len(t) == 3)],
            each["title"],
        )
        for each in documents[first : first + count]
    ]


def text2kg(archive: str) -> Iterator[Labelled]:
    """Return the test sentences of a part of Text2KGBench with their gold triples. Raises SkippedError."""
    with tarfile.open(data_folder("text2kg") / f"{archive}.tar.xz") as packed:
        for member in packed:
            held = (
                packed.extractfile(member) if "/ground_truth/" in member.name and "unseen" not in member.name else None
            )
            for line in held or ():
                told = json.loads(line)
                yield Labelled(told["sent"], [(each["sub"], each["rel"], each["obj"]) for each in told["triples"]])


def causal(path: str) -> Iterator[CausalText]:
    """Return sentences of the causal news corpus with counter-causal claims. Raises SkippedError."""
    file: Path = data_folder("causal_text") / path
    for line in lzma.decompress(file.read_bytes()).decode().splitlines():
        told = json.loads(line)
        spans = _spans(told["text"])
        statements = [
            (spans[each["first"]], spans[each["second"]], each["relationship"] == _DENIED) for each in told["relations"]
        ]
        yield CausalText(re.sub(r"</?e\d+>", "", told["text"]), statements)


def _spans(text: str) -> dict[str, str]:
    found = {}
    for opening in _OPEN_TAG.finditer(text):
        name = f"e{opening[1]}"
        end = text.find(f"</{name}>", opening.end())
        found[name] = re.sub(r"</?e\d+>", "", text[opening.end() : end if end >= 0 else len(text)])
    return found


def words(text: str) -> frozenset[str]:
    """Return the words of a phrase that say something."""
    found = frozenset(word.lower() for word in _WORD.findall(text))
    return found - _SMALL or found


def alike(one: str, other: str) -> bool:
    """Say whether two phrases share most of the words of the shorter one."""
    first, second = words(one), words(other)
    shared = len(first & second)
    return bool(shared) and shared >= _ENOUGH * min(len(first), len(second))


def same_pair(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Say whether two pairs of arguments are one, in either order."""
    straight = alike(one[0], other[0]) and alike(one[1], other[1])
    return straight or (alike(one[0], other[1]) and alike(one[1], other[0]))
