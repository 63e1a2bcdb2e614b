"""Causal paths by themselves: their words, and questions that make no sense."""

import pytest

from kgmem.domain.errors import InvalidInput
from kgmem.domain.recall.causality import CausalPath, PathEntity, PathLink, check_why
from kgmem.domain.recall.question import Why


def test_a_path_is_named_by_names_and_else_by_keys() -> None:
    path = CausalPath(
        [PathEntity(1, "a", "Event", "Fire"), PathEntity(2, "b", "Event", None), PathEntity(3, "c", "Event", "End")],
        [PathLink(4, "CAUSES", 0.5, None), PathLink(5, "PREVENTS", None, 0.5)],
        strength=0.25,
        prevents=True,
    )
    assert path.key == "a -[CAUSES]-> b -[PREVENTS]-> c"
    assert path.text == "Fire -[CAUSES]-> b -[PREVENTS]-> End"
    assert path.name == "Fire -> End"


@pytest.mark.parametrize(
    "why", [Why(), Why(causes_of=["a"]), Why(effects_of=["a"], depth=20), Why(start="a", end="b", min_strength=1.0)]
)
def test_what_makes_sense_may_be_asked(why: Why) -> None:
    check_why(why)


@pytest.mark.parametrize(
    "why",
    [
        Why(start="a"),
        Why(start="a", end="a"),
        Why(start="a", end="b", effects_of=["c"]),
        Why(any_order=True),
        Why(causes_of=["a"], depth=0),
        Why(causes_of=["a"], min_strength=float("nan")),
        Why(causes_of=["a"], effects_of=["b"] * 100),
    ],
)
def test_what_makes_none_is_refused_with_how_to_mend_it(why: Why) -> None:
    with pytest.raises(InvalidInput) as raised:
        check_why(why)
    assert raised.value.hint
