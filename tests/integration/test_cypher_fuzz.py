"""Random queries, valid and broken, on a real Postgres: answered, refused or stopped, and nothing else.

`python -m tests.cypher_fuzz` sends many more.
"""

import pytest

from tests.cypher_fuzz import fuzzer


@pytest.mark.slow
async def test_random_queries_are_answered_refused_or_stopped(database_url: str) -> None:
    async with fuzzer(database_url, seed=20260101) as fuzzing:
        for _ in range(400):
            await fuzzing.one()
    assert fuzzing.findings.found == []
    assert fuzzing.findings.outcomes["answered"] > 150
    assert fuzzing.findings.outcomes["refused: SyntaxError"] > 30


async def test_what_age_answers_too_is_answered_alike(database_url: str) -> None:
    async with fuzzer(database_url, seed=7) as fuzzing:
        await fuzzing.compare(60)
    assert fuzzing.findings.found == []
    assert fuzzing.findings.outcomes["as AGE"] == 60
