"""What moves the epoch of a graph, by which caches know that what they hold is current; and what does not, and why.

Triggers put a token into the table `epoch` for each transaction that changes a table of `MOVES`, in the part of the
contents and the scope that it changes. A new table of a graph belongs into one of the two lists: a house test insists.
"""

from collections.abc import Mapping
from typing import Final, Literal

import asyncpg
import orjson

from kgmem.store.db.statements import statement

Part = Literal["contents", "past", "states", "sessions"]
# What readers see: the present; what was known earlier; states of agents; sessions and memory blocks.
EPOCH_PARTS: Final[Mapping[Part, int]] = {"contents": 0, "past": 1, "states": 2, "sessions": 3}
_BY_SCOPE, _BY_TIME, _BY_ITEM, _OF_GRAPH = "epoch_scope", "epoch_timed", "epoch_item", "epoch_graph"
_BY_TOPIC, _BY_FACT, _BY_EDGE = "epoch_topic", "epoch_fact", "epoch_edge"
_BY_SESSION, _BY_STATE, _BY_BLOCK = "epoch_session", "epoch_state", "epoch_block"

# By table: how the scopes of its rows are known, and which part they are.
MOVES: Final[Mapping[str, tuple[str, Part]]] = {
    "item": (_BY_TIME, "contents"),
    "edge": (_BY_TIME, "contents"),
    "passage": (_BY_ITEM, "contents"),
    "archived": (_BY_ITEM, "contents"),
    "vector_*": (_BY_ITEM, "contents"),
    "source": (_OF_GRAPH, "contents"),
    "topic": (_BY_SCOPE, "contents"),
    "claim": (_BY_TOPIC, "contents"),
    "fact": (_BY_FACT, "contents"),
    "relationship_state": (_BY_EDGE, "contents"),
    "source_reliability": (_BY_SCOPE, "contents"),
    "correlation": (_BY_SCOPE, "contents"),
    "adjudication": (_BY_SCOPE, "contents"),
    "source_origin": (_OF_GRAPH, "contents"),
    "merge": (_BY_SCOPE, "contents"),
    "feedback": (_BY_SCOPE, "contents"),
    "publication": (_OF_GRAPH, "contents"),
    "published_claim": (_OF_GRAPH, "contents"),
    "published_item": (_OF_GRAPH, "contents"),
    "history": (_OF_GRAPH, "past"),
    "past_item": (_OF_GRAPH, "past"),
    "past_passage": (_OF_GRAPH, "past"),
    "past_vector": (_OF_GRAPH, "past"),
    "past_edge": (_OF_GRAPH, "past"),
    "past_source": (_OF_GRAPH, "past"),
    "past_fact": (_OF_GRAPH, "past"),
    "past_relationship_state": (_OF_GRAPH, "past"),
    "past_source_reliability": (_OF_GRAPH, "past"),
    "expiry": (_OF_GRAPH, "states"),
    "agent_state": (_BY_SCOPE, "states"),
    "agent_state_version": (_BY_STATE, "states"),
    "agent_state_checkpoint": (_BY_STATE, "states"),
    "session": (_BY_SCOPE, "sessions"),
    "session_message": (_BY_SESSION, "sessions"),
    "session_part": (_BY_SESSION, "sessions"),
    "memory_block": (_BY_SCOPE, "sessions"),
    "memory_block_version": (_BY_BLOCK, "sessions"),
}

_LEDGER = "nothing cached reads the ledger"
_WORK = "work that waits or was done; what it makes moves the epoch itself"
_DERIVED = "derived from contents; nothing cached reads it"
_EVENTS = "events, messages and who reads them; nothing cached reads them"
DOES_NOT_MOVE: Final[Mapping[str, str]] = {
    "epoch": "the epoch itself",
    "boundary": "an entry has the next boundary of its own",
    "label": "a label matters once something bears it, which moves the epoch",
    "scope": "a reader looks its scopes up when it reads the epoch",
    "change": "written with what it reports",
    "lexeme": "derived from passages, and written by recall itself",
    "embedding_queue": "a vector matters once it is stored, which moves the epoch",
    "claim_origin": "how claims are weighed; what comes of it moves the epoch",
    "answered": "what was answered; it counts when claims are weighed",
    "predicate_parameters": "how claims are weighed; what comes of it moves the epoch",
    "source_dependence": "how claims are weighed; what comes of it moves the epoch",
    "consensus_run": _WORK,
    "source_key": "which API keys write for a source; nothing cached reads it",
    "merge_candidate": "proposals of merges; a merge moves the epoch",
    "entity_name": "derived from entities, for resolution",
    "entity_name_position": "derived from entities, for resolution",
    "provenance": _DERIVED,
    "summary": _DERIVED,
    "summary_of": _DERIVED,
    "community": _DERIVED,
    "community_member": _DERIVED,
    "extraction_queue": _WORK,
    "extraction_run": _WORK,
    "community_scope": _WORK,
    "similarity_settings": _WORK,
    "similarity_done": _WORK,
    "agent_retention": "what a job prunes; pruning moves the epoch",
    "ledger_record": _LEDGER,
    "ledger_entry": _LEDGER,
    "ledger_account": _LEDGER,
    "ledger_hold": _LEDGER,
    "ledger_head": _LEDGER,
    "subscription": _EVENTS,
    "subscription_group": _EVENTS,
    "followed_answer": _EVENTS,
    "answer_event": _EVENTS,
    "erased_scope": _EVENTS,
    "work_stream": _EVENTS,
    "work_message": _EVENTS,
    "work_group": _EVENTS,
    "work_delivery": _EVENTS,
    "work_dead": _EVENTS,
    "webhook": _EVENTS,
    "webhook_secret": _EVENTS,
    "webhook_waiting": _EVENTS,
    "webhook_attempt": _EVENTS,
    "tier_settings": "notes sweeps, too; whoever puts settings moves the epoch",
    "item_use": "counts uses; a move of an item to another tier changes its row, which moves the epoch",
    "item_pin": "keeps a tier; a move of an item to another tier changes its row, which moves the epoch",
    "archive_word": "made before something is archived, which moves the epoch",
    "archive_space": "made before something is archived, which moves the epoch",
    "presence": "nothing cached reads who is present",
    "distil_run": _WORK,
    "distil_group": _WORK,
    "distil_member": _WORK,
    "distil_probe": _WORK,
    "distil_allowance": _WORK,
    "retention_rule": _WORK,
    "retention_run": _WORK,
    "retention_item": _WORK,
    "retention_final": _WORK,
}

_RULES: Final = orjson.dumps({table: (how, EPOCH_PARTS[part]) for table, (how, part) in MOVES.items()}).decode()


async def track_epoch(connection: asyncpg.Connection, index: str) -> None:
    """Make the triggers on the tables that a graph has and that lack them; none where it has no epoch."""
    await connection.execute(statement("epoch", "track"), index, _RULES)
