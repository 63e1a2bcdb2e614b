"""The comparison of the locks with advisories."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.audit_lock import LOCKS, ROOT, findings, locked, main


def _advisory(name: str = "Some.Package", ecosystem: str = "PyPI", **affected: Any) -> dict[str, Any]:
    return {
        "id": "PYSEC-1",
        "summary": "Bad.",
        "affected": [{"package": {"ecosystem": ecosystem, "name": name}, **affected}],
    }


def _range(*events: dict[str, str]) -> dict[str, Any]:
    return {"ranges": [{"type": "ECOSYSTEM", "events": list(events)}]}


@pytest.mark.parametrize(
    ("affected", "version", "hit"),
    [
        (_range({"introduced": "0"}), "1.0", True),
        (_range({"introduced": "0"}, {"fixed": "1.10"}), "1.9", True),
        (_range({"introduced": "0"}, {"fixed": "1.10"}), "1.10", False),
        (_range({"introduced": "0"}, {"last_affected": "1.9"}), "1.9", True),
        (_range({"introduced": "0"}, {"last_affected": "1.9"}), "1.10", False),
        (_range({"introduced": "2"}, {"fixed": "3"}), "1.0", False),
        (_range({"introduced": "0"}, {"fixed": "1"}, {"introduced": "2"}, {"fixed": "3"}), "1.5", False),
        (_range({"fixed": "3"}, {"introduced": "2"}, {"fixed": "1"}, {"introduced": "0"}), "2.5", True),
        (_range({"introduced": "0"}, {"fixed": "2.0"}), "2.0rc1", True),
        ({"versions": ["1.0"]}, "1.0", True),
        ({"versions": ["1.0"]}, "1.0.1", False),
        ({"ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]}, "1.0", False),
        ({}, "1.0", False),
    ],
)
def test_a_version_is_affected_as_the_ranges_say(affected: dict[str, Any], version: str, hit: bool) -> None:
    assert bool(findings({"some-package": {version}}, iter([_advisory(**affected)]))) == hit


def test_other_ecosystems_other_packages_and_withdrawn_advisories_count_for_nothing() -> None:
    everything = _range({"introduced": "0"})
    others = [
        _advisory(ecosystem="npm", **everything),
        _advisory("another", **everything),
        {**_advisory(**everything), "withdrawn": "2026-01-01T00:00:00Z"},
        {"id": "PYSEC-2"},
    ]
    assert findings({"some-package": {"1.0"}}, iter(others)) == []


def test_the_command_names_what_is_affected_and_says_so_by_its_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    versions = locked([(ROOT / name).read_text() for name in LOCKS])
    assert len(versions) > 50
    (version,) = versions["orjson"]
    bad = _advisory("orjson", **_range({"introduced": "0"}, {"fixed": "999"}))
    (tmp_path / "one.json").write_text(json.dumps(bad))
    assert main([str(tmp_path)]) == 1
    assert f"orjson {version}: PYSEC-1. Bad. Fixed in 999." in capsys.readouterr().out
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("PYSEC-1.json", json.dumps(_advisory("orjson", **_range({"introduced": "999"}))))
    assert main([str(tmp_path / "all.zip")]) == 0
    assert main([]) == main([str(tmp_path / "nothing")]) == 2
