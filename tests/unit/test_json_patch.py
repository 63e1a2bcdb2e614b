import copy
import json
import random
from decimal import Decimal
from typing import Any

import jsonpatch
from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.agents.json_patch import json_patch
from kgmem.services.agents.contents import patch_between, patch_text

_SCALARS = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, -0.0]) | st.text("a/~é", max_size=2)
)
VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=4),
    max_leaves=20,
)


def applied(before: Any, patch: list[dict[str, Any]]) -> Any:
    return jsonpatch.apply_patch(copy.deepcopy(before), copy.deepcopy(patch))


@given(VALUES, VALUES)
def test_a_patch_makes_one_value_of_the_other_exactly(before: Any, after: Any) -> None:
    held = copy.deepcopy(before)
    patch = json_patch(before, after)
    assert json.dumps(applied(before, patch), sort_keys=True) == json.dumps(after, sort_keys=True)
    assert before == held


@given(st.lists(st.integers(0, 9), max_size=30), st.data())
def test_lists_that_were_edited_are_patched(before: list[int], data: st.DataObject) -> None:
    after = list(before)
    for _ in range(data.draw(st.integers(0, 5))):
        at = data.draw(st.integers(0, len(after)))
        if data.draw(st.booleans()):
            after.insert(at, data.draw(st.integers(0, 99)))
        elif at < len(after):
            del after[at]
    assert applied(before, json_patch(before, after)) == after


def test_equal_values_need_nothing_and_types_count() -> None:
    assert json_patch({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}) == []
    assert json_patch({"a": 1, "b": True}, {"a": 1.0, "b": True}) == [{"op": "replace", "path": "/a", "value": 1.0}]
    assert json_patch([True], [1]) == [{"op": "replace", "path": "/0", "value": 1}]


def test_what_is_inserted_between_items_that_stay_is_all_that_is_told() -> None:
    before = [{"id": n, "text": "as it was"} for n in range(2_000)]
    after = copy.deepcopy(before)
    for n in range(2_000, 0, -1):
        after.insert(n, {"id": -n})
    del after[0]
    patch = json_patch(before, after)
    assert len(patch) <= 2_001
    assert applied(before, patch) == after


def test_items_in_another_order_and_many_equal_ones_are_compared_in_steps_that_grow_with_their_number() -> None:
    chance = random.Random(3)
    before = [chance.choice(["a", "b"]) for _ in range(100_000)] + list(range(100_000))
    after = [chance.choice(["a", "b"]) for _ in range(100_000)] + chance.sample(range(100_000), 100_000)
    patch = json_patch(before, after)  # Comparing each with each would take hours.
    assert len(patch) < 400_000


def test_a_value_of_any_depth_is_compared() -> None:
    before: Any = 1
    after: Any = 2
    for _ in range(10_000):
        before, after = [before], {"a": after}
    assert json_patch([before, 1], [before, 2]) == [{"op": "replace", "path": "/1", "value": 2}]
    assert len(json_patch(before, after)) == 1


def test_numbers_that_no_float_and_no_64_bits_hold_are_told_exactly() -> None:
    json_type = "application/json"
    one = b'{"n": 123456789012345678901234567890, "f": 1.0, "g": 1.50}'
    two = b'{"n": 123456789012345678901234567891, "f": 1.00000000000000000000000000000001, "g": 1.5}'
    patch = patch_between((one, json_type), (two, json_type))
    assert {each["path"]: each["value"] for each in json.loads(patch_text(patch), parse_float=Decimal)} == {
        "/n": 123456789012345678901234567891,
        "/f": Decimal("1.00000000000000000000000000000001"),
    }
