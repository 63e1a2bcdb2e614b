"""What statements mean and how they are run, kept: the text that an application sends again is not read again."""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from kgmem.query.analysis.scope import Analysed
from kgmem.query.analysis.statements import analyse
from kgmem.query.execution.batches import is_batched
from kgmem.query.planning import steps
from kgmem.query.planning.clauses import Planner
from kgmem.query.planning.steps import Plan
from kgmem.query.tree.clauses import Create, Merge, Query, Use
from kgmem.query.tree.expressions import Located
from kgmem.query.tree.patterns import LabelName, NodePattern, RelationshipPattern
from kgmem.query.tree.traversal import children
from kgmem.query.types import ProcedureSignature

_KEPT = 500
LONGEST_KEPT = 20_000  # Characters of a text that is kept; one that is longer was made by a program, with values in it.


@dataclass(frozen=True, slots=True)
class PreparedStatement:
    """A statement with its plan (None for a command), and the labels and types that it may write into.

    `once`: it asks the graph with one MATCH at most; what asks more nevertheless begins again.
    """

    analysed: Analysed
    planner: Planner
    plan: Plan | None
    once: bool
    labels: Collection[str]
    types: Collection[str]
    visits: bool = False  # Parts of it USE graphs by name, so that what it writes is not all of one graph.

    @property
    def visits_first(self) -> bool:
        """Whether it begins with USE."""
        return self.plan is not None and any(isinstance(step, steps.Use) for part in self.plan.parts for step in part)

    @property
    def is_batched(self) -> bool:
        """Whether it has transactions of its own, when it is run."""
        return self.mode != "EXPLAIN" and is_batched(self.plan)

    @property
    def mode(self) -> str | None:
        """EXPLAIN or PROFILE, where the query starts with one of them."""
        return self.analysed.statement.mode

    @property
    def writes(self) -> bool:
        """Whether running the statement writes; EXPLAIN does not."""
        return self.analysed.writes and self.mode != "EXPLAIN"


class PlanCache:
    """Parses, analyses and plans statements, and caches the result by their text."""

    def __init__(self, procedures: Mapping[str, ProcedureSignature]) -> None:
        """Take the procedures that can be called, by name."""
        self._procedures = procedures
        self._kept: OrderedDict[tuple[str, frozenset[str]], PreparedStatement] = OrderedDict()

    def of(self, text: str, parameters: Iterable[str]) -> PreparedStatement:
        """Return what a statement means that comes with parameters of these names. Raises CypherError."""
        names = frozenset(parameters)
        found = self._kept.get((text, names))
        if found is None:
            found = self._understood(text, names)
            if len(text) <= LONGEST_KEPT:
                self._kept[text, names] = found
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end((text, names))
        return found

    def _understood(self, text: str, parameters: frozenset[str]) -> PreparedStatement:
        analysed = analyse(text, parameters=parameters, procedures=self._procedures)
        body = analysed.statement.body
        planner = Planner(analysed)
        plan = planner.query(body) if isinstance(body, Query) else None
        once = plan is not None and analysed.statement.mode is None and _asks_once(plan)
        return PreparedStatement(analysed, planner, plan, once, *written(body), _visits(body))


def _asks_once(plan: Plan) -> bool:
    found = [step for part in plan.parts for step in part]
    return all(isinstance(step, steps.Match | steps.Unwind | steps.Project) for step in found) and (
        sum(2 if step.pattern.stages else 1 for step in found if isinstance(step, steps.Match)) <= 1
    )


def written(part: Located) -> tuple[Collection[str], Collection[str]]:
    """Return the labels (with an empty one for nodes that have none) and types that a query may write into."""
    labels: set[str] = set()
    types: set[str] = set()
    for each in _written(part):
        if isinstance(each, RelationshipPattern):
            types.update(_names(each.types))
        else:
            names = list(_names(each.labels))
            labels.add(names[0] if names else "")
    return labels, types


def _visits(part: Located) -> bool:
    return isinstance(part, Use) or any(map(_visits, children(part)))


def _written(part: Located, *, made: bool = False) -> Iterator[NodePattern | RelationshipPattern]:
    made = made or isinstance(part, Create | Merge)
    if made and isinstance(part, NodePattern | RelationshipPattern):
        yield part
    for child in children(part):
        yield from _written(child, made=made)


def _names(part: Located | None) -> Iterator[str]:
    if isinstance(part, LabelName):
        yield part.name
    elif part is not None:
        for child in children(part):
            yield from _names(child)
