"""The table of integrity checks: what each one finds, and what fixes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kgmem.domain.diagnostics import Damage, Severity

_REPAIR = "Run kgmem doctor --deep --repair."
_BACKUP = "It cannot be derived: restore the graph from a backup or from an export."


@dataclass(frozen=True, slots=True)
class Check:
    """One check; `what` follows the number of findings."""

    what: str
    state: Severity = "problem"
    hint: str = _REPAIR
    repairable: bool = True


CHECKS: Final[dict[str, Check]] = {
    # Tables and indexes.
    "tables": Check("tables or columns are missing", hint=_BACKUP, repairable=False),
    "indexes": Check("indexes or constraints are missing or not valid"),
    "triggers": Check("triggers, functions or views are missing or changed"),
    "capture": Check("tables do not report what other AGE clients write"),
    "property-indexes": Check("indexes that the schema declares are missing", "warning"),
    "left-indexes": Check("indexes were set aside by an import that ended without building them", "warning"),
    "sequences": Check("sequences would give an id again that is in use"),
    # The label tables against the index, both ways.
    "labels": Check("labels with nodes or relationships are not registered"),
    "nodes-unindexed": Check("nodes are not in the retrieval index"),
    "nodes-differ": Check("nodes differ from their row in the retrieval index"),
    "nodes-gone": Check(
        "rows of the retrieval index stand for nodes that are gone",
        "warning",
        "Another AGE client deleted the nodes and no worker has looked since, or the rows are damage. " + _REPAIR,
    ),
    "relationships-unindexed": Check("relationships are not in the retrieval index"),
    "relationships-differ": Check("relationships differ from their row in the retrieval index"),
    "relationships-gone": Check(
        "rows of the retrieval index stand for relationships that are gone",
        "warning",
        "Another AGE client deleted them and no worker has looked since, or the rows are damage. " + _REPAIR,
    ),
    "ends-gone": Check(
        "relationships lead from or to nodes that are gone",
        "warning",
        "Another AGE client deleted the nodes alone. kgmem never answers with such relationships: "
        "restore the nodes from a backup, or delete the relationships.",
        repairable=False,
    ),
    "facts-differ": Check("relationships that are facts are not searchable as such, or otherwise than they say"),
    "unique-values": Check("nodes hold a unique value that they do not have, or lack one that they have"),
    "unique-doubled": Check(
        "nodes have a unique value that another node of their label and scope has too",
        "warning",
        "Another AGE client wrote it: give one of the nodes another value. kgmem graph check names them.",
        repairable=False,
    ),
    # Texts and vectors.
    "passages-differ": Check("nodes or facts have other passages than their text makes"),
    "passages-gone": Check("passages belong to nothing"),
    "vectors-missing": Check("passages have no vector and wait for none"),
    "vectors-gone": Check("vectors belong to no passage, or to another item than their passage"),
    "waiting-gone": Check("entries of the embedding queue belong to no passage or to no embedding space", "warning"),
    "extraction-gone": Check("entries of the extraction queue belong to no episode", "warning"),
    "keyword-index": Check("passages are missing from the keyword index"),
    "vector-index": Check("vectors of a sample are not found by the vector index"),
    # Claims and what is computed from them.
    "claims-lost": Check("claims have lost their subject or their source", hint=_BACKUP, repairable=False),
    "decisions-lost": Check("decisions have lost what they decide on", hint=_BACKUP, repairable=False),
    "topics-unweighed": Check("subjects with claims have no result, and no job waits to compute one"),
    "properties-differ": Check("entities show values that are not true now, or will not show when that changes"),
    "facts-lost": Check("results have lost the claims that they were computed from"),
    "states-lost": Check("states of relationships have lost the result that they come from"),
    # History and the change feed.
    "history": Check("earlier versions overlap, or are not older than the current one", hint=_BACKUP, repairable=False),
    "history-gaps": Check("earlier versions are missing from the history", hint=_BACKUP, repairable=False),
    "feed": Check("entries of the change feed bear transaction numbers that the server has not reached"),
    "feed-gaps": Check(
        "nodes and relationships never appeared in the change feed",
        "warning",
        "Readers of the feed do not know of them: let such readers begin again from an export.",
        repairable=False,
    ),
    # Pages of the disk.
    "pages": Check(
        "tables or indexes have pages that cannot be read",
        hint="The disk or its controller damaged them. Stop writing, copy the data folder, and restore from a backup; "
        "--repair rebuilds an index.",
        repairable=False,
    ),
    "btrees": Check("btree indexes disagree with themselves"),
    "checksums": Check(
        "pages failed their checksum since the statistics were reset",
        hint="The disk or its controller damages data: see the log of Postgres for the files, check the disk, "
        "and restore from a backup.",
        repairable=False,
    ),
    "schemas": Check("graphs have lost their AGE graph or their retrieval index", hint=_BACKUP, repairable=False),
}


def damage(check: str, count: int, example: object = "", *, hint: str | None = None) -> Damage:
    """Return the finding of a check."""
    spec = CHECKS[check]
    return Damage(check, spec.state, f"{count:,} {spec.what}.", hint or spec.hint, spec.repairable, count, str(example))


def of_ids(check: str, ids: Sequence[object]) -> list[Damage]:
    """Return the finding of a check that lists ids; nothing where there are none."""
    return [damage(check, len(ids), f"id {ids[0]}")] if ids else []
