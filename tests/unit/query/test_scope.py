"""Scopes behave as dictionaries that are copied at every step would."""

from hypothesis import given
from hypothesis import strategies as st

from kgmem.query.analysis.scope import NOTHING, Scope
from kgmem.query.types import INTEGER, STRING

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["bound", "local", "inner"]),
        st.integers(0, 1_000),  # Which of the scopes so far it starts from.
        st.sampled_from("abcdef"),
        st.sampled_from([INTEGER, STRING]),
    ),
    max_size=100,
)


@given(STEPS)
def test_scope_has_what_it_had_whatever_grew_from_it(steps: list[tuple[str, int, str, object]]) -> None:
    scopes: list[Scope] = [Scope()]
    plain: list[dict[str, object]] = [{}]
    for step, start, name, kind in steps:
        at = start % len(scopes)
        if step == "inner":
            scopes.append(scopes[at].inner())
            plain.append(plain[at])
        else:
            scopes.append(getattr(scopes[at], step)(name, kind))
            plain.append({**plain[at], name: kind})
    assert [dict(scope) for scope in scopes] == plain
    assert all(
        scope.get(name) == names.get(name) for scope, names in zip(scopes, plain, strict=True) for name in "abcdef"
    )
    assert all(len(scope) == len(names) for scope, names in zip(scopes, plain, strict=True))


def test_scopes_that_change_types_again_and_again_stay_shallow() -> None:
    scope = Scope()
    for _ in range(1_000):
        scope = scope.bound("x", INTEGER).bound("x", STRING)
    assert dict(scope) == {"x": STRING}
    assert scope._depth <= 64


def test_the_empty_scope_stays_empty() -> None:
    NOTHING.bound("x", INTEGER)
    assert dict(NOTHING) == {}
