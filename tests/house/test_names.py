"""What documents, messages and comments name is there: commands, options, settings, extras, files, pages, routes."""

import ast
import importlib.util
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi.routing import APIRoute

import kgmem
from kgmem.bootstrap import handlers
from kgmem.cli.main import COMMANDS, load
from kgmem.memory import Memory
from kgmem.settings import Settings
from tests.house.sources import tree
from tests.rest_app import bare_app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "sample" / "apollo" / "README.md"]
PAGES += sorted((ROOT / "docs").glob("*.md"))
CODE = sorted([*(ROOT / "kgmem").rglob("*.py"), *(ROOT / "api").rglob("*.py"), *(ROOT / "migrations").rglob("*.py")])
OTHERS = [ROOT / "Makefile", ROOT / "Dockerfile", ROOT / "docker-compose.yml", ROOT / "api" / "examples.http"]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
ROUTES = {
    (method, re.sub(r"\{[^}]*\}", "*", route.path_format))
    for route in bare_app().routes
    if isinstance(route, APIRoute)
    for method in route.methods or ()
}

# Variables that are no settings of kgmem's: those of its tests and benchmarks, and those that docker-compose.yml reads.
OTHER_VARIABLES = {
    *(f"KGMEM_TEST_{name}" for name in ("BOLT_URL", "CLIENTS", "DATABASE_URL", "FAKES", "PEERS", "UNTIL", "WHOLE")),
    "KGMEM_DATA",
    *re.findall(r"\$\{(KGMEM_\w+)", (ROOT / "docker-compose.yml").read_text()),
}
# The folders of the project that pages name files of.
FOLDERS = r"(?:kgmem|api|bench|cypher|docker|docs|graph_schema|migrations|sample|tests)/"


def texts(path: Path) -> str:
    """All that a file says: a page as it is, of code the constants, with `X` for what is computed."""
    if path.suffix != ".py":
        return path.read_text()
    return "\n".join(_constants(tree(path)))


def _constants(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    for each in ast.iter_child_nodes(node):
        yield from _constants(each)


@cache
def all_texts() -> dict[str, str]:
    """All files by name, with what they say."""
    return {str(path.relative_to(ROOT)): texts(path) for path in [*PAGES, *CODE, *OTHERS]}


@cache
def prose() -> dict[str, str]:
    """The pages by name."""
    return {name: text for name, text in all_texts().items() if name.endswith(".md")}


def named(pattern: str, within: dict[str, str] | None = None) -> Iterator[tuple[str, str]]:
    """Where a pattern stands, and what its group is."""
    for name, text in (all_texts() if within is None else within).items():
        yield from ((name, found) for found in re.findall(pattern, text, re.MULTILINE))


def commands() -> Iterator[tuple[str, str]]:
    """Each command line that is named: in backticks, on a line of its own, or behind a word that asks for it."""
    yield from named(r"`(?:[A-Z_]+=\S+ )*kgmem ([^`\n]+)`")
    lines = {name: "\n".join(_blocks(text)) for name, text in prose().items()}
    yield from named(r"^(?:\$ )?(?:[A-Z_]+=\S+ )*kgmem (-?[a-z][^#\n]*?)(?: \\)?(?: {2,}.*)?$", lines)
    code = {name: text for name, text in all_texts().items() if name.endswith(".py")}
    words = r"kgmem ((?:[a-z]+ )?[a-z]+(?: --?[a-z-]+)*)"
    yield from named(rf"\b[Rr]un (?!kgmem (?:as|again)\b){words}", code)
    for name, found in named(rf"(?:^(?=.* .* .* )|\b(?:with|by|use|Ask|say|and|or)\s|[:;|] |\(){words}", code):
        if found.split()[0] in COMMANDS:  # Else it is prose: "with kgmem".
            yield name, found


def _blocks(text: str) -> Iterator[str]:
    """The lines of a page's blocks: those between fences, and those that are indented by four."""
    yield from re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    yield from re.findall(r"^ {4}(\S.*)$", text, re.MULTILINE)


@cache
def _command(name: str) -> Any:
    return load(name)


def _unknown_part(line: str) -> str | None:
    """Return what is wrong with a command line: its command, its inner command or an option that is not there."""
    try:
        words = shlex.split(line)
    except ValueError:
        words = line.split()
    if words[0] in {"--help", "--version", "--install-completion", "--show-completion", "COMMAND"}:
        return None
    if words[0] not in COMMANDS:
        return words[0]
    command = _command(words[0])
    inner = getattr(command, "commands", None)
    if inner and not (len(words) > 1 and words[1].startswith("-") and command.params):
        if len(words) > 1 and words[1] not in inner and re.fullmatch("[a-z-]+", words[1]):
            return words[1]
        command = inner.get(words[1]) if len(words) > 1 else None
    options = {spelling for each in getattr(command, "params", ()) for spelling in (*each.opts, *each.secondary_opts)}
    for word in words:
        if command and re.fullmatch(r"--[a-z][a-z-]*", word) and word not in {*options, "--help"}:
            return word
    return None


def test_every_command_and_option_that_is_named_is_there() -> None:
    found = list(commands())
    assert len(found) > 250
    assert not [(name, line) for name, line in found if _unknown_part(line)]


def test_every_setting_that_is_named_is_there() -> None:
    known = {f"KGMEM_{name.upper()}" for name in Settings.model_fields} | OTHER_VARIABLES
    assert not [(name, found) for name, found in named(r"\b(KGMEM_[A-Z0-9_]+)\b") if found not in known]


def test_every_extra_that_is_to_be_installed_is_there() -> None:
    found = [(name, extra) for name, extras in named(r"kgmem\[([\w,-]+)\]") for extra in extras.split(",")]
    assert found
    assert not [(name, extra) for name, extra in found if extra not in EXTRAS]


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in _anchors(target), link


def test_every_page_that_is_named_is_there() -> None:
    found = list(named(r"\b(docs/[\w-]+\.md(?:#[\w-]+)?)"))
    for name, link in found:
        path, _, anchor = link.partition("#")
        assert (ROOT / path).exists(), (name, link)
        assert not anchor or anchor in _anchors(ROOT / path), (name, link)


def test_every_file_that_a_page_names_is_there() -> None:
    everything = {
        path.name
        for folder in ("kgmem", "api", "bench", "migrations", "tests", "graph_schema")
        for path in (ROOT / folder).rglob("*.*")
    }
    for name, file in named(rf"`(?:\.\./)?({FOLDERS}[^`\s]*)`", prose()):
        pattern = re.sub(r"<\w+>", "*", file).rstrip("/")
        assert any(ROOT.glob(pattern)), (name, file)
    for name, file in named(r"`(\w+\.py)`", {"ARCHITECTURE.md": prose()["ARCHITECTURE.md"]}):
        assert file in everything, (name, file)


def test_every_target_of_make_and_every_module_that_is_to_be_run_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for pattern in (r"`make ([a-z-]+)", r"^    make ([a-z-]+)"):
        for name, target in named(pattern, prose()):
            assert target in targets, (name, target)
    for name, module in named(r"python -m ([\w.]+)"):
        assert module == "pip" or importlib.util.find_spec(module), (name, module)
    scripts = {path.stem for path in (ROOT / "bench").glob("*.py")}
    for name, script in named(r"python -m bench (\w+)"):
        assert script in scripts, (name, script)


def test_every_method_and_export_that_a_page_names_is_there() -> None:
    memory = Memory(cast(Any, None))
    pages = {name: text for name, text in prose().items() if name != "CHANGELOG.md"}
    for pattern in (r"`(?:await )?memory\.(?!py)(\w+(?:\.\w+)?)", r"await memory\.(\w+(?:\.\w+)?)"):
        for name, method in named(pattern, prose()):
            assert attrgetter(method)(memory) is not None, (name, method)  # AttributeError where there is none.
    assert not [name for name, text in pages.items() if "`Memory." in text]
    for name, export in named(r"`kgmem\.([A-Za-z_]+)\(", {n: t for n, t in prose().items() if n != "docs/cypher.md"}):
        assert export in {*kgmem.__all__, "pagerank"}, (name, export)


def test_the_page_of_python_lists_every_method_of_every_noun() -> None:
    memory = Memory(cast(Any, None))
    rows = re.findall(r"^\| `memory\.(\w+)` \| (.+?) \|$", prose()["docs/python.md"], re.MULTILINE)
    listed = {noun: set(re.findall(r"`(\w+)`", methods)) for noun, methods in rows}
    nouns = {noun: service for noun, service in vars(memory).items() if noun not in {"ports", "tasks"}}
    assert listed == {
        noun: {name for name in vars(type(service)) if not name.startswith("_")} for noun, service in nouns.items()
    }


def test_every_task_that_services_ask_for_is_one_that_workers_do() -> None:
    known = handlers(Memory(cast(Any, None)))
    texts = [(path, path.read_text()) for path in (ROOT / "kgmem" / "services").rglob("*.py")]
    pattern = re.compile(r"\.defer\(\s*\"(\w+)\"|defer_where\(\s*\w+, \"(\w+)\"")
    asked = [(path.name, match[1] or match[2]) for path, text in texts for match in pattern.finditer(text)]
    assert len(asked) > 20
    assert [(name, task) for name, task in asked if task not in known] == []


def test_every_route_that_is_named_is_there() -> None:
    found = [*named(r"\b((?:GET|PUT|POST|PATCH|DELETE) (?:/(?!api/)|\.\.\./)[^\s`,;)\]]*)")]
    assert len(found) > 100
    wrong = []
    for name, route in found:
        method, path = route.split()
        path = re.sub(r"\{[^}]*\}|KEY\b|ID\b", "*", path.partition("?")[0]).rstrip(".:")
        if path.startswith("..."):
            known = any(way == method and full.endswith(path[3:]) for way, full in ROUTES)
        else:
            known = any(way == method and _same(path, full) for way, full in ROUTES)
        if not known:
            wrong.append((name, route))
    assert not wrong


def _same(path: str, route: str) -> bool:
    """Whether a path with its values is one of a route."""
    return bool(re.fullmatch(re.escape(route).replace(r"\*", "[^/]+"), path))
