"""LDBC's social network: the short and complex reads of its interactive workload, beside the same asked in SQLite."""

import asyncio
import csv
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from kgmem.bootstrap import open_memory
from kgmem.formats.tables.mapping import load_mapping
from kgmem.services.imports.options import ImportOptions
from kgmem.settings import Settings
from tests.data import members

GRAPH = "ldbc"
HERE = Path(__file__).parents[1]
MILLISECONDS = 86_400_000  # Of a day.
NUMBERS = {"id", "a", "b", "birthday", "creationDate", "joinDate", "classYear", "workFrom", "length"}


def queries(file: str, mark: str) -> Mapping[str, str]:
    """Return the queries of a file by name."""
    parts = (HERE / "ldbc" / file).read_text().split(f"{mark} name: ")[1:]
    return {name: text.strip() for name, _, text in (part.partition("\n") for part in parts)}


CYPHER, SQL = queries("interactive.cypher", "//"), queries("interactive.sql", "--")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return members("ldbc_snb_tiny/ldbc_snb_tiny_csv.tar.xz", tmp_path_factory.mktemp("ldbc"))


@pytest.fixture(scope="module")
def tables(files: Path) -> Iterator[sqlite3.Connection]:
    """The files as tables; the two columns that tell of ends are a and b."""
    database = sqlite3.connect(":memory:")
    for file in sorted(files.glob("vanilla/*/*.csv")):
        name = file.stem.removesuffix("_0_0")
        with file.open(newline="") as text:
            columns, *rows = list(csv.reader(text, delimiter="|", quoting=csv.QUOTE_NONE))
        if "_" in name:
            columns[:2] = ["a", "b"]
        typed = (f"{column} {'INTEGER' if column in NUMBERS else 'TEXT'}" for column in columns)
        database.execute(f"CREATE TABLE {name} ({', '.join(typed)})")
        marks = ", ".join("?" * len(columns))
        database.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
        for column in {"id", "a", "b"} & set(columns):
            database.execute(f"CREATE INDEX {name}_{column} ON {name} ({column})")
    database.executescript(SQL["derived"])
    yield database
    database.close()


@pytest.fixture(scope="module")
def loaded(files: Path, shared_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a memory that holds the network."""
    home = tmp_path_factory.mktemp("home")
    settings = Settings(database_url=shared_database_url, embedder="none", home=home, statement_timeout=120)
    mapping = load_mapping(HERE / "mappings" / "ldbc_snb.toml")
    wanted = {table["files"] for table in mapping["table"]}

    paths = [path for path in sorted(files.glob("vanilla/*/*.csv")) if path.name in wanted]

    async def load() -> None:
        async with open_memory(settings) as memory:
            await memory.graphs.create(GRAPH)
            result = await memory.imports.run(GRAPH, paths, ImportOptions(mapping=mapping))
            assert (result.kinds, result.rejected) == ({"entity": 34_735, "relationship": 70_842}, 0)

    asyncio.run(load())
    return settings


def parameters(name: str, files: Path, tables: sqlite3.Connection) -> list[dict[str, Any]]:
    """Return what a query is asked with: what comes with the data, and more, so that something is found."""
    people = [row[0] for row in tables.execute("SELECT a FROM knows GROUP BY a ORDER BY count(*) DESC, a LIMIT 3")]
    if name.startswith("short"):
        text = "SELECT message FROM reply GROUP BY message ORDER BY count(*) DESC, message LIMIT 3"
        messages = [row[0] for row in tables.execute(text)]
        messages += [row[0] for row in tables.execute("SELECT id FROM message ORDER BY id LIMIT 1 OFFSET 77")]
        return [{"personId": people[n % 3], "messageId": message} for n, message in enumerate(messages)]
    number = name.removeprefix("complex_")
    lines = (files / "substitution_parameters" / f"interactive_{number}_param.txt").read_text().split()
    columns = lines[0].split("|")
    rows = [line.split("|") for line in lines[1:]]
    asked = [dict(zip(columns, map(_number, row), strict=True)) for row in rows]
    # Those who know most are asked about as well.
    asked += [{**asked[0], "personId": person} for person in people if "personId" in columns]
    if name == "complex_3":
        wide = {"countryXName": "India", "countryYName": "Nicaragua", "startDate": 1_262_304_000_000}
        asked = [*asked[:2], *({**each, **wide, "durationDays": 400} for each in asked[2:])]
    if "durationDays" in columns:
        asked = [{**each, "endDate": each["startDate"] + each["durationDays"] * MILLISECONDS} for each in asked]
    if "person1Id" in columns:
        known = {row[0] for row in tables.execute("SELECT id FROM person")}
        far = tables.execute("SELECT id FROM person WHERE id NOT IN (SELECT a FROM knows) LIMIT 1").fetchone()
        asked = [each for each in asked if each["person1Id"] in known]
        asked += [{"person1Id": people[0], "person2Id": other} for other in (people[1], *(far or ()))]
    return asked


def _number(text: str) -> int | str:
    return int(text) if text.isdigit() else text


def plain(row: Any) -> tuple[Any, ...]:
    """Return a row of either as values that compare: lists are JSON in SQLite, and truth a number."""
    values = (orjson.loads(value) if isinstance(value, str) and value.startswith("[") else value for value in row)
    return tuple(int(value) if isinstance(value, bool) else value for value in values)


@pytest.mark.slow
@pytest.mark.parametrize("name", CYPHER)
async def test_reads_of_the_workload_give_what_sql_gives(
    name: str, files: Path, tables: sqlite3.Connection, loaded: Settings
) -> None:
    found = 0
    async with open_memory(loaded) as memory:
        for given in parameters(name, files, tables):
            answer = await memory.cypher(GRAPH, CYPHER[name], given)
            expected = [plain(row) for row in tables.execute(SQL[name], given)]
            if name == "complex_14":  # SQLite puts paths of one weight in the order of their texts.
                expected.sort(key=lambda row: (-row[1], row[0]))
            assert [plain(row) for row in answer.rows] == expected, given
            found += len(expected)
    assert found > 0, "nothing is found for any of the parameters"


def test_every_read_of_the_workload_is_there() -> None:
    names = [*(f"short_{n}" for n in range(1, 8)), *(f"complex_{n}" for n in range(1, 15))]
    assert list(CYPHER) == names
    assert list(SQL) == ["derived", *names]
