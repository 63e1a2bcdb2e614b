"""CALL of procedures: their arguments, and the columns that they yield."""

from kgmem.query.analysis.clauses import ClauseAnalyser
from kgmem.query.analysis.findings import Column
from kgmem.query.analysis.scope import NOTHING, Scope
from kgmem.query.errors import closest
from kgmem.query.signatures import ProcedureSignature
from kgmem.query.tree.clauses import CallProcedure, Yielded
from kgmem.query.tree.expressions import Variable
from kgmem.query.types import Type


class ProcedureAnalyser(ClauseAnalyser):
    """Analyses CALL of procedures."""

    def call_procedure(self, clause: CallProcedure, scope: Scope) -> Scope:
        """Analyse a CALL inside a query: its arguments and columns are named."""
        signature = self._signature(clause)
        if clause.arguments is None and signature.inputs:
            names = ", ".join(field.name for field in signature.inputs)
            mend = f"Write {signature.name}({names})."
            problem = "Inside a query the arguments of a procedure are given in parentheses."
            self.fail("InvalidArgumentPassingMode", problem, clause.at, mend=mend)
        if clause.star:
            mend = f"Name the columns: {', '.join(field.name for field in signature.outputs)}."
            self.fail("UnexpectedSyntax", "YIELD * is for a CALL that stands alone.", clause.at, mend=mend)
        self._check_arguments(clause, signature, scope)
        after = scope
        for yielded in clause.yielded or ():
            after = self.bind_new(yielded.variable, self._output(signature, yielded), after)
        if clause.where is not None:
            self.predicate(clause.where, after)
        return after

    def standalone_call(self, clause: CallProcedure) -> tuple[Column, ...]:
        """Analyse a CALL that is the whole query, and give its columns; its arguments may come from the parameters."""
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
            mend = closest(clause.name, self.procedures)
            problem = f"There is no procedure {clause.name}."
            self.fail("ProcedureNotFound", problem, clause.at, mend=mend, type="ProcedureError")
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
        mend = closest(yielded.name, names) or f"It has: {', '.join(names) or 'no columns'}."
        problem = f"{signature.name} has no column {yielded.name}."
        return self.fail("UndefinedVariable", problem, yielded.at, mend=mend)
