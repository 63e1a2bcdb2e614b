"""Neo4j's driver for Python, from 4.4 on."""

import pytest

from tests.clients.conftest import Server
from tests.clients.environments import SCRIPTS, python, said

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("version", ["4.4.13", "5.28.2", "6.4.1"])
async def test_a_driver_for_python_reads_and_writes(server: Server, version: str) -> None:
    found = await said([python(f"neo4j=={version}", "setuptools<81"), SCRIPTS / "driver.py"], **server.told)
    assert found["version"] == version
    error = "Neo.ClientError.Statement.ArithmeticError"
    assert found["found"] == [[True, True, error, ["A", "B", True], True, 1]] * 2
    if version != "4.4.13":  # Before 5 there was no asynchronous one.
        assert found["sums"] == [n * (n + 1) // 2 for n in range(20)]
