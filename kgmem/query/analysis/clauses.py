"""Analysis of clauses: the scope after each."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from kgmem.query.analysis.projections import ProjectionAnalyser
from kgmem.query.analysis.scope import NOTHING, Column, Projected, Scope
from kgmem.query.tree import clauses as tree
from kgmem.query.tree.expressions import Call, Expression, Index, Property
from kgmem.query.tree.patterns import HasLabels

_ELEMENTS = frozenset({"NODE", "RELATIONSHIP"})
_NODES = frozenset({"NODE"})
_DELETED = frozenset({"NODE", "RELATIONSHIP", "PATH"})
_PROPERTIES = frozenset({"MAP", "NODE", "RELATIONSHIP"})
# What only USE can call: a graph by its name.
_BY_NAME = "graph.byname"
UPDATES = (tree.Create, tree.Merge, tree.Set, tree.Remove, tree.Delete, tree.Foreach)


class ClauseAnalyser(ProjectionAnalyser):
    """Analyses clauses."""

    # Where reading is all that is allowed, the word that says so: EXISTS, COUNT, COLLECT.
    reading_only: str | None = None

    @abstractmethod
    def call_procedure(self, clause: tree.CallProcedure, scope: Scope) -> Scope:
        """Analyse CALL of a procedure inside a query."""

    @abstractmethod
    def call_subquery(self, clause: tree.CallSubquery, scope: Scope) -> Scope:
        """Analyse CALL of a subquery."""

    def clause(self, clause: tree.Clause, scope: Scope) -> Scope:
        """Return the scope after a clause. Raises CypherError."""
        if isinstance(clause, UPDATES):
            self.write(clause)
        found: Scope = _CLAUSES[type(clause)](self, clause, scope)
        self.scopes[id(clause)] = found
        return found

    def write(self, clause: tree.Clause) -> None:
        """Record that a clause writes. Raises CypherError where it must not."""
        if self.reading_only is not None:
            problem = f"{self.reading_only} {{ }} cannot contain a clause that writes."
            self.fail("InvalidClauseComposition", problem, clause.at)
        self.writes = True

    def _match(self, clause: tree.Match, scope: Scope) -> Scope:
        after = self.match_patterns(clause.patterns, scope)
        if clause.where is not None:
            self.predicate(clause.where, after)
        return after

    def _unwind(self, clause: tree.Unwind, scope: Scope) -> Scope:
        found = self.type_of(clause.source, scope)
        # What is no list counts as a list of one.
        return self.bind_new(clause.variable, found.element or found, scope)

    def _with(self, clause: tree.With, scope: Scope) -> Scope:
        return self.after(self.project(clause.projection, scope, where=clause.where, named=True))

    def _return(self, clause: tree.Return, scope: Scope) -> Scope:
        self.returned(clause, scope)
        return NOTHING

    def returned(self, clause: tree.Return, scope: Scope) -> Projected:
        """Return the analysed columns of a RETURN. Raises CypherError."""
        if clause.projection.star and all(name in self.outer for name in scope):
            self.fail("NoVariablesInScope", "* needs at least one variable in scope.", clause.projection.at)
        return self.project(clause.projection, scope)

    def columns(self, clause: tree.Return) -> tuple[Column, ...]:
        """Return the columns of a RETURN that is analysed."""
        return self.projections[id(clause.projection)].columns

    def _unchanged(self, _clause: tree.Clause, scope: Scope) -> Scope:
        return scope

    def _use(self, clause: tree.Use, scope: Scope) -> Scope:
        if isinstance(clause.graph, Call) and clause.graph.name.lower() == _BY_NAME:
            self.types_of(clause.graph.arguments, scope)
        elif isinstance(clause.graph, Expression):
            self.type_of(clause.graph, scope)
        return scope

    def _create(self, clause: tree.Create, scope: Scope) -> Scope:
        return self.new_patterns(clause.patterns, scope, merge=False)

    def _merge(self, clause: tree.Merge, scope: Scope) -> Scope:
        after = self.new_patterns((clause.pattern,), scope, merge=True)
        for item in (*clause.on_create, *clause.on_match):
            self._set_item(item, after)
        return after

    def _set(self, clause: tree.Set, scope: Scope) -> Scope:
        for item in clause.items:
            self._set_item(item, scope)
        return scope

    def _set_item(self, item: tree.SetItem, scope: Scope) -> None:
        if isinstance(item, tree.SetLabels):
            self._set_labels(item, scope)
        elif isinstance(item, tree.SetProperty):
            self._target(item.target, scope)
            self.type_of(item.value, scope)
        else:
            subject = self.type_of(item.variable, scope)
            self.fits(item.variable, subject, _ELEMENTS, "a node or relationship")
            value = self.type_of(item.value, scope)
            self.fits(item.value, value, _PROPERTIES, "a map, node or relationship")

    def _set_labels(self, item: tree.SetLabels, scope: Scope) -> None:
        self.fits(item.variable, self.type_of(item.variable, scope), _NODES, "a node")
        self.plain_labels(item.labels)
        self.labels(item.labels, scope)

    def _target(self, target: Expression, scope: Scope) -> None:
        self.type_of(target, scope)
        if isinstance(target, Property | Index):
            self.fits(target.subject, self.types[id(target.subject)], _ELEMENTS, "a node or relationship")

    def _remove(self, clause: tree.Remove, scope: Scope) -> Scope:
        for item in clause.items:
            if isinstance(item, tree.SetLabels):
                self._set_labels(item, scope)
            else:
                self._target(item.target, scope)
        return scope

    def _delete(self, clause: tree.Delete, scope: Scope) -> Scope:
        for value in clause.values:
            found = self.type_of(value, scope)
            if isinstance(value, HasLabels):
                hint = "Remove a label with REMOVE n:Label."
                self.fail("InvalidDelete", "DELETE takes nodes, relationships and paths.", value.at, hint=hint)
            self.fits(value, found, _DELETED, "a node, relationship or path")
        return scope

    def _foreach(self, clause: tree.Foreach, scope: Scope) -> Scope:
        found = self.type_of(clause.source, scope)
        self.fits(clause.source, found, frozenset({"LIST"}), "a list")
        inner = self.bind_new(clause.variable, found.element or found, scope.inner())
        for update in clause.updates:
            if not isinstance(update, UPDATES):
                problem = "FOREACH can contain only clauses that write: CREATE, MERGE, SET, REMOVE, DELETE, FOREACH."
                self.fail("InvalidClauseComposition", problem, update.at, hint="To read for each item, use UNWIND.")
            inner = self.clause(update, inner)
        return scope

    def _call_procedure(self, clause: tree.CallProcedure, scope: Scope) -> Scope:
        return self.call_procedure(clause, scope)

    def _call_subquery(self, clause: tree.CallSubquery, scope: Scope) -> Scope:
        return self.call_subquery(clause, scope)


_CLAUSES: Mapping[type, Callable[[ClauseAnalyser, Any, Scope], Scope]] = {
    tree.Match: ClauseAnalyser._match,
    tree.Unwind: ClauseAnalyser._unwind,
    tree.With: ClauseAnalyser._with,
    tree.Return: ClauseAnalyser._return,
    tree.Finish: ClauseAnalyser._unchanged,
    tree.Use: ClauseAnalyser._use,
    tree.Create: ClauseAnalyser._create,
    tree.Merge: ClauseAnalyser._merge,
    tree.Set: ClauseAnalyser._set,
    tree.Remove: ClauseAnalyser._remove,
    tree.Delete: ClauseAnalyser._delete,
    tree.Foreach: ClauseAnalyser._foreach,
    tree.CallProcedure: ClauseAnalyser._call_procedure,
    tree.CallSubquery: ClauseAnalyser._call_subquery,
}
