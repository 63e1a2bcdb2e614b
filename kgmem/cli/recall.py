"""`kgmem recall`: a question, its ranked hits, and why."""

from typing import Annotated, cast

import typer

from kgmem.cli.console import NOTES, OUT, AsJSON, GraphName, ScopeName, print_json
from kgmem.cli.opening import with_memory
from kgmem.domain.answer import Answer, Hit
from kgmem.domain.errors import InvalidInput
from kgmem.domain.question import Fusion, HitKind, Question, What, When
from kgmem.memory import DEFAULT_GRAPH

Many = list[str] | None


def recall(
    question: Annotated[str, typer.Argument(help="What to look for.")],
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    label: Annotated[Many, typer.Option("--label", help="Only entities of this label (may be repeated).")] = None,
    kind: Annotated[Many, typer.Option("--kind", help="Only entity or episode (may be repeated).")] = None,
    source: Annotated[Many, typer.Option("--source", help="Only what this source said (may be repeated).")] = None,
    valid_at: Annotated[str | None, typer.Option("--valid-at", help="What was true then: 1969, 1969-07-20.")] = None,
    between: Annotated[
        tuple[str, str] | None, typer.Option("--between", help="What was true at some time between two.")
    ] = None,
    any_time: Annotated[bool, typer.Option("--any-time", help="Also what is over, or yet to come.")] = False,
    k: Annotated[int, typer.Option("-k", help="How many hits.")] = 10,
    fusion: Annotated[str | None, typer.Option("--fusion", help="convex or rrf; the graph's own unless given.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show each arm's rank, value and share.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Ask a question; gives the best hits, each with its source and, on request, its reasons."""
    if fusion not in {None, "convex", "rrf"}:
        raise InvalidInput(f"There is no fusion {fusion!r}.", mend="Give convex or rrf.")
    if unknown := set(kind or ()) - {"entity", "episode"}:
        raise InvalidInput(f"There is no kind {min(unknown)!r} of hit.", mend="Give entity or episode.")
    asked = Question(
        what=What(
            text=question,
            labels=tuple(label or ()),
            kinds=tuple(cast("HitKind", each) for each in kind or ()),
            sources=tuple(source or ()),
        ),
        when=When(valid_at=valid_at, between=between, any_time=any_time),
        scope=scope,
        k=k,
        fusion=cast("Fusion | None", fusion),
        explain=explain,
    )
    answer = with_memory(lambda memory: memory.recall(graph, asked))
    if as_json:
        print_json(answer)
    else:
        _show(answer, explain=explain)


def _show(answer: Answer, *, explain: bool) -> None:
    if not answer.hits:
        OUT.print("Nothing found.")
    for number, hit in enumerate(answer.hits, start=1):
        OUT.print(f"[bold]{number:>3}  {_plain(hit.name or hit.key)}[/]  [dim]{_plain(_origin(hit))}[/]")
        if hit.text:
            OUT.print(f"     {_plain(hit.text)}")
        if explain:
            for name, arm in sorted(hit.arms.items()):
                OUT.print(f"     [dim]{name}: rank {arm.rank}, value {arm.value:.3f}, share {arm.share:.0%}[/]")
    for reason, count in answer.suppressed.items():
        NOTES.print(f"[dim]{reason.replace('_', ' ')}: {count}[/]")
    if answer.profile:
        NOTES.print("[dim]" + ", ".join(f"{name} {value:.1f}" for name, value in answer.profile.items()) + "[/]")


def _origin(hit: Hit) -> str:
    told = [hit.label, hit.key, f"score {hit.score:.2f}"]
    if hit.valid_from or hit.valid_to:
        told.append(f"{hit.valid_from or '...'} to {hit.valid_to or '...'}")
    told += [f"source {each['source']}" for each in hit.provenance if "source" in each]
    return ", ".join(told)


def _plain(text: str) -> str:
    return text.replace("[", "\\[")
