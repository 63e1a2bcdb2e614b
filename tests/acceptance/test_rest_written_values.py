"""Over REST: values that say the same in another form are one value, by default and without a schema."""

import pytest

from tests.rest import GRAPH, Door, done

SAME = [
    ("1.8 km", "1800 m"),
    ("1,200", 1200),
    ("1 August 1291", "1291-08-01"),
    ("PEREZ, José", "José Perez"),
    ("2.5 kg", "2500 g"),
    ("12,345,678", "12345678"),
    ("August 1, 1291", "1 Aug 1291"),
]
DIFFERENT = [
    ("1.8 km", "1800 km"),
    ("1,2", 12),
    ("007", 7),
    ("1.10", "1.1"),
    ("03/04/2020", "2020-04-03"),
    ("August 1291", "1 August 1291"),
    ("PEREZ, José", "Juan Perez"),
]


async def options(door: Door, first: object, second: object) -> list[float]:
    """Let two sources claim a value each; returns how many independent sources each option of the fact has."""
    claims = [
        {"source": source, "subject": "thing", "predicate": "said", "value": value}
        for source, value in (("a", first), ("b", second))
    ]
    (id_,) = set(done(await door.client.post(f"{GRAPH}/claims", json={"claims": claims}))["facts"])
    fact = done(await door.client.get(f"{GRAPH}/facts/{id_}"))
    return [fact["supporting"], fact["opposing"], len(fact["options"])]


@pytest.mark.parametrize(("first", "second"), SAME)
async def test_what_says_the_same_is_one_option_of_two_sources(door: Door, first: object, second: object) -> None:
    assert await options(door, first, second) == [2, 0, 1]


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
async def test_what_may_differ_stays_two_options(door: Door, first: object, second: object) -> None:
    assert (await options(door, first, second))[2] == 2
