"""Compares the locks with a database of advisories, without a network: `make audit ADVISORIES=all.zip`.

The database is a folder or an archive of advisories in the form of OSV (https://ossf.github.io/osv-schema), as OSV
publishes it for PyPI (all.zip). Exits with 1 where a locked version is affected, and with 2 without a database.
"""

import json
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements-test.lock")
_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Finding:
    """A locked package that an advisory is about."""

    package: str
    version: str
    advisory: str
    summary: str
    fixed: Sequence[str]


def locked(texts: Sequence[str]) -> dict[str, set[str]]:
    """Return the versions that locks name, by package."""
    versions: dict[str, set[str]] = {}
    for text in texts:
        for name, version in _LOCKED.findall(text):
            versions.setdefault(canonicalize_name(name), set()).add(version)
    return versions


def advisories(place: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the advisories of a folder or an archive. Raises OSError, ValueError for what is none."""
    if place.is_dir():
        for file in sorted(place.rglob("*.json")):
            yield json.loads(file.read_bytes())
        return
    with zipfile.ZipFile(place) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".json"):
                yield json.loads(archive.read(name))


def findings(versions: Mapping[str, set[str]], known: Iterator[Mapping[str, Any]]) -> list[Finding]:
    """Return the locked versions that advisories name; withdrawn ones count for nothing."""
    found = []
    for advisory in known:
        if advisory.get("withdrawn"):
            continue
        for affected in advisory.get("affected", ()):
            package = affected.get("package", {})
            if package.get("ecosystem", "").partition(":")[0] != "PyPI":
                continue
            name = canonicalize_name(package.get("name", ""))
            for version in sorted(versions.get(name, ())):
                if _affects(affected, version):
                    fixed = [
                        event["fixed"]
                        for each in affected.get("ranges", ())
                        for event in each.get("events", ())
                        if "fixed" in event and each.get("type") != "GIT"
                    ]
                    found.append(Finding(name, version, advisory["id"], advisory.get("summary", ""), fixed))
    return sorted(found, key=lambda each: (each.package, each.version, each.advisory))


def _affects(affected: Mapping[str, Any], version: str) -> bool:
    if version in affected.get("versions", ()):
        return True
    return any(
        _in_range(each.get("events", ()), Version(version))
        for each in affected.get("ranges", ())
        if each.get("type") in {"ECOSYSTEM", "SEMVER"}
    )


def _in_range(events: Sequence[Mapping[str, str]], version: Version) -> bool:
    """Return whether a version is affected by the events of a range, in the order of their versions."""
    inside = False
    for kind, at in sorted(((kind, at) for event in events for kind, at in event.items()), key=_order):
        passed = _version(at) <= version
        if kind == "introduced" and passed:
            inside = True
        elif (kind == "fixed" and passed) or (kind == "last_affected" and _version(at) < version):
            inside = False
    return inside


def _order(event: tuple[str, str]) -> tuple[Version, bool]:
    return _version(event[1]), event[0] == "last_affected"


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        return Version("0")


def main(arguments: Sequence[str]) -> int:
    """Print what is affected; returns the exit code."""
    place = Path(arguments[0]) if arguments and arguments[0] else None
    if place is None or not place.exists():
        print(  # noqa: T201 - a program
            "No database of advisories. Download all.zip of PyPI from OSV (osv.dev), and give it:\n"
            "  make audit ADVISORIES=all.zip",
            file=sys.stderr,
        )
        return 2
    versions = locked([(ROOT / name).read_text() for name in LOCKS])
    found = findings(versions, advisories(place))
    for each in found:
        fixed = f" Fixed in {', '.join(each.fixed)}." if each.fixed else ""
        print(f"{each.package} {each.version}: {each.advisory}. {each.summary}{fixed}")  # noqa: T201 - a program
    print(f"{len(versions)} packages, {len(found)} affected by an advisory.")  # noqa: T201 - a program
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
