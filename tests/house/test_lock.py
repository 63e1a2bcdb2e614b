"""The lock and the Makefile: what a fresh clone is set up by."""

import re
import subprocess
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_lock_holds_every_dependency_in_a_version_that_fits() -> None:
    locked = dict(re.findall(r"^([a-z0-9-]+)==([^ \\]+)", LOCK, re.MULTILINE))
    for text in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]]:
        wanted = Requirement(text)
        assert wanted.specifier.contains(locked[wanted.name.lower()]), text


def test_every_locked_package_has_hashes_and_none_has_an_address() -> None:
    for package in re.split(r"\n(?=[a-z])", LOCK):
        assert "--hash=sha256:" in package, package[:80]
    assert "://" not in LOCK


def test_make_alone_lists_every_target() -> None:
    told = subprocess.run(["make", "-C", str(ROOT), "--no-print-directory"], capture_output=True, text=True, check=True)
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert targets
    assert set(re.findall(r"^  make (\w+) +\S", told.stdout, re.MULTILINE)) == set(targets[1].split())
