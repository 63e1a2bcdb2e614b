"""The openCypher TCK on the engine: a fixed tenth of it with every run of the tests; `make tck` plays all."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests import tck
from tests.tck_play import ERROR, PASS, WRONG, Player, player


@pytest.fixture
async def playing(database_url: str) -> AsyncIterator[Player]:
    async with player(database_url) as found:
        yield found


@pytest.mark.slow
async def test_a_fixed_tenth_of_the_tck_passes(playing: Player) -> None:
    chosen = tck.scenarios()[::10]
    verdicts = [await playing.play(scenario) for scenario in chosen]
    lost = [f"{each.outcome}: {each.scenario}\n{each.reason}" for each in verdicts if each.outcome != PASS]
    assert lost == []
    assert len(verdicts) == 390


async def test_a_scenario_with_another_expectation_does_not_pass(playing: Player) -> None:
    scenario = next(each for each in tck.scenarios() if each.category == "clauses/create" and each.runs[0].side_effects)
    run = scenario.runs[0]
    assert (await playing.play(scenario)).outcome == PASS
    more = replace(run, side_effects={**(run.side_effects or {}), "+nodes": 99})
    assert (await playing.play(replace(scenario, runs=(more,)))).outcome == WRONG
    rows = replace(run, expected=tck.Rows(("x",), ((1,),)))
    assert (await playing.play(replace(scenario, runs=(rows,)))).outcome == WRONG
    failing = replace(run, expected=tck.Failure("TypeError", "runtime", "*"))
    assert (await playing.play(replace(scenario, runs=(failing,)))).outcome == WRONG
    other = replace(run, query="RETURN 1 + x", expected=tck.Failure("TypeError", "runtime", "*"))
    assert (await playing.play(replace(scenario, runs=(other,)))).outcome == ERROR
