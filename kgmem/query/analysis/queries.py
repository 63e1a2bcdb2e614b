"""Analysis of queries: the order of clauses, UNION, procedures, and the variables that subqueries see."""

from collections.abc import Mapping
from typing import Any, NoReturn

from kgmem.query.analysis.base import Handler
from kgmem.query.analysis.clauses import UPDATES, ClauseAnalyser
from kgmem.query.analysis.scope import NOTHING, Column, Scope
from kgmem.query.errors import closest
from kgmem.query.tree import clauses as tree
from kgmem.query.tree.clauses import CallProcedure, Yielded
from kgmem.query.tree.expressions import Variable
from kgmem.query.types import ANY, BOOLEAN, INTEGER, ProcedureSignature, Type, joined, list_of

# CALL of procedures: their arguments, and the columns that they yield.


class ProcedureAnalyser(ClauseAnalyser):
    """Analyses CALL of procedures."""

    def call_procedure(self, clause: CallProcedure, scope: Scope) -> Scope:
        """Analyse a CALL inside a query: its arguments and columns are named."""
        signature = self._signature(clause)
        if clause.arguments is None and signature.inputs:
            names = ", ".join(field.name for field in signature.inputs)
            hint = f"Write {signature.name}({names})."
            problem = "A procedure call inside a query needs its arguments in parentheses."
            self.fail("InvalidArgumentPassingMode", problem, clause.at, hint=hint)
        if clause.star:
            hint = f"Name the columns: {', '.join(field.name for field in signature.outputs)}."
            self.fail("UnexpectedSyntax", "YIELD * can be used only in a standalone CALL.", clause.at, hint=hint)
        self._check_arguments(clause, signature, scope)
        after = scope
        for yielded in clause.yielded or ():
            after = self.bind_new(yielded.variable, self._output(signature, yielded), after)
        if clause.where is not None:
            self.predicate(clause.where, after)
        return after

    def standalone_call(self, clause: CallProcedure) -> tuple[Column, ...]:
        """Analyse a CALL that is the whole query; its arguments may come from the parameters."""
        signature = self._signature(clause)
        if clause.arguments is None:
            for field in signature.inputs:
                if not field.optional:
                    self.use_parameter(field.name, clause.at)
        self._check_arguments(clause, signature, NOTHING)
        after = Scope()
        if clause.star or clause.yielded is None:
            after = Scope({field.name: field.type for field in signature.outputs})
        else:
            for yielded in clause.yielded:
                after = self.bind_new(yielded.variable, self._output(signature, yielded), after)
        if clause.where is not None:
            self.predicate(clause.where, after)
        self.scopes[id(clause)] = after
        return tuple(Column(name, Variable(clause.at, name), kind, aggregates=False) for name, kind in after.items())

    def _signature(self, clause: CallProcedure) -> ProcedureSignature:
        found = self.procedures.get(clause.name)
        if found is None:
            hint = closest(clause.name, self.procedures)
            problem = f"Unknown procedure {clause.name}."
            self.fail("ProcedureNotFound", problem, clause.at, hint=hint, type="ProcedureError")
        if found.writes:
            self.write(clause)
        self.called[id(clause)] = found
        return found

    def _check_arguments(self, clause: CallProcedure, signature: ProcedureSignature, scope: Scope) -> None:
        if clause.arguments is None:
            return
        least = sum(not field.optional for field in signature.inputs)
        self.check_count(signature.name, len(clause.arguments), least, len(signature.inputs), clause.at)
        for argument, field in zip(clause.arguments, signature.inputs, strict=False):
            found = self.type_of(argument, scope)
            self.fits(argument, found, frozenset({field.type.name}), f"{field.type} (for {field.name})")

    def _output(self, signature: ProcedureSignature, yielded: Yielded) -> Type:
        for field in signature.outputs:
            if field.name == yielded.name:
                return field.type
        names = [field.name for field in signature.outputs]
        hint = closest(yielded.name, names) or f"It has: {', '.join(names) or 'no columns'}."
        problem = f"{signature.name} has no column {yielded.name}."
        return self.fail("UndefinedVariable", problem, yielded.at, hint=hint)


_ENDS = (tree.Return, tree.Finish, tree.CallProcedure, tree.CallSubquery, *UPDATES)


class QueryAnalyser(ProcedureAnalyser):
    """Analyses queries."""

    def query(self, query: tree.Query, scope: Scope) -> tuple[Column, ...] | None:
        """Return the columns of a query; None where it returns nothing. Raises CypherError."""
        first, *others = query.parts
        columns = self._part(first, scope)
        for part in others:
            columns = self._united(columns, self._part(part, scope), part)
        return columns

    def _united(
        self, columns: tuple[Column, ...] | None, others: tuple[Column, ...] | None, part: tree.Part
    ) -> tuple[Column, ...] | None:
        names = {column.name for column in columns or ()}
        if columns is None or others is None or names != {other.name for other in others}:
            hint = "Give the columns the same names with AS." if columns and others else "Each part needs a RETURN."
            problem = "All parts of a UNION need the same columns."
            self.fail("DifferentColumnsInUnion", problem, part.clauses[-1].at, hint=hint)
        kinds = {other.name: other.type for other in others}
        return tuple(
            Column(column.name, column.value, joined(column.type, kinds[column.name]), column.aggregates)
            for column in columns
        )

    def _part(self, part: tree.Part, scope: Scope) -> tuple[Column, ...] | None:
        self._check_composition(part)
        here = scope.inner()
        for clause in part.clauses:
            here = self.clause(clause, here)
        last = part.clauses[-1]
        return self.columns(last) if isinstance(last, tree.Return) else None

    def _check_composition(self, part: tree.Part) -> None:
        *before, last = part.clauses
        for clause, follower in zip(before, part.clauses[1:], strict=True):
            if isinstance(clause, tree.Return | tree.Finish):
                hint = "Use WITH to continue with its columns."
                self._misplaced("No clause can follow RETURN or FINISH.", follower, hint)
        for clause in part.clauses[1:]:
            if isinstance(clause, tree.Use):
                self._misplaced("USE must come first.", clause, "")
        if self.reading_only is None and not self._ends(last):
            name = "OPTIONAL MATCH" if isinstance(last, tree.Match) and last.optional else type(last).__name__.upper()
            self._misplaced(f"A query cannot end with {name}.", last, "Add a RETURN.")

    def _ends(self, last: tree.Clause) -> bool:
        if isinstance(last, tree.CallProcedure):
            return last.yielded is None
        return isinstance(last, _ENDS)

    def _misplaced(self, problem: str, clause: tree.Clause, hint: str) -> NoReturn:
        self.fail("InvalidClauseComposition", problem, clause.at, hint=hint)

    def call_subquery(self, clause: tree.CallSubquery, scope: Scope) -> Scope:
        """Return the scope after CALL { }: with the columns that the subquery returns."""
        columns = self._subquery_columns(clause, scope)
        after = scope
        for column in columns or ():
            after = self.bind_new(Variable(clause.at, column.name), column.type, after)
        return self._check_transactions(clause.transactions, after)

    def _subquery_columns(self, clause: tree.CallSubquery, scope: Scope) -> tuple[Column, ...] | None:
        if clause.imports is None:
            with _Seeing(self, NOTHING):
                return self._importing(clause.body, scope)
        for variable in clause.imports:
            self.type_of(variable, scope)
        seen = scope if clause.star else Scope({variable.name: scope[variable.name] for variable in clause.imports})
        with _Seeing(self, seen):
            return self.query(clause.body, seen)

    def _importing(self, body: tree.Query, scope: Scope) -> tuple[Column, ...] | None:
        """Analyse a subquery without a list of variables: a WITH of plain variables at its beginning imports them."""
        columns: tuple[Column, ...] | None = None
        for number, part in enumerate(body.parts):
            found = self._part(part, scope if _imports(part) else NOTHING)
            columns = self._united(columns, found, part) if number else found
        return columns

    def _check_transactions(self, transactions: tree.Transactions | None, after: Scope) -> Scope:
        if transactions is None:
            return after
        for number in (transactions.workers, transactions.rows):
            if number is not None:
                self._check_number(number)
        if transactions.report is None:
            return after
        return self.bind_new(transactions.report, ANY, after)

    def _subquery(self, part: tree.Subquery, scope: Scope) -> Type:
        before, self.reading_only = self.reading_only, part.kind
        with _Seeing(self, scope):
            columns = self.query(part.body, scope)
        self.reading_only = before
        if part.kind == "EXISTS":
            return BOOLEAN
        if part.kind == "COUNT":
            return INTEGER
        if columns is None or len(columns) != 1:
            problem = "COLLECT { } needs a RETURN of one column."
            self.fail("InvalidClauseComposition", problem, part.at)
        return list_of(columns[0].type)


class _Seeing:
    """A context in which a query sees the variables of the outer query; aggregation is tracked separately."""

    def __init__(self, analyser: QueryAnalyser, outer: Scope) -> None:
        self._analyser = analyser
        self._outer = outer

    def __enter__(self) -> None:
        analyser = self._analyser
        self._kept = analyser.outer, analyser.enter_query()
        analyser.outer = self._outer

    def __exit__(self, *_: Any) -> None:
        self._analyser.outer, aggregation = self._kept
        self._analyser.leave_query(aggregation)


def _imports(part: tree.Part) -> bool:
    clauses = [clause for clause in part.clauses if not isinstance(clause, tree.Use)]
    first = clauses[0] if clauses else None
    if not isinstance(first, tree.With) or first.where is not None:
        return False
    projection = first.projection
    plain = all(isinstance(item.value, Variable) and item.alias is None for item in projection.items)
    return plain and not (projection.distinct or projection.order or projection.skip or projection.limit)


HANDLERS: Mapping[type, Handler] = {tree.Subquery: QueryAnalyser._subquery}
