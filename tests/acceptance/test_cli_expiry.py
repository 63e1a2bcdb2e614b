"""`kgmem remember` with a time at which texts expire."""

import json
from pathlib import Path

import pytest

from tests.cli import Command


def _lasting(kgmem: Command) -> dict[str, str]:
    """Return until when each text of the graph lasts."""
    lines = kgmem("export", "--graph", "main", "--format", "jsonl").out.splitlines()
    records = [json.loads(line) for line in lines if line]
    return {each["key"]: each.get("expires_at", "") for each in records if each.get("type") == "episode"}


@pytest.mark.long
def test_texts_files_and_lines_expire(kgmem: Command, tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("# Trip\n\nThe train leaves at nine.\n")
    lines = [{"text": "Ann sails.", "key": "own", "expires_at": "2998-01-01"}, {"text": "Bo sails.", "key": "usual"}]
    lines.append({"text": "Cy sails.", "key": "copy", "derived_from": ["source:diary"]})
    (tmp_path / "some.jsonl").write_text("\n".join(map(json.dumps, lines)))
    until = ("--expires-at", "2999-01-01", "--no-extract")
    assert kgmem("remember", "Di sails.", "--key", "text", *until).code == 0
    assert kgmem("remember", "Ed sails.", "--key", "an-hour", "--ttl", "3600", "--no-extract").code == 0
    assert kgmem("remember", tmp_path / "page.md", *until).code == 0
    assert kgmem("remember", tmp_path / "some.jsonl", *until).code == 0
    lasting = _lasting(kgmem)
    assert {key: at[:4] for key, at in lasting.items() if not key.startswith("page.md")} == {
        "text": "2999",
        "an-hour": lasting["an-hour"][:4],
        "own": "2998",
        "usual": "2999",
        "copy": "2999",
    }
    assert {at[:4] for key, at in lasting.items() if key.startswith("page.md")} == {"2999"}
    assert "" < lasting["an-hour"] < "2900"


def test_a_time_that_is_no_time_or_over_is_refused(kgmem: Command) -> None:
    for options in (
        ("--ttl", "soon"),
        ("--ttl", "-5s"),
        ("--expires-at", "2001"),
        ("--ttl", "1d", "--expires-at", "2999"),
    ):
        refused = kgmem("remember", "Ann sails.", *options)
        assert refused.code != 0
        assert "ttl" in refused.err or "expires_at" in refused.err
    assert kgmem("export", "--graph", "main").code != 0  # Nothing was made.
