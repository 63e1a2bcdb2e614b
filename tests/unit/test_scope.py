"""Scopes: their form, what is seen from them, and how far a key reaches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.scope import LONGEST, SHARED, check_scope, reaches, visible_from

SEGMENTS = st.text(st.characters(exclude_characters="/", exclude_categories=["Cc", "Zs", "Zl", "Zp", "Cs"]), min_size=1)
SCOPES = st.lists(SEGMENTS.filter(lambda s: not any(c.isspace() for c in s)), max_size=5).map("/".join)


@given(SCOPES.filter(lambda scope: len(scope) <= LONGEST))
def test_a_path_of_segments_is_a_scope(scope: str) -> None:
    assert check_scope(scope) == scope


@pytest.mark.parametrize(
    "scope",
    [
        "/",
        "a/",
        "/a",
        "a//b",
        "a b",
        " a",
        "a ",
        "a\n",
        "\n",
        "a\tb",
        "a\x00",
        "a\x1fb",
        "a\u00a0b",
        "a" * (LONGEST + 1),
    ],
)
def test_what_is_no_path_is_refused(scope: str) -> None:
    with pytest.raises(InvalidInput):
        check_scope(scope)


@given(SCOPES)
def test_a_scope_sees_what_is_shared_and_its_path_nearest_last(scope: str) -> None:
    seen = visible_from(scope)
    assert seen[0] == SHARED
    assert seen[-1] == scope
    assert len(set(seen)) == len(seen)
    assert list(seen) == sorted(seen, key=len)
    for inner, outer in zip(seen[1:], seen, strict=False):
        assert reaches(outer, inner)


@given(SCOPES, SCOPES)
def test_a_key_reaches_a_scope_exactly_when_the_scope_sees_the_keys(bound: str, scope: str) -> None:
    assert reaches(bound, scope) == (bound in visible_from(scope))


def test_a_scope_does_not_see_one_whose_name_begins_alike() -> None:
    assert visible_from("user/42") == ("", "user", "user/42")
    assert "user/4" not in visible_from("user/42")
    assert not reaches("user/4", "user/42")
    assert reaches("user/4", "user/4/agent")
