"""Statements: the whole of a text, from parsing to what is found of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, NoReturn

from kgmem.query.analysis import base, expressions, patterns, queries
from kgmem.query.analysis.clauses import UPDATES
from kgmem.query.analysis.queries import QueryAnalyser
from kgmem.query.analysis.scope import NOTHING, Analysed, Column, Scope
from kgmem.query.functions import FUNCTIONS
from kgmem.query.parser.statements import parse
from kgmem.query.tree.clauses import (
    CallProcedure,
    CallSubquery,
    Command,
    CreateConstraint,
    CreateIndex,
    Drop,
    Query,
    Show,
    Use,
)
from kgmem.query.tree.expressions import Expression, Located, Variable
from kgmem.query.tree.traversal import children
from kgmem.query.types import FunctionSignature, ProcedureSignature, Type, named


@dataclass(frozen=True, slots=True)
class Shown:
    """The columns of one kind of SHOW: default ones, and those that only YIELD returns."""

    plain: Mapping[str, Type]
    all: Mapping[str, Type]


def _columns(text: str) -> dict[str, Type]:
    pairs = (part.split(":") for part in text.split())
    return {name: named(kind[0]) if kind else named("STRING") for name, *kind in pairs}


def _shown(plain: str, more: str) -> Shown:
    return Shown(_columns(plain), _columns(f"{plain} {more}"))


SHOWN: Mapping[str, Shown] = {
    "DATABASES": _shown(
        "name type aliases:LIST<STRING> access address role writer:BOOLEAN requestedStatus currentStatus "
        "statusMessage default:BOOLEAN home:BOOLEAN constituents:LIST<STRING>",
        "databaseID serverID creationTime:DATETIME lastStartTime:DATETIME lastStopTime:DATETIME store",
    ),
    "INDEXES": _shown(
        "id:INTEGER name state populationPercent:FLOAT type entityType labelsOrTypes:LIST<STRING> "
        "properties:LIST<STRING> indexProvider owningConstraint lastRead:DATETIME readCount:INTEGER",
        "trackedSince:DATETIME options:MAP failureMessage createStatement",
    ),
    "CONSTRAINTS": _shown(
        "id:INTEGER name type entityType labelsOrTypes:LIST<STRING> properties:LIST<STRING> ownedIndex propertyType",
        "options:MAP createStatement",
    ),
    "CURRENT USER": _shown("user roles:LIST<STRING> passwordChangeRequired:BOOLEAN suspended:BOOLEAN home", ""),
    "PROCEDURES": _shown(
        "name description mode worksOnSystem:BOOLEAN",
        "signature argumentDescription:LIST<MAP> returnDescription:LIST<MAP> admin:BOOLEAN rolesExecution:LIST<STRING> "
        "rolesBoostedExecution:LIST<STRING> isDeprecated:BOOLEAN deprecatedBy option:MAP",
    ),
    "FUNCTIONS": _shown(
        "name category description",
        "signature isBuiltIn:BOOLEAN argumentDescription:LIST<MAP> returnDescription aggregating:BOOLEAN "
        "rolesExecution:LIST<STRING> rolesBoostedExecution:LIST<STRING> isDeprecated:BOOLEAN deprecatedBy",
    ),
}


# Where CALL { } IN TRANSACTIONS may stand: transactions cannot be in each other, nor behind what is not kept yet.

Fail = Callable[[str, str, int], NoReturn]
_DETAIL = "InvalidClauseComposition"


def check_batches(query: Query, fail: Fail) -> None:
    """Raise CypherError for a CALL { } IN TRANSACTIONS in a place where it cannot run."""
    inner = list(_batched(query))
    if not inner:
        return
    if len(query.parts) > 1:
        fail(_DETAIL, "CALL { } IN TRANSACTIONS cannot be in a UNION.", inner[0].at)
    outer = [clause for clause in query.parts[0].clauses if isinstance(clause, CallSubquery) and clause.transactions]
    for each in inner:
        if not any(each is clause for clause in outer):
            fail(_DETAIL, "CALL { } IN TRANSACTIONS cannot be nested in another subquery.", each.at)
    wrote = False
    for clause in query.parts[0].clauses:
        if isinstance(clause, CallSubquery) and clause.transactions is not None:
            if wrote:
                problem = (
                    "CALL { } IN TRANSACTIONS cannot follow a clause that writes: its changes are not committed yet."
                )
                fail(_DETAIL, problem, clause.at)
        else:
            wrote = wrote or _writes(clause)
    for clause in outer:
        told = clause.transactions
        if told is not None and told.report is not None and told.on_error not in {"CONTINUE", "BREAK"}:
            fail(_DETAIL, "REPORT STATUS needs ON ERROR CONTINUE or ON ERROR BREAK.", told.at)


def _batched(part: Located) -> Iterator[CallSubquery]:
    if isinstance(part, CallSubquery) and part.transactions is not None:
        yield part
    for child in children(part):
        yield from _batched(child)


def _writes(part: Located) -> bool:
    return isinstance(part, UPDATES) or any(map(_writes, children(part)))


class StatementAnalyser(QueryAnalyser):
    """Analyses statements."""

    handlers: ClassVar[Mapping[type, base.Handler]] = {
        **base.HANDLERS,
        **expressions.HANDLERS,
        **patterns.HANDLERS,
        **queries.HANDLERS,
    }

    def statement(self, body: Query | Command) -> tuple[Column, ...]:
        """Return the columns of a query or command. Raises CypherError."""
        if isinstance(body, Query):
            alone = _call_alone(body)
            columns = (self.query(body, NOTHING) or ()) if alone is None else self.standalone_call(alone)
            check_batches(body, self.fail)
            return columns
        if isinstance(body, Show):
            return self._show(body)
        self.writes = True
        self._expressions(body)
        return ()

    def _show(self, body: Show) -> tuple[Column, ...]:
        shown = SHOWN[body.what]
        scope = Scope(shown.plain)
        if body.yielded is not None:
            scope = self.after(self.project(body.yielded, Scope(shown.all)))
        if body.where is not None:
            self.predicate(body.where, scope)
        if body.returned is not None:
            return self.returned(body.returned, scope).columns
        return tuple(Column(name, Variable(body.at, name), kind, aggregates=False) for name, kind in scope.items())

    def _expressions(self, body: CreateIndex | CreateConstraint | Drop) -> None:
        options = None if isinstance(body, Drop) else body.options
        for part in (body.name, options):
            if isinstance(part, Expression):
                self.type_of(part, NOTHING)


def _call_alone(query: Query) -> CallProcedure | None:
    if len(query.parts) != 1:
        return None
    *before, last = query.parts[0].clauses
    alone = isinstance(last, CallProcedure) and all(isinstance(clause, Use) for clause in before)
    return last if alone and isinstance(last, CallProcedure) else None


def analyse(
    text: str,
    *,
    parameters: Iterable[str] | None = None,
    procedures: Mapping[str, ProcedureSignature] | None = None,
    functions: Mapping[str, FunctionSignature] = FUNCTIONS,
) -> Analysed:
    """Return the analysed statement. Raises CypherError with the place of the error.

    `parameters` are the names of the parameters of the query; None leaves them unchecked. `procedures` are the
    available ones, by name.
    """
    statement = parse(text)
    analyser = StatementAnalyser(
        text,
        functions=functions,
        procedures=procedures or {},
        parameters=None if parameters is None else frozenset(parameters),
    )
    columns = analyser.statement(statement.body)
    return Analysed(
        text=text,
        statement=statement,
        columns=columns,
        writes=analyser.writes,
        parameters=frozenset(analyser.parameters),
        scopes=analyser.scopes,
        types=analyser.types,
        projections=analyser.projections,
        procedures=analyser.called,
    )
