"""What recall decides by itself, as `gates` of an explained answer shows it over REST."""

from typing import Any

from kgmem_api.wire.recall import RecallResult
from tests.rest import GRAPH, Door, done, refused

RECALL = f"{GRAPH}/recall"
WALTZES = {"Heron": ("Imre Toth", "Zadar"), "Falcon": ("Lena Brandt", "Brno"), "Swan": ("Paul Okafor", "Lagos")}


async def _gates(door: Door, text: str, **more: Any) -> dict[str, str]:
    body = {"what": {"text": text}, "budget": 500, "explain": True, **more}
    return RecallResult.model_validate(done(await door.client.post(RECALL, json=body))).gates


async def _facts(door: Door) -> None:
    labels = {"Ada Moor": "Person", "Ben Noor": "Person", "Aurora": "Object", "Riga": "Place", "Storm": "Event"}
    labels |= {"Wreck": "Event", "Turku": "Place"}
    entities = [{"key": key, "label": label, "name": key} for key, label in labels.items()]
    done(await door.client.put(f"{GRAPH}/entities", json={"entities": entities}))
    told = [
        ("CAPTAIN_OF", "Ada Moor", "Aurora", "Ada Moor was captain of the Aurora."),
        ("BORN_IN", "Ada Moor", "Riga", "Ada Moor was born in Riga."),
        ("BORN_IN", "Ben Noor", "Turku", "Ben Noor was born in Turku."),
        ("SAILED_TO", "Aurora", "Riga", "The Aurora sailed to Riga, and crossed the sea to sail there."),
        ("CAUSES", "Storm", "Wreck", "The storm caused the wreck."),
    ]
    facts = [{"kind": kind, "from": start, "to": end, "text": text} for kind, start, end, text in told]
    done(await door.client.put(f"{GRAPH}/relationships", json={"relationships": facts}))


async def test_facts_open_the_gates_of_type_bridge_tense_and_causes(door: Door) -> None:
    await _facts(door)
    typed = await _gates(door, "Who crossed the sea to sail on the Aurora?")
    assert typed["answer_type"].startswith('on: "who" asks for Person')
    assert typed["tense"].startswith("past: ")
    assert typed["expansion"].startswith("off: ")
    bridged = await _gates(door, "Where was the captain of the Aurora born?")
    assert bridged["bridge"] == "on: born sought in facts about Ada Moor."
    caused = await _gates(door, "Why was there a wreck?")
    assert caused["causes"] == 'on: "Why" asks for causes of Wreck.'
    assert (await _gates(door, "Why is Turku small?"))["causes"].startswith("off: ")


async def test_passages_and_turns_open_the_gates_of_expansion_and_context(door: Door) -> None:
    names = [name for waltz, (composer, _) in WALTZES.items() for name in (f"{waltz} Waltz", composer)]
    entities = [{"key": name, "label": "Thing", "name": name} for name in names]
    done(await door.client.put(f"{GRAPH}/entities", json={"entities": entities}))
    passages = []
    for waltz, (composer, grave) in WALTZES.items():
        text = f"The {waltz} Waltz is a piece for strings. Its composer is {composer}."
        passages.append({"key": waltz, "text": text, "mentions": [f"{waltz} Waltz", composer]})
        text = f"{composer} rests at the cemetery of {grave}."
        passages.append({"key": composer, "text": text, "mentions": [composer]})
    done(await door.client.post(f"{GRAPH}/episodes", json={"episodes": passages}))
    asked = "In which country was the composer of the Heron Waltz buried?"
    gates = await _gates(door, asked)
    assert gates["expansion"].startswith("on: one passage has ")
    assert gates["context"] == "off: no hit belongs to a session."
    assert "expansion" not in await _gates(door, asked, graph={"expand": False})
    turns = [
        {"key": f"t{n}", "text": f"We talked of the picnic by the lake, part {n}.", "session": "s", "speaker": "Ada"}
        for n in range(12)
    ]
    done(await door.client.post(f"{GRAPH}/episodes", json={"episodes": turns}))
    talked = await _gates(door, "When did we talk of the picnic by the lake?")
    assert talked["context"].startswith("on: ")
    assert talked["expansion"] == "off: the best passages are turns of a conversation."


async def test_gates_are_shown_to_those_who_want_them_explained(door: Door) -> None:
    await _facts(door)
    body = {"what": {"text": "Where was the captain of the Aurora born?"}, "budget": 500}
    assert done(await door.client.post(RECALL, json=body))["gates"] == {}
    refused(await door.client.post(RECALL, json={**body, "explain": "perhaps"}), 422, "explain")
