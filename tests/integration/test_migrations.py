"""Migrations: up, down, twice at once, and the databases that kgmem refuses."""

import asyncio
import secrets
from collections.abc import AsyncIterator

import asyncpg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from procrastinate.schema import SchemaManager

from kgmem.domain.errors import Conflict, DatabaseOutdated, DatabaseUnavailable, InvalidInput, TimedOut
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.resources import resource
from kgmem.store.db.migrate import Limits, downgrade, migrate, require_current, revision_state, revisions, state_of
from kgmem.store.graph.subsystems import SUBSYSTEMS
from tests.invariants import assert_index_matches_labels
from tests.memories import hashing, index_schema, opened_memory
from tests.postgres import drop_database, run_on, with_database

pytestmark = pytest.mark.server

SCHEMAS = ("kgmem", "kgmem_jobs")
# What makes up the tables; the order of columns only of kgmem's own (procrastinate's two ways differ in it).
CATALOG = """
    SELECT concat_ws(' ', 'column', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
                     a.attnotnull, a.attidentity, (SELECT collname FROM pg_collation WHERE oid = a.attcollation),
                     pg_get_expr(d.adbin, d.adrelid),
                     'place', CASE WHEN c.relnamespace::regnamespace::text = 'kgmem'
                                   THEN row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum) END)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace::regnamespace::text = ANY ($1) AND c.relkind IN ('r', 'S', 'v')
    UNION ALL SELECT format('constraint %s %s', conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE connamespace::regnamespace::text = ANY ($1)
    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = ANY ($1)
    UNION ALL SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace::regnamespace::text = ANY ($1)
    UNION ALL SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE c.relnamespace::regnamespace::text = ANY ($1) AND NOT t.tgisinternal
    UNION ALL SELECT format('type %s %s', typname, (SELECT array_agg(enumlabel ORDER BY enumsortorder)
                                                    FROM pg_enum WHERE enumtypid = t.oid))
    FROM pg_type t WHERE typnamespace::regnamespace::text = ANY ($1)
"""
TABLES = """
    SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
    WHERE schemaname = ANY ($1) AND tablename <> 'alembic_version' ORDER BY 1
"""


@pytest.fixture
async def empty_database_url(postgres_url: str) -> AsyncIterator[str]:
    """A database without anything."""
    name = f"kgmem_empty_{secrets.token_hex(6)}"
    await run_on(postgres_url, f"CREATE DATABASE {name}")
    try:
        yield with_database(postgres_url, name)
    finally:
        await drop_database(postgres_url, name)


async def fetch(url: str, sql: str, *arguments: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(sql, *arguments)
    finally:
        await connection.close()


async def catalog_of(url: str, *more: str) -> set[str]:
    return {row[0] for row in await fetch(url, CATALOG, [*SCHEMAS, *more])}


async def contents_of(url: str) -> dict[str, list[str]]:
    """Every row of kgmem's tables as JSON, by table."""
    tables = [row[0] for row in await fetch(url, TABLES, list(SCHEMAS))]
    return {
        table: [row[0] for row in await fetch(url, f"SELECT to_jsonb(t)::text FROM {table} t ORDER BY 1")]
        for table in tables
    }


async def fill(url: str) -> None:
    """Put a row into each table that people's data are in."""
    await run_on(
        url,
        """INSERT INTO kgmem.graph (name, age_name, index_name, schema, space)
           VALUES ('apollo', 'apollo', 'kgm_1', '{"labels": {}}', '{"model": "hash"}')""",
        """INSERT INTO kgmem.key (id, name, hash, role, last_used_at)
           VALUES ('aaaaaaaaaaaa', 'used', 'h', 'reader', '2020-02-02 02:02:02.000002+00'),
                  ('bbbbbbbbbbbb', 'unused', 'h', 'admin', NULL)""",
        "INSERT INTO kgmem.captured (graph, id) VALUES (1, 281474976710657)",
        """INSERT INTO kgmem.import (graph, state, files, options, upload, progress, heartbeat_at, undone)
           VALUES (1, 'waiting', '[]', '{}', 'a folder', '{"done": 1}', '2020-02-02', NULL),
                  (1, 'undoing', '[]', '{}', NULL, NULL, NULL, '{"kept": 1}'),
                  (1, 'done', '[]', '{}', NULL, NULL, NULL, NULL)""",
        "INSERT INTO kgmem.import_batch VALUES (1, 0, 2, 1, 0, 0, 1, '{}')",
        "INSERT INTO kgmem.import_rejection (import, file, line, reason, record) VALUES (1, 'f', 1, 'r', '{}')",
        "INSERT INTO kgmem.import_move VALUES (2, 1, 3)",
    )
    connection = await asyncpg.connect(url, server_settings={"search_path": "kgmem_jobs"})
    try:
        await connection.execute(
            """INSERT INTO procrastinate_jobs (queue_name, task_name, args)
               VALUES ('default', 'embed', '{"graph": "apollo"}')"""
        )
    finally:
        await connection.close()


@pytest.mark.long
async def test_a_fresh_database_equals_one_that_went_step_by_step(database_url: str, empty_database_url: str) -> None:
    for revision in revisions():
        await migrate(empty_database_url, revision)

    assert await catalog_of(empty_database_url) == await catalog_of(database_url)
    assert (await require_current(empty_database_url)).state == "current"


@pytest.mark.long
async def test_down_and_up_again_keeps_all_data(database_url: str) -> None:
    await fill(database_url)
    tables, contents = await catalog_of(database_url), await contents_of(database_url)

    for revision in reversed(revisions()):
        assert (await downgrade(database_url, revision)).current == revision
    assert (await migrate(database_url)).state == "current"

    assert await catalog_of(database_url) == tables
    assert await contents_of(database_url) == contents


@pytest.mark.long
async def test_a_way_down_really_goes_down_and_up_again_for_graphs_too(database_url: str) -> None:
    async with opened_memory(database_url) as memory:
        await memory.graphs.create("facts")
        schema = await index_schema(memory, "facts")
        made = await catalog_of(database_url, schema)
        layout = await memory.ports.graphs.layout("facts")  # type: ignore[attr-defined]
        for subsystem in SUBSYSTEMS:
            await layout.ensure(subsystem)
    before = await catalog_of(database_url, schema)

    for revision in list(reversed(revisions()))[1:]:
        await downgrade(database_url, revision)
        after = await catalog_of(database_url, schema)
        assert after != before
        before = after
    await migrate(database_url)
    assert await catalog_of(database_url, schema) == made


@pytest.mark.long
async def test_the_way_down_before_facts_takes_them_along_and_up_again_they_are_made(database_url: str) -> None:
    async with opened_memory(database_url, embedder=hashing()) as memory:
        await memory.graphs.create("facts", facts="all")
        await memory.entities.put("facts", [Entity("a", name="Ann"), Entity("b", name="Bob")])
        await memory.relationships.put(
            "facts", [Relationship("KNOWS", "a", "b"), Relationship("K", "a", "b", text="x")]
        )
        await memory.relationships.put("facts", [Relationship("K", "a", "b", text="y")])
        await memory.embeddings.run("facts")
        schema, space = await index_schema(memory, "facts"), (await memory.graphs.get("facts")).space
    assert space is not None
    tables = ("item", "passage", f"vector_{space.id}", "past_item", "past_passage", "past_vector")
    counted = "SELECT " + ", ".join(f"(SELECT count(*) FROM {schema}.{table})" for table in tables)
    (before,) = await fetch(database_url, counted)
    assert tuple(before)[:5] == (4, 4, 4, 1, 1)

    await downgrade(database_url, "0008")
    assert tuple((await fetch(database_url, counted))[0]) == (2, 2, 2, 0, 0, 0)

    await migrate(database_url)
    async with opened_memory(database_url, embedder=hashing()) as memory:
        assert (await memory.graphs.get("facts")).facts == "all"
        assert await memory.tasks.queue_missing_facts() == 1
        await memory.tasks.index_facts("facts")
        await memory.embeddings.run("facts")
        await assert_index_matches_labels(memory, "facts")
    assert await fetch(database_url, counted) == [before]


@pytest.mark.long
async def test_unique_values_survive_the_way_down_and_up_again(database_url: str) -> None:
    schema = {"labels": {"Book": {"properties": {"isbn": {"unique": True}, "pages": {"unique": True}}}}}
    seats = {"seats": {"index": "key", "of": ["Book"], "properties": ["shelf", "place"]}}
    values = {"isbn": "1", "shelf": "a", "place": 1}
    async with opened_memory(database_url) as memory:
        await memory.graphs.create("books", schema=schema | {"indexes": seats})
        await memory.entities.put("books", [Entity("first", "Book", properties=values)])
        await memory.entities.put("books", [Entity("gone", "Book", properties={"isbn": "2", "shelf": "b", "place": 1})])
        await memory.entities.put("books", [Entity("gone", "Paper"), Entity("p", "Paper", labels=["Book"])])
        index = await index_schema(memory, "books")
    made = await catalog_of(database_url, index, "books")
    held = f"SELECT rule, item::text, ag_catalog.agtype_out(value)::text FROM {index}.unique_value ORDER BY 1, 2"
    before = await fetch(database_url, held)

    await downgrade(database_url, "0024")
    assert not [each for each in await catalog_of(database_url, index, "books") if "unique_" in each and index in each]
    await migrate(database_url)
    assert await catalog_of(database_url, index, "books") == made
    assert len(await fetch(database_url, held)) == len(before)
    async with opened_memory(database_url) as memory:
        (report,) = await memory.index.check_integrity("books")
        assert not report.damages
        for name, value in (("isbn", {"isbn": "1"}), ("shelf, place", values | {"isbn": "9"})):
            with pytest.raises(Conflict, match=f"{name} (is|are together) unique among Book.*'first'"):
                await memory.entities.put("books", [Entity("p", properties=value)])
        await memory.entities.put("books", [Entity("p", properties={"isbn": "2"})])


@pytest.mark.long
async def test_down_to_base_leaves_nothing_of_kgmem(database_url: str) -> None:
    tables = await catalog_of(database_url)

    state = await downgrade(database_url, "base")

    assert (state.current, state.state) == (None, "empty")
    assert not await fetch(database_url, "SELECT nspname FROM pg_namespace WHERE nspname = ANY ($1)", list(SCHEMAS))
    assert not await catalog_of(database_url)
    await migrate(database_url)
    assert await catalog_of(database_url) == tables


async def test_down_to_base_is_refused_while_graphs_stand(database_url: str) -> None:
    await fill(database_url)
    contents = await contents_of(database_url)

    with pytest.raises(Conflict, match="1 graph") as refusal:
        await downgrade(database_url, "base")

    assert "kgmem graph delete" in refusal.value.hint
    assert (await revision_state(database_url)).state == "current"
    assert await contents_of(database_url) == contents


@pytest.mark.long
async def test_two_who_migrate_at_once_migrate_once(empty_database_url: str) -> None:
    steps: list[str] = []

    states = await asyncio.gather(*(migrate(empty_database_url, report=steps.append) for _ in range(2)))

    assert [state.state for state in states] == ["current", "current"]
    assert steps == [f"up to {revision}" for revision in revisions()]


async def test_a_migration_that_waits_for_another_says_so(empty_database_url: str) -> None:
    other = await asyncpg.connect(empty_database_url)
    await other.execute("SELECT pg_advisory_lock($1)", 0x6B676D656D)
    try:
        with pytest.raises(DatabaseUnavailable, match="Another kgmem has been migrating"):
            await migrate(empty_database_url, limits=Limits(turn=0.1))
    finally:
        await other.close()
    assert (await revision_state(empty_database_url)).state == "empty"


@pytest.mark.long
@pytest.mark.parametrize(
    ("limits", "error"),
    [(Limits(lock=0.1), DatabaseUnavailable), (Limits(lock=60, statement=0.1), TimedOut)],
    ids=["lock timeout", "statement timeout"],
)
async def test_a_table_in_use_ends_the_migration_and_the_next_run_goes_on_from_there(
    database_url: str, limits: Limits, error: type[Exception]
) -> None:
    tables = await catalog_of(database_url)
    await downgrade(database_url, "0002")
    other = await asyncpg.connect(database_url)
    try:
        async with other.transaction():
            await other.execute("LOCK TABLE kgmem.key IN ACCESS SHARE MODE")
            with pytest.raises(error):
                await downgrade(database_url, "0001", limits=limits)
            assert (await revision_state(database_url)).current == "0002"
    finally:
        await other.close()
    await migrate(database_url)
    assert await catalog_of(database_url) == tables


# Once the catalogs have changed, AGE 1.8 looks into them in the next statement, a ROLLBACK too. In a transaction that
# failed, Postgres 18 then answers "ResourceOwnerEnlarge called after release started".
_CHANGE_CATALOGS_AND_FAIL = """
    CREATE FUNCTION public.change_and_fail() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
        CREATE PUBLICATION everything FOR ALL TABLES;
        RAISE lock_not_available;
    END $$;
    CREATE EVENT TRIGGER change_and_fail ON ddl_command_start WHEN TAG IN ('CREATE TABLE AS')
        EXECUTE FUNCTION public.change_and_fail()
"""


@pytest.mark.long
async def test_a_migration_that_failed_is_not_rolled_back_by_a_statement(database_url: str) -> None:
    await run_on(database_url, _CHANGE_CATALOGS_AND_FAIL)

    with pytest.raises(DatabaseUnavailable, match="kept a lock for too long"):
        await downgrade(database_url, "0001")

    await run_on(database_url, "DROP EVENT TRIGGER change_and_fail")
    assert (await downgrade(database_url, "0001")).current == "0001"


async def test_an_empty_database_is_refused_with_the_command_that_mends_it(empty_database_url: str) -> None:
    with pytest.raises(DatabaseOutdated, match="no tables of kgmem") as refusal:
        await require_current(empty_database_url)
    assert "kgmem db migrate" in refusal.value.hint
    assert "kgmem quickstart" in refusal.value.hint


@pytest.mark.long
async def test_an_older_database_is_refused_with_the_command_that_mends_it(database_url: str) -> None:
    await downgrade(database_url, "0001")

    with pytest.raises(DatabaseOutdated, match="revision 0001, and this kgmem needs") as refusal:
        await require_current(database_url)
    assert refusal.value.hint == "Run kgmem db migrate."


async def test_a_newer_database_is_refused_and_left_alone(database_url: str) -> None:
    await run_on(database_url, "UPDATE kgmem.alembic_version SET version_num = '9999'")

    for attempt in (require_current, migrate, lambda url: downgrade(url, "0001")):
        with pytest.raises(DatabaseOutdated, match="newer than this kgmem") as refusal:
            await attempt(database_url)
        assert "git pull" in refusal.value.hint
    assert (await revision_state(database_url)).current == "9999"


@pytest.mark.long
async def test_a_revision_in_the_other_direction_is_refused(database_url: str) -> None:
    with pytest.raises(InvalidInput, match="already"):
        await migrate(database_url, "0001")
    with pytest.raises(InvalidInput, match="no revision '0'"):
        await migrate(database_url, "0")
    await downgrade(database_url, "0001")
    with pytest.raises(InvalidInput, match="before 0002"):
        await downgrade(database_url, "0002")


async def test_the_job_tables_are_those_of_the_installed_procrastinate(
    database_url: str, empty_database_url: str
) -> None:
    connection = await asyncpg.connect(empty_database_url)
    try:
        await connection.execute("CREATE SCHEMA kgmem_jobs; SET search_path = kgmem_jobs")
        await connection.execute(SchemaManager.get_schema())
    finally:
        await connection.close()
    await run_on(
        database_url,
        "DROP FUNCTION kgmem_jobs.kgmem_release_queueing_lock() CASCADE",
        "DROP SCHEMA kgmem CASCADE",
    )

    assert await catalog_of(database_url) == await catalog_of(empty_database_url)


async def test_a_writer_without_rights_on_kgmem_is_captured(database_url: str) -> None:
    await run_on(
        database_url,
        "CREATE TABLE public.label (id ag_catalog.graphid, CHECK (kgmem.capture(7, id)))",
        "GRANT INSERT ON public.label TO pg_monitor",
    )
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("SET ROLE pg_monitor")
        await connection.execute("INSERT INTO public.label VALUES ('844424930131969')")
    finally:
        await connection.close()

    captured = await fetch(database_url, "SELECT graph, id FROM kgmem.captured")
    assert [tuple(row) for row in captured] == [(7, 844424930131969)]


def test_the_file_names_tell_alembics_revisions_in_order() -> None:
    config = Config()
    config.set_main_option("script_location", str(resource("migrations")).replace("%", "%%"))
    by_alembic = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]

    assert list(reversed(by_alembic)) == list(revisions())
    assert state_of(revisions()[-1]).state == "current"
