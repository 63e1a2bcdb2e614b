"""README.md and docs/*.md: what they show is run as it stands, in the order of the page, twice, against one server.

The requests of docs/rest.md are sent by test_rest_documentation.py, which knows the ids that they need.
"""

import json
import os
import re
import shlex
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests import postgres
from tests.forks import forks
from tests.page_files import FILES, PREPARATIONS, ROWS
from tests.pages import PAGES, REASONS, ROOT, Block, blocks

# Pages that the core runs: where a reader begins, and those that take little. The others are `slow`.
CORE = {"README.md", "bolt.md", "python.md", "recall.md", "recall-when.md", "recall-why.md"}
RUN = [
    pytest.param(name, marks=() if name in CORE else pytest.mark.slow)
    for name in PAGES
    if name != "rest.md" and any(not block.reason for block in blocks(PAGES[name]))
]
PROGRAM = re.compile(r"asyncio\.run\(|kgmem\.open\(|GraphDatabase\.driver\(")
GRAPHS = {"cypher.md": "apollo", "formats-rdf.md": "team"}  # What queries and questions are asked of; else `main`.


# The Postgres of the tests writes without fsync, which doctor calls a problem (exit code 1).
DOCTOR = 'kgmem() { command kgmem "$@" || { code=$?; [ "$1 $code" = \'doctor 1\' ] || return $code; }; }'


UNKNOWN = f"A block of no known kind: mark it with <!-- not run: REASON -->, one of {', '.join(REASONS)}."

# How many blocks are not run, by reason, so that nobody silences one without a word.
NOT_RUN = {
    "needs a Neo4j server": 6,
    "needs a model server": 4,
    "needs Node.js": 1,
    "needs to be root": 1,
    "recreates the project": 2,
    "takes minutes": 1,
    "needs a collector": 1,
    "needs a restored dump": 1,
    "does not end": 8,
    "needs a server of its own": 9,
    "needs several servers": 4,
    "needs Prometheus and Grafana": 1,
    "an illustration": 30,
}


@dataclass(frozen=True)
class Player:
    """Runs blocks with a server, its key, and an environment in which commands reach the server's database."""

    address: str
    bolt: str
    key: str
    environment: dict[str, str]
    commands: Path

    def substituted(self, text: str) -> str:
        """Return a text with all that is put in place of what a page says: where the server is, and the key."""
        told = {"http://127.0.0.1:8420": self.address, "bolt://127.0.0.1:7687": self.bolt}
        for name, value in (told | {"kgm_...": self.key, "YOUR_KEY": self.key}).items():
            text = text.replace(name, value)
        return text

    def shell(self, text: str, folder: Path, **more: str) -> str:
        """Run a script as bash does, to its first error; give what it printed on standard output."""
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", f"{DOCTOR}\n{text}"],
            cwd=folder,
            env={**self.environment, "HOME": str(folder), "PWD": str(folder), **more},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
async def database(postgres_url: str, template_database: str) -> AsyncIterator[str]:
    """A database for all pages."""
    async with postgres.cloned_database(postgres_url, template_database) as url:
        yield url


def _free_port() -> int:
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def player(request: pytest.FixtureRequest, database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Player]:
    """A server over a database with the sample graph and the graph `main`."""
    home = tmp_path_factory.mktemp("pages")
    bolt = _free_port()
    whole = any(item.path == request.path and item.get_closest_marker("slow") for item in request.session.items)
    with postgres.short_folder() as folder, forks(folder, extraction=True) as commands:
        settings = {
            "KGMEM_DATABASE_URL": database,
            "KGMEM_HOME": str(home),
            "KGMEM_EMBEDDER": "hash",
            "KGMEM_EMBEDDER_DIMENSION": "384" if whole else "64",  # Small vectors are indexed in a fourth of the time.
            "KGMEM_EXTRACTOR_PROCESSES": "0",
            "KGMEM_BOLT_PORT": str(bolt),
            "COLUMNS": "250",
            "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        }
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KGMEM_")} | settings
        made = Player("", "", "", environment, commands)
        made.shell("kgmem quickstart && kgmem graph create main --if-missing", home)
        key = made.shell("kgmem key create pages --role admin --json", home)
        with (home / "log").open("w+") as log:
            command = [commands / "kgmem", "serve", "--port", "0", "--no-worker"]
            server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=home)
            address = _address(server, home / "log")
            try:
                yield Player(address, f"bolt://127.0.0.1:{bolt}", json.loads(key)["key"], environment, commands)
            finally:
                server.terminate()
                server.wait()


def _address(server: "subprocess.Popen[bytes]", log: Path) -> str:
    """Wait until a server says where it is."""
    for _ in range(600):
        if found := re.search(r"serves at (http://\S+)", log.read_text()):
            return found[1]
        if server.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(log.read_text())


@pytest.mark.long
@pytest.mark.parametrize("name", RUN)
def test_a_page_runs_as_it_stands_twice(name: str, player: Player, tmp_path: Path) -> None:
    for file, content in (_mapping(name) | FILES.get(name, {})).items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(content)
    if name in PREPARATIONS:
        player.shell(PREPARATIONS[name], tmp_path)
    for _ in range(2):
        _play(name, player, tmp_path)


def _mapping(name: str) -> dict[str, str]:
    """The mapping file that commands of a page name before it is shown."""
    shown = [block.text for block in blocks(PAGES[name]) if block.text.startswith("[[table]]")]
    return {"shop.toml": shown[0]} if shown else {}


def _play(name: str, player: Player, folder: Path) -> None:
    pending: list[Block] = []
    for block in [block for block in blocks(PAGES[name]) if not block.reason]:
        if block.language == "python" and not PROGRAM.search(block.text):
            pending.append(block)
            continue
        _play_python(name, pending, player, folder)
        pending = []
        where = f"{name}, line {block.line}"
        try:
            _play_block(name, block, player, folder)
        except AssertionError as error:
            raise AssertionError(f"{where}:\n{error}") from error
    _play_python(name, pending, player, folder)


def _play_python(name: str, several: list[Block], player: Player, folder: Path) -> None:
    """Run blocks, one after another, inside of an open memory."""
    if several:
        file = folder / f"{name}-{several[0].line}.json"
        file.write_text(json.dumps([[f"{name}:{block.line}", player.substituted(block.text)] for block in several]))
        player.shell(shlex.join(["python", str(ROOT / "tests" / "page_python.py"), str(file)]), folder)


def _play_block(name: str, block: Block, player: Player, folder: Path) -> None:
    text = player.substituted(block.text)
    graph = GRAPHS.get(name, "main")
    if block.language == "sh":
        player.shell(_with_id(text, player, folder), folder)
    elif block.language == "console":
        for command, printed in re.findall(r"^\$ (.*?)\n(.*?)(?=^\$ |\Z)", text, re.MULTILINE | re.DOTALL):
            assert _normal(player.shell(f"{command} 2>&1 || true", folder)) == _normal(printed)
    elif block.language == "python":
        file = folder / f"line{block.line}.py"
        called = re.findall(r"^async def (\w+)\(\)", text, re.MULTILINE)
        if called and "asyncio.run(" not in text:
            text += "\n\nimport asyncio\n" + "".join(f"asyncio.run({each}())\n" for each in called)
        file.write_text(text)
        player.shell(shlex.join(["python", str(file), "hash", "3"]), folder)
    elif block.language == "cypher":
        for query in re.split(r";\s*\n", text.strip().rstrip(";")):
            (folder / "query.cypher").write_text(query)
            player.shell(f"kgmem cypher --write --graph {graph} -f query.cypher -p rows='{ROWS}'", folder)
    elif block.language == "json":
        _play_json(text, player, folder)
    elif block.language == "toml":
        _play_toml(text, player, folder)
    else:
        raise AssertionError(f"{UNKNOWN}\n{text}")


def _with_id(text: str, player: Player, folder: Path) -> str:
    """Put the number of the newest import for `ID`."""
    if not re.search(r" ID\b", text):
        return text
    known = json.loads(player.shell("kgmem imports list --graph team --json", folder))
    return re.sub(r" ID\b", f" {next((each['id'] for each in known if each['created']), 'ID')}", text)


def _normal(text: str) -> str:
    """Return an output without what differs from run to run: numbers of facts."""
    return re.sub(r"fact \d+", "fact N", text).strip()


def _play_json(text: str, player: Player, folder: Path) -> None:
    """Ask questions of the sample graph; import records."""
    records = [told for told in _values(text) if "type" in told]
    if records:
        (folder / "records.jsonl").write_text("".join(json.dumps(told) + "\n" for told in records))
        player.shell("kgmem import records.jsonl --graph main --on-error stop", folder)
    for told in [told for told in _values(text) if "type" not in told]:
        headers = {"Authorization": f"Bearer {player.key}"}
        answer = httpx.post(f"{player.address}/v1/graphs/apollo/recall", json=told, headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.json()["hits"], f"{told} finds nothing."


def _values(text: str) -> Iterator[dict[str, object]]:
    """Return JSON objects that stand one after another."""
    while text := text.strip():
        told, end = json.JSONDecoder().raw_decode(text)
        yield told
        text = text[end:]


def _play_toml(text: str, player: Player, folder: Path) -> None:
    """Check a schema by extending a graph with it; a mapping becomes the file that the commands of its page name."""
    if re.search(r"^\[(labels|kinds|predicates|indexes)\.", text, re.MULTILINE):
        (folder / "schema.toml").write_text(text)
        player.shell("kgmem graph schema main --extend schema.toml", folder)
    else:
        (folder / "mapping.toml").write_text(text)
        (folder / "one.ttl").write_text("<http://example.org/a> <http://example.org/b> 1 .\n")
        file = "one.ttl" if "[rdf." in text else "persons-part1.csv" if "persons-part" in text else "orders.csv"
        player.shell(f"kgmem import {file} --mapping mapping.toml --graph main --dry-run", folder)


def test_every_reason_for_which_a_block_is_not_run_is_known_and_used() -> None:
    counted = dict.fromkeys(REASONS, 0)
    for name, page in PAGES.items():
        for block in blocks(page):
            assert block.reason or block.language != "text", f"{name}, line {block.line}: {UNKNOWN}"
            if block.reason is not None:
                assert block.reason in REASONS, f"{name}, line {block.line}: {block.reason}"
                counted[block.reason] += 1
    assert counted == NOT_RUN
