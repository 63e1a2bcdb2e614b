"""Where CALL { } IN TRANSACTIONS may stand: transactions cannot be in each other, nor behind what is not kept yet."""

from collections.abc import Callable, Iterator
from typing import NoReturn

from kgmem.query.analysis.clauses import UPDATES
from kgmem.query.tree.clauses import CallSubquery, Query
from kgmem.query.tree.located import Located
from kgmem.query.tree.walking import children

Fail = Callable[[str, str, int], NoReturn]
_DETAIL = "InvalidClauseComposition"


def check_batches(query: Query, fail: Fail) -> None:
    """Raise CypherError where a CALL { } IN TRANSACTIONS stands where it cannot be run."""
    inner = list(_batched(query))
    if not inner:
        return
    if len(query.parts) > 1:
        fail(_DETAIL, "CALL { } IN TRANSACTIONS cannot be in a UNION.", inner[0].at)
    outer = [clause for clause in query.parts[0].clauses if isinstance(clause, CallSubquery) and clause.transactions]
    for each in inner:
        if not any(each is clause for clause in outer):
            fail(_DETAIL, "CALL { } IN TRANSACTIONS cannot be inside of another subquery.", each.at)
    wrote = False
    for clause in query.parts[0].clauses:
        if isinstance(clause, CallSubquery) and clause.transactions is not None:
            if wrote:
                problem = "CALL { } IN TRANSACTIONS cannot follow a clause that writes: that is not kept yet."
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
