"""The transaction that a decision names, in the ledger of its graph."""

import re
from typing import Final

from kgmem.domain.agents.decision import Booked
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.ledger.records import import_key
from kgmem.services.ports import Ports

_NUMBER: Final = re.compile(r"\d{1,18}", re.ASCII)


async def booked(ports: Ports, graph: str, scope: str, transaction: str | None) -> Booked | None:
    """Return the transaction of a number that a scope sees; None for one that is not in the ledger of the graph."""
    if transaction is None or not _NUMBER.fullmatch(transaction):
        return None
    record = await ports.ledger.find_transaction(graph, visible_from(scope), number=int(transaction))
    return None if record is None else Booked(record.seq, import_key(record))


async def booked_here(ports: Ports, graph: str, scope: str, key: str) -> int | None:
    """Return the number here of the transaction that has a key in every copy of its ledger; None where it is not.

    An import of a ledger gives its records new numbers; each keeps its idempotency key, or gets one made of its hash.
    """
    record = await ports.ledger.find_transaction(graph, visible_from(scope), key=key)
    return None if record is None else record.seq
