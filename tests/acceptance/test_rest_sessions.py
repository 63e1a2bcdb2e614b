"""Sessions over REST: messages as models' APIs have them, pages, conflicts, bad input, and the scopes of keys."""

from typing import Any

import pytest

from tests.rest import GRAPH, Door, done, refused

CHAT = f"{GRAPH}/sessions/chat-1"
MESSAGES = f"{CHAT}/messages"
OPENAI: list[dict[str, Any]] = [
    {"role": "developer", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "Weather in Oslo?"}], "name": "Clara", "id": "m1"},
    {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": '{"celsius": 4}'},
    {"role": "assistant", "content": "Four degrees.", "tokens": 3},
]
ANTHROPIC: list[dict[str, Any]] = [
    {"role": "user", "content": "And in Rome?"},
    {
        "role": "assistant",
        "content": [
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Rome"}},
        ],
    },
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "19", "is_error": False}]},
]


async def opened(door: Door) -> None:
    made = await door.client.put(CHAT, json={"agent": "planner", "users": ["Clara"], "metadata": {"a": 1}})
    assert done(made, 201)["created"]


async def test_messages_of_both_apis_come_back_as_they_were_sent(door: Door) -> None:
    await opened(door)
    given = OPENAI + ANTHROPIC
    stored = done(await door.client.post(MESSAGES, json={"messages": given}))
    assert (stored["created"], [each["seq"] for each in stored["messages"]]) == (8, list(range(1, 9)))
    listed = done(await door.client.get(MESSAGES))["messages"]
    for before, after in zip(given, listed, strict=True):
        role = {"developer": "system"}.get(before["role"], before["role"])
        assert (after["role"], after["content"]) == (role, before.get("content"))
        assert after["tool_calls"] == (before.get("tool_calls") or [])
        assert after["tool_call_id"] == before.get("tool_call_id")
    assert (listed[1]["id"], listed[1]["name"], listed[4]["tokens"]) == ("m1", "Clara", 3)
    session = done(await door.client.get(CHAT))
    assert (session["messages"], session["agent"], session["metadata"]) == (8, "planner", {"a": 1})
    episode = done(await door.client.get(f"{GRAPH}/episodes/{listed[1]['episode']}"))
    assert (episode["text"], episode["session"], episode["speaker"]) == ("Weather in Oslo?", "chat-1", "Clara")


async def test_pages_go_in_both_directions(door: Door) -> None:
    await opened(door)
    done(await door.client.post(MESSAGES, json={"messages": [{"role": "user", "content": f"{n}"} for n in range(5)]}))
    for order, wanted in (("oldest", [1, 2, 3, 4, 5]), ("newest", [5, 4, 3, 2, 1])):
        found, cursor = [], None
        while True:
            parameters = {"order": order, "limit": 2} | ({"cursor": cursor} if cursor else {})
            page = done(await door.client.get(MESSAGES, params=parameters))
            found += [each["seq"] for each in page["messages"]]
            if (cursor := page["cursor"]) is None:
                break
        assert found == wanted


async def test_a_message_with_a_known_id_and_another_content_is_a_conflict(door: Door) -> None:
    await opened(door)
    body = {"messages": [{"role": "user", "content": "hello", "id": "m1"}]}
    assert done(await door.client.post(MESSAGES, json=body))["messages"][0]["created"]
    assert done(await door.client.post(MESSAGES, json=body))["created"] == 0
    other = {"messages": [{"role": "user", "content": "new"}, {"role": "user", "content": "bye", "id": "m1"}]}
    refused(await door.client.post(MESSAGES, json=other), 409, "m1")
    assert done(await door.client.get(CHAT))["messages"] == 1
    assert done(await door.client.get(f"{MESSAGES}/m1"))["content"] == "hello"
    refused(await door.client.get(f"{MESSAGES}/m2"), 404, "m2")


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({"messages": []}, 422, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, 422, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, 422, "messages[0].content"),
        ({"messages": [{"role": "user", "content": "x", "txet": 1}]}, 422, "txet"),
        ({"messages": [{"role": "user", "content": 5}]}, 422, "content"),
        ({"messages": [{"role": "user", "content": "x" * 1_000_001}]}, 413, "messages[0].content"),
        ({"messages": [{"role": "user", "content": "x", "occurred_at": "soon"}]}, 422, "soon"),
        ({"messages": [{"role": "user", "content": "x\u0000"}]}, 422, ""),
        ({"messages": [{"role": "user", "content": "x"}] * 1001}, 422, "1001 messages"),
    ],
)
async def test_bad_messages_are_refused_by_name_and_change_nothing(
    door: Door, body: dict[str, Any], status: int, told: str
) -> None:
    await opened(door)
    refused(await door.client.post(MESSAGES, json=body), status, told)
    assert done(await door.client.get(CHAT))["messages"] == 0


async def test_unknown_and_closed_sessions_take_nothing(door: Door) -> None:
    body = {"messages": [{"role": "user", "content": "hello"}]}
    refused(await door.client.post(MESSAGES, json=body), 404, "chat-1")
    for address in (CHAT, MESSAGES, f"{MESSAGES}/m1"):
        refused(await door.client.get(address), 404, "chat-1")
    await opened(door)
    assert done(await door.client.post(f"{CHAT}/close"))["closed_at"]
    refused(await door.client.post(MESSAGES, json=body), 409, "closed")
    assert done(await door.client.post(f"{CHAT}/reopen"))["closed_at"] is None
    done(await door.client.post(MESSAGES, json=body))
    refused(await door.client.put(f"{GRAPH}/sessions/a%20b", json={}), 422, "a b")
    refused(await door.client.put(CHAT, json={"users": ["x"] * 101}), 422, "users")
    refused(await door.client.put(CHAT, json={"metadata": {"a": "y" * 70_000}}), 413, "metadata")


async def test_a_session_of_another_scope_is_not_found(door: Door) -> None:
    await opened(door)
    own = done(await door.client.put(CHAT, params={"scope": "user/42"}, json={"agent": "other"}), 201)
    assert own["scope"] == "user/42"
    assert [each["agent"] for each in done(await door.client.get(f"{GRAPH}/sessions"))["sessions"]] == ["planner"]
    found = done(await door.client.get(f"{GRAPH}/sessions", params={"scope": "user/42", "open": "true"}))["sessions"]
    assert [each["agent"] for each in found] == ["other"]
    refused(await door.client.get(CHAT, params={"scope": "user/43"}), 404, "chat-1")


async def test_a_context_is_given_within_its_budget(door: Door) -> None:
    await opened(door)
    refused(await door.client.get(f"{CHAT}/context", params={"budget": 0}), 422, "budget")
    refused(await door.client.get(f"{CHAT}/context", params={"budget": "many"}), 422, "budget")
    refused(await door.client.get(f"{GRAPH}/sessions/none/context"), 404, "none")
    assert done(await door.client.get(f"{CHAT}/context"))["text"] == ""
    done(await door.client.post(MESSAGES, json={"messages": OPENAI}))
    found = done(await door.client.get(f"{CHAT}/context", params={"budget": 300}))
    assert found["tokens"] <= found["budget"] == 300
    assert found["tokenizer"] == "estimate"
    shown = found["sections"]["messages"]
    assert shown[-1]["told"]["content"] == "Four degrees."
    assert "| (calls weather(" in found["text"]
    assert list(found["sections"]) == ["blocks", "facts", "memories", "summaries", "messages"]


async def test_a_session_is_deleted_with_a_report(door: Door) -> None:
    await opened(door)
    done(await door.client.post(MESSAGES, json={"messages": OPENAI}))
    counted = done(await door.client.delete(CHAT, params={"dry_run": "true"}))
    assert (counted["episodes"], counted["dry_run"]) == (5, True)
    assert done(await door.client.delete(CHAT))["episodes"] == 5
    refused(await door.client.delete(CHAT), 404, "chat-1")
    refused(await door.client.get(f"{GRAPH}/episodes/chat-1/m1"), 404)


async def test_a_bare_list_of_messages_is_taken_as_models_apis_have_it(door: Door) -> None:
    await opened(door)
    assert done(await door.client.post(MESSAGES, json=OPENAI))["created"] == len(OPENAI)
    refused(await door.client.post(MESSAGES, json=[{"role": "boss", "content": "x"}]), 422, "messages[0].role")
    refused(await door.client.post(MESSAGES, json="x"), 422, "object")
    assert len(done(await door.client.get(MESSAGES))["messages"]) == len(OPENAI)


async def test_a_session_is_summarised_by_its_own_sentences(door: Door) -> None:
    await opened(door)
    assert done(await door.client.get(f"{CHAT}/summary"))["sentences"] == []
    said = [
        {"role": "user", "content": f"Ship vessel{n:03} of the fleet reached port{n:03} in May."} for n in range(64)
    ]
    said += [{"role": "tool", "content": "The tool says a lot of things about Porto."}, *OPENAI]
    said += [{"role": "user", "content": "The contract with Harbour Freight ends on 3 July.", "id": "end"}]
    done(await door.client.post(MESSAGES, json={"messages": said, "extract": False}))
    found = done(await door.client.get(f"{CHAT}/summary"))
    assert (found["session"]["messages"], len(found["sentences"])) == (len(said), 6)
    assert [each["seq"] for each in found["sentences"]] == sorted(each["seq"] for each in found["sentences"])
    assert {each["seq"] // 32 for each in found["sentences"]} == {0, 1, 2}
    assert "user: The contract with Harbour Freight ends on 3 July." in found["text"]
    assert "Porto" not in found["text"]
    assert done(await door.client.get(f"{CHAT}/summary")) == found
    assert len(done(await door.client.get(f"{CHAT}/summary", params={"limit": 2}))["sentences"]) == 2
    refused(await door.client.get(f"{CHAT}/summary", params={"limit": 0}), 422, "limit")
    refused(await door.client.get(f"{CHAT}/summary", params={"scope": "user/2"}), 404, "no session")
