"""The REST server keeps to its OpenAPI document: schemathesis sends what the document allows, and what it does not."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kgmem.extraction.offline import OfflineExtractor
from kgmem.memory import Memory
from tests.clients.environments import python
from tests.memories import opened_memory

pytestmark = pytest.mark.slow

_SCHEMATHESIS = "schemathesis==4.32.5"
# Event streams have no end.
_ENDLESS = "/changes/stream|/events"
# That a key expires in the future, that two filters exclude each other, or that what is named exists, is in no schema.
_NOT_IN_SCHEMAS = "positive_data_acceptance"
# A list that is longer than a request may hold is refused as too large; schemathesis does not expect 413 by itself.
_CONFIGURATION = """
[checks]
negative_data_rejection.expected-statuses = [
    "400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "428", "429",
]
"""


@pytest.fixture
async def memory(database_url: str) -> AsyncIterator[Memory]:
    """A memory that extracts, so that no operation is refused for want of an extractor."""
    async with opened_memory(database_url, extractor=OfflineExtractor()) as opened:
        yield opened


async def test_no_answer_is_other_than_the_document_says(memory: Memory, address: str, tmp_path: Path) -> None:
    _, key = await memory.keys.create("contract", "admin")
    report = tmp_path / "report.json"
    st = python(_SCHEMATHESIS).with_name("st")
    command = [
        str(st), "run", f"{address}/openapi.json", "--header", f"Authorization: Bearer {key}",
        "--phases", "coverage", "--generation-deterministic", "--no-shrink", "--continue-on-failure",
        "--warnings", "off", "--exclude-checks", _NOT_IN_SCHEMAS, "--exclude-path-regex", _ENDLESS,
        "--report-json-path", str(report),
    ]  # fmt: skip
    (tmp_path / "schemathesis.toml").write_text(_CONFIGURATION)
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=tmp_path
    )
    written, _ = await process.communicate()
    shown = written.decode(errors="replace")
    summary = shown[shown.rfind("SUMMARY") :]
    assert process.returncode == 0, "\n".join(line[:300] for line in shown.splitlines()[-300:])
    assert "Tested: " in summary
    assert json.loads(report.read_text())
