"""The blocks of README.md and docs/*.md: what they are, and which of them cannot be run here and why."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from markdown_it import MarkdownIt

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = {path.name: path for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]}

# What `<!-- not run: REASON -->` before a block may say.
REASONS: Final = {
    "needs a Neo4j server": "tests/acceptance/test_cli_neo4j.py runs the like",
    "needs a model server": "tests/integration/test_remote_embedders.py runs the like",
    "needs Node.js": "tests/clients/test_javascript.py runs it",
    "needs to be root": "it makes folders outside of the project",
    "recreates the project": "`make` installs packages and runs these tests",
    "needs a collector": "tests/acceptance/test_telemetry.py runs the like",
    "needs a restored dump": "tests/integration/test_restored_dumps.py runs it",
    "takes minutes": "benchmarks",
    "needs a server of its own": "tests/acceptance/test_docs_backup.py and test_docs_security.py run it",
    "needs several servers": "tests/integration/test_failover.py and `python -m bench failover` run the like",
    "needs Prometheus and Grafana": "tests/acceptance/test_monitoring.py checks the files, with promtool where it is",
    "does not end": "it serves until Ctrl-C",
    "an illustration": "a part of a file or of a message, and nothing to run",
}

Language = Literal["sh", "console", "python", "cypher", "json", "toml", "text"]

_SHELL = r"(?:export |source |[A-Z_]+=\S+ |[A-Z_]+=\S+$|kgmem |curl |make |python |git |ollama |neo4j-admin )"
_FIRST: Final[dict[str, Language]] = {
    _SHELL: "sh",
    r"(?:MATCH|CREATE|UNWIND|CALL|USE|RETURN) ": "cypher",
    r"\{": "json",
    r"\[\[?[a-z]": "toml",
    r"(?:answer = await|from |import |GraphDatabase)": "python",
}
_FENCES: Final[dict[str, Language]] = {
    "sh": "sh",
    "console": "console",
    "python": "python",
    "json": "json",
    "toml": "toml",
}


@dataclass(frozen=True, slots=True)
class Block:
    """A block of a page, with the number of its line and the reason for which it is not run."""

    language: Language
    text: str
    line: int
    reason: str | None


def blocks(page: Path) -> list[Block]:
    """Return all blocks of a page, fenced and indented, in their order."""
    found = []
    reason = None
    for token in MarkdownIt().parse(page.read_text()):
        if token.type == "html_block":
            comment = re.fullmatch(r"<!-- not run: (.*) -->", token.content.strip())
            reason = comment[1] if comment else None
        elif token.type in {"fence", "code_block"}:
            line = (token.map or [0])[0] + 1
            found.append(Block(_language(token.info.strip(), token.content), token.content, line, reason))
            reason = None
        elif token.type.endswith("_open"):
            reason = None
    return found


def _language(fence: str, text: str) -> Language:
    if fence:
        return _FENCES.get(fence, "text")
    return next((language for first, language in _FIRST.items() if re.match(first, text)), "text")
