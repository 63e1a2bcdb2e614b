"""`kgmem recall`: query a graph and print ranked hits."""

import re
from typing import Annotated, Any, get_args

import typer

from kgmem.cli.console import NOTES, OUT, AsJSON, GraphName, ScopeName, note, print_json
from kgmem.cli.opening import with_memory
from kgmem.domain.errors import InvalidInput
from kgmem.domain.recall.answer import Answer, Hit
from kgmem.domain.recall.causality import CausalPath
from kgmem.domain.recall.question import (
    MOST_HITS,
    Fusion,
    HitKind,
    Hops,
    Links,
    Part,
    Question,
    Relation,
    Spot,
    State,
    What,
    When,
    Where,
    Why,
)
from kgmem.domain.time.interval import Allen
from kgmem.memory import DEFAULT_GRAPH

Many = list[str] | None
Text = str | None
_NUMBER = r"[+-]?\d+(?:\.\d+)?"
_POINT = re.compile(rf"\s*({_NUMBER})\s*,\s*({_NUMBER})\s*")
_TIME = re.compile(r"[+-]?\d{1,6}(-\d\d.*)?(/([+-]?\d{1,6}(-\d\d.*)?)?)?")


def recall(
    question: Annotated[
        str | None, typer.Argument(help="The text of the question; optional with other options.")
    ] = None,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    label: Annotated[
        Many, typer.Option("--label", help="Only entities of this label, or facts of this kind (may be repeated).")
    ] = None,
    kind: Annotated[Many, typer.Option("--kind", help="Only entity, fact, episode or path (may be repeated).")] = None,
    source: Annotated[Many, typer.Option("--source", help="Only from this source (may be repeated).")] = None,
    valid_at: Annotated[Text, typer.Option("--valid-at", help="What was true then: 1969, 1969-07-20.")] = None,
    between: Annotated[
        tuple[str, str] | None, typer.Option("--between", help="What was true at any time between two.")
    ] = None,
    any_time: Annotated[bool, typer.Option("--any-time", help="At any time: also superseded and future.")] = False,
    state: Annotated[
        Many,
        typer.Option("--state", help="Only in this state: current, past, superseded, verified, ... (may be repeated)."),
    ] = None,
    relation: Annotated[
        tuple[str, str] | None,
        typer.Option("--relation", help="Allen's relation and a time or an entity: during 1969, before apollo-11."),
    ] = None,
    known_at: Annotated[Text, typer.Option("--known-at", help="As it was known at this time.")] = None,
    half_life: Annotated[
        float | None, typer.Option("--half-life", help="Prefer recent hits: half of the score after so many days.")
    ] = None,
    times_in_text: Annotated[
        bool, typer.Option("--times-in-text", help="Use times in the question, such as in spring 1969.")
    ] = False,
    near: Annotated[Text, typer.Option("--near", help="Near a point, as LON,LAT, or an entity.")] = None,
    km: Annotated[float | None, typer.Option("--km", help="At most so many kilometres from --near.")] = None,
    nearest: Annotated[int | None, typer.Option("--nearest", help="Only the nearest to --near, so many.")] = None,
    box: Annotated[
        tuple[float, float, float, float] | None, typer.Option("--box", help="WEST SOUTH EAST NORTH, in degrees.")
    ] = None,
    place: Annotated[Text, typer.Option("--place", help="Inside this entity.")] = None,
    causes_of: Annotated[Many, typer.Option("--causes-of", help="Causes of this entity (may be repeated).")] = None,
    effects_of: Annotated[Many, typer.Option("--effects-of", help="Effects of this entity (may be repeated).")] = None,
    path: Annotated[
        tuple[str, str] | None, typer.Option("--path", help="Causal paths from one entity to another.")
    ] = None,
    depth: Annotated[int, typer.Option("--depth", help="The most steps of causes and effects.")] = 5,
    min_strength: Annotated[
        float, typer.Option("--min-strength", help="The least strength of a whole path, 0 to 1.")
    ] = 0.0,
    expand: Annotated[
        bool | None,
        typer.Option("--expand/--no-expand", help="Expand by personalised PageRank; by default where it is needed."),
    ] = None,
    hops: Annotated[
        tuple[str, int] | None, typer.Option("--hops", help="Only within so many relationships of an entity.")
    ] = None,
    should: Annotated[
        Many, typer.Option("--should", help="Rank by where, when, why or graph instead of filtering (may be repeated).")
    ] = None,
    recipe: Annotated[
        Text, typer.Option("--recipe", help="A named set of options, such as multi_hop or recent.")
    ] = None,
    diversity: Annotated[
        float, typer.Option("--diversity", help="Prefer hits that differ from each other, 0 to 1.")
    ] = 0.0,
    budget: Annotated[int | None, typer.Option("--budget", help="The most tokens of all hits.")] = None,
    min_score: Annotated[
        float | None, typer.Option("--min-score", help="Only hits of this relevance or more, 0 to 1.")
    ] = None,
    rerank: Annotated[
        bool, typer.Option("--rerank", help="Order the best hits by the reranker of the settings.")
    ] = False,
    k: Annotated[int, typer.Option("-k", help="How many hits.")] = 10,
    cursor: Annotated[
        Text, typer.Option("--cursor", help="Continue after the answer that printed this cursor.")
    ] = None,
    fusion: Annotated[Text, typer.Option("--fusion", help="convex or rrf; by default the graph's.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show each retriever's rank, value and share.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Query a graph by meaning, words, place, time and cause, and print ranked hits."""
    asked = Question(
        what=What(
            text=question,
            labels=tuple(label or ()),
            kinds=tuple(_one_of("kind of hit", each, HitKind) for each in kind or ()),
            sources=tuple(source or ()),
        ),
        when=When(
            valid_at=valid_at,
            between=between,
            any_time=any_time,
            relation=_relation(*relation) if relation else None,
            known_at=known_at,
            half_life_days=half_life,
            in_text=times_in_text,
        ),
        where=Where(near=_spot(near) if near else None, km=km, nearest=nearest, box=box, place=place),
        why=Why(
            causes_of=tuple(causes_of or ()),
            effects_of=tuple(effects_of or ()),
            start=path[0] if path else None,
            end=path[1] if path else None,
            depth=depth,
            min_strength=min_strength,
        ),
        graph=Links(expand, Hops((hops[0],), hops[1]) if hops else None),
        scope=scope,
        k=k,
        modes={_one_of("part", each, Part): "should" for each in should or ()},
        states=tuple(_one_of("state", each, State) for each in state or ()),
        fusion=_one_of("fusion", fusion, Fusion) if fusion else None,
        recipe=recipe,
        diversity=diversity,
        min_score=min_score,
        budget=budget,
        rerank=rerank,
        cursor=cursor,
        explain=explain,
    )
    answer = with_memory(lambda memory: memory.recall(graph, asked))
    if as_json:
        print_json(answer)
    else:
        _show(answer, explain=explain)


def _one_of(what: str, given: str, of: Any) -> Any:
    """Return a word back that is one of a Literal's. Raises InvalidInput."""
    known = get_args(of)
    if given not in known:
        raise InvalidInput(f"Unknown {what} {given!r}.", hint=f"Use one of: {', '.join(known)}.")
    return given


def _spot(told: str) -> Spot:
    """Return the spot that LON,LAT or an entity's key names."""
    found = _POINT.fullmatch(told)
    return Spot(point=(float(found[1]), float(found[2]))) if found else Spot(entity=told)


def _relation(name: str, of: str) -> Relation:
    """Return Allen's relation to a time (a year, a day, FROM/TO), or to an entity's time."""
    relation = _one_of("relation", name, Allen)
    if not _TIME.fullmatch(of):
        return Relation(relation, entity=of)
    first, separator, last = of.partition("/")
    return Relation(relation, (first or None, (last if separator else first) or None))


def _show(answer: Answer, *, explain: bool) -> None:
    if not answer.hits or answer.nothing_relevant:
        OUT.print("Nothing relevant found." if answer.hits else "Nothing found.")
    for number, hit in enumerate(answer.hits, start=1):
        OUT.print(f"[bold]{number:>3}  {_plain(hit.name or hit.key)}[/]  [dim]{_plain(_origin(hit))}[/]")
        if hit.text:
            OUT.print(f"     {_plain(hit.text)}")
        if explain and hit.kind != "path":
            for path in hit.paths:
                OUT.print(f"     [dim]path of strength {path.strength:.2f}: {_plain(_steps(path))}[/]")
        if explain:
            for name, retriever in sorted(hit.retrievers.items()):
                looked_up = "" if retriever.listed else ", looked up"
                OUT.print(
                    f"     [dim]{name}: rank {retriever.rank}, value {retriever.value:.3f}, "
                    f"share {retriever.share:.0%}{looked_up}[/]"
                )
    _show_notes(answer)


def _show_notes(answer: Answer) -> None:
    for part, told in answer.understood.items():
        NOTES.print(f"[dim]{part} understood as {_plain(str(dict(told)))}[/]")
    for retriever, why in answer.gates.items():
        NOTES.print(f"[dim]{retriever} {_plain(why)}[/]")
    for reason, count in answer.suppressed.items():
        NOTES.print(f"[dim]{reason.replace('_', ' ')}: {count}[/]")
    for name, count in answer.filter_matches.items():
        many = "1000 or more" if count >= MOST_HITS else str(count)
        note(f"{name} alone matches {many}")
    if answer.cursor:
        note(f"more: --cursor {answer.cursor}")
    if answer.profile:
        NOTES.print("[dim]" + ", ".join(f"{name} {value:.1f}" for name, value in answer.profile.items()) + "[/]")


def _origin(hit: Hit) -> str:
    told = [hit.label, hit.key, f"score {hit.score:.2f}"]
    if hit.relevance is not None:
        told.append(f"relevance {hit.relevance:.2f}")
    if hit.state not in {None, "current"}:
        told.append(str(hit.state).replace("_", " "))
    if hit.valid_from or hit.valid_to:
        told.append(f"{hit.valid_from or '...'} to {hit.valid_to or '...'}")
    told += [f"source {each['source']}" for each in hit.provenance if "source" in each]
    return ", ".join(told)


def _steps(path: CausalPath) -> str:
    """Return a causal path as one line."""
    told = path.entities[0].key
    for link, entity in zip(path.links, path.entities[1:], strict=True):
        told += f" -[{link.kind}]-> {entity.key}"
    return told


def _plain(text: str) -> str:
    return text.replace("[", "\\[")
