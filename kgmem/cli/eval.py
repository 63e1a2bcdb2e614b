"""`kgmem eval`: evaluate recall with questions whose answers are known."""

import tomllib
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from rich.table import Table

from kgmem.bootstrap import open_memory
from kgmem.cli.console import NOTES, OUT, AsJSON, note, print_json
from kgmem.cli.opening import load_settings, with_memory
from kgmem.domain.access import Key
from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.evaluation import EvaluationCase, ExpectedAnswer, Step, Verdict
from kgmem.formats.kgmem.sample import read_sample
from kgmem.formats.records import Kind
from kgmem.formats.wire import from_wire
from kgmem.memory import Memory
from kgmem.resources import resource
from kgmem_api.wire.recall import RecallRequest

SAMPLE = "apollo"
_STRICT = ConfigDict(extra="forbid")
_ANYBODY = Key("", "eval", "reader")


class RightIn(BaseModel):
    """The expected answer of a question."""

    model_config = _STRICT

    exactly: list[str] | None = None
    first: list[str] = []
    within: int | None = Field(default=None, ge=1)
    holds: list[str] = []
    one_of: list[str] = []
    order: list[str] = []
    never: list[str] = []
    values: dict[str, dict[str, float]] = {}
    texts: dict[str, str] = {}


class PlantedIn(BaseModel):
    """One question."""

    model_config = _STRICT

    asks: str
    tests: list[str] = Field(min_length=1)
    moment: str | None = None
    question: RecallRequest
    right: RightIn


class StepIn(BaseModel):
    """One step of the history."""

    model_config = _STRICT

    name: str
    entities: list[dict[str, Any]] = []
    relationships: list[dict[str, Any]] = []
    episodes: list[dict[str, Any]] = []
    deleted_entities: list[str] = []
    deleted_episodes: list[str] = []


class QuestionsIn(BaseModel):
    """A file of questions."""

    model_config = _STRICT

    step: list[StepIn] = []
    question: list[PlantedIn] = Field(min_length=1)


def evaluate(
    questions: Annotated[
        Path | None, typer.Option("--questions", help="A file of your own instead of the sample's questions.toml.")
    ] = None,
    as_json: AsJSON = False,
) -> None:
    """Evaluate recall with questions whose answers are known. Exit code 1 when an answer is wrong."""
    history, planted = read_questions(questions or resource("sample") / SAMPLE / "questions.toml")
    sample = read_sample(resource("sample") / SAMPLE, resource("graph_schema") / f"{SAMPLE}.toml")

    async def ask(memory: Memory) -> list[Verdict]:
        with NOTES.status("Loading the sample into a temporary graph and querying it"):
            return await memory.evaluate(sample, history, planted)

    settings = load_settings()
    opening = partial(open_memory, settings, migrating=settings.database_url is None, report=note)
    verdicts = with_memory(ask, opening)
    if as_json:
        print_json([{**asdict(each), "right": each.right} for each in verdicts])
    else:
        _show(verdicts)
    if any(each.faults for each in verdicts):
        raise typer.Exit(1)


def read_questions(file: Path) -> tuple[list[Step], list[EvaluationCase]]:
    """Return the history and the questions of a TOML file. Raises NotFound, InvalidInput."""
    if not file.is_file():
        raise NotFound(f"Not found: the file {file}.", hint="Check the path.", name=str(file))
    try:
        read = QuestionsIn.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file.name} is not TOML: {error}.", hint="Correct the file.") from error
    except ValidationError as error:
        wrong = error.errors()[0]
        place = ".".join(map(str, wrong["loc"]))
        raise InvalidInput(
            f"{file.name}, {place}: {wrong['msg']}.", hint="docs/cli.md describes the format."
        ) from error
    return [_step(each) for each in read.step], [_planted(each) for each in read.question]


def _step(told: StepIn) -> Step:
    def records(kind: Kind, shapes: list[dict[str, Any]]) -> Any:
        return [from_wire(kind, shape) for shape in shapes]

    entities: list[Entity] = records("entity", told.entities)
    relationships: list[Relationship] = records("relationship", told.relationships)
    episodes: list[Episode] = records("episode", told.episodes)
    return Step(told.name, entities, relationships, episodes, told.deleted_entities, told.deleted_episodes)


def _planted(told: PlantedIn) -> EvaluationCase:
    right = ExpectedAnswer(**told.right.model_dump())
    return EvaluationCase(told.asks, told.tests, told.question.question(_ANYBODY), right, told.moment)


def _show(verdicts: Sequence[Verdict]) -> None:
    table = Table("", "question", "tests", "answer", "ms")
    for number, each in enumerate(verdicts, start=1):
        told = f"skipped: {each.skipped}" if each.skipped else "; ".join(each.faults) or "right"
        time = "" if each.skipped else f"{each.milliseconds:.0f}"
        table.add_row(str(number), _plain(each.asks), ", ".join(each.tests), _plain(told), time)
    OUT.print(table)
    right, skipped = sum(each.right for each in verdicts), sum(each.skipped is not None for each in verdicts)
    asked = len(verdicts) - skipped
    OUT.print(f"{right} of {asked} answers are right." + (f" {skipped} questions were skipped." if skipped else ""))


def _plain(text: str) -> str:
    return text.replace("[", "\\[")
