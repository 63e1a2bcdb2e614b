"""What an erasure does with a row that still has one of the texts, after what belongs to the person is gone."""

from collections.abc import Mapping
from typing import Final, Literal

Rule = Literal["delete", "redact"]

# Rows of no worth without the text, or that are derived and made again; all others keep their place, without the text.
DELETED: Final = frozenset(
    {
        "claim",
        "entity_name",
        "feedback",
        "import_episode",
        "import_rejection",
        "import_relationship",
        "integrity",
        "merge_candidate",
        "past_passage",
        "past_edge",
        "past_item",
        "provenance",
        "publication",
        "published_claim",
        "session_message",
        "session_part",
        "summary",
        "lexeme",
        "presence",
        "work_dead",
        "work_group",
        "work_message",
        "work_stream",
    }
)
# What stays as it is, and why.
KEPT: Final[Mapping[str, str]] = {
    "ledger_record": "the ledger is append-only: its chain of hashes would break",
    "ledger_account": "the ledger is append-only: accounts keep their names",
    "label": "names of labels and kinds are those of tables",
    "graph": "the name, schema and settings of the graph",
    "deferred_index": "names of indexes",
    "erasure_report": "reports have no personal data",
    "redis_erasure": "what waits until Redis is back, encrypted",
    "audit": "the audit log is append-only and names nobody: ids of keys, names of graphs, digests",
    "audit_state": "the end of the audit log's chain, and the secret of its digests",
    "audit_level": "names of graphs",
    "scope": "names of scopes go when the scope is erased",
    "key": "API keys that still work: revoke them, and erase again",
}
# Rows that stand for things of the graph: the things are erased, not their rows.
WHOLE: Final = frozenset({"item", "edge", "topic", "source", "agent_state", "agent_state_version"})
# Rows that trigger functions keep former versions of go before the tables that keep these.
LAST: Final = (
    "past_fact",
    "past_source",
    "past_source_reliability",
    "past_passage",
    "past_item",
    "past_edge",
    "history",
)
# Rows of the server's tables are of the graph that a column `graph` names; these are of an import.
OF_GRAPH: Final[Mapping[str, str]] = {
    "import_batch": "import",
    "import_episode": "import",
    "import_rejection": "import",
    "import_relationship": "import",
}
_FINISHED: Final = frozenset({"succeeded", "failed", "cancelled", "aborted"})


def rule_of(table: str, values: Mapping[str, object]) -> Rule | str:
    """Return what becomes of a row: deleted, redacted, or else why it stays."""
    if table == "procrastinate_jobs":
        return "delete" if values.get("status") in _FINISHED else "redact"
    if table == "key":
        return "redact" if values.get("revoked_at") else KEPT["key"]
    if table in KEPT:
        return KEPT[table]
    return "delete" if table in DELETED else "redact"
