"""The context of procedures: what they need beside the engine, and Cypher queries of their own."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from kgmem.domain.claims.claim import StoredFact
from kgmem.domain.graph.graph import Graph, GraphStats
from kgmem.domain.graph.scope import reaches
from kgmem.domain.recall.answer import Answer
from kgmem.domain.recall.question import Question
from kgmem.domain.schema.schema import GraphSchema
from kgmem.query.errors import ValueProblem, wrong_type
from kgmem.query.execution.executor import Run
from kgmem.query.execution.graph import Graphs
from kgmem.query.execution.procedures import Procedure
from kgmem.query.execution.statements import Engine, StatementRequest
from kgmem.query.types import Field, ProcedureSignature, named
from kgmem.query.values import Node, Value

Answered = Callable[[Run, Sequence[Any]], Awaitable[list[tuple[Value, ...]]]]


@dataclass(frozen=True, slots=True)
class ProcedureContext:
    """What the facade knows and the engine does not: recall, consensus, other graphs, the schema, the version."""

    graphs: Graphs
    recall: Callable[[str, Question], Awaitable[Answer]]
    facts_of: Callable[
        [str, str, str, str | None], Awaitable[Sequence[StoredFact]]
    ]  # Graph, scope, subject, predicate.
    graph: Callable[[str], Awaitable[Graph]]
    all_graphs: Callable[[], Awaitable[Sequence[Graph]]]
    stats: Callable[[str], Awaitable[GraphStats]]
    schema: Callable[[Graph], GraphSchema]
    version: str

    async def ask(self, run: Run, text: str, **parameters: Value) -> Sequence[Sequence[Value]]:
        """Return the rows of a query, asked in the transaction and the scope of a run."""
        asked = StatementRequest(text, run.graph, parameters, run.scope, writes=False, limits=run.limits)
        return (await Engine(self.graphs).run_within(asked, run.transaction)).rows

    async def found(self, run: Run, question: Question) -> Answer:
        """Return what recall finds. It sees what is committed; the transaction's own writes are no part of it."""
        return await self.recall(run.graph, question)


def procedure(line: str, description: str, run: Answered) -> Procedure:
    """Return a procedure by a line such as db.labels() :: (label STRING); a ? behind a type lets it be omitted."""
    head, _, columns = line.partition(" :: ")
    name, _, inputs = head.rstrip(")").partition("(")
    outputs = tuple(_field(part) for part in columns.strip("()").split(", ") if part)
    signature = ProcedureSignature(name, tuple(_field(part) for part in inputs.split(", ") if part), outputs)
    return Procedure(signature, run, description)


def _field(text: str) -> Field:
    name, _, kind = text.partition(" ")
    return Field(name, named(kind.rstrip("?")), optional=kind.endswith("?"))


def given(arguments: Sequence[Any], place: int, otherwise: Any) -> Any:
    """Return an argument, or what represents it where it was omitted or is null."""
    value = arguments[place] if place < len(arguments) else None
    return otherwise if value is None else value


def key_of(value: Value) -> str:
    """Return the key that a text is, or that a node has. Raises ValueProblem."""
    key = value.properties.get("key") if isinstance(value, Node) else value
    if isinstance(key, str):
        return key
    raise wrong_type("a key, or a node that has one", value)


def scope_of(run: Run, asked: Any) -> str:
    """Return the scope that a question runs in: the query's own, or one below it. Raises ValueProblem."""
    if asked is None:
        return run.scope or ""
    if not isinstance(asked, str):
        raise wrong_type("a scope, as a string,", asked)
    if run.scope is not None and not reaches(run.scope, asked):
        raise ValueProblem("This query is restricted to another scope.", hint="Leave the scope out.")
    return asked


def count_of(value: Any, least: int, most: int) -> int:
    """Return an integer within bounds. Raises ValueProblem."""
    if type(value) is not int or not least <= value <= most:
        raise ValueProblem(f"Expected an integer from {least} to {most}.", detail="NumberOutOfRange")
    return value
