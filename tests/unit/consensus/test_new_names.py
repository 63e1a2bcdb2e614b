"""New names share one voice until somebody else confirms them, and unchecked claims change no record."""

import random

from kgmem.consensus.engine import weigh
from kgmem.domain.claims.consensus import Claim, ClaimedSource, FactState


def known_world(facts: int = 60) -> list[Claim]:
    """Plant five sources, each right on four of five facts, which know each other by what they share."""
    chance = random.Random(1)
    return [
        Claim(f"old{source}", f"f{fact}", "p", "right" if chance.random() < 0.8 else f"wrong {source} {fact}")
        for source in range(5)
        for fact in range(facts)
    ]


def ring(size: int = 8, facts: int = 20, share: float = 1.0) -> list[Claim]:
    chance = random.Random(2)
    return [
        Claim(f"new{source}", f"lie{fact}", "p", "lie")
        for source in range(size)
        for fact in range(facts)
        if chance.random() < share
    ]


def states(claims: list[Claim], begin: str, **more) -> set[FactState]:
    return {each.state for each in weigh(claims, **more).verdicts if each.subject.startswith(begin)}


def test_a_ring_of_new_names_verifies_nothing() -> None:
    for share in (1.0, 0.7):
        weighed = weigh([*known_world(), *ring(share=share)])
        lies = [each for each in weighed.verdicts if each.subject.startswith("lie")]
        assert {each.state for each in lies} == {FactState.UNVERIFIED}
        assert all(each.probability <= 0.5 and each.supporting <= 1 for each in lies)
        trust = {each.source: each.trust for each in weighed.sources}
        assert {trust[f"new{source}"] for source in range(8)} == {0.5}
        assert trust["old0"] > 0.5


def test_what_the_others_say_stays_as_it_was() -> None:
    alone = {each.subject: each.state for each in weigh(known_world()).verdicts}
    beside = {each.subject: each.state for each in weigh([*known_world(), *ring()]).verdicts}
    assert {subject: beside[subject] for subject in alone} == alone


def test_a_graph_that_begins_believes_what_its_sources_agree_on() -> None:
    assert states(ring(size=3), "lie") == {FactState.VERIFIED}


def test_what_a_trusted_source_confirms_is_verified() -> None:
    told = [*known_world(), *ring(), *(Claim("office", f"lie{fact}", "p", "lie") for fact in range(20))]
    assert states(told, "lie", sources=[ClaimedSource("office", prior=0.9)]) == {FactState.VERIFIED}


def test_unchecked_claims_wash_no_bad_record() -> None:
    told = known_world() + [Claim("liar", f"f{fact}", "p", f"lie {fact}") for fact in range(60)]
    before = next(each.trust for each in weigh(told).sources if each.source == "liar")
    told += [Claim("liar", f"alone{fact}", "p", "x") for fact in range(2000)]
    after = next(each.trust for each in weigh(told).sources if each.source == "liar")
    assert before <= 0.15
    assert after <= before + 0.02


def test_a_ring_that_repeats_a_few_known_facts_verifies_nothing() -> None:
    """Each new name also repeats two facts that the graph knows, each from another source."""
    known = known_world()
    bridges = [Claim(f"new{source}", f"f{2 * source + at}", "p", "right") for source in range(8) for at in range(2)]
    weighed = weigh([*known, *ring(), *bridges])
    lies = [each for each in weighed.verdicts if each.subject.startswith("lie")]
    assert {each.state for each in lies} == {FactState.UNVERIFIED}
    beside = {each.subject: each.value for each in weighed.verdicts}
    assert all(beside[f"f{fact}"] == "right" for fact in range(16))


def test_names_that_others_check_on_many_things_are_no_ring() -> None:
    """Three names without history speak of what the graph knows, are right, and agree on ten new facts."""
    fresh = [Claim(f"fresh{source}", f"f{fact}", "p", "right") for source in range(3) for fact in range(20)]
    new = [Claim(f"fresh{source}", f"found{fact}", "p", "x") for source in range(3) for fact in range(10)]
    assert states([*known_world(), *fresh, *new], "found") == {FactState.VERIFIED}


def test_a_ring_against_one_known_source_verifies_nothing() -> None:
    """Of each lie, one source of a good record says otherwise."""
    known = known_world()
    truth = [Claim(f"old{fact % 5}", f"lie{fact}", "p", "truth") for fact in range(20)]
    assert FactState.VERIFIED not in {
        each.state
        for each in weigh([*known, *ring(), *truth]).verdicts
        if each.subject.startswith("lie") and each.value == "lie"
    }


def test_a_ring_that_people_found_right_is_believed() -> None:
    """People accepted three of the things that all eight say."""
    claims = [
        Claim(f"new{source}", f"lie{fact}", "p", "lie", label=True if fact < 3 else None)
        for source in range(8)
        for fact in range(20)
    ]
    assert states([*known_world(), *claims], "lie") == {FactState.VERIFIED}


def sent(names: int, key: str, **more) -> list[ClaimedSource]:
    return [ClaimedSource(f"new{source}", sent_by=key, **more) for source in range(names)]


def test_new_names_of_one_key_are_one_voice_also_where_nobody_has_a_record() -> None:
    weighed = weigh(ring(), sources=sent(8, "one"))
    assert {(each.state, each.supporting) for each in weighed.verdicts} == {(FactState.UNVERIFIED, 1.0)}
    assert {each.trust for each in weighed.sources} == {0.5}


def test_names_of_two_keys_are_two_voices() -> None:
    two = [*sent(4, "one"), *(ClaimedSource(f"new{source}", sent_by="other") for source in range(4, 8))]
    assert {each.supporting for each in weigh(ring(), sources=two).verdicts} == {2.0}


def test_a_name_with_a_record_is_not_bound_to_its_key() -> None:
    assert states(ring(size=3), "lie", sources=sent(3, "one", record=3)) == {FactState.VERIFIED}


def test_names_of_a_young_key_begin_with_less_trust() -> None:
    for names in (1, 8):
        (young,) = weigh(ring(names, facts=1), sources=sent(names, "one", young=True)).verdicts
        (old,) = weigh(ring(names, facts=1), sources=sent(names, "one")).verdicts
        assert young.probability <= 0.4 < old.probability <= 0.5
