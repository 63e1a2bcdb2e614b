"""ARCHITECTURE.md names what is there, and folders stay small enough to be read by their names."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
MOST_FILES = 26  # Of one folder, its __init__.py among them.
ANSWERS = 30


def answers() -> list[str]:
    """Return the paths that answer the questions of "Where is ...?"."""
    part = (ROOT / "ARCHITECTURE.md").read_text().split("## Where is ...?")[1].split("\n## ")[0]
    return re.findall(r"\| `([^`]+)` \|$", part, re.MULTILINE)


def test_where_things_are_is_answered_by_paths_that_exist() -> None:
    found = answers()
    assert len(found) >= ANSWERS
    assert [path for path in found if not (ROOT / path).exists()] == []


def test_modules_that_the_architecture_names_exist() -> None:
    named = re.findall(
        r"`((?:kgmem|store|domain|services|query|formats|tests|bench)/[\w/]+\.py)`",
        (ROOT / "ARCHITECTURE.md").read_text(),
    )
    assert named
    missing = [path for path in named if not (ROOT / path).exists() and not (ROOT / "kgmem" / path).exists()]
    assert missing == []


def test_no_folder_of_the_code_has_more_files_than_one_looks_through() -> None:
    folders = [folder for top in ("kgmem", "api/kgmem_api") for folder in (ROOT / top).rglob("*") if folder.is_dir()]
    large = {str(folder.relative_to(ROOT)): len(list(folder.glob("*.py"))) for folder in folders}
    assert {name: count for name, count in large.items() if count > MOST_FILES} == {}
