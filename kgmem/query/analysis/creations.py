"""Patterns that are made, by CREATE and MERGE: what must be new, and what must be said of it."""

from collections.abc import Iterable

from kgmem.query.analysis.patterns import PatternAnalyser
from kgmem.query.analysis.scope import Scope
from kgmem.query.tree.expressions import Parameter
from kgmem.query.tree.labels import AllLabels, DynamicLabel, LabelName, Labels
from kgmem.query.tree.patterns import GroupPattern, NodePattern, PathPattern, RelationshipPattern
from kgmem.query.types import NODE, PATH, RELATIONSHIP


class CreationAnalyser(PatternAnalyser):
    """Analyses the patterns of CREATE and MERGE."""

    def new_patterns(self, patterns: Iterable[PathPattern], scope: Scope, *, merge: bool) -> Scope:
        """Give the scope with what the patterns make; with `merge` they are looked for first."""
        grown = scope
        for pattern in patterns:
            if pattern.selector is not None:
                self.fail("UnexpectedSyntax", "No path can be chosen where paths are made.", pattern.selector.at)
            for element in pattern.elements:
                if isinstance(element, GroupPattern):
                    self.fail("UnexpectedSyntax", "Nothing that repeats can be made.", element.at)
                elif isinstance(element, NodePattern):
                    grown = self._new_node(element, grown, lone=len(pattern.elements) == 1)
                else:
                    grown = self._new_relationship(element, grown, merge=merge)
            if pattern.variable is not None:
                grown = self.bind_new(pattern.variable, PATH, grown)
        made = scope
        for pattern in patterns:
            made = self._new_contents(pattern, made, grown, merge=merge)
        return grown

    def _new_node(self, node: NodePattern, scope: Scope, *, lone: bool) -> Scope:
        if node.labels is not None:
            self.plain_labels(node.labels)
        if node.variable is None:
            return scope
        if lone or node.labels is not None or node.properties is not None:
            return self.bind_new(node.variable, NODE, scope)
        return self.bind(node.variable, NODE, scope)

    def _new_relationship(self, made: RelationshipPattern, scope: Scope, *, merge: bool) -> Scope:
        if made.length is not None or made.quantifier is not None:
            self.fail("CreatingVarLength", "A relationship that is made has no variable length.", made.at)
        if made.variable is not None:
            scope = self.bind_new(made.variable, RELATIONSHIP, scope)
        if not isinstance(made.types, LabelName | DynamicLabel):
            mend = "Write -[:TYPE]->."
            self.fail("NoSingleRelationshipType", "A relationship that is made has one type.", made.at, mend=mend)
        if made.direction == "both" and not merge:
            mend = "Write --> or <--."
            problem = "A relationship that is made has one direction."
            self.fail("RequiresDirectedRelationship", problem, made.at, mend=mend)
        return scope

    def _new_contents(self, pattern: PathPattern, made: Scope, grown: Scope, *, merge: bool) -> Scope:
        """Check what is said of each element, which may ask for those made before it: nodes, then relationships.

        Gives the scope with what the pattern makes. What MERGE looks for can ask for none of its own variables.
        """
        around = made
        for element in sorted(pattern.elements, key=lambda each: isinstance(each, RelationshipPattern)):
            if isinstance(element, GroupPattern):
                continue  # It was refused before.
            if element.where is not None:
                self.fail("UnexpectedSyntax", "WHERE has no meaning in what is made.", element.where.at)
            if merge and isinstance(element.properties, Parameter):
                self._refuse_parameter(element.properties)
            self.contents(element, around if merge else made)
            if element.variable is not None and element.variable.name not in made:
                made = made.bound(element.variable.name, grown[element.variable.name])
        if pattern.variable is not None:
            made = made.bound(pattern.variable.name, PATH)
        return made

    def plain_labels(self, labels: Labels) -> None:
        """Check that these are labels to give: A, A&B, $(name). Raises CypherError."""
        if isinstance(labels, AllLabels):
            for operand in labels.operands:
                self.plain_labels(operand)
        elif not isinstance(labels, LabelName | DynamicLabel):
            self.fail("UnexpectedSyntax", "Labels that are given have no |, ! or %.", labels.at)
