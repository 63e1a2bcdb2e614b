"""What was stored for a publication goes with it; what the other scope stored itself stays."""

import asyncio
import secrets
from dataclasses import replace

import pytest

from kgmem.domain.agents.publication import Publication, PublicationRequest
from kgmem.domain.claims.claim import ClaimFilter, ClaimStatement, FactFilter
from kgmem.domain.erasure.erasure import ErasureRequest
from kgmem.domain.errors import Conflict, InvalidInput, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.question import Question, What, When
from kgmem.domain.retention.hold import HoldRequest
from kgmem.domain.text.resolution import NewMerge
from kgmem.memory import Memory
from tests.memories import new_graph

ADA, BEN, TEAM, ORG = "team/agent/ada", "team/agent/ben", "team", "org"
NOTE = Episode("The ferry leaves at nine.", "n1", scope=ADA)
OWN = "The team's own words."
WAYS = ("corrected", "forgotten", "erased", "expired", "withdrawn", "withdrawn by the team", "scope erased", "refused")


class Running:
    """The graph of the running test."""

    graph = ""


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    Running.graph = await new_graph(memory, f"published_{secrets.token_hex(6)}")
    return memory


async def published(memory: Memory, note: Episode = NOTE, to: str = TEAM) -> Publication:
    """Store a text, and publish it."""
    await memory.episodes.put(Running.graph, [note])
    return await publish(memory, key=note.key, scope=note.scope, to=to)


async def publish(
    memory: Memory, *, item: int | None = None, key: str | None = None, scope: str = ADA, to: str = TEAM
) -> Publication:
    request = PublicationRequest(to, "ada", "The team asked.", item, key, scope)
    return (await memory.publications.publish(Running.graph, request))[0]


async def gone(memory: Memory, publication: Publication, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the origin of a published text change or go."""
    key, scope = publication.key or "", publication.scope
    if how == "corrected":
        await memory.episodes.put(Running.graph, [replace(NOTE, key=key, scope=scope, text="The ferry leaves at ten.")])
    elif how in ("forgotten", "erased"):
        await memory.episodes.forget(Running.graph, [key], scope=scope, erase=how == "erased")
    elif how == "expired":
        await memory.episodes.put(Running.graph, [replace(NOTE, key=key, scope=scope, ttl="PT0.05S")])
        await asyncio.sleep(0.06)
    elif how.startswith("withdrawn"):
        by = publication.to if how.endswith("team") else scope
        await memory.publications.withdraw(Running.graph, publication.id, scope=by)
    elif how == "scope erased":
        await memory.scopes.delete(Running.graph, scope, erase=True)
    else:

        async def refuse(*_: object) -> None:
            raise InvalidInput("No.")

        monkeypatch.setattr(type(memory.ports.publications), "origin_text", refuse)
        await memory.episodes.put(Running.graph, [replace(NOTE, key=key, scope=scope, text="The ferry leaves at ten.")])


async def there(memory: Memory, key: str = "n1", scope: str = TEAM) -> str | None:
    """The text that a scope itself has under a key."""
    try:
        found = await memory.episodes.get(Running.graph, key, scope=scope)
    except NotFound:
        return None
    return found.text if found.scope == scope else None


async def entities(memory: Memory, scope: str = TEAM) -> list[str]:
    """The keys of the entities of a scope itself."""
    page = await memory.entities.list(Running.graph, scope=scope)
    return sorted(each.key for each in page.items if each.scope == scope)


async def traces(memory: Memory, *texts: str) -> list[str]:
    """The tables of the graph that have one of these texts; statistics of the planner have what tables had."""
    found = (await memory.scopes.find_traces(Running.graph, texts, server=False)).found
    return sorted({each.table.rpartition(".")[2] for each in found} - {"pg_statistic"})


@pytest.mark.parametrize("how", WAYS)
async def test_words_of_the_team_under_the_key_of_a_published_text_stay(
    memory: Memory, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publication = await published(memory)
    await memory.episodes.put(Running.graph, [Episode(OWN, "n1", scope=TEAM)])

    await gone(memory, publication, how, monkeypatch)

    assert await there(memory) == OWN
    assert await there(memory) == OWN  # The gate has let everything follow by now.
    if how == "corrected":
        then = await memory.publications.get(Running.graph, publication.id, scope=TEAM)
        assert (then.state, list(then.copies)) == ("refused", [])
        assert "own" in (then.note or "") or "another text" in (then.note or "")


@pytest.mark.parametrize("how", WAYS)
async def test_a_published_text_that_nobody_touched_follows_its_origin(
    memory: Memory, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publication = await published(memory)

    await gone(memory, publication, how, monkeypatch)

    assert await there(memory) == ("The ferry leaves at ten." if how == "corrected" else None)


@pytest.mark.parametrize("own", ["property", "expiry", "same words", "cypher"])
async def test_whatever_the_team_states_of_a_copy_makes_it_its_own(memory: Memory, own: str) -> None:
    publication = await published(memory)
    copy = Episode(NOTE.text, "n1", scope=TEAM)
    if own == "property":
        await memory.episodes.put(Running.graph, [replace(copy, properties={"checked": True})])
    elif own == "expiry":
        await memory.episodes.put(Running.graph, [replace(copy, expires_at="2999-01-01")])
    elif own == "same words":
        await memory.episodes.put(Running.graph, [copy])
    else:
        await memory.cypher(
            Running.graph, "MATCH (e:Episode {key: 'n1'}) SET e.checked = true", mode="write", scope=TEAM
        )

    await memory.publications.withdraw(Running.graph, publication.id, scope=ADA)

    assert await there(memory) == NOTE.text


async def test_the_erased_words_of_an_origin_leave_the_history_of_a_text_that_the_team_edited(memory: Memory) -> None:
    secret = replace(NOTE, text="The code is kookaburra.")
    await published(memory, secret)
    await publish(memory, key="n1", scope=TEAM, to=ORG)
    await memory.episodes.put(Running.graph, [replace(secret, text="The code is wallaby.")])
    await memory.episodes.put(Running.graph, [Episode(OWN, "n1", scope=TEAM)])
    await memory.episodes.put(Running.graph, [Episode("Ours, again.", "n1", scope=TEAM)])
    assert await there(memory, scope=ORG) == "Ours, again."

    await memory.episodes.forget(Running.graph, ["n1"], scope=ADA, erase=True)

    assert await there(memory) == "Ours, again."
    assert await there(memory, scope=ORG) == "Ours, again."
    assert await traces(memory, "kookaburra", "wallaby") == []
    assert "history" in await traces(memory, OWN)


async def test_a_withdrawn_copy_that_is_erased_at_its_origin_leaves_the_history_of_the_team(memory: Memory) -> None:
    publication = await published(memory, replace(NOTE, text="The code is kookaburra."))
    await memory.publications.withdraw(Running.graph, publication.id, scope=ADA)

    await memory.episodes.forget(Running.graph, ["n1"], scope=ADA, erase=True)

    assert await traces(memory, "kookaburra") == []


async def test_an_edited_copy_is_recalled_as_the_memory_of_the_team(memory: Memory) -> None:
    await published(memory)
    question = Question(What(text="When does the ferry leave?", kinds=("episode",)), scope=ADA)
    assert [hit.scope for hit in (await memory.recall(Running.graph, question)).hits] == [ADA]

    await memory.episodes.put(Running.graph, [Episode("The ferry leaves at noon.", "n1", scope=TEAM)])

    answer = await memory.recall(Running.graph, question)
    assert sorted(hit.scope for hit in answer.hits) == [TEAM, ADA]
    assert "published_copies" not in answer.suppressed


async def test_a_text_that_the_team_edited_is_not_published_over(memory: Memory) -> None:
    publication = await published(memory)
    await memory.episodes.put(Running.graph, [Episode(OWN, "n1", scope=TEAM)])
    await memory.publications.withdraw(Running.graph, publication.id, scope=ADA)

    with pytest.raises(Conflict):
        await publish(memory, key="n1")

    assert await there(memory) == OWN


async def test_a_key_that_the_team_freed_again_gets_the_published_text(memory: Memory) -> None:
    publication = await published(memory)
    await memory.episodes.put(Running.graph, [Episode(OWN, "n1", scope=TEAM)])
    await memory.episodes.put(Running.graph, [replace(NOTE, text="The ferry leaves at ten.")])
    await memory.episodes.forget(Running.graph, ["n1"], scope=TEAM)

    await memory.episodes.put(Running.graph, [replace(NOTE, text="The ferry leaves at eleven.")])

    assert await there(memory) == "The ferry leaves at eleven."
    assert (await memory.publications.get(Running.graph, publication.id, scope=ADA)).state == "published"


async def test_one_text_published_twice_is_withdrawn_once(memory: Memory) -> None:
    first = await published(memory)
    await publish(memory, key="n1", to=ORG)

    await memory.publications.withdraw(Running.graph, first.id, scope=ADA)

    assert await there(memory) is None
    assert await there(memory, scope=ORG) == NOTE.text


async def test_edits_and_corrections_at_once_never_replace_the_words_of_the_team(memory: Memory) -> None:
    for n in range(8):
        note = replace(NOTE, key=f"k{n}")
        await published(memory, note)
        own = Episode(OWN, note.key, scope=TEAM)
        await asyncio.gather(
            memory.episodes.put(Running.graph, [replace(note, text="The ferry leaves at ten.")]),
            memory.episodes.put(Running.graph, [own]),
            memory.episodes.list(Running.graph, scope=TEAM),
        )
        await memory.episodes.put(Running.graph, [replace(note, text="The ferry leaves at eleven.")])
        assert await there(memory, note.key or "") == OWN


async def said(memory: Memory, scope: str = ADA, subject: str = "ferry", port: str = "Kiel") -> int:
    """State a value in a scope; returns the fact."""
    stated = ClaimStatement("radio", subject, "port", value=port, scope=scope)
    return (await memory.claims.put(Running.graph, [stated])).facts[0]


async def related(memory: Memory, scope: str = ADA, end: str = "kiel") -> int:
    """State a relationship of claims in a scope; returns the fact."""
    await memory.entities.put(
        Running.graph, [Entity("ferry", "Ship", "Aurora", scope=scope), Entity(end, "Port", scope=scope)]
    )
    stated = ClaimStatement("radio", "ferry", "CALLS_AT", end, scope=scope)
    return (await memory.claims.put(Running.graph, [stated])).facts[0]


@pytest.mark.parametrize("what", ["value", "claimed relationship", "relationship", "text"])
@pytest.mark.parametrize("how", ["withdrawn", "by the team", "gone", "scope deleted", "scope erased"])
async def test_entities_that_were_stored_for_a_publication_go_with_it(memory: Memory, what: str, how: str) -> None:
    await memory.entities.put(
        Running.graph, [Entity("ferry", "Ship", "The Aurora", scope=ADA), Entity("kiel", "Port", "Old Kiel", scope=ADA)]
    )
    item = key = None
    if what == "value":
        item = await said(memory)
    elif what == "claimed relationship":
        item = await related(memory)
    elif what == "relationship":
        (item,) = (
            await memory.relationships.put(Running.graph, [Relationship("CALLS_AT", "ferry", "kiel", scope=ADA)])
        ).ids
    else:
        await memory.episodes.put(Running.graph, [replace(NOTE, mentions=["ferry", "kiel"])])
        key = "n1"
    publication = await publish(memory, item=item, key=key)
    assert await entities(memory) == (["ferry"] if what == "value" else ["ferry", "kiel"])

    if how in ("withdrawn", "by the team"):
        await memory.publications.withdraw(Running.graph, publication.id, scope=ADA if how == "withdrawn" else TEAM)
    elif how != "gone":
        await memory.scopes.delete(Running.graph, ADA, erase=how == "scope erased")
    elif what == "text":
        await memory.episodes.forget(Running.graph, ["n1"], scope=ADA)
    elif what == "relationship" and item is not None:
        await memory.relationships.delete(Running.graph, [item], scope=ADA)
    else:
        claims = (await memory.claims.list(Running.graph, ClaimFilter(ADA))).items
        await memory.claims.withdraw(
            Running.graph, [each.id for each in claims if each.scope == ADA and each.id], scope=ADA
        )

    assert await entities(memory) == []
    assert not [
        each for each in (await memory.relationships.list(Running.graph, scope=TEAM)).items if each.scope == TEAM
    ]
    if how == "scope erased":
        assert await traces(memory, "Aurora", "Old Kiel") == []


async def test_an_entity_that_two_publications_are_about_goes_with_the_last(memory: Memory) -> None:
    await memory.entities.put(Running.graph, [Entity("ferry", "Ship", "Aurora", scope=scope) for scope in (ADA, BEN)])
    first = await publish(memory, item=await said(memory))
    second = await publish(memory, item=await said(memory, BEN, port="Oslo"), scope=BEN)
    third = await published(memory, replace(NOTE, mentions=["ferry"]))

    await memory.publications.withdraw(Running.graph, first.id, scope=ADA)
    assert await entities(memory) == ["ferry"]
    await memory.publications.withdraw(Running.graph, second.id, scope=BEN)
    assert await entities(memory) == ["ferry"]
    await memory.publications.withdraw(Running.graph, third.id, scope=ADA)
    assert await entities(memory) == []


USES = (
    "name", "property", "same words", "cypher", "claim", "claim below", "claim that lost", "relationship", "mention",
    "merge",
)  # fmt: skip


@pytest.mark.parametrize("use", USES)
async def test_an_entity_that_the_team_uses_stays(memory: Memory, use: str) -> None:
    await memory.entities.put(Running.graph, [Entity("ferry", "Ship", "Aurora", scope=ADA)])
    publication = await publish(memory, item=await said(memory))
    if use == "name":
        await memory.entities.put(Running.graph, [Entity("ferry", name="The Aurora", scope=TEAM)])
    elif use == "property":
        await memory.entities.put(Running.graph, [Entity("ferry", properties={"length": 90}, scope=TEAM)])
    elif use == "same words":
        await memory.entities.put(Running.graph, [Entity("ferry", "Ship", "Aurora", scope=TEAM)])
    elif use == "cypher":
        await memory.cypher(Running.graph, "MATCH (e:Ship {key: 'ferry'}) SET e.length = 90", mode="write", scope=TEAM)
    elif use in ("claim", "claim below"):
        below = f"{TEAM}/agent/eve" if use == "claim below" else TEAM
        await memory.claims.put(Running.graph, [ClaimStatement("eve", "ferry", "speed", value=20, scope=below)])
    elif use == "claim that lost":
        await memory.entities.put(Running.graph, [Entity("eve", "Person", scope=TEAM)])
        await memory.claims.put(
            Running.graph,
            [ClaimStatement("a", "eve", "BORN_ON", "ferry", scope=TEAM)]
            + [ClaimStatement(source, "eve", "BORN_ON", "elsewhere", scope=TEAM) for source in "bcd"],
        )
    elif use == "relationship":
        await memory.entities.put(Running.graph, [Entity("eve", "Person", scope=TEAM)])
        await memory.relationships.put(Running.graph, [Relationship("SAILS_ON", "eve", "ferry", scope=TEAM)])
    elif use == "mention":
        await memory.episodes.put(Running.graph, [Episode("She is late.", "n2", mentions=["ferry"], scope=TEAM)])
    else:
        await memory.entities.put(Running.graph, [Entity("boat", "Ship", "Aurora", scope=TEAM)])
        merge = NewMerge("ferry", "boat", by="eve", reason="One ship.", scope=TEAM)
        await memory.resolution.merge(Running.graph, merge)

    await memory.publications.withdraw(Running.graph, publication.id, scope=ADA)

    assert "ferry" in await entities(memory)


async def test_an_entity_of_the_team_itself_stays(memory: Memory) -> None:
    await memory.entities.put(Running.graph, [Entity("ferry", "Ship", "Aurora", scope=scope) for scope in (ADA, TEAM)])
    publication = await publish(memory, item=await said(memory))

    await memory.publications.withdraw(Running.graph, publication.id, scope=ADA)

    assert await entities(memory) == ["ferry"]


async def test_a_corrected_relationship_takes_the_entity_that_it_named_before_with_it(memory: Memory) -> None:
    fact = await related(memory)
    await publish(memory, item=fact)
    await memory.entities.put(Running.graph, [Entity("oslo", "Port", scope=ADA)])

    right = ClaimStatement("ada", "ferry", "CALLS_AT", "oslo", scope=ADA)
    await memory.facts.correct(Running.graph, fact, right, by="ada", reason="It moved.", scope=ADA)

    assert await entities(memory) == ["ferry", "oslo"]


async def test_a_fact_that_comes_again_brings_its_entities_again(memory: Memory) -> None:
    fact = await related(memory)
    await publish(memory, item=fact)
    done = await memory.facts.retract(Running.graph, fact, by="ada", reason="Never so.", scope=ADA)
    assert await entities(memory) == []
    assert done.adjudication is not None

    await memory.adjudications.undo(Running.graph, done.adjudication, by="ada", reason="It was.", scope=ADA)

    assert await entities(memory) == ["ferry", "kiel"]
    page = await memory.facts.list(Running.graph, FactFilter(TEAM, predicate="CALLS_AT"))
    assert [each.scope for each in page.items if each.scope == TEAM] == [TEAM]


async def test_what_a_legal_hold_covers_stays_until_its_release(memory: Memory) -> None:
    publication = await publish(memory, item=await related(memory))
    hold = await memory.holds.put(Running.graph, HoldRequest("label", "Case 7.", "counsel", name="Ship"))

    await memory.publications.withdraw(Running.graph, publication.id, scope=ADA)
    assert await entities(memory) == ["ferry"]
    await memory.holds.release(Running.graph, hold.id, by="counsel", reason="It is over.")

    assert await entities(memory) == []


async def test_what_the_team_knew_of_an_entity_that_went_is_known_then(memory: Memory) -> None:
    fact = await related(memory)
    publication = await publish(memory, item=fact)
    moment = (await memory.entities.get(Running.graph, "kiel", scope=TEAM)).known_from
    assert moment is not None

    await memory.publications.withdraw(Running.graph, publication.id, scope=ADA)

    then = await memory.recall(
        Running.graph, Question(What(text="kiel", kinds=("entity",)), When(known_at=moment), scope=TEAM)
    )
    assert "kiel" in [hit.key for hit in then.hits]


@pytest.mark.long
async def test_an_entity_of_which_an_erasure_took_words_goes_with_its_publication(memory: Memory) -> None:
    word = f"Zorbeline{secrets.token_hex(3)}"
    await memory.entities.put(Running.graph, [Entity("ferry", "Ship", f"The boat of {word}", scope=ADA)])
    publication = await publish(memory, item=await said(memory))
    await memory.erasures.erase(Running.graph, ErasureRequest(texts=[word]))
    assert await entities(memory) == ["ferry"]
    assert await traces(memory, word) == []

    await memory.publications.withdraw(Running.graph, publication.id, scope=ADA)

    assert await entities(memory) == []
