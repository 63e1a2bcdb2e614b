"""Fusion: the laws that one ranking out of several keeps."""

import math
import random
from itertools import combinations, pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kgmem.domain.errors import InvalidInput
from kgmem.domain.recall.fusion import LookedUp, Ranked, fuse, level
from kgmem.domain.recall.question import Fusion

METHODS: list[Fusion] = ["convex", "rrf"]
# Steps that do not vanish in rounding.
VALUES = st.integers(-10_000, 10_000).map(lambda n: n / 64)


def _ranking(pairs: dict[int, float]) -> list[tuple[int, float]]:
    return sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))


RANKINGS = st.dictionaries(st.integers(1, 30), VALUES, max_size=15).map(_ranking)
RETRIEVERS = st.dictionaries(st.sampled_from(["meaning", "words", "near", "when"]), RANKINGS, max_size=4)
WEIGHTS = st.dictionaries(st.sampled_from(["meaning", "words", "near", "when"]), st.floats(0.01, 10))
METHOD = st.sampled_from(METHODS)


def _order(ranked: list[Ranked[int]]) -> list[int]:
    return [item.id for item in ranked]


@given(RETRIEVERS, METHOD, WEIGHTS, st.randoms())
def test_the_order_in_which_retrievers_are_given_does_not_count(
    retrievers: dict[str, list[tuple[int, float]]], method: Fusion, weights: dict[str, float], chance: random.Random
) -> None:
    names = list(retrievers)
    chance.shuffle(names)
    shuffled = {name: retrievers[name] for name in names}
    assert fuse(retrievers, method=method, weights=weights) == fuse(shuffled, method=method, weights=weights)


@given(RETRIEVERS, METHOD, WEIGHTS)
def test_scores_lie_within_zero_and_one_and_fall(
    retrievers: dict[str, list[tuple[int, float]]], method: Fusion, weights: dict[str, float]
) -> None:
    ranked = fuse(retrievers, method=method, weights=weights)
    assert all(0.0 <= item.score <= 1.0 for item in ranked)
    assert all((one.score, -one.id) >= (two.score, -two.id) for one, two in pairwise(ranked))


@given(RETRIEVERS, METHOD, WEIGHTS)
def test_every_candidate_is_there_once_with_the_retrievers_that_found_it(
    retrievers: dict[str, list[tuple[int, float]]], method: Fusion, weights: dict[str, float]
) -> None:
    ranked = fuse(retrievers, method=method, weights=weights)
    assert sorted(_order(ranked)) == sorted({id_ for ranking in retrievers.values() for id_, _ in ranking})
    for item in ranked:
        assert set(item.retrievers) == {name for name, ranking in retrievers.items() if item.id in dict(ranking)}
        for name, share in item.retrievers.items():
            assert retrievers[name][share.rank - 1] == (item.id, share.value)
        whole = sum(share.share for share in item.retrievers.values())
        # Not all of the score is shown where the item has no time, or only a level retriever found it.
        assert math.isclose(whole, 1.0, rel_tol=1e-9) or (
            whole < 1 and (item.score == 0 or (bool(retrievers.get("when")) and "when" not in item.retrievers))
        )
        assert all(0.0 <= share.share <= 1.0 for share in item.retrievers.values())


def test_a_share_is_never_more_than_the_whole() -> None:
    values = [(0, 0.8126297288562561), (1, 0.6841049506990989), (2, 0.6297015247032359), (3, 0.03299143807994287)]
    best = fuse({"meaning": values})[0]  # Its scaled value is 1 and a little more, by rounding.
    assert (best.score, best.retrievers["meaning"].share) == (1.0, 1.0)


@given(RANKINGS, METHOD)
def test_one_retriever_alone_keeps_its_order(ranking: list[tuple[int, float]], method: Fusion) -> None:
    assert _order(fuse({"words": ranking}, method=method)) == [id_ for id_, _ in ranking]


@given(RANKINGS, METHOD, st.floats(0.1, 10), st.floats(0.1, 10))
def test_a_retriever_that_agrees_keeps_the_order(
    ranking: list[tuple[int, float]], method: Fusion, one: float, other: float
) -> None:
    alone = fuse({"words": ranking}, method=method)
    both = fuse({"words": ranking, "meaning": ranking}, method=method, weights={"words": one, "meaning": other})
    # Scores that differ by less than rounding may become equal, and are then ordered by id.
    assume(all(a.score - b.score > 1e-9 or a.score == b.score for a, b in pairwise(alone)))
    assert _order(both) == _order(alone)


@given(RETRIEVERS, METHOD)
def test_what_is_first_in_every_retriever_is_first_with_a_score_of_one(
    retrievers: dict[str, list[tuple[int, float]]], method: Fusion
) -> None:
    best = {name: [(99, 1000.0), *ranking] for name, ranking in retrievers.items()}
    assume(best)
    first = fuse(best, method=method)[0]
    assert first.id == 99
    assert math.isclose(first.score, 1.0)


@given(RETRIEVERS, METHOD, st.floats(0.1, 50))
def test_only_the_ratio_of_weights_counts(
    retrievers: dict[str, list[tuple[int, float]]], method: Fusion, factor: float
) -> None:
    one = fuse(retrievers, method=method, weights={"words": 1.0, "meaning": 2.0, "near": 1.0, "when": 1.0})
    other = fuse(
        retrievers, method=method, weights={"words": factor, "meaning": 2 * factor, "near": factor, "when": factor}
    )
    assert {item.id: round(item.score, 9) for item in one} == {item.id: round(item.score, 9) for item in other}


@pytest.mark.parametrize("method", METHODS)
def test_ties_are_broken_by_id(method: Fusion) -> None:
    ranked = fuse({"words": [(1, 1.0), (2, 0.5)], "meaning": [(2, 1.0), (1, 0.5)]}, method=method)
    assert _order(ranked) == [1, 2]
    assert ranked[0].score == ranked[1].score


@pytest.mark.parametrize("method", METHODS)
def test_what_a_retriever_found_last_stands_above_what_it_did_not_find(method: Fusion) -> None:
    retrievers = {"words": [(1, 9.0), (2, 3.0)], "meaning": [(3, 9.0), (2, 5.0), (4, 5.0)]}
    order = _order(fuse(retrievers, method=method))
    assert order.index(2) < order.index(4)


def test_a_retriever_of_weight_zero_adds_hits_but_no_score() -> None:
    ranked = fuse({"words": [(1, 1.0)], "meaning": [(2, 1.0)]}, weights={"meaning": 0.0})
    assert [(item.id, item.score) for item in ranked] == [(1, 1.0), (2, 0.0)]


def test_nothing_found_is_an_empty_ranking() -> None:
    assert fuse({}) == []
    assert fuse({"words": [], "meaning": []}) == []


@pytest.mark.parametrize("weights", [{"words": -1.0}, {"words": 0.0}, {"words": math.nan}, {"words": math.inf}])
def test_weights_that_weigh_nothing_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(InvalidInput):
        fuse({"words": [(1, 1.0)]}, weights=weights)


def test_parts_that_make_a_whole_score_one_and_no_more() -> None:
    weights = {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.7, "e": 3.0}
    for names in combinations(weights, 3):
        (best,) = fuse({name: [("x", 1.0)] for name in names}, weights={name: weights[name] for name in names})
        assert best.score == pytest.approx(1)
        assert best.score <= 1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("values", [(0.9, 0.8, 0.1), (0.5, 0.5, 0.5)])
def test_what_is_to_be_last_counts_as_the_last_of_that_retriever_and_keeps_its_value(
    method: Fusion, values: tuple[float, ...]
) -> None:
    meaning = list(zip((1, 2, 3), values, strict=True))
    ranked = {each.id: each for each in fuse({"meaning": meaning}, method=method, last={"meaning": {1}, "words": {2}})}
    assert ranked[1].score <= min(ranked[2].score, ranked[3].score)
    assert ranked[1].score > 0
    assert ranked[1].retrievers["meaning"].value == values[0]
    unchanged = {each.id: each for each in fuse({"meaning": meaning}, method=method)}
    assert (ranked[2], ranked[3]) == (unchanged[2], unchanged[3])


@given(st.dictionaries(st.integers(1, 30), st.tuples(VALUES, VALUES), min_size=2, max_size=15), METHOD, st.data())
def test_a_looked_up_value_counts_like_a_listed_one(
    both: dict[int, tuple[float, float]], method: Fusion, data: st.DataObject
) -> None:
    """However many a retriever lists itself, the ranking is that of complete lists; only `listed` shows which."""
    complete = {name: _ranking({id_: pair[at] for id_, pair in both.items()}) for at, name in enumerate("ab")}
    cut = data.draw(st.integers(0, len(both)))
    looked_up = {"b": LookedUp(dict(complete["b"][cut:]), complete["b"][-1][1])}
    partly = fuse({**complete, "b": complete["b"][:cut]}, method=method, looked_up=looked_up)
    whole = fuse(complete, method=method)
    assert [(item.id, item.score) for item in partly] == [(item.id, item.score) for item in whole]
    listed = {id_ for id_, _ in complete["b"][:cut]}
    assert {item.id for item in partly if item.retrievers["b"].listed} == listed


@pytest.mark.parametrize("method", METHODS)
def test_what_no_retriever_lists_is_no_candidate_and_changes_nothing(method: Fusion) -> None:
    retrievers = {"words": [(1, 2.0), (2, 1.0)]}
    looked_up = {"words": LookedUp({3: 9.0}, 1.0)}
    assert fuse(retrievers, method=method, looked_up=looked_up) == fuse(retrievers, method=method)


def test_what_shares_no_word_begins_the_scale() -> None:
    """Two texts that match about as well score about the same, where a third one does not match at all."""
    near = {"meaning": [(1, 0.9), (2, 0.9), (3, 0.9)]}
    words = {**near, "words": [(1, 10.0), (2, 9.0)]}
    first, second, _ = fuse(words, looked_up={"words": LookedUp({}, 0.0)})
    assert second.score > 0.9 * first.score


def test_what_is_worth_less_than_all_that_was_found_counts_as_the_least() -> None:
    retrievers = {"meaning": [(1, 0.9), (2, 0.5)], "context": [(3, 1.0), (4, 1.0)]}
    looked_up = {"meaning": LookedUp({3: 0.4, 4: -0.8}, 0.5)}
    scores = {item.id: item.score for item in fuse(retrievers, looked_up=looked_up)}
    assert scores[3] == scores[4]
    assert scores[1] == pytest.approx(0.5)


def test_what_has_no_time_stands_between_what_is_of_the_time_and_what_is_not() -> None:
    words = [(1, 0.9), (2, 0.9), (3, 0.9), (4, 0.2)]
    alone = {"words": words, "when": [(3, 1.0), (1, 0.1), (4, 0.0)]}
    ranked = fuse(alone)
    assert _order(ranked) == [3, 2, 1, 4]
    assert set(next(each for each in ranked if each.id == 2).retrievers) == {"words"}


@pytest.mark.parametrize("method", METHODS)
def test_a_retriever_that_says_the_same_of_all_has_no_share(method: Fusion) -> None:
    words = [(1, 1.0), (2, 0.9), (3, 0.1)]
    retrievers = {"when": [(1, 0.0), (2, 0.0), (3, 0.0)], "words": words}
    assert level(retrievers) == ["when"]
    ranked = fuse(retrievers, method=method)
    assert [(each.id, each.score) for each in ranked] == [
        (i.id, i.score) for i in fuse({"words": words}, method=method)
    ]
    assert all(each.retrievers["when"].share == 0.0 for each in ranked)


def test_retrievers_that_all_say_the_same_share_alike() -> None:
    retrievers = {"when": [(1, 0.5), (2, 0.5)], "words": [(1, 3.0), (2, 3.0)]}
    assert level(retrievers) == []
    assert [each.score for each in fuse(retrievers)] == [1.0, 1.0]


def test_the_only_item_with_a_time_counts_by_how_near_it_is() -> None:
    words = [(1, 1.0), (2, 0.95), (3, 0.1)]
    far, held = (_order(fuse({"words": words, "when": [(2, value)]})) for value in (0.01, 1.0))
    assert (far, held) == ([1, 2, 3], [2, 1, 3])
