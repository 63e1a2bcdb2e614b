"""Relationships of decisions that an import rejected: they would join the decision that has the key here."""

from kgmem.domain.agents.taken_keys import decision_of, key_taken, orphaned
from kgmem.store.db.statements import statement
from kgmem.store.load.copy_load import BatchLoad
from kgmem.store.load.staged_edges import relationship_at


async def refuse_orphans(load: BatchLoad) -> int:
    """Reject staged relationships that belong to decisions which this import rejected; return how many these are."""
    rows = await load.connection.fetch(load.sql("named_after_decisions"), load.import_id)
    named = {
        row["at"]: (key, str(key_taken(key, row["scope"])))
        for row in rows
        if (key := decision_of(row["start_key"], row["end_key"], row["key"])) is not None
    }
    if not named:
        return 0
    reasons = {reason for _, reason in named.values()}
    known = {
        row["reason"]
        for row in await load.connection.fetch(statement("imports", "among_reasons"), load.import_id, list(reasons))
    }
    refused = [at for at, (_, reason) in named.items() if reason in known]
    for row in await load.connection.fetch(load.sql("take_out"), refused) if refused else ():
        load.reject(row, orphaned(named[row["at"]][0]), relationship_at(row))
    return len(refused)
