"""An example of each operation's request, shown in the OpenAPI document and filled into the documentation page.

Sent in the order of REQUESTS to a server with an empty graph `space`, each request succeeds that names no number.
"""

from typing import Any, Final

_NEIL: Final = {
    "key": "person/armstrong",
    "label": "Person",
    "name": "Neil Armstrong",
    "properties": {"born": "1930-08-05"},
    "place": [-84.19, 40.57],
    "source": "nasa",
}
_QUERY: Final = {
    "statement": "MATCH (p:Person {key: $key}) RETURN p.name AS name",
    "parameters": {"key": "person/armstrong"},
}
_TEXT: Final = "Neil Armstrong and Buzz Aldrin landed on the Moon on 20 July 1969."

# By the name of the route's function: the body.
REQUESTS: Final[dict[str, Any]] = {
    "put_graph": {"strict": False, "extraction": "requested", "fusion": "convex"},
    "patch_graph": {"recipe": "conversation"},
    "put_schema": {"schema": {"labels": {"Spacecraft": {"parent": "Object"}}}},
    "patch_schema": {"schema": {"labels": {"Rocket": {"parent": "Object"}}}},
    "put_sources": {"sources": [{"key": "nasa", "name": "NASA", "kind": "agency", "trust": 0.9}]},
    "put_entities": {
        "entities": [
            _NEIL,
            {"key": "person/aldrin", "label": "Person", "name": "Buzz Aldrin"},
            {"key": "person/n-armstrong", "label": "Person", "name": "N. Armstrong"},
            {"key": "mission/apollo-11", "label": "Mission", "name": "Apollo 11", "valid_from": "1969-07-16"},
            {"key": "event/landing", "label": "Event", "name": "First landing on the Moon", "valid_from": "1969-07-20"},
        ]
    },
    "put_entity": {"label": "Person", "name": "Michael Collins", "properties": {"born": "1930-10-31"}},
    "put_relationships": {
        "relationships": [
            {"kind": "CREW_OF", "from": "person/armstrong", "to": "mission/apollo-11", "source": "nasa"},
            {"kind": "CREW_OF", "from": "person/aldrin", "to": "mission/apollo-11", "source": "nasa"},
            {
                "kind": "CAUSES",
                "from": "mission/apollo-11",
                "to": "event/landing",
                "text": "Apollo 11 made the first landing on the Moon.",
                "strength": 0.9,
            },
        ]
    },
    "post_episodes": {
        "episodes": [
            {
                "key": "note/landing",
                "text": _TEXT,
                "occurred_at": "1969-07-21",
                "source": "nasa",
                "mentions": ["person/armstrong", "person/aldrin"],
            }
        ]
    },
    "preview_extraction": {"episodes": [{"text": _TEXT}]},
    "extract_again": {"keys": ["note/landing"]},
    "post_claims": {
        "claims": [
            {"source": "nasa", "subject": "person/armstrong", "predicate": "born", "value": "1930-08-05"},
            {"source": "press", "subject": "person/armstrong", "predicate": "born", "value": "1930-08-06"},
        ]
    },
    "verify": {"claim": {"subject": "person/armstrong", "predicate": "born", "value": "1930-08-05"}},
    "recall": {"what": {"text": "Who landed on the Moon?"}, "when": {"any_time": True}, "k": 5},
    "view": {"keys": ["person/armstrong"], "hops": 1},
    "ancestry": {"of": ["event/landing"]},
    "separation": {"one": "mission/apollo-11", "other": "event/landing", "given": []},
    "cypher": {
        "query": "MATCH (p:Person)-[:CREW_OF]->(m:Mission {key: $key}) RETURN p.name AS name ORDER BY name",
        "parameters": {"key": "mission/apollo-11"},
    },
    "query_api_run": _QUERY,
    "query_api_begin": _QUERY,
    "query_api_continue": _QUERY,
    "query_api_commit": {},
    "adjudicate": {
        "action": "accept",
        "facts": [17],
        "value": "1930-08-05",
        "reason": "The birth certificate says so.",
    },
    "correct": {
        "action": "correct",
        "statement": {"subject": "person/armstrong", "predicate": "born", "value": "1930-08-05"},
        "value": "1930-08-07",
        "reason": "The first page of the certificate was misread.",
    },
    "undo_adjudication": {"reason": "The certificate is a forgery."},
    "correlate": {"kind": "exclusion", "facts": [17, 18], "reason": "Only one of them can be true."},
    "resolve": {"described": [{"names": ["N. Armstrong"], "label": "Person", "properties": {"born": "1930-08-05"}}]},
    "merge_entities": {"keep": "person/armstrong", "merge": "person/n-armstrong", "reason": "The same person."},
    "undo_merge": {"reason": "They are two persons."},
    "mark_as_distinct": {"reason": "They are father and son."},
    "detect_communities": {},
    "put_state": {"goal": "Find who was the first on the Moon.", "steps": ["search", "read"]},
    "put_checkpoint": {},
    "post_subscription": {
        "name": "landing-news",
        "what": "answer",
        "answer": {"what": {"text": "Who was the first on the Moon?"}, "k": 5},
    },
    "seek_group": {"group": "planner", "cursor": "0"},
    "ack_events": {"group": "planner", "cursor": "0", "lease": "Q2xhcmEgbGlrZXMgdGVh"},
    "post_webhook": {"name": "landing-hook", "url": "https://93.184.215.14/hook", "filter": {"kinds": ["fact.*"]}},
    "patch_webhook": {"active": False},
    "rotate_webhook_secret": {"overlap_seconds": 3600},
    "replay_webhook_dead_letters": {},
    "put_presence": {"session": "chat-1", "status": "searching", "ttl_seconds": 60},
    "put_stream": {"max_deliveries": 5},
    "append_messages": {"messages": [{"body": {"task": "Check the date."}, "key": "event/landing"}]},
    "read_stream": {"consumer": "ann", "limit": 10, "lease_seconds": 60},
    "ack_messages": {"receipts": ["1.1"]},
    "extend_leases": {"receipts": ["1.1"], "lease_seconds": 120},
    "release_messages": {"receipts": ["1.1"], "delay_seconds": 30, "reason": "The source is away."},
    "claim_messages": {"consumer": "bob", "of": "ann", "min_idle_seconds": 60},
    "replay_stream_dead_letters": {"ids": [1]},
    "trim_stream": {"max_length": 1000},
    "append_by_name": {"messages": [{"body": "Buy fuel."}]},
    "read_by_name": {"consumer": "ann", "limit": 10, "lease_seconds": 60},
    "ack_by_name": {"receipts": ["1.1"]},
    "claim_by_name": {"consumer": "bob", "of": "ann", "min_idle_seconds": 60},
    "trim_by_name": {"max_length": 1000},
    "put_block": {"text": "Clara likes the sea.", "agents": ["planner"]},
    "patch_block": {"edits": [{"old": "the sea", "new": "mountains"}]},
    "append_to_block": {"text": "She is 42."},
    "change_tier_settings": {"hot_for": 7200},
    "move_items": {"tier": "cold", "keys": ["apollo-11-transcript"], "kind": "episode"},
    "pin_items": {"keys": ["mission/apollo-11"], "kind": "entity"},
    "distil": {"scope": "user/42", "older_than": "30d", "dry_run": True},
    "approve_distillation": {"by": "ann"},
    "reject_distillation": {"by": "ann"},
    "undo_distillation": {"by": "ann"},
    "put_allowance": {"items": 1000, "closed_sessions": True},
    "give_feedback": {"item": 844424930131969, "verdict": "wrong", "question": "Who walked on the Moon first?"},
    "publish": {"scope": "team/moon/ada", "to": "team/moon", "item": 17, "reason": "The team plans by it."},
    "find_traces": {"texts": ["Clara Weber"]},
    "put_legal_hold": {"kind": "scope", "name": "user/42", "reason": "Case 2026-7."},
    "release_legal_hold": {"reason": "The case is closed."},
    "put_retention_rule": {"keep": "90d", "scope": "user/42", "reason": "What users say is kept for 90 days."},
    "run_retention": {"dry_run": True},
    "erase": {"texts": ["Clara Weber", "clara@example.org"], "reason": "She asked for it.", "dry_run": True},
    "verify_erasure": {"texts": ["Clara Weber"]},
    "put_session": {"agent": "planner", "users": ["Clara"]},
    "post_messages": {
        "messages": [
            {"role": "user", "content": "Who was the first on the Moon?", "id": "m1"},
            {"role": "assistant", "content": "Neil Armstrong was."},
        ]
    },
    "record_decision": {
        "key": "answer-landing",
        "decision": "Answer that Armstrong landed first.",
        "agent": "planner",
        "session": "chat-1",
        "chosen": "Armstrong",
        "options": [
            {"name": "Armstrong", "score": 0.9, "probability": 0.8},
            {"name": "Aldrin", "score": 0.2, "probability": 0.2},
        ],
        "rationale": "NASA lists him as commander of Apollo 11.",
        "expected": "The user accepts the answer.",
        "probability": 0.9,
        "evidence": [{"type": "episode", "key": "note/landing"}, {"type": "entity", "key": "person/armstrong"}],
        "cost": [{"unit": "tokens", "amount": "1200"}],
    },
    "put_outcome": {"outcome": "yes", "note": "She said thanks."},
    "review_decision": {"reason": "The note was forgotten; the answer is right all the same."},
    "restore_state": {"version": 1},
    "branch_state": {"name": "plan-b", "version": 1},
    "put_retention": {
        "rules": [
            {"within_seconds": 3600},
            {"within_seconds": 86400, "every_seconds": 3600},
            {"within_seconds": 2592000, "every_seconds": 86400},
        ]
    },
    "put_account": {"kind": "budget", "unit": "USD", "limits": {"hard_min": "-100", "soft_min": "-80"}},
    "post_transaction": {
        "entries": [{"account": "budget", "amount": "-0.0125"}, {"account": "model-calls", "amount": "0.0125"}],
        "description": "One call of a model",
        "agent": "planner",
        "tags": ["llm"],
        "idempotency_key": "call-1",
    },
    "reverse_transaction": {"description": "Posted twice."},
    "post_hold": {"from": "budget", "to": "model-calls", "amount": "0.50", "seconds": 600},
    "settle_hold": {"amount": "0.31"},
    "release_hold": {},
    "verify_ledger": {},
    "summarize": {"key": "person/armstrong"},
    "forget": {"keys": ["note/landing"], "dry_run": True},
    "post_integrity_check": {"repair": False},
    "post_backup": {"kind": "full"},
    "post_job": {"task": "embed"},
    "put_audit_level": {"level": "changes"},
    "patch_key": {"requests_per_minute": 600, "burst": 60},
    "rotate_key": {"overlap_seconds": 3600},
    "post_key": {"name": "reader of space", "role": "reader", "graph": "space"},
    "post_grant": {"scope": "team/7/agent/critic", "access": "read", "reason": "Reviews its plans."},
}
# What stands for the parts of an address, by operation where the plain name has several meanings.
PATH: Final[dict[str, Any]] = {
    "report": "erasure-5d41402abc4b2a76b9719d91",
    "graph": "space",
    "key": "person/armstrong",
    "id": 17,
    "agent": "planner",
    "name": "plan",
    "checkpoint": "before-search",
    "session": "chat-1",
    "message": "m1",
    "account": "budget",
    "subscription": "landing-news",
    "stream": "tasks",
    "webhook": "landing-hook",
    "group": "planner",
    "decision": "answer-landing",
    "grant": 3,
    "rule": "visits",
}
PATHS: Final[dict[str, dict[str, Any]]] = {
    "get_backup": {"id": "20260101T020000Z-full"},
    "post_backup_verification": {"id": "20260101T020000Z-full"},
    "get_flow": {"id": "06610d4758b3fb6d5bd5bbb18a349a"},
    "put_entity": {"key": "person/collins"},
    "get_episode": {"key": "note/landing"},
    "delete_episode": {"key": "note/landing"},
    "get_source": {"key": "nasa"},
    "delete_key": {"id": "k3yac3rvxn2l"},
    "list_grants": {"id": "k3yac3rvxn2l"},
    "post_grant": {"id": "k3yac3rvxn2l"},
    "patch_key": {"id": "k3yac3rvxn2l"},
    "rotate_key": {"id": "k3yac3rvxn2l"},
    "delete_grant": {"id": "k3yac3rvxn2l"},
    "query_api_continue": {"id": "q1"},
    "query_api_commit": {"id": "q1"},
    "query_api_roll_back": {"id": "q1"},
}
# Of the parameters that a request must have.
QUERY: Final[dict[str, Any]] = {
    "key": "person/armstrong",
    "id": 17,
    "reason": "The source withdrew it.",
    "item": 844424930131969,
    "before": 1,
    "after": 1,
    "scope": "user/42",
}
QUERIES: Final[dict[str, dict[str, Any]]] = {
    "delete_episodes": {"key": "note/landing"},
    "provenance": {"key": "note/landing"},
}
