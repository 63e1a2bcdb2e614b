"""What becomes a hit: diversity, budgets, cursors, recipes and confidence, as rules of their own."""

import base64
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.errors import InvalidInput
from kgmem.domain.recall.answer import Hit, RetrieverShare, given_before, next_cursor
from kgmem.domain.recall.question import Links, Question, What, When
from kgmem.domain.recall.recipes import RECIPES, with_recipe
from kgmem.domain.recall.selection import confidence, diverse, tokens, within_budget, word_similarity

scores = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def hit(key: str, text: str | None) -> Hit:
    return Hit("entity", 1, key, "Thing", None, text, 1.0)


@given(scores, st.integers(1, 12))
def test_without_weight_the_most_relevant_stand_first(values: list[float], most: int) -> None:
    ordered = sorted(range(len(values)), key=lambda at: -values[at])
    ranked = [values[at] for at in ordered]
    assert diverse(ordered, ranked, lambda one, other: 1.0, 0.0, most) == ordered[:most]


@given(scores)
def test_with_all_weight_no_twin_stands_before_another_kind(values: list[float]) -> None:
    ranked = sorted(values, reverse=True)
    kinds = [at % 3 for at in range(len(ranked))]
    chosen = diverse(range(len(ranked)), ranked, lambda a, b: float(kinds[a] == kinds[b]), 1.0, len(ranked))
    seen = [kinds[at] for at in chosen[: len(set(kinds))]]
    assert len(set(seen)) == len(seen)
    assert sorted(chosen) == list(range(len(ranked)))


def test_a_repetition_gives_way_to_something_else() -> None:
    texts = ["the eagle landed on the moon", "the eagle has landed on the moon", "saturn five burned kerosene"]
    assert diverse(texts, [1.0, 0.9, 0.5], word_similarity, 0.5, 2) == [texts[0], texts[2]]


@given(st.text(max_size=200))
def test_a_text_takes_at_least_a_token_each_four_characters(text: str) -> None:
    assert len(text) / 4 <= tokens(text) <= len(text) + 1


@given(st.lists(st.text(max_size=60), max_size=10), st.integers(1, 60))
def test_what_is_kept_fits_into_the_budget_and_what_is_left_out_does_not(texts: list[str], budget: int) -> None:
    hits = [hit("k", text) for text in texts]
    kept, out = within_budget(hits, budget)
    cost = sum(tokens("k") + tokens(each.text or "") for each in kept)
    assert cost <= budget
    assert len(kept) + out == len(hits)
    if out:
        assert max(tokens("k") + tokens(each.text or "") for each in hits) > budget - cost


@given(st.lists(st.integers(1, 2**62), unique=True, max_size=200))
def test_a_cursor_gives_back_what_it_stands_behind(ids: list[int]) -> None:
    question = Question(What(text="moon", labels=["A"]))
    cursor = next_cursor("g", question, ids)
    assert given_before("g", replace(question, cursor=cursor, k=5, what=What(text="moon", labels=("A",)))) == ids


@pytest.mark.parametrize("cursor", ["", "x", "eJw=", "AAAA", "é", "bm9uc2Vuc2U="])
def test_nonsense_is_no_cursor(cursor: str) -> None:
    with pytest.raises(InvalidInput, match="cursor is invalid"):
        given_before("g", Question(What(text="x"), cursor=cursor))


@pytest.mark.parametrize("inside", ["[" * 5000, '["x",[1e999]]', f'["x",[{2**70}]]', f'["x",[{-(2**63)}]]', '["x",5]'])
def test_what_no_answer_gave_is_no_cursor_however_well_it_is_packed(inside: str) -> None:
    cursor = base64.urlsafe_b64encode(zlib.compress(inside.encode())).decode()
    with pytest.raises(InvalidInput, match="cursor is invalid"):
        given_before("g", Question(What(text="x"), cursor=cursor))


def test_a_cursor_belongs_to_its_question_and_graph() -> None:
    question = Question(What(text="moon"))
    cursor = next_cursor("g", question, [1])
    for graph, other in (("h", question), ("g", Question(What(text="sun"))), ("g", replace(question, scope="u/1"))):
        with pytest.raises(InvalidInput, match="another question"):
            given_before(graph, replace(other, cursor=cursor))


def test_a_cursor_belongs_to_its_vector_however_that_is_given() -> None:
    cursor = next_cursor("g", Question(What(vector=[0.5, 1.0])), [7])
    assert given_before("g", Question(What(vector=(0.5, 1)), cursor=cursor)) == [7]
    for other in ([0.5, 1.5], [1.0, 0.5], None):
        with pytest.raises(InvalidInput, match="another question"):
            given_before("g", Question(What(vector=other), cursor=cursor))


def test_a_bomb_is_no_cursor() -> None:
    bomb = next_cursor("g", Question(), list(range(1, 400_000, 3)))
    with pytest.raises(InvalidInput, match="cursor is invalid"):
        given_before("g", Question(cursor=bomb))


def test_what_a_question_says_itself_counts_before_its_recipe() -> None:
    asked = Question(What(text="x"), When(half_life_days=3), recipe="recent", weights={"words": 2})
    assert with_recipe(asked).when.half_life_days == 3
    assert with_recipe(Question(recipe="multi_hop")).graph == Links(expand=True)
    assert with_recipe(Question(recipe="exact_words", weights={"meaning": 0.9})).weights == {"meaning": 0.9}


def test_the_graphs_recipe_holds_where_the_question_names_none() -> None:
    assert with_recipe(Question(), "recent").when.half_life_days == 30
    assert with_recipe(Question(recipe="balanced"), "recent").when.half_life_days is None
    assert with_recipe(Question()) == Question()


def test_an_unknown_recipe_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match="multi_hop"):
        with_recipe(Question(recipe="soup"))
    assert all(recipe.purpose for recipe in RECIPES.values())


@given(st.none() | st.floats(0, 1), st.none() | st.floats(0, 1), st.integers(0, 3))
def test_confidence_lies_between_none_and_all(trust: float | None, extraction: float | None, found: int) -> None:
    retrievers = {name: RetrieverShare(1, 1.0, 0.5) for name in ("meaning", "words", "where")[:found]}
    value = confidence(trust, extraction, retrievers, ["meaning", "words", "where"])
    assert 0 <= value <= 1
    if found < 3:
        more = {**retrievers, "more": RetrieverShare(1, 1.0, 0.1)}
        assert confidence(trust, extraction, more, ["meaning", "words", "where"]) >= value


def test_confidence_is_trust_for_what_every_retriever_speaks_for() -> None:
    both = {"meaning": RetrieverShare(1, 1.0, 0.5), "words": RetrieverShare(1, 1.0, 0.5)}
    assert confidence(0.9, None, both, ["meaning", "words"]) == 0.9
    assert confidence(None, None, both, ["meaning", "words"]) == 0.5
    assert confidence(0.8, 0.5, {"words": RetrieverShare(1, 1.0, 1.0)}, ["meaning", "words"]) == pytest.approx(0.3)
