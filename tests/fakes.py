"""All ports in dictionaries: a storage that forgets, for tests of the doors and for measuring a door alone."""

import itertools
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from kgmem.domain.access import KEEP, Allowance, Key, RateLimit, Role
from kgmem.domain.audit.log import AuditEvent
from kgmem.domain.backups.backup import BackupState
from kgmem.domain.claims.claim import Source
from kgmem.domain.diagnostics import Figures, Health
from kgmem.domain.distillation.pressure import Pressure
from kgmem.domain.errors import Conflict, NotFound, Unauthenticated, UnknownEntities, VersionConflict
from kgmem.domain.flows.trace import FlowTrace, running
from kgmem.domain.graph.batch import Rejection
from kgmem.domain.graph.embedding import EmbeddingSpace, RefusedPassage, Vector, WaitingPassage, WhichVectors
from kgmem.domain.graph.entity import DeleteResult, Entity, Page, WriteResult
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.graph import Change, Dangling, Graph, GraphStats, no_such_graph
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.scope import reaches, visible_from
from kgmem.domain.graph.statement import check_entities, check_episodes, check_relationships
from kgmem.domain.imports import Import, ImportItem, ImportState, UndoResult
from kgmem.domain.ports import Candidates, Job
from kgmem.domain.recall.answer import Hit
from kgmem.domain.recall.causality import Ancestry, CausalGraph, CausalNode, FoundPath
from kgmem.domain.recall.fusion import Ranked
from kgmem.domain.recall.question import Question
from kgmem.domain.schema.schema import GraphSchema
from kgmem.domain.time.interval import now, parse_time, valid_interval
from kgmem.memory import Memory
from kgmem.services.ports import Ports

KNOWN = "2026-01-01T00:00:00Z"


def fake_memory(**others: Any) -> Memory:
    """A memory over dictionaries; `others` replace single ports, and those that no test needs are absent."""
    catalog = FakeCatalog()
    store = FakeStore(catalog)
    ports: dict[str, Any] = {each.name: Absent(each.name) for each in fields(Ports)}
    ports |= {
        "graphs": catalog,
        "store": store,
        "index": FakeIndex(store),
        "claims": FakeClaims(),
        "answers": FakeAnswers(),
        "keys": FakeKeyRing(),
        "flows": FakeFlows(),
        "audit": FakeAudit(),
        "jobs": FakeQueue(),
        "embedder": None,
        "embedder_of": lambda space: None,
        "extractor": None,
        "wording": None,
        "reranker": None,
        "core_schema": GraphSchema(),
        "vitals": FakeVitals(),
        "backups": FakeBackups(),
        "cache": None,
        "gauges": FakeGauges(),
        "presence": FakePresence(),
        "imports": FakeImports(catalog),
    }
    return Memory(Ports(**{**ports, **others}))


class Absent:
    """A port that a test does not use: any use of it says so."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, method: str) -> Any:
        raise AssertionError(f"This memory of fakes has no port {self._name!r}, of which {method!r} is used.")


class FakeFlows:
    """Flows that are traced and kept nowhere."""

    tracer = None

    def run(self, kind: str, graph: str, *, scope: str | None = None, about: str | None = None) -> Any:
        return running(FlowTrace(kind, graph, scope, about), lambda flow: None)


class FakeAudit:
    """Nothing is audited."""

    def wants(self, graph: str | None, *, change: bool) -> bool:
        return False

    def note(self, event: AuditEvent) -> None:
        return None


class FakePresence:
    """Requests are not counted."""

    def count(self, graph: str, scope: str, *, recall: bool = False, write: bool = False) -> None:
        return None


class FakeGauges:
    """A machine of which nothing can be measured."""

    async def read(self) -> list[Pressure]:
        return []


class FakeBackups:
    """No folder of backups is set up."""

    async def state(self) -> BackupState:
        return BackupState(None)


class FakeAnswers:
    """Nothing that was answered is remembered."""

    def note(self, *told: Any) -> None:
        return None

    note_writer = note


class FakeClaims:
    """No claims: what is written is as it is stated."""

    async def weigh_edges(self, graph: str, ids: Sequence[int]) -> bool:
        return False

    async def weigh_subjects(self, graph: str, subjects: Sequence[Any], ids: Sequence[int]) -> Mapping[int, int]:
        return {}

    async def weigh_stale(self, graph: str, most: int = 0) -> bool:
        return False

    async def any(self, graph: str) -> bool:
        return False

    async def log(self, *told: Any) -> None:
        return None


class FakeCatalog:
    """Graphs in a dictionary, each with all that it holds."""

    def __init__(self) -> None:
        self.held: dict[str, Graph] = {}
        self.items: dict[str, dict[tuple[str, str, str], Any]] = {}  # (kind, scope, key) -> item
        self.changes: dict[str, list[Change]] = {}
        self.sources: dict[str, dict[str, Source]] = {}

    async def create(self, graph: Graph) -> Graph:
        if graph.name in self.held:
            raise Conflict(f"The graph {graph.name!r} exists already.")
        self.held[graph.name] = replace(graph, created_at=KNOWN, id=len(self.held) + 1)
        self.items[graph.name], self.changes[graph.name], self.sources[graph.name] = {}, [], {}
        return self.held[graph.name]

    async def get(self, name: str) -> Graph:
        if name not in self.held:
            raise no_such_graph(name)
        return self.held[name]

    async def list(self) -> Sequence[Graph]:
        return [self.held[name] for name in sorted(self.held)]

    async def update(self, graph: Graph) -> Graph:
        await self.get(graph.name)
        self.held[graph.name] = graph
        return graph

    async def drop(self, name: str) -> None:
        await self.get(name)
        for held in (self.held, self.items, self.changes, self.sources):
            del held[name]  # type: ignore[attr-defined]

    async def stats(self, name: str) -> GraphStats:
        await self.get(name)
        counts = {kind: sum(1 for k, _, _ in self.items[name] if k == kind) for kind in ("entity", "episode", "edge")}
        return GraphStats(counts["entity"], counts["episode"], counts["edge"], 0, 0, 0, 0, 1, 0, {}, {}, 0, 0)


class FakeStore:
    """What graphs hold, in the catalog's dictionaries."""

    def __init__(self, catalog: FakeCatalog) -> None:
        self.catalog = catalog
        self._ids = itertools.count(1)

    async def put_entities(self, graph: str, entities: Sequence[Entity]) -> WriteResult:
        check_entities(entities)
        held = await self._held(graph)
        for entity in entities:
            before = held.get(("entity", entity.scope, entity.key))
            if entity.version is not None and (before is None or before.version != entity.version):
                raise VersionConflict(f"{entity.key!r} is not of version {entity.version}.")
        return self._put(graph, "entity", [(e.key, e) for e in entities])

    async def put_relationships(self, graph: str, relationships: Sequence[Relationship]) -> WriteResult:
        check_relationships(relationships)
        held = await self._held(graph)
        for stated in relationships:
            for key in (stated.start, stated.end):
                if not any(("entity", scope, key) in held for scope in visible_from(stated.scope)):
                    raise UnknownEntities(f"There is no entity {key!r}.", hint="Write it first.", keys=[key])
        named = [(r.key or f"{r.kind} {r.start} {r.end} {r.valid_from}", r) for r in relationships]
        return self._put(graph, "edge", named)

    async def put_episodes(self, graph: str, episodes: Sequence[Episode]) -> WriteResult:
        check_episodes(episodes)
        await self._held(graph)
        return self._put(graph, "episode", [(e.key or f"{hash(e.text):x}", e) for e in episodes])

    def _put(self, graph: str, kind: str, stated: Sequence[tuple[str, Any]]) -> WriteResult:
        held = self.catalog.items[graph]
        counts, ids, versions = {"created": 0, "updated": 0, "unchanged": 0}, [], []
        for key, item in stated:
            valid_interval(getattr(item, "valid_from", None), getattr(item, "valid_to", None))
            place = (kind, item.scope, key)
            before = held.get(place)
            fixed = {} if kind == "edge" else {"key": key}
            after = replace(item, id=before.id if before else next(self._ids), known_from=KNOWN, version=1, **fixed)
            if before:
                after = replace(after, version=before.version)
                counts["unchanged" if after == before else "updated"] += 1
                after = after if after == before else replace(after, version=before.version + 1)
            else:
                counts["created"] += 1
            held[place] = after
            ids.append(after.id)
            versions.append(after.version)
        self._tell(graph, "created", {"edge": "relationship"}.get(kind, kind), ids)
        return WriteResult(**counts, ids=ids, versions=versions)

    def _tell(self, graph: str, operation: Any, kind: Any, ids: Sequence[int], keys: Sequence[str] = ()) -> None:
        feed = self.catalog.changes[graph]
        feed.append(Change(len(feed) + 1, operation, kind, ids, keys, KNOWN))

    async def _held(self, graph: str) -> dict[tuple[str, str, str], Any]:
        await self.catalog.get(graph)
        return self.catalog.items[graph]

    async def _get(self, graph: str, kind: str, key: str, scope: str) -> Any:
        held = await self._held(graph)
        for seen in reversed(visible_from(scope)):
            if (kind, seen, key) in held:
                return held[kind, seen, key]
        raise NotFound(f"There is no {kind} {key!r}.")

    async def get_entity(self, graph: str, key: str, scope: str) -> Entity:
        return await self._get(graph, "entity", key, scope)

    async def get_merged_entity(self, graph: str, key: str, scope: str) -> Entity | None:
        return None  # Nothing merges here.

    async def kept_keys(self, graph: str, keys: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        return {}

    async def get_episode(self, graph: str, key: str, scope: str) -> Episode:
        return await self._get(graph, "episode", key, scope)

    async def get_relationship(self, graph: str, id_: int, scope: str) -> Relationship:
        for edge in await self._seen(graph, "edge", scope):
            if edge.id == id_:
                return edge
        raise NotFound(f"There is no relationship {id_}.")

    async def _seen(self, graph: str, kind: str, scope: str) -> list[Any]:
        scopes = visible_from(scope)
        held = await self._held(graph)
        return sorted((item for (k, s, _), item in held.items() if k == kind and s in scopes), key=lambda i: i.id)

    async def _page(self, items: list[Any], cursor: str | None, limit: int) -> Page[Any]:
        after = [item for item in items if item.id > int(cursor or 0)]
        return Page(after[:limit], str(after[limit - 1].id) if len(after) > limit else None)

    async def list_entities(
        self, graph: str, *, scope: str, label: str | None, cursor: str | None, limit: int
    ) -> Page[Entity]:
        found = await self._seen(graph, "entity", scope)
        return await self._page([e for e in found if label in (None, e.label)], cursor, limit)

    async def list_relationships(
        self, graph: str, *, scope: str, kind: str | None, entity: str | None, cursor: str | None, limit: int
    ) -> Page[Relationship]:
        found = await self._seen(graph, "edge", scope)
        fitting = [e for e in found if kind in (None, e.kind) and entity in (None, e.start, e.end)]
        return await self._page(fitting, cursor, limit)

    async def list_episodes(
        self, graph: str, *, scope: str, session: str | None, cursor: str | None, limit: int
    ) -> Page[Episode]:
        found = await self._seen(graph, "episode", scope)
        return await self._page([e for e in found if session in (None, e.session)], cursor, limit)

    async def delete_entities(self, graph: str, keys: Sequence[str], scope: str, version: int | None) -> DeleteResult:
        held = await self._held(graph)
        found = [key for key in keys if ("entity", scope, key) in held]
        for key in found:
            if version is not None and held["entity", scope, key].version != version:
                raise VersionConflict(f"{key!r} is not of version {version}.")
        edges = [p for p, e in held.items() if p[0] == "edge" and {e.start, e.end} & set(found)]
        for place in [*(("entity", scope, key) for key in found), *edges]:
            del held[place]
        self._tell(graph, "deleted", "entity", [], found)
        return DeleteResult(len(found), relationships=len(edges), missing=[key for key in keys if key not in found])

    async def delete_episodes(
        self, graph: str, keys: Sequence[str], scope: str, version: int | None = None
    ) -> DeleteResult:
        held = await self._held(graph)
        found = [key for key in keys if held.pop(("episode", scope, key), None)]
        return DeleteResult(episodes=len(found), missing=[key for key in keys if key not in found])

    async def delete_relationships(self, graph: str, ids: Sequence[int], scope: str) -> DeleteResult:
        held = await self._held(graph)
        found = {p: e.id for p, e in held.items() if p[0] == "edge" and p[1] == scope and e.id in ids}
        for place in found:
            del held[place]
        return DeleteResult(relationships=len(found), missing=[str(i) for i in ids if i not in found.values()])

    async def put_sources(self, graph: str, sources: Sequence[Source]) -> WriteResult:
        await self._held(graph)
        self.catalog.sources[graph].update({source.key: source for source in sources})
        return WriteResult(len(sources), 0, 0, list(range(len(sources))))

    async def list_sources(self, graph: str) -> Sequence[Source]:
        await self._held(graph)
        return [source for _, source in sorted(self.catalog.sources[graph].items())]

    async def export(
        self,
        graph: str,
        scope: str | None,
        embeddings: WhichVectors = "none",
        *,
        below: bool = False,
        session: str | None = None,
    ) -> AsyncIterator[Any]:
        held = await self._held(graph)
        yield await self.list_sources(graph)
        for kind in ("entity", "edge", "episode"):
            yield [item for (own, where, _), item in held.items() if own == kind and scope in (None, where)]

    async def dangling(self, graph: str) -> Sequence[Dangling]:
        return ()

    async def export_shapes(self, graph: str, embeddings: WhichVectors = "none") -> AsyncIterator[Any]:
        async for page in self.export(graph, None, embeddings):
            yield page

    async def changes(self, graph: str, after: int, limit: int) -> Sequence[Change]:
        await self._held(graph)
        return [change for change in self.catalog.changes[graph] if change.id > after][:limit]


class FakeIndex:
    """Finds items whose words the question names."""

    def __init__(self, store: FakeStore) -> None:
        self.store = store

    async def candidates(
        self, graph: str, question: Question, vector: Vector | None, *, archive: bool = True
    ) -> Candidates:
        words = set((question.what.text or "").lower().split())
        found = [
            (item.id, float(len(words & set(_words(item)))))
            for kind in question.what.kinds or ("entity", "episode")
            for item in await self.store._seen(graph, kind, question.scope)
        ]
        return Candidates({"words": sorted([(i, v) for i, v in found if v], key=lambda p: -p[1])}, {})

    async def fetch(
        self,
        graph: str,
        best: Sequence[Ranked[int]],
        paths: Mapping[int, Sequence[FoundPath]] | None = None,
        *,
        question: Question,
    ) -> Sequence[Hit]:
        held = await self.store._held(graph)
        hits = {item.id: _hit(kind, item) for (kind, _, _), item in held.items()}
        return [
            replace(hits[each.id], score=each.score, retrievers=each.retrievers) for each in best if each.id in hits
        ]

    async def has_links(self, graph: str) -> bool:
        return any(kind == "edge" for kind, _, _ in await self.store._held(graph))

    async def causal_graph(self, graph: str, asked: Ancestry, *, effects: bool) -> CausalGraph:
        named = {key: (await self.store.get_entity(graph, key, asked.scope)).id or 0 for key in asked.keys}
        seen = await self.store._seen(graph, "entity", asked.scope)
        ids = {item.key: item.id for item in seen}
        links = [each for each in await self.store._seen(graph, "edge", asked.scope) if each.kind == "CAUSES"]
        nodes = {item.id: CausalNode(item.id, item.key, item.scope) for item in seen}
        return CausalGraph(nodes, [(ids[each.start], ids[each.end]) for each in links], named)

    async def similarity(self, graph: str, ids: Sequence[int]) -> Mapping[tuple[int, int], float]:
        return {}

    async def last_passage(self, graph: str) -> int:
        return 0

    async def unembedded(
        self, graph: str, space: str, limit: int, *, last: int | None = None, after: int = 0
    ) -> Sequence[WaitingPassage]:
        return []

    async def put_vectors(self, graph: str, space: str, vectors: Mapping[int, tuple[str, Vector]]) -> int:
        return len(vectors)

    async def refuse(self, graph: str, space: str, reasons: Mapping[int, str]) -> None:
        return

    async def refused(self, graph: str, limit: int) -> Sequence[RefusedPassage]:
        return []

    async def retry_refused(self, graph: str) -> int:
        await self.store._held(graph)
        return 0

    async def begin_space(self, graph: str, space: EmbeddingSpace) -> None:
        await self.store._held(graph)

    async def switch_space(self, graph: str, space: str, *, last: int | None = None) -> None:
        await self.store._held(graph)

    async def absorb_foreign_writes(self, graph: str | None = None) -> int:
        return 0

    async def rebuild(self, graph: str) -> GraphStats:
        return await self.store.catalog.stats(graph)


class FakeImports:
    """A register of imports in a dictionary; nothing is imported."""

    def __init__(self, catalog: FakeCatalog) -> None:
        self.catalog = catalog
        self.held: dict[int, Import] = {}

    async def begin(
        self,
        graph: str,
        files: Sequence[Mapping[str, Any]],
        options: Mapping[str, Any],
        source: str | None,
        *,
        upload: str | None = None,
    ) -> int:
        id_ = len(self.held) + 1
        state: ImportState = "waiting" if upload else "running"
        self.held[id_] = Import(id_, graph, state, files, options, source, KNOWN, None, None, upload=upload)
        return id_

    async def finish(self, id_: int, state: ImportState, error: str | None = None, *, keeping: bool = False) -> None:
        self.held[id_] = replace(self.held[id_], state=state, error=error, finished_at=KNOWN)

    async def list(
        self, graph: str, *, within: str, by: str | None = None, before: int | None, limit: int
    ) -> Sequence[Import]:
        await self.catalog.get(graph)
        found = [each for each in reversed(self.held.values()) if each.graph == graph and reaches(within, each.within)]
        found = [each for each in found if by is None or each.options.get("key") == by]
        return [each for each in found if before is None or each.id < before][:limit]

    async def get(self, graph: str, id_: int, *, within: str = "", by: str | None = None) -> Import:
        for each in await self.list(graph, within=within, by=by, before=id_ + 1, limit=1):
            if each.id == id_:
                return each
        raise NotFound(f"There is no import {id_} of {graph!r}.")

    async def items(self, graph: str, id_: int, cursor: str | None, limit: int) -> Page[ImportItem]:
        return Page([], None)

    async def undo(self, graph: str, id_: int, *, dry_run: bool = False, progress: Any = None) -> UndoResult:
        return UndoResult({}, 0, 0, 0, 0)

    async def rejections(self, id_: int) -> AsyncGenerator[Rejection, None]:
        nothing: Sequence[Rejection] = ()
        for each in nothing:
            yield each


def _words(item: Any) -> list[str]:
    return f"{getattr(item, 'name', '')} {item.text}".lower().split()


def _hit(kind: Any, item: Any) -> Hit:
    told = {name: value for name, value in asdict(item).items() if name in Hit.__slots__}
    told.update(label=getattr(item, "label", None) or "", name=getattr(item, "name", None), place=None)
    return Hit(**{"kind": kind, "score": 0.0, **told})


class FakeKeyRing:
    """Keys in a dictionary, under their secrets in the clear."""

    def __init__(self) -> None:
        self.held: dict[str, Key] = {}

    async def create(
        self,
        name: str,
        role: Role,
        *,
        graph: str | None,
        scope: str,
        expires_at: str | None,
        limit: RateLimit | None = None,
    ) -> tuple[Key, str]:
        secret = "kgm_" + secrets.token_hex(16)
        key = Key(secrets.token_hex(6), name, role, graph, scope, KNOWN, expires_at, limit=limit)
        self.held[secret] = key
        return key, secret

    async def list(self) -> Sequence[Key]:
        return list(self.held.values())

    async def update(self, id_: str, **changes: Any) -> Key:
        secret, key = next((secret, key) for secret, key in self.held.items() if key.id == id_)
        self.held[secret] = replace(key, **{name: value for name, value in changes.items() if value is not KEEP})
        return self.held[secret]

    async def rotate(self, id_: str, overlap: float) -> tuple[Key, str]:
        old = next(secret for secret, key in self.held.items() if key.id == id_)
        secret = "kgm_" + secrets.token_hex(16)
        self.held[secret] = self.held[old] if overlap else self.held.pop(old)
        return self.held[secret], secret

    def spend(self, key: Key) -> Allowance | None:
        return None

    async def revoke(self, id_: str) -> Key:
        for secret, key in self.held.items():
            if key.id == id_:
                self.held[secret] = replace(key, revoked_at=KNOWN)
                return self.held[secret]
        raise NotFound(f"There is no API key {id_!r}.")

    async def authenticate(self, secret: str, *, address: str | None = None) -> Key:
        key = self.held.get(secret)
        expires = parse_time(key.expires_at).start if key and key.expires_at else None
        if key is None or key.revoked_at or (expires is not None and expires <= now()):
            raise Unauthenticated("The API key is not valid.")
        return key

    async def check(self, id_: str, *, generation: int | None = None) -> None:
        await self.authenticate(next(secret for secret, key in self.held.items() if key.id == id_))

    async def current(self, key: Key) -> Key:
        return key

    def watch(
        self,
        id_: str,
        ended: Callable[[], None],
        grants: frozenset[int] = frozenset(),
        *,
        generation: int | None = None,
    ) -> Callable[[], None]:
        return lambda: None


class FakeVitals:
    """A database that always answers and is never busy."""

    async def health(self) -> Health:
        return Health()

    async def ping(self) -> None:
        return

    async def reached(self, position: int) -> bool:
        """Return whether the log is there."""
        return position <= await self.position()

    async def position(self) -> int:
        return 1

    async def figures(self) -> Figures:
        return Figures({"main": 1}, {"main": 10}, {"waiting": 0, "running": 0, "failed": 0}, 0.0, 0, {}, 0.0)


class FakeQueue:
    """Jobs that wait for ever."""

    def __init__(self) -> None:
        self.held: list[Job] = []

    async def defer(self, task: str, *, graph: str | None = None, **arguments: Any) -> int | None:
        if any((job.task, job.graph) == (task, graph) for job in self.held):
            return None
        self.held.append(Job(len(self.held) + 1, task, graph, "waiting", 0, arguments, KNOWN))
        return len(self.held)

    async def get(self, id_: int) -> Job:
        for job in self.held:
            if job.id == id_:
                return job
        raise NotFound(f"There is no job {id_}.")

    async def list(self, *, graph: str | None, status: str | None, limit: int) -> Sequence[Job]:
        fitting = [j for j in reversed(self.held) if graph in (None, j.graph) and status in (None, j.status)]
        return fitting[:limit]
