"""`kgmem quickstart`: load the sample graph, answer a question from it, and optionally serve it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any

import orjson
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kgmem.bolt.server import bolt_server
from kgmem.bootstrap import open_memory
from kgmem.cli.console import NOTES, OUT, note
from kgmem.cli.opening import load_settings, with_memory
from kgmem.cli.serve import report_ready, with_address
from kgmem.cli.why import shown, titled
from kgmem.domain.access import Key
from kgmem.domain.claims.claim import FactFilter
from kgmem.domain.errors import NotFound
from kgmem.domain.recall.answer import Answer, Hit
from kgmem.domain.recall.question import Question, What, When
from kgmem.formats.kgmem.sample import read_sample
from kgmem.memory import Memory
from kgmem.resources import resource
from kgmem.settings import Settings
from kgmem_api import server

SAMPLE = "apollo"
_FURTHER = 2  # Hits that are shown beside the best.


def quickstart(
    serve: Annotated[bool, typer.Option("--serve", help="Serve REST and Bolt afterwards, until interrupted.")] = False,
    host: Annotated[str | None, typer.Option("--host", help="Address to bind instead of KGMEM_HOST.")] = None,
    port: Annotated[int | None, typer.Option("--port", min=0, max=65535, help="Port instead of KGMEM_PORT.")] = None,
) -> None:
    """Start the database, load the sample graph and answer a question from it. Existing data is reused."""
    settings = with_address(load_settings(), host, port)
    preparing = partial(_prepare, settings=settings, started=time.perf_counter())
    key = with_memory(preparing, partial(open_memory, settings, migrating=True, report=note))
    if serve:
        opening = partial(open_memory, settings, owner=True, worker=settings.worker, report=note)
        door = partial(bolt_server, settings, say=note)
        server.run(settings, opening, ready=partial(_report_ready, key), beside=door)
    else:
        NOTES.print("Start the server: [bold]kgmem serve[/]")


async def _prepare(memory: Memory, settings: Settings, started: float) -> str | None:
    """Load the sample, answer the question; gives the first API key when it was made."""
    note(f"The database is ready ({time.perf_counter() - started:.1f} s).")
    await _load(memory)
    key = await _first_key(memory)
    await _ask(memory)
    await _disagreements(memory)
    note(f"From the start to the answer: {time.perf_counter() - started:.1f} s.")
    if key:
        OUT.print(f"\nYour first API key (it cannot be shown again): [bold]{key}[/]", soft_wrap=True)
    else:
        note(f"API keys exist in {settings.home}. Create another: kgmem key create NAME --role admin")
    return key


async def _load(memory: Memory) -> None:
    """Load the sample graph unless it exists."""
    sample = read_sample(resource("sample") / SAMPLE, resource("graph_schema") / f"{SAMPLE}.toml")
    try:
        held = await memory.graphs.get(SAMPLE)
    except NotFound:
        held = await memory.graphs.create(SAMPLE, schema=sample.schema)
    stats = await memory.graphs.stats(SAMPLE)
    if stats.entities and stats.relationships and stats.episodes:
        note(f"The sample graph exists: {stats.entities} entities, {stats.relationships} relationships.")
    else:
        with _step("Loading the sample graph (the Apollo programme)"):
            await memory.sources.put(SAMPLE, sample.sources)
            await memory.entities.put(SAMPLE, sample.entities)
            await memory.relationships.put(SAMPLE, sample.relationships)
            await memory.episodes.put(SAMPLE, sample.episodes)
            await memory.claims.compute_consensus(SAMPLE)
    waiting = (await memory.graphs.stats(SAMPLE)).waiting_for_vectors
    if waiting and held.space:
        await _embed(memory, waiting)


async def _embed(memory: Memory, waiting: int) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=NOTES, transient=True) as progress:
        task = progress.add_task("Embedding its texts", total=waiting)
        started = time.perf_counter()
        done = await memory.embeddings.run(SAMPLE, progress=lambda n: progress.update(task, completed=n))
    note(f"Embedded {done} texts ({time.perf_counter() - started:.1f} s).")


async def _first_key(memory: Memory) -> str | None:
    """Make the first API key; None when there are keys already."""
    held: list[Key] = list(await memory.keys.list())
    if held:
        return None
    _, secret = await memory.keys.create("first", "admin")
    return secret


async def _ask(memory: Memory) -> None:
    asked = orjson.loads((resource("sample") / SAMPLE / "questions.json").read_bytes())[0]
    question = _question(asked.get("question", asked))
    started = time.perf_counter()
    answer = await memory.recall(SAMPLE, question)
    took = (time.perf_counter() - started) * 1000
    OUT.print(f"\nquestion: {question.what.text}")
    _tell(answer)
    note(f"({took:.0f} ms, the embedding of the question included)")


async def _disagreements(memory: Memory) -> None:
    """Print facts that the sample's sources disagree on, and the consensus."""
    facts = (await memory.facts.list(SAMPLE, FactFilter(limit=1000))).items
    open_ = [fact for fact in facts if len(fact.options) > 1]
    if not open_:
        return
    OUT.print(f"\nsources disagree on {len(open_)} facts, for example:")
    told = sorted(open_, key=lambda fact: (fact.state, -len(fact.options), fact.id))
    for state in ("contested", "verified"):
        for fact in [each for each in told if each.state == state][:_FURTHER]:
            values = "; ".join(
                f"{shown(option.value)} {option.probability:.2f} ({', '.join(option.sources)})"
                for option in fact.options
            )
            OUT.print(f"  {fact.state}: {titled(fact)}: {values}", soft_wrap=True, markup=False)
    note(f"Explain one: kgmem why {told[0].id} --graph {SAMPLE}")


def _question(wire: dict[str, Any]) -> Question:
    what, when = wire.get("what", {}), wire.get("when", {})
    between = tuple(when["between"]) if when.get("between") else None
    return Question(
        what=What(text=what.get("text"), labels=tuple(what.get("labels", ())), kinds=tuple(what.get("kinds", ()))),
        when=When(valid_at=when.get("valid_at"), between=between, any_time=bool(when.get("any_time"))),
        k=_FURTHER + 1,
        explain=True,
    )


def _tell(answer: Answer) -> None:
    if not answer.hits:
        raise NotFound(
            "The sample graph has no answer.", hint="Delete it (kgmem graph delete apollo) and run this again."
        )
    best, *further = answer.hits
    OUT.print(f"answer: {_said(best)}", soft_wrap=True)
    OUT.print(f"   why: {_why(best)}", style="dim", soft_wrap=True)
    for hit in further:
        OUT.print(f"  next: {_said(hit)}", soft_wrap=True)
        OUT.print(f"   why: {_why(hit)}", style="dim", soft_wrap=True)


def _said(hit: Hit) -> str:
    parts = [part for part in (hit.name, hit.text) if part]
    return " - ".join(parts).replace("\n", " ").replace("[", "\\[") or hit.key


def _why(hit: Hit) -> str:
    retrievers = [
        f"{name} rank {retriever.rank} ({retriever.share:.0%})" for name, retriever in sorted(hit.retrievers.items())
    ]
    source = next(
        (str(told["name"] if "name" in told else told["source"]) for told in hit.provenance if "source" in told), None
    )
    told = [f"{hit.kind} {hit.key}", f"score {hit.score:.2f}", *retrievers, *([f"source {source}"] if source else [])]
    return ", ".join(told)


@contextmanager
def _step(text: str) -> Iterator[None]:
    started = time.perf_counter()
    with NOTES.status(text):
        yield
    note(f"{text} ({time.perf_counter() - started:.1f} s).")


def _report_ready(key: str | None, address: str) -> None:
    report_ready(address)
    ask = '{"what": {"text": "Who walked on the Moon first?"}, "k": 3}'
    NOTES.print("Try a request:", highlight=False)
    NOTES.print(
        f"  curl -s {address}/v1/graphs/{SAMPLE}/recall -H 'Authorization: Bearer {key or 'YOUR_KEY'}' -d '{ask}'",
        markup=False,
        soft_wrap=True,
    )
    NOTES.print(
        f"Connect an agent by MCP: kgmem mcp --print-config claude-desktop (or cursor, vscode, ...), or {address}/mcp",
        markup=False,
        soft_wrap=True,
    )
