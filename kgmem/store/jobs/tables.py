"""procrastinate's tables: the connections to them, what kgmem asks them by itself, and the errors translated."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException

from kgmem.domain.errors import DatabaseUnavailable
from kgmem.store.db.psycopg_errors import conninfo, translated
from kgmem.store.db.statements import load

# Tasks that may run beside the others of a graph. The rest, each of which rewrites a graph's index, run one at a time.
_BESIDE = frozenset(
    {
        "embed",
        "extract",
        "link_similar",
        "unlink_similar",
        "detect_communities",
        "summarize",
        "check_integrity",
        "sweep_tiers",
        "distil",
        "follow_answers",
        "apply_retention",
    }
)
# Tasks of which several may wait for one graph, each about an import.
_EACH = frozenset({"import", "undo_import"})
# Tasks of which one for each webhook may wait and run, since each waits for a receiver of its own.
_EACH_WEBHOOK = frozenset({"deliver_webhook"})
QUEUE = "default"
# Tasks that may take hours have a queue of their own, of which a worker takes fewer at once.
LONG = "long"
_LONG_TASKS = frozenset(
    {
        "rebuild",
        "reembed",
        "index_facts",
        "undo_import",
        "unlink_similar",
        "detect_communities",
        "summarize",
        "distil",
        "apply_retention",
        "relieve_pressure",
        "check_integrity",
        "build_deferred_indexes",
    }
)
# Tasks that may take minutes run beside long ones, and leave places for imports and for what takes seconds.
MEDIUM = "medium"
# Requests to receivers wait for these, so they take no place of other work; receivers that fail or are slow share one.
WEBHOOKS, SLOW_WEBHOOKS = "webhooks", "webhooks/slow"
_MEDIUM_TASKS = frozenset({"compute_consensus", "sweep_tiers"})

# What comes first: what a caller waits for, imports, consensus, embedding, upkeep. Within a class the older job comes
# first, and a job that was broken off after its slice is a new one: so graphs take turns.
CALLERS, IMPORTS, CONSENSUS, EMBEDDING, UPKEEP = 80, 60, 40, 20, 0
_PRIORITIES = {
    "undo_import": CALLERS,
    "rebuild": CALLERS,
    "unlink_similar": CALLERS,
    "sync_index": CALLERS,
    "import": IMPORTS,
    "extract": CONSENSUS,
    "compute_consensus": CONSENSUS,
    "index_facts": CONSENSUS,
    "embed": EMBEDDING,
    "reembed": EMBEDDING,
    "deliver_webhook": CONSENSUS,
    "follow_answers": CONSENSUS,
}
# Arguments of a job that are the worker's own: the job of which it is the rest, and from where that goes on.
CONTINUES, PROGRESS = "continues", "progress"
# Of a graph's jobs that wait for one task, each stands so far behind the one before: others' come in between.
_MOST_BEHIND = 9


@dataclass(frozen=True, slots=True)
class JobRest:
    """The rest of an interrupted job: the id of the job that was requested first, and its progress."""

    of: int
    progress: Mapping[str, Any]


def make_app(url: str, size: int) -> App:
    """Return procrastinate's application on a database; its connections are made on demand. Raises InvalidInput."""
    return App(
        connector=PsycopgConnector(
            # procrastinate names its tables without a schema.
            conninfo=conninfo(url, application="kgmem jobs", settings={"search_path": "kgmem_jobs"}),
            configure=_commit_each,
            min_size=0,
            max_size=size,
            timeout=10,
            max_idle=60,
        )
    )


async def _commit_each(connection: psycopg.AsyncConnection[Any]) -> None:
    # Each call is one statement, so that none has to be rolled back (connection.py tells why that matters).
    await connection.set_autocommit(True)


async def select(app: App, name: str, **arguments: Any) -> Sequence[dict[str, Any]]:
    """Run a statement of sql/jobs.sql. Raises DatabaseUnavailable, DatabaseOutdated."""
    with translating():
        return await app.connector.execute_query_all_async(load("jobs")[name], **arguments)


def priority_of(task: str) -> int:
    """Return how urgent a task is; what is not named is upkeep."""
    return _PRIORITIES.get(task, UPKEEP)


def least_priority_of(task: str) -> int:
    """Return how urgent the least urgent job of a task is, unless it is raised: one that stands behind many others.

    What a caller waits for comes no earlier than imports once it was broken off: else it would never make room for what
    has waited for long.
    """
    return min(priority_of(task), IMPORTS) - (_MOST_BEHIND if task in _EACH else 0)


def small_of(place: str) -> str:
    """Return the queue of what takes seconds in a place, of which others of that place are not waited for."""
    return f"{place}/small"


def checks_of(place: str) -> str:
    """Return the queue of large dry runs in a place: nothing can break them off, so they take no place of imports."""
    return f"{place}/checks"


def queue_of(task: str) -> str:
    """Return the queue of a task that needs no place."""
    if task in _EACH_WEBHOOK:
        return WEBHOOKS
    return LONG if task in _LONG_TASKS else MEDIUM if task in _MEDIUM_TASKS else QUEUE


async def insert(
    app: App,
    task: str,
    graph: str | None,
    arguments: Mapping[str, Any],
    *,
    place: str | None = None,
    pause: float = 0.0,
    rest: JobRest | None = None,
) -> int | None:
    """Queue a job and return its id; None when the same one waits already. Raises DatabaseUnavailable.

    It waits for at least `pause` seconds. The `rest` of an interrupted job comes behind all others of its class.
    """
    given = dict(arguments) if graph is None else {"graph": graph, **arguments}
    turn = task if task in _BESIDE or graph is None else "index"
    same: str | None = f"{task}:{graph}"
    lock = f"{turn}:{graph}"
    if task in _EACH:
        same = f"{same}:{arguments.get('import_')}"
        # One at a time in a place, so that others find a free hand beside it.
        lock = f"{task}:{place or graph}"
    if task in _EACH_WEBHOOK:
        same = lock = f"{task}:{graph}:{arguments.get('webhook')}"
    broken_off = rest is not None
    if rest is not None:
        given[CONTINUES] = rest.of
        if rest.progress:
            given[PROGRESS] = dict(rest.progress)
            same = None  # It is a part of the work. Whoever asks for all of it is not answered by that.
    priority = least_priority_of(task) if broken_off else priority_of(task)
    if task in _EACH and not broken_off:
        waiting = await select(app, "waiting", task=task, graph=graph)
        priority -= min(waiting[0]["count"], _MOST_BEHIND)
    job = app.configure_task(
        task,
        queue=place or queue_of(task),
        queueing_lock=same,
        lock=lock,
        task_kwargs=given,
        priority=priority,
        schedule_in={"milliseconds": round(pause * 1000)} if pause else None,
    )
    with translating():
        try:
            return await job.defer_async()
        except AlreadyEnqueued:
            return None


@contextmanager
def translating() -> Iterator[None]:
    """Run a block; what procrastinate raises when the database fails leaves it as kgmem's error."""
    try:
        yield
    except ConnectorException as error:
        cause = error.__cause__
        known = translated(cause) if isinstance(cause, psycopg.Error) else None
        raise known or DatabaseUnavailable("The jobs could not be reached.", hint="Try again.") from error
