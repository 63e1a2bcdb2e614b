"""Log events are keys with fields, and docs/operations.md lists each of them."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.house.sources import nodes

ROOT = Path(__file__).parents[2]
_LEVELS = {"debug", "info", "warning", "error", "critical", "exception", "log", "crash"}
_KEY = re.compile(r"[a-z]+(_[a-z]+)+")
# The event log itself, and a library that has to be kept silent.
_OF_LOGGING = {"kgmem/log.py", "kgmem/bridges/neo4j/connection.py", "api/kgmem_api/server.py"}


@cache
def _modules() -> list[tuple[str, tuple[ast.AST, ...]]]:
    paths = [path for folder in ("kgmem", "api") for path in sorted((ROOT / folder).rglob("*.py"))]
    logging = [path for path in paths if re.search(r"\blog(ger|ging)?\b", path.read_text(encoding="utf-8"))]
    return [(str(path.relative_to(ROOT)), nodes(path)) for path in logging]


def _calls() -> Iterator[tuple[str, ast.Call]]:
    for name, module in _modules():
        for node in module:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _LEVELS:
                receiver = node.func.value
                if isinstance(receiver, ast.Name) and receiver.id in {"log", "logger", "logging"}:
                    yield f"{name}:{node.lineno}", node


def _event(call: ast.Call) -> str | None:
    event = call.args[0] if call.args else None
    return event.value if isinstance(event, ast.Constant) and isinstance(event.value, str) else None


def test_an_event_is_a_key_and_its_values_are_fields() -> None:
    wrong = []
    for place, call in _calls():
        event = _event(call)
        least = 2 if isinstance(call.func, ast.Attribute) and call.func.attr == "crash" else 1
        if event is None or not _KEY.fullmatch(event) or len(call.args) != least:
            wrong.append(place)
    assert not wrong, 'Log log.warning("import_deferred", import_id=7), not a sentence.'


def test_modules_log_by_the_event_log() -> None:
    wrong = [
        name
        for name, module in _modules()
        if name not in _OF_LOGGING
        and any(isinstance(node, ast.Import) and "logging" in [each.name for each in node.names] for node in module)
    ]
    assert not wrong, "Use kgmem.log.EventLog."


def test_the_documentation_lists_each_event() -> None:
    logged = {event for _, call in _calls() if (event := _event(call))}
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    section = text.partition("\n## Logs\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == logged
