"""Claims and facts over REST: why one is believed, who decides, what is open, and what hangs together."""

from datetime import UTC, datetime
from typing import Any

from tests.memories import feed_settled
from tests.rest import GRAPH, Door, done, refused

SCHEMA = {"kinds": {"BORN_IN": {"functional": True}}, "predicates": {"cause": {"critical": True}}}


async def say(door: Door, subject: str, predicate: str, *said: tuple[str, Any]) -> dict[str, Any]:
    """Let sources claim values; gives the fact."""
    claims = [{"source": who, "subject": subject, "predicate": predicate, "value": value} for who, value in said]
    (id_,) = set(done(await door.client.post(f"{GRAPH}/claims", json={"claims": claims}))["facts"])
    return await told(door, id_)


async def told(door: Door, id_: int) -> dict[str, Any]:
    fact: dict[str, Any] = done(await door.client.get(f"{GRAPH}/facts/{id_}"))
    return fact


async def decide(door: Door, action: str, *facts: dict[str, Any], **more: Any) -> Any:
    asked = {"action": action, "facts": [fact["id"] for fact in facts], "reason": "She looked.", **more}
    return done(await door.client.post(f"{GRAPH}/adjudications", json=asked))["facts"]


def sure(fact: dict[str, Any]) -> dict[Any, float]:
    return {option["value"]: option["probability"] for option in fact["options"]}


async def with_schema(door: Door) -> None:
    done(await door.client.patch(GRAPH, json={"schema": SCHEMA}))


async def test_a_fact_tells_who_is_for_it_and_against_it_and_how_it_was_decided(door: Door) -> None:
    fact = await say(door, "bridge", "opened", ("a", 1902), ("b", 1902), ("c", 1902), ("d", 1907))

    assert (fact["value"], fact["state"], fact["supporting"], fact["opposing"]) == (1902, "verified", 3, 1)
    sides = {side: sorted(claim["source"] for claim in fact["claims"][side]) for side in ("for", "against")}
    assert sides == {"for": ["a", "b", "c"], "against": ["d"]}
    assert {source["source"] for source in fact["sources"]} == set("abcd")
    assert fact["method"]
    assert "3.0 independent sources for it, 1.0 against" in fact["reason"]
    assert fact["unknown"] + sum(sure(fact).values()) == round(fact["unknown"] + sum(sure(fact).values()), 4)
    again = await say(door, "bridge", "opened", ("a", 1902))
    assert again == fact
    source = done(await door.client.get(f"{GRAPH}/sources/d"))
    assert source["trust"] <= source["prior"]
    assert source["reason"]


async def test_a_claim_or_a_text_is_supported_contradicted_or_unknown(door: Door) -> None:
    await with_schema(door)
    await door.people("Ada")
    places = [{"key": key, "label": "Place", "name": key.title()} for key in ("bern", "basel", "chur")]
    done(await door.client.put(f"{GRAPH}/entities", json={"entities": places}))
    born = [{"source": who, "subject": "ada", "predicate": "BORN_IN", "object": "bern"} for who in "abc"]
    done(await door.client.post(f"{GRAPH}/claims", json={"claims": born}))

    async def verify(**asked: Any) -> Any:
        return done(await door.client.post(f"{GRAPH}/claims/verify", json=asked))

    claim = {"subject": "ada", "predicate": "BORN_IN"}
    for place, verdict in (("bern", "supports"), ("basel", "contradicts")):
        answer = await verify(claim={**claim, "object": place})
        assert (answer["verdict"], answer["evidence"][0]["value"]) == (verdict, "bern")
        assert answer["reason"]
    assert (await verify(claim={**claim, "predicate": "DIED_IN", "object": "bern"}))["verdict"] == "unknown"
    assert (await verify(text="Ada was born in Bern."))["verdict"] == "supports"
    assert (await verify(text="Ada was born in Chur."))["verdict"] == "contradicts"
    assert (await verify(text="Bob sang all night."))["verdict"] == "unknown"
    refused(await door.client.post(f"{GRAPH}/claims/verify", json={}), 422)


async def test_what_is_contested_and_critical_is_reviewed_audited_and_undone(door: Door) -> None:
    await with_schema(door)
    fire = await say(door, "fire", "cause", ("a", "cable"), ("b", "spark"))
    await say(door, "fire", "colour", ("a", "red"), ("b", "blue"))
    conflicts = done(await door.client.get(f"{GRAPH}/conflicts"))["facts"]
    assert {each["predicate"] for each in conflicts} == {"cause", "colour"}
    (waiting,) = done(await door.client.get(f"{GRAPH}/adjudications/queue"))["facts"]
    assert waiting["id"] == fire["id"]

    (dry,) = await decide(door, "accept", fire, value="spark", dry_run=True)
    assert (dry["before"]["state"], dry["after"]["state"], dry["adjudication"]) == ("contested", "verified", None)
    assert await told(door, fire["id"]) == fire

    (ruled,) = await decide(door, "accept", fire, value="spark", by="ann")
    after = await told(door, fire["id"])
    assert (after["value"], after["state"], after["adjudication"]["by"]) == ("spark", "verified", "ann")
    assert not done(await door.client.get(f"{GRAPH}/adjudications/queue"))["facts"]

    undo = f"{GRAPH}/adjudications/{ruled['adjudication']}/undo"
    done(await door.client.post(undo, json={"reason": "A slip.", "by": "bob"}))
    again = await told(door, fire["id"])
    assert (again["state"], len(set(sure(again).values())), again.get("adjudication")) == ("contested", 1, None)
    trail = done(await door.client.get(f"{GRAPH}/adjudications"))["adjudications"]
    assert [(each["action"], each["by"], each["reason"]) for each in trail[:2]] == [
        ("undo", "bob", "A slip."),
        ("accept", "ann", "She looked."),
    ]
    refused(await door.client.post(undo, json={"reason": "Again."}), 409, "does not hold")

    await feed_settled(door.memory, "main")
    changes = done(await door.client.get(f"{GRAPH}/changes", headers={"Accept": "application/json"}))["changes"]
    states = [change["keys"][0] for change in changes if change["kind"] == "fact"]
    assert [state for state in states if state != "contested"] == ["verified"]
    assert states[-1] == "contested"


async def test_an_open_fact_is_sampled_collapsed_and_opened_again_by_new_evidence(door: Door) -> None:
    fact = await say(door, "fire", "cause", ("a", "cable"), ("b", "spark"))
    open_ = {"action": "collapse", "facts": [fact["id"]], "reason": "x", "rule": "threshold", "level": 0.95}
    refused(await door.client.post(f"{GRAPH}/adjudications", json=open_), 409, "stays open")

    drawn = [(await decide(door, "collapse", fact, rule="sample", seed=7, dry_run=True))[0]["after"] for _ in range(3)]
    assert drawn[0]["value"] in sure(fact)
    assert drawn[1:] == drawn[:1] * 2
    await decide(door, "collapse", fact, rule="sample", seed=7)
    taken = await told(door, fact["id"])
    assert (taken["value"], taken["state"]) == (drawn[0]["value"], "verified")

    other = next(value for value in sure(fact) if value != taken["value"])
    again = await say(door, "fire", "cause", ("c", other))
    assert (again["value"], again.get("decision")) == (other, None)
    (entry,) = done(await door.client.get(f"{GRAPH}/adjudications"))["adjudications"]
    assert set(entry["detail"]["before"]) == set(sure(fact))
    assert entry["ended"]


async def test_what_is_observed_of_one_fact_moves_those_that_hang_together_with_it(door: Door) -> None:
    ill = await say(door, "ann", "flu", ("a", "yes"), ("b", "no"))
    cold = await say(door, "ann", "cold", ("a", "yes"), ("b", "no"))
    tied = {"kind": "exclusion", "facts": [ill["id"], cold["id"]], "values": ["yes", "yes"], "reason": "One at a time."}
    id_ = done(await door.client.post(f"{GRAPH}/correlations", json=tied))["id"]

    (ruled,) = await decide(door, "observe", ill, value="yes")

    after = await told(door, cold["id"])
    assert sure(after)["yes"] < sure(cold)["yes"] / 2
    assert sure(after)["no"] > sure(cold)["no"]
    undo = f"{GRAPH}/adjudications/{ruled['adjudication']}/undo"
    done(await door.client.post(undo, json={"reason": "The test was for something else."}))
    assert sure(await told(door, ill["id"]))["yes"] < 1
    done(await door.client.delete(f"{GRAPH}/correlations/{id_}", params={"reason": "Both may be."}))
    assert not done(await door.client.get(f"{GRAPH}/correlations"))["correlations"]
    assert len(set(sure(await told(door, cold["id"])).values())) == 1


async def test_recall_gives_the_alternatives_of_a_fact_or_draws_among_them(door: Door) -> None:
    done(await door.client.patch(GRAPH, json={"schema": SCHEMA, "facts": "all"}))
    born = [("a", "bern"), ("b", "bern"), ("c", "basel")]
    claims = [{"source": who, "subject": "ada", "predicate": "BORN_IN", "object": place} for who, place in born]
    done(await door.client.post(f"{GRAPH}/claims", json={"claims": claims}))
    asked = {"what": {"text": "ada born", "kinds": ["fact"]}, "states": ["verified", "contested", "invalidated"]}

    async def hits(**more: Any) -> Any:
        return done(await door.client.post(f"{GRAPH}/recall", json={**asked, "superposition": more}))["hits"]

    for hit in await hits():
        assert {option["value"] for option in hit["alternatives"]} == {"bern", "basel"}
    assert [hit["end"]["key"] for hit in await hits(rule="most_probable")] == ["bern"]
    drawn = [hit["key"] for hit in await hits(rule="sample", seed=4)]
    assert len(drawn) <= 1
    assert drawn == [hit["key"] for hit in await hits(rule="sample", seed=4)]
    wrong = await door.client.post(f"{GRAPH}/recall", json={**asked, "superposition": {"rule": "guess"}})
    refused(wrong, 422, "superposition")


async def test_a_claim_that_cites_an_episode_that_is_nowhere_is_refused_and_changes_nothing(door: Door) -> None:
    claim = {"source": "a", "subject": "bridge", "predicate": "opened", "value": 1902}
    body = {"claims": [claim, {**claim, "source": "b", "episode": "nowhere"}]}
    refused(await door.client.post(f"{GRAPH}/claims", json=body), 422, "'nowhere'")
    assert done(await door.client.get(f"{GRAPH}/facts"))["facts"] == []
    assert done(await door.client.get(f"{GRAPH}/stats"))["entities"] == 0
    episodes = [{"text": "It opened in 1902.", "key": "nowhere", "scope": "user/1"}]
    done(await door.client.post(f"{GRAPH}/episodes", json={"episodes": episodes}))
    refused(await door.client.post(f"{GRAPH}/claims", json=body), 422, "'nowhere'")
    seen = {**claim, "episode": "nowhere", "scope": "user/1/chat"}
    assert done(await door.client.post(f"{GRAPH}/claims", json={"claims": [seen]}))["created"] == 1


async def test_one_call_corrects_a_fact_and_another_takes_it_out(door: Door) -> None:
    await say(door, "ada", "meets_on", ("a", "Monday"), ("b", "Monday"))
    named = {"statement": {"subject": "ada", "predicate": "meets_on"}, "reason": "She said so."}
    url = f"{GRAPH}/corrections"

    told_ = done(await door.client.post(url, json={"action": "correct", "value": "Tuesday", **named}))
    assert (told_["before"]["value"], (await told(door, told_["replaced_by"]))["value"]) == ("Monday", "Tuesday")
    done(await door.client.post(url, json={"action": "retract", **named}))
    assert (await told(door, told_["replaced_by"])).get("value") != "Tuesday"
    refused(await door.client.post(url, json={"action": "retract", "reason": "x"}), 422, "fact or statement")


async def test_an_entity_shows_what_is_true_now_by_every_door(door: Door) -> None:
    client = door.client
    await door.people("Ada")
    done(
        await client.post(f"{GRAPH}/episodes", json={"episodes": [{"key": "mail", "text": "Ada has the plan silver."}]})
    )

    async def plans() -> list[Any]:
        entity = done(await client.get(f"{GRAPH}/entities/ada"))
        answer = done(await client.post(f"{GRAPH}/recall", json={"what": {"text": "Ada", "kinds": ["entity"]}}))
        (hit,) = [each for each in answer["hits"] if each["key"] == "ada"]
        query = {"query": "MATCH (n {key: 'ada'}) RETURN n.plan"}
        ((read,),) = done(await client.post(f"{GRAPH}/cypher", json=query))["rows"]
        return [entity["properties"].get("plan"), hit["properties"].get("plan"), read]

    async def claim(value: str, **more: Any) -> None:
        said = {"source": "crm", "subject": "ada", "predicate": "plan", "value": value, **more}
        done(await client.post(f"{GRAPH}/claims", json={"claims": [said]}))

    async def correct(action: str, **more: Any) -> int:
        statement = {"subject": "ada", "predicate": "plan"}
        asked = {"action": action, "statement": statement, "reason": "She called.", **more}
        adjudication: int = done(await client.post(f"{GRAPH}/corrections", json=asked))["adjudication"]
        return adjudication

    await claim("gold")
    assert await plans() == ["gold"] * 3
    retraction = await correct("retract")
    assert await plans() == [None] * 3
    done(await client.post(f"{GRAPH}/adjudications/{retraction}/undo", json={"reason": "A slip."}))
    assert await plans() == ["gold"] * 3
    await correct("expire", valid_to="2990-01-01")
    assert await plans() == ["gold"] * 3
    await correct("expire")
    assert await plans() == [None] * 3
    await claim("silver", episode="mail", valid_from=datetime.now(UTC).isoformat())
    assert await plans() == ["silver"] * 3
    await claim("platinum", valid_from="2990")
    assert await plans() == ["silver"] * 3
    done(await client.request("DELETE", f"{GRAPH}/episodes/mail"))
    assert await plans() == [None] * 3
