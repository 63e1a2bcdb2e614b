"""The same work done by kgmem and by other stores, each in an environment and a process of its own.

Entities with words, a label and a 384-d vector, and four facts (relationships with a text) to each. The baseline of
every figure is raw SQL on an embedded Postgres of its own: COPY, indexes, and one statement that fuses HNSW 40 and BM25
40 by RRF. Peers are installed as `bench/rig/peers/requirements` pins them, into the folder that KGMEM_TEST_PEERS names
(else one below the temporary folder), and asked in turns, question by question. recall@20 is of the vectors alone,
against every row compared: of a hybrid recall there is no truth, because each fuses in its own way. Peers that need
minutes for thousands of rows do the same work with fewer, beside raw SQL and kgmem with as many. Those that embed texts
themselves are given the same vectors by a stub, and those that ask for a model a scripted one on this machine. A table
of all goes to the error output, with "-" for what a peer has no function for, and "not run", each with the reason.
"""

import random
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.contract import Figure, SkippedError, alone, compared
from bench.rig.database import temporary_home
from bench.rig.machine import facts as machine
from bench.rig.peers.data import Shared
from bench.rig.peers.process import REQUIREMENTS, NotRunError, Peer, Requirements, installed, own_python, worker
from bench.rig.rows import Corpus

ROWS = 50_000
SHORT = None  # `make bench` runs all that have a short size, and must install nothing.
FLOOR = "floor"
_DEGREE, _QUESTIONS, _WARM, _CALLERS = 4, 60, 5, 8
_TIMED = ("hybrid", "vector", "filtered", "two_hops")
_LIMITS = {"open": 120.0, "load_entities": 1800.0, "load_facts": 1800.0, "callers": 300.0}
_UNITS = {
    "load_entities": "rows/s",
    "load_facts": "rows/s",
    "hybrid": "ms",
    "vector": "ms",
    "vector recall@20": "share",
    "filtered": "ms",
    "filtered recall@20": "share",
    "two_hops": "ms",
    "1 caller": "recalls/s",
    "8 callers": "recalls/s",
    "reopen": "s",
    "memory": "MB",
    "disk": "MB",
}


@dataclass(slots=True)
class Result:
    """What one peer did: numbers by figure, and words where there is no number."""

    name: str
    rows: int = 0
    numbers: dict[str, float] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    note: str | None = None  # What is peculiar to how it was run.
    not_run: str | None = None
    seconds: dict[str, list[float]] = field(default_factory=dict)
    found: dict[str, list[float]] = field(default_factory=dict)


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the figures of every peer that ran, and print the table of all."""
    results: list[Result] = []
    for size, peers in _groups(rows).items():
        async with temporary_home() as home:
            shared = _shared(size)
            (home / "data").mkdir()
            shared.write(home / "data")
            group = run(home, shared, {FLOOR: None, "kgmem": None, **peers})
        for figure in _figures(group):
            yield figure
        results += group
    show(results)
    if all(floor.not_run for floor in _floors(results).values()):
        raise SkippedError(f"the floor did not run: {results[0].not_run}.")


def _figures(results: Sequence[Result]) -> Iterator[Figure]:
    """Return the numbers of peers that took as many rows, each beside the floor's."""
    floor = _floors(results)[results[0].rows].numbers
    for result in results:
        for name, number in result.numbers.items() if result.name != FLOOR else ():
            label, unit = f"{result.name}, {result.rows:,} rows: {name.replace('_', ' ')}", _UNITS[name]
            base = floor.get(name)
            yield compared(label, number, base, unit) if base else alone(label, number, unit, "the floor has none")


def _groups(rows: int) -> dict[int, dict[str, Requirements | None]]:
    """Return the peers by how many rows they take; there are always those that take all."""
    groups: dict[int, dict[str, Requirements | None]] = defaultdict(dict, {rows: {}})
    for path in sorted(REQUIREMENTS.glob("*.txt")):
        requirements = Requirements.read(path)
        groups[min(rows, requirements.rows or rows)][path.stem] = requirements
    return groups


def _floors(results: Sequence[Result]) -> dict[int, Result]:
    return {result.rows: result for result in results if result.name == FLOOR}


def _shared(rows: int) -> Shared:
    corpus, dice = Corpus(rows), random.Random(1)
    stated = [
        {"key": row.key, "label": row.label, "name": row.name, "text": row.text} for row in map(corpus.row, range(rows))
    ]
    pairs = {(dice.randrange(rows), dice.randrange(rows)) for _ in range(rows * _DEGREE)}
    facts = [
        {"start": f"e{a}", "end": f"e{b}", "text": f"{stated[a]['name']} knows {stated[b]['name']}"}
        for a, b in sorted(pairs)
        if a != b
    ]
    asked = corpus.questions(_QUESTIONS + _WARM)
    questions = [{"text": text, "label": "Person", "key": dice.choice(facts)["start"]} for text, *_ in asked]
    return Shared(stated, facts, questions, corpus.vectors, np.stack([vector for *_, vector in asked]))


def run(home: Path, shared: Shared, peers: Mapping[str, Requirements | None]) -> list[Result]:
    """Let the peers do the tasks, in turns where these are short; a peer that fails is out with its reason."""
    results = {name: Result(name, len(shared.rows)) for name in peers}
    running: dict[str, Peer] = {}
    pythons: dict[str, str] = {}
    try:
        for name, requirements in peers.items():
            print(f"peers: {name}", file=sys.stderr, flush=True)
            try:
                pythons[name] = installed(requirements) if requirements else own_python()
                running[name] = worker(pythons[name], name, home / name, home / "data")
                _load(running[name], results[name], shared)
            except NotRunError as reason:
                _out(running, results[name], str(reason))
        _ask(running, results, shared)
        for name in list(running):
            try:
                _alone(running, results[name], pythons[name], home)
            except NotRunError as reason:
                _out(running, results[name], str(reason))
    finally:
        for peer in running.values():
            peer.close()
    return list(results.values())


def _load(peer: Peer, result: Result, shared: Shared) -> None:
    answer = peer.call("open", limit=_LIMITS["open"])
    if "error" in answer:
        raise NotRunError(f"open: {answer['error']}")
    if "cannot" in answer:
        raise NotRunError(" ".join(str(answer["cannot"]).split()))
    result.note = answer.get("found")
    for task, count in (("load_entities", len(shared.rows)), ("load_facts", len(shared.facts))):
        answer = peer.call(task, limit=_LIMITS[task])
        if _noted(answer, task, result):
            result.numbers[task] = count / answer["seconds"]
        elif task == "load_entities":
            raise NotRunError(f"load_entities: {answer.get('error') or answer.get('cannot')}")


def _noted(answer: dict[str, object], task: str, result: Result) -> bool:
    """Say whether a task was done; what it was not done for is kept for the table."""
    for kind in ("cannot", "error"):
        if kind in answer:
            reason = " ".join(str(answer[kind]).split())
            result.words[task] = f"{'-' if kind == 'cannot' else kind}: {reason}"
            return False
    return True


def _ask(running: dict[str, Peer], results: dict[str, Result], shared: Shared) -> None:
    """Ask each question of all peers before the next; the first peer is another each time."""
    for task in _TIMED:
        for at in range(len(shared.questions)):
            names = [name for name in running if task not in results[name].words]
            turn = at % max(1, len(names))
            truth = _truth(shared, task, at)
            for name in names[turn:] + names[:turn]:
                try:
                    answer = running[name].call(task, at)
                except NotRunError as reason:
                    _out(running, results[name], str(reason))
                    continue
                if _noted(answer, task, results[name]) and at >= _WARM:
                    _count(results[name], task, answer, truth)
    for result in results.values():
        for task, seconds in result.seconds.items():
            result.numbers[task] = median(seconds) * 1000
        for task, shares in result.found.items():
            result.numbers[f"{task} recall@20"] = sum(shares) / len(shares)


def _truth(shared: Shared, task: str, at: int) -> set[str] | int | None:
    if task == "two_hops":
        return shared.two_hops(at)
    if task == "hybrid":
        return None
    return shared.nearest(at, shared.questions[at]["label"] if task == "filtered" else None)


def _count(result: Result, task: str, answer: dict[str, object], truth: set[str] | int | None) -> None:
    if isinstance(truth, int) and answer["found"] != truth:
        result.words[task] = f"error: {answer['found']} found, {truth} are there"
        result.seconds.pop(task, None)
        return
    result.seconds.setdefault(task, []).append(float(str(answer["seconds"])))
    if isinstance(truth, set):
        result.found.setdefault(task, []).append(len(truth & set(answer["found"])) / len(truth))  # type: ignore[call-overload]


def _alone(running: dict[str, Peer], result: Result, python: str, home: Path) -> None:
    """Measure callers, memory and disk of one peer, and how soon a new process answers over its store."""
    name, peer = result.name, running[result.name]
    for callers, figure in ((1, "1 caller"), (_CALLERS, "8 callers")):
        asked = {"callers": callers, "questions": _QUESTIONS}
        if "hybrid" in result.words:
            result.words[figure] = result.words["hybrid"]
        elif _noted(answer := peer.call("callers", asked, limit=_LIMITS["callers"]), figure, result):
            result.numbers[figure] = answer["found"]
    result.numbers["memory"] = peer.megabytes()
    peer.close()
    result.numbers["disk"] = sum(path.stat().st_size for path in (home / name).rglob("*") if path.is_file()) / 1e6
    running[name] = worker(python, name, home / name, home / "data")
    opened = running[name].call("open", limit=_LIMITS["open"])
    answered = running[name].call("vector" if "vector" not in result.words else "hybrid", 0)
    if _noted(opened, "reopen", result) and _noted(answered, "reopen", result):
        result.numbers["reopen"] = opened["seconds"] + answered["seconds"]


def _out(running: dict[str, Peer], result: Result, reason: str) -> None:
    result.not_run = reason
    if peer := running.pop(result.name, None):
        peer.kill()


def show(results: Sequence[Result], console: Console | None = None) -> None:
    """Print one table: a row a peer, each number with its ratio to the floor's; then why there is no number."""
    console = console or Console(stderr=True, width=220)
    floors = _floors(results)
    table = Table(title=f"{machine()}; in brackets the ratio to the raw SQL floor", title_justify="left")
    table.add_column("peer")
    table.add_column("rows", justify="right")
    for name, unit in _UNITS.items():
        table.add_column(f"{name.replace('_', ' ')}\n{unit}", justify="right")
    for result in sorted(results, key=lambda result: -result.rows):
        floor = floors[result.rows].numbers
        cells = (_cell(result, name, floor.get(name)) for name in _UNITS)
        table.add_row(result.name, f"{result.rows:,}", *cells)
    console.print(table)
    for result in results:
        if result.note:
            console.print(f"{result.name}: {result.note}", markup=False)
        if result.not_run:
            console.print(f"{result.name}: not run: {result.not_run}", markup=False)
        for reason, tasks in _reasons(result).items():
            console.print(f"{result.name}: {', '.join(tasks)}: {reason}", markup=False)


def _reasons(result: Result) -> dict[str, list[str]]:
    """Return the tasks that a peer did not do by the reason."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for task, words in result.words.items():
        reasons[words].append(task.replace("_", " "))
    return reasons


def _cell(result: Result, name: str, floor: float | None) -> str:
    if name in result.numbers:
        number = result.numbers[name]
        return f"{number:.4g}" + (f"\n({number / floor:.2g} x)" if floor else "")
    words = result.words.get(name) or result.words.get(name.removesuffix(" recall@20"))
    return "not run" if result.not_run else (words or "-").partition(":")[0]
