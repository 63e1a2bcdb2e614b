"""kgmem: a knowledge memory in Postgres. `async with kgmem.open() as memory: ...`."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kgmem.domain.agents.block import BlockAddress, BlockContent, BlockEdit
from kgmem.domain.agents.message import Message
from kgmem.domain.agents.presence import AgentAddress, Heartbeat
from kgmem.domain.agents.session import SessionAddress, SessionDetails
from kgmem.domain.agents.state import RetentionRule, StateAddress, VersionChoice
from kgmem.domain.claims.claim import (
    ClaimFilter,
    ClaimResult,
    ClaimStatement,
    FactFilter,
    NewAdjudication,
    Source,
    StoredFact,
)
from kgmem.domain.errors import (
    ChecksumMismatch,
    CommitUnknown,
    Conflict,
    ConnectionLost,
    CursorExpired,
    DatabaseOutdated,
    DatabaseUnavailable,
    DataFolderInUse,
    EmbedderUnavailable,
    EmbeddingMismatch,
    ExtractorUnavailable,
    Forbidden,
    InvalidInput,
    KgmemError,
    LimitReached,
    NotFound,
    OnHold,
    OutOfSpace,
    RedisUnavailable,
    SchemaViolation,
    ServerError,
    TimedOut,
    TooLarge,
    TooManyLogins,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    UnknownEntities,
    VersionConflict,
)
from kgmem.domain.flows.flow import Flow, FlowFilter, FlowStep
from kgmem.domain.graph.entity import DeleteResult, Entity, Page, WriteResult
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.ledger.ledger import (
    AccountLimits,
    AccountSpec,
    LedgerNote,
    Posting,
    Reservation,
    StatementQuery,
)
from kgmem.domain.recall.answer import Answer, Hit, RetrieverShare
from kgmem.domain.recall.question import Question, What, When
from kgmem.domain.space.place import Place, parse_place
from kgmem.domain.streams.stream import NewMessage, Release, StreamAddress, StreamClaim, StreamRead, StreamSettings
from kgmem.domain.subscriptions.event import Event
from kgmem.domain.subscriptions.subscription import (
    Acknowledgement,
    EventFilter,
    GroupRead,
    SubscriptionAddress,
    SubscriptionRequest,
)
from kgmem.domain.subscriptions.webhook import WebhookAddress, WebhookRequest, WebhookUpdate
from kgmem.domain.subscriptions.webhook import verify as verify_webhook

if TYPE_CHECKING:
    from kgmem.memory import Memory
    from kgmem.networkx_graphs import from_networkx, to_networkx
    from kgmem.opening import opened as open  # noqa: A004  # `kgmem.open` reads as what it does
    from kgmem.services.imports.export_records import ExportOptions, ExportResult
    from kgmem.services.imports.options import ImportOptions, ImportResult

    __version__: str

__all__ = [
    "AccountLimits",
    "AccountSpec",
    "Acknowledgement",
    "AgentAddress",
    "Answer",
    "BlockAddress",
    "BlockContent",
    "BlockEdit",
    "ChecksumMismatch",
    "ClaimFilter",
    "ClaimResult",
    "ClaimStatement",
    "CommitUnknown",
    "Conflict",
    "ConnectionLost",
    "CursorExpired",
    "DataFolderInUse",
    "DatabaseOutdated",
    "DatabaseUnavailable",
    "DeleteResult",
    "EmbedderUnavailable",
    "EmbeddingMismatch",
    "Entity",
    "Episode",
    "Event",
    "EventFilter",
    "ExportOptions",
    "ExportResult",
    "ExtractorUnavailable",
    "FactFilter",
    "Flow",
    "FlowFilter",
    "FlowStep",
    "Forbidden",
    "GroupRead",
    "Heartbeat",
    "Hit",
    "ImportOptions",
    "ImportResult",
    "InvalidInput",
    "KgmemError",
    "LedgerNote",
    "LimitReached",
    "Memory",
    "Message",
    "NewAdjudication",
    "NewMessage",
    "NotFound",
    "OnHold",
    "OutOfSpace",
    "Page",
    "Place",
    "Posting",
    "Question",
    "RedisUnavailable",
    "Relationship",
    "Release",
    "Reservation",
    "RetentionRule",
    "RetrieverShare",
    "SchemaViolation",
    "ServerError",
    "SessionAddress",
    "SessionDetails",
    "Source",
    "StateAddress",
    "StatementQuery",
    "StoredFact",
    "StreamAddress",
    "StreamClaim",
    "StreamRead",
    "StreamSettings",
    "SubscriptionAddress",
    "SubscriptionRequest",
    "TimedOut",
    "TooLarge",
    "TooManyLogins",
    "TooManyRequests",
    "Unauthenticated",
    "Unavailable",
    "UnknownEntities",
    "VersionChoice",
    "VersionConflict",
    "WebhookAddress",
    "WebhookRequest",
    "WebhookUpdate",
    "What",
    "When",
    "WriteResult",
    "__version__",
    "from_networkx",
    "open",
    "parse_place",
    "to_networkx",
    "verify_webhook",
]

# What brings in drivers, models and the rest is imported when it is first asked for, so that `kgmem --help` and
# whoever wants the nouns alone do not wait for it.
_LATER = {
    "ExportOptions": ("kgmem.services.imports.export_records", "ExportOptions"),
    "ExportResult": ("kgmem.services.imports.export_records", "ExportResult"),
    "ImportOptions": ("kgmem.services.imports.options", "ImportOptions"),
    "ImportResult": ("kgmem.services.imports.options", "ImportResult"),
    "Memory": ("kgmem.memory", "Memory"),
    "from_networkx": ("kgmem.networkx_graphs", "from_networkx"),
    "open": ("kgmem.opening", "opened"),
    "to_networkx": ("kgmem.networkx_graphs", "to_networkx"),
}


def __getattr__(name: str) -> Any:
    """Return what is imported late, and the version of the package that is installed."""
    if name == "__version__":
        return import_module("importlib.metadata").version("kgmem")
    if name in _LATER:
        module, attribute = _LATER[name]
        return getattr(import_module(module), attribute)
    raise AttributeError(f"module 'kgmem' has no attribute {name!r}")
