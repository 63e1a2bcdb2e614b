"""What is to be erased, what was found of it, and the report on what became of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Protocol

from kgmem.domain.erasure.redis_contents import PostponedErasure
from kgmem.domain.erasure.sought import Redactor, Sought, sought
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import check_scope
from kgmem.domain.graph.scope_contents import Trace

MOST_ENTITIES: Final = 100
MOST_REASON: Final = 1000
MOST_HASHES: Final = 1000  # Of removed things of one kind that a report lists; the digest is over all of them.
Progress = Callable[[str, int, int], None]  # The step, what is done of it, and how much there is.


@dataclass(frozen=True, slots=True)
class ErasureRequest:
    """Whom or what to erase: a scope with those below it, or a person by keys of entities and by texts.

    `texts` are names, addresses of e-mail and the like, in any letters. `whole_words`: they count only where no letter
    or digit is beside them. `keys_in` is the scope of the entities.
    """

    scope: str | None = None
    below: bool = True
    entities: Sequence[str] = ()
    keys_in: str = ""
    texts: Sequence[str] = ()
    whole_words: bool = False
    reason: str = ""
    by: str = ""

    def checked(self) -> "ErasureRequest":
        """Return the request with checked values. Raises InvalidInput."""
        if self.scope is None and not self.entities and not self.texts:
            raise InvalidInput("Nothing is named.", hint="Name a scope, entities or texts.", field="texts")
        if self.scope is not None and not check_scope(self.scope):
            raise InvalidInput(
                "The shared scope cannot be erased.", hint="Delete the graph, or name a scope.", field="scope"
            )
        if len(self.entities) > MOST_ENTITIES or not all(self.entities):
            raise InvalidInput(
                "Too many entities, or an empty key.", hint=f"Give 1 to {MOST_ENTITIES} keys.", field="entities"
            )
        if len(self.reason) > MOST_REASON:
            raise InvalidInput("The reason is too long.", hint=f"At most {MOST_REASON} characters.", field="reason")
        sought(self.texts)
        return replace(self, keys_in=check_scope(self.keys_in), texts=tuple(dict.fromkeys(self.texts)))

    def sought(self) -> list[Sought]:
        """Return the texts to search for."""
        return sought(self.texts, whole=self.whole_words)


@dataclass(frozen=True, slots=True)
class Found:
    """What belongs to a person or mentions one, by kind; each with its scope."""

    entities: Sequence[tuple[str, str, int]] = ()  # (scope, key, id): they are the person.
    mentions: Sequence[int] = ()  # Entities of which a text or property mentions the person.
    episodes: Sequence[tuple[str, str, int]] = ()
    relationships: Sequence[tuple[str, int]] = ()
    claims: Sequence[tuple[str, int]] = ()
    sessions: Sequence[tuple[str, str]] = ()
    blocks: Sequence[tuple[str, str]] = ()  # Of which the name mentions the person.
    states: Sequence[tuple[str, str, str]] = ()
    subscriptions: Sequence[tuple[str, str]] = ()
    sources: Sequence[tuple[int, str]] = ()
    topics: Sequence[int] = ()  # Subjects and predicates of claims.
    names: Sequence[str] = ()  # Of the entities, that are searched for as well.
    common_names: Sequence[str] = ()  # Those that others may bear: not searched for.
    rows: Mapping[str, int] = field(default_factory=dict)  # By table.
    files: Sequence[str] = ()

    def counts(self) -> dict[str, int]:
        """Return how many there are of each kind."""
        kinds = (
            "entities", "mentions", "episodes", "relationships", "claims", "sessions", "blocks", "states",
            "subscriptions", "sources", "files",
        )  # fmt: skip
        return {kind: len(getattr(self, kind)) for kind in kinds}


@dataclass(frozen=True, slots=True)
class Kept:
    """What stays, and why."""

    what: str
    number: int
    why: str


@dataclass(frozen=True, slots=True)
class ErasureReport:
    """What an erasure removed and kept; it has no personal data, only keyed hashes."""

    id: str
    graph: str
    at: str
    by: str
    reason: str
    subject: Mapping[str, Any]  # Which kinds of names were given, and keyed hashes of them.
    removed: Mapping[str, int]
    hashes: Mapping[str, Mapping[str, Any]]  # By kind: keyed hashes of what was removed, and a digest over them.
    rows: Mapping[str, Mapping[str, int]]  # By table: rows deleted, redacted.
    kept: Sequence[Kept]
    vacuumed: Sequence[str]
    traces: Sequence[Trace]
    complete: bool  # Nothing is left but what `kept` names.

    def content(self) -> dict[str, Any]:
        """Return the report as what is signed."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class SignedReport:
    """A report with its signature (Ed25519 over its canonical JSON) and the public key, both in base64."""

    report: Mapping[str, Any]
    algorithm: str
    public_key: str
    signature: str


@dataclass(frozen=True, slots=True)
class Verification:
    """Where texts are still: in tables and in files; `clean` where they are nowhere but in what the report keeps."""

    clean: bool
    tables: int
    found: Sequence[Trace]
    files: Sequence[str]
    kept: Sequence[Trace] = ()  # What the report says that it keeps.
    keys: int = 0  # Of Redis that were searched.
    unsearched: Sequence[str] = ()  # `redis`: it was away, or something waits to be erased there.


def no_progress(step: str, done: int, total: int) -> None:
    """Show no progress."""


@dataclass(frozen=True, slots=True)
class ErasurePlan:
    """What an erasure would take, for its dry run."""

    counts: Mapping[str, int]
    rows: Mapping[str, int]
    samples: Mapping[str, Sequence[str]]
    names: Sequence[str]
    common_names: Sequence[str]
    kept: Sequence[Kept] = ()
    dry_run: bool = True


class ReportSigner(Protocol):
    """Signs reports, and hashes names with a key of its own."""

    def public_key(self) -> str:
        """Return the public key in base64."""

    def sign(self, report: Mapping[str, Any]) -> SignedReport:
        """Return a report with its signature."""

    def verify(self, signed: SignedReport) -> bool:
        """Return whether the signature is that of the public key over the report."""

    def hash(self, text: str) -> str:
        """Return a keyed hash, which nobody can find the text of by trying who has not the key."""

    def seal(self, content: bytes) -> bytes:
        """Return content encrypted by the key of the reports."""

    def unseal(self, sealed: bytes) -> bytes | None:
        """Return what was sealed; None where that was by another key."""


class ServerFiles(Protocol):
    """Files that the server keeps beside its database."""

    async def having(self, redactor: Redactor) -> Sequence[str]:
        """Return the files that have one of the texts, by their paths in the data folder."""

    async def blank(self, redactor: Redactor, files: Sequence[str]) -> Sequence[str]:
        """Take the texts out of logs, and remove uploads; returns the files that still have one."""


class ErasureStore(Protocol):
    """Finds what an erasure takes, takes it out of every table, and keeps the reports."""

    async def find(self, graph: str, request: ErasureRequest, *, server: bool, progress: Progress) -> Found:
        """Return what belongs to a person or mentions one."""

    async def entity_names(self, graph: str, keys: Sequence[str], scope: str) -> tuple[Sequence[str], Sequence[str]]:
        """Return the keys of entities in this scope only, with those merged with them, and what names them."""

    async def redact_entities(self, graph: str, ids: Sequence[int], redactor: Redactor) -> int:
        """Take texts out of the properties of entities; returns how many changed."""

    async def redact_states(self, graph: str, redactor: Redactor) -> int:
        """Take texts out of the contents of agents' states, in all their versions; returns how many changed."""

    async def rename_sources(self, graph: str, sources: Sequence[tuple[int, str]]) -> Mapping[str, str]:
        """Rename sources to a name that does not identify them; returns the new names by the old ones."""

    async def rename_scopes(self, graph: str, scopes: Sequence[str]) -> Mapping[str, str]:
        """Rename empty scopes to a name that does not identify them; returns the new names by the old ones."""

    async def unused_sources(self, graph: str) -> Sequence[tuple[int, str]]:
        """Return the sources that nothing names any more."""

    async def edges_of(self, graph: str, claims: Sequence[int]) -> Sequence[int]:
        """Return the relationships that these claims state."""

    async def erase_claims(self, graph: str, ids: Sequence[int], topics: Sequence[int] = ()) -> int:
        """Take withdrawn claims out of the history with what was believed by them; returns how many.

        Topics that have no claim any more go as well.
        """

    async def forget_rest(self, graph: str, found: Found) -> None:
        """Delete what is left of deleted blocks and states, and merges of erased entities."""

    async def copies_of(self, graph: str, claims: Sequence[int], ids: Sequence[int]) -> Sequence[int]:
        """Return the claims that publications made of these claims and relationships."""

    async def sweep(
        self, graph: str, redactor: Redactor, *, server: bool, progress: Progress
    ) -> tuple[Mapping[str, Mapping[str, int]], Sequence[Kept]]:
        """Take texts out of every row that still has one; returns what happened by table, and what stays."""

    async def vacuum(self, graph: str, tables: Sequence[str], *, server: bool) -> tuple[Sequence[str], Sequence[Kept]]:
        """Rewrite tables without what was deleted from them; returns which, and what could not be."""

    async def search(self, graph: str, texts: Sequence[Sought], *, server: bool) -> tuple[int, Sequence[Trace]]:
        """Return how many tables were searched, and where texts are still."""

    async def save(self, graph: str, signed: SignedReport) -> None:
        """Keep a report."""

    async def postpone(self, graph: int, name: str, sealed: bytes) -> None:
        """Note what is to be erased in Redis when it is back."""

    async def postponed(self, graph: int | None = None) -> Sequence[PostponedErasure]:
        """Return what waits for Redis, of a graph or of all, oldest first."""

    async def streams_in_redis(self, graph: str) -> int:
        """Return how many streams of a graph have their messages in Redis."""

    async def carried_out(self, ids: Sequence[int]) -> None:
        """Forget what waited for Redis."""

    async def report(self, graph: str, id_: str) -> SignedReport:
        """Return a report. Raises NotFound."""

    async def reports(self, graph: str, cursor: str | None, limit: int) -> Page[SignedReport]:
        """Return a page of the reports of a graph, the newest first."""
