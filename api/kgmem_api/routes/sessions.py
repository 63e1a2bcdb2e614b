"""Sessions: open, append messages as the APIs of models have them, page in both directions, close."""

from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.requests import Request
from starlette.responses import Response

from kgmem.domain.agents.context import DEFAULT_BUDGET, LARGEST_BUDGET
from kgmem.domain.agents.message import Message, role_of
from kgmem.domain.agents.session import SessionAddress, SessionDetails
from kgmem.services.agents.session_summary import MOST_SENTENCES
from kgmem_api.access import Access, Reads, Writes
from kgmem_api.bodies import JSONBody, in_turn
from kgmem_api.idempotency import IdempotencyKey, name_of
from kgmem_api.parameters import Cursor, GraphName, Limit, ScopeQuery, gives
from kgmem_api.replies import reply
from kgmem_api.routes.extraction import ForgetResult
from kgmem_api.wire.expiry import ExpiresAt, TimeToLive, expires_at_of
from kgmem_api.wire.fields import STRICT

_ID = Annotated[str, Field(min_length=1, max_length=200)]


class SessionDetailsRequest(BaseModel):
    """What a caller says of a session."""

    model_config = STRICT

    agent: Annotated[_ID | None, Field(description="The agent that talks in it.")] = None
    users: Annotated[list[str], Field(max_length=100, description="Who talks with the agent.")] = []
    metadata: Annotated[dict[str, Any], Field(description="Your own values, up to 64 KB of JSON.")] = {}
    expires_at: ExpiresAt = None
    ttl: TimeToLive = None


class SessionShape(BaseModel):
    """A session as it is stored."""

    id: str
    scope: str
    agent: Annotated[str | None, Field(description="The agent that talks in it.")]
    users: Annotated[list[str], Field(description="Who talks with the agent.")]
    metadata: Annotated[dict[str, Any], Field(description="Your own values.")]
    opened_at: Annotated[str, Field(description="ISO 8601.")]
    closed_at: Annotated[str | None, Field(description="Null while it takes messages.")]
    latest_at: Annotated[str | None, Field(description="When the newest message was stored.")]
    messages: Annotated[int, Field(description="How many there are.")]
    tokens: Annotated[int, Field(description="Of all messages.")]
    created: Annotated[bool, Field(description="True in the answer to the call that made it.")]
    expires_at: Annotated[str | None, Field(description="When it is deleted with its messages; null: never.")]


class SessionPage(BaseModel):
    """Sessions, the newest first."""

    sessions: Annotated[list[SessionShape], Field(description="Without their messages.")]
    cursor: str | None


class MessageRequest(BaseModel):
    """A message as a model's API gives or takes it."""

    model_config = STRICT

    role: Annotated[str, Field(description="user, assistant, system (or developer), tool (or function).")]
    content: Annotated[
        str | list[dict[str, Any]] | None,
        Field(description='A text, or parts such as {"type": "text", "text": "..."}, also tool_use and tool_result.'),
    ] = None
    id: Annotated[_ID | None, Field(description="Sent again with the same id, it is stored once.")] = None
    name: Annotated[str | None, Field(max_length=2000, description="Who speaks, or the tool that answers.")] = None
    tool_calls: Annotated[list[dict[str, Any]] | None, Field(description="Calls of tools by an assistant.")] = None
    tool_call_id: Annotated[str | None, Field(max_length=2000, description="Which call a tool answers.")] = None
    tokens: Annotated[int | None, Field(ge=0, lt=2**31, description="As the model's API counted them.")] = None
    occurred_at: Annotated[str | None, Field(max_length=50, description="ISO 8601; by default now.")] = None
    refusal: Annotated[str | None, Field(description="What the model says in place of an answer.")] = None
    metadata: Annotated[dict[str, Any], Field(description="Your own values, up to 64 KB of JSON.")] = {}
    expires_at: Annotated[
        str | None, Field(max_length=50, description="ISO 8601. From then on it is in no answer.")
    ] = None
    ttl: TimeToLive = None

    def message(self, place: int) -> Message:
        """Return the message. Raises InvalidInput for an unknown role."""
        return Message(
            role_of(self.role, f"messages[{place}].role"), self.content, self.id, self.name,
            tuple(self.tool_calls or ()), self.tool_call_id, self.tokens, self.occurred_at, self.refusal, self.metadata,
            self.expires_at, self.ttl,
        )  # fmt: skip


class MessageBatch(BaseModel):
    """Messages to store at the end of a session, in this order, all or none; the list of them alone says the same."""

    model_config = STRICT

    @model_validator(mode="before")
    @classmethod
    def _of_list(cls, sent: Any) -> Any:
        return {"messages": sent} if isinstance(sent, list) else sent

    messages: Annotated[list[MessageRequest], Field(description="1 to 1,000.")]
    extract: Annotated[bool, Field(description="Whether to extract what users and assistants say.")] = True


class MessageShape(BaseModel):
    """A message with its place in the session."""

    seq: Annotated[int, Field(description="From 1, in the order of the session.")]
    id: str
    session: str
    episode: Annotated[str, Field(description="The key of its episode.")]
    role: Literal["user", "assistant", "system", "tool"]
    content: Annotated[str | list[dict[str, Any]] | None, Field(description="As it was sent.")]
    name: str | None
    tool_calls: Annotated[list[dict[str, Any]], Field(description="As they were sent.")]
    tool_call_id: Annotated[str | None, Field(description="Which call a tool answers.")]
    refusal: Annotated[str | None, Field(description="What the model says in place of an answer.")]
    metadata: Annotated[dict[str, Any], Field(description="Your own values.")]
    tokens: Annotated[int, Field(description="As sent, or counted by KGMEM_TOKENIZER.")]
    occurred_at: str
    created_at: Annotated[str, Field(description="When it was stored.")]
    created: Annotated[bool, Field(description="False in the answer to a message that was stored before.")]


class AppendResult(BaseModel):
    """The messages as they are stored, in the order of the request."""

    messages: Annotated[list[MessageShape], Field(description="In the order of the request.")]
    created: Annotated[int, Field(description="How many are new.")]


class MessagePage(BaseModel):
    """Messages of a session."""

    messages: Annotated[list[MessageShape], Field(description="In the order that was requested.")]
    cursor: str | None


class SaidSentence(BaseModel):
    """A sentence of a message, as it was said."""

    seq: Annotated[int, Field(description="The number of its message.")]
    message: Annotated[str, Field(description="The id of its message.")]
    speaker: Annotated[str, Field(description="The name of who said it, or the role.")]
    text: str


class SessionSummaryShape(BaseModel):
    """A session, and the sentences that say most of it."""

    session: SessionShape
    text: Annotated[str, Field(description="A line for each sentence.")]
    sentences: Annotated[list[SaidSentence], Field(description="In the order of the session.")]


class ContextEntry(BaseModel):
    """One entry of a context: its text, what it is made of, and its fields."""

    text: Annotated[str, Field(description="As in the text of the context.")]
    sources: Annotated[list[str], Field(description="message:ID, fact:ID, entity:KEY, episode:KEY, block:NAME.")]
    told: Annotated[dict[str, Any], Field(description="The same as fields, which depend on the section.")]
    cut: Annotated[bool, Field(description="Whether only its beginning fits.")]


class ContextSections(BaseModel):
    """The sections of a context, in the order of its text."""

    blocks: Annotated[list[ContextEntry], Field(description="Memory blocks of the agent.")]
    facts: Annotated[list[ContextEntry], Field(description="Facts that hold now, about what is talked of.")]
    memories: Annotated[list[ContextEntry], Field(description="What recall finds for the last turns.")]
    summaries: Annotated[list[ContextEntry], Field(description="Sentences of older messages.")]
    messages: Annotated[list[ContextEntry], Field(description="The latest messages, from the oldest on.")]


class ContextShape(BaseModel):
    """What to put into the next prompt."""

    text: Annotated[str, Field(description="Ready-made; what is stored is quoted in it.")]
    tokens: Annotated[int, Field(description="That the text takes; never more than the budget.")]
    budget: Annotated[int, Field(description="As requested.")]
    tokenizer: Annotated[str, Field(description="What counted the tokens.")]
    exact: Annotated[bool, Field(description="Whether that is a tokenizer, and not an estimate.")]
    sections: Annotated[ContextSections, Field(description="The same by section.")]
    omitted: Annotated[dict[str, int], Field(description="By section, how many entries did not fit.")]


router = APIRouter(tags=["sessions"])
_ALL = "/v1/graphs/{graph}/sessions"
_ONE = _ALL + "/{session}"
SessionId = Annotated[str, Path(min_length=1, max_length=200, description="The session's id.")]


@dataclass(frozen=True, slots=True)
class _Path:
    """One session, by its id."""

    id: str

    def at(self, access: Access, scope: str | None) -> SessionAddress:
        """Return where the session is. Raises Forbidden for a scope that the key does not reach."""
        return SessionAddress(self.id, access.scope(scope))


def _path(session: SessionId) -> _Path:
    return _Path(session)


SessionPath = Annotated[_Path, Depends(_path)]
Details = Annotated[SessionDetailsRequest, Depends(JSONBody(SessionDetailsRequest, optional=True))]
Order = Annotated[Literal["oldest", "newest"], Query(description="Which messages come first.")]


class SessionQuery(BaseModel):
    """Which sessions are listed."""

    model_config = ConfigDict(extra="forbid", strict=False)  # All comes as text.

    scope: Annotated[str | None, Field(max_length=400, description="The scope to act in; default: the key's.")] = None
    agent: Annotated[str | None, Field(max_length=200, description="Only sessions of this agent.")] = None
    user: Annotated[str | None, Field(max_length=400, description="Only sessions with this user.")] = None
    open: Annotated[bool | None, Field(description="Only open sessions, or only closed ones.")] = None
    cursor: Annotated[str | None, Field(max_length=1000, description="Where the last page ended.")] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="Most items of a page.")] = 100


@router.get(_ALL, responses=gives(SessionPage))
async def list_sessions(graph: GraphName, access: Reads, asked: Annotated[SessionQuery, Query()]) -> Response:
    """List the sessions in this scope only, the newest first."""
    page = await access.memory.sessions.list(
        graph, scope=access.scope(asked.scope), agent=asked.agent, user=asked.user, is_open=asked.open,
        cursor=asked.cursor, limit=asked.limit,
    )  # fmt: skip
    return reply({"sessions": [asdict(each) for each in page.items], "cursor": page.cursor})


@router.put(_ONE, responses={**gives(SessionShape, 201, "Made."), **gives(SessionShape, 200, "It was there.")})
async def put_session(
    graph: GraphName, path: SessionPath, access: Writes, asked: Details, *, scope: ScopeQuery = None
) -> Response:
    """Open a session; one that is there gets these details in the place of its own."""
    details = SessionDetails(asked.agent, tuple(asked.users), asked.metadata, expires_at_of(asked), asked.ttl)
    session = await access.memory.sessions.open(graph, path.at(access, scope), details)
    return reply(asdict(session), 201 if session.created else 200)


@router.get(_ONE, responses=gives(SessionShape))
async def get_session(graph: GraphName, path: SessionPath, access: Reads, scope: ScopeQuery = None) -> Response:
    """Return a session of this scope only, without its messages."""
    return reply(asdict(await access.memory.sessions.get(graph, path.at(access, scope))))


@router.delete(_ONE, responses=gives(ForgetResult))
async def delete_session(
    graph: GraphName,
    path: SessionPath,
    access: Writes,
    *,
    dry_run: Annotated[bool, Query(description="Only count what would be deleted.")] = False,
    erase: Annotated[bool, Query(description="Erase it from the history too.")] = False,
    scope: ScopeQuery = None,
) -> Response:
    """Delete a session with its messages and everything extracted only from them; returns a report."""
    report = await access.memory.sessions.delete(graph, path.at(access, scope), dry_run=dry_run, erase=erase)
    return reply(asdict(report))


@router.get(_ONE + "/context", responses=gives(ContextShape))
async def get_context(
    graph: GraphName,
    path: SessionPath,
    access: Reads,
    budget: Annotated[int, Query(ge=1, le=LARGEST_BUDGET, description="Most tokens of the text.")] = DEFAULT_BUDGET,
    scope: ScopeQuery = None,
) -> Response:
    """Return what to put into the next prompt, within a budget of tokens.

    Current facts about what is talked of, what recall finds with the last turns as its question, sentences of older
    messages, and the latest messages.
    """
    return reply(asdict(await access.memory.sessions.context(graph, path.at(access, scope), budget=budget)))


@router.get(_ONE + "/summary", responses=gives(SessionSummaryShape))
async def get_session_digest(
    graph: GraphName,
    path: SessionPath,
    access: Reads,
    limit: Annotated[int, Query(ge=1, le=MOST_SENTENCES, description="Most sentences.")] = 6,
    scope: ScopeQuery = None,
) -> Response:
    """Return a session and the sentences that say most of it, as they were said, in their order."""
    return reply(asdict(await access.memory.sessions.summary(graph, path.at(access, scope), limit=limit)))


@router.post(_ONE + "/close", responses=gives(SessionShape))
async def close_session(graph: GraphName, path: SessionPath, access: Writes, scope: ScopeQuery = None) -> Response:
    """Close a session: new messages are refused (409) until it is opened again."""
    return reply(asdict(await access.memory.sessions.close(graph, path.at(access, scope))))


@router.post(_ONE + "/reopen", responses=gives(SessionShape))
async def reopen_session(graph: GraphName, path: SessionPath, access: Writes, scope: ScopeQuery = None) -> Response:
    """Open a closed session again."""
    return reply(asdict(await access.memory.sessions.reopen(graph, path.at(access, scope))))


@router.post(_ONE + "/messages", responses=gives(AppendResult))
async def post_messages(
    graph: GraphName,
    path: SessionPath,
    request: Request,
    access: Writes,
    asked: Annotated[MessageBatch, Depends(JSONBody(MessageBatch))],
    *,
    scope: ScopeQuery = None,
    header: IdempotencyKey = None,
) -> Response:
    """Store messages at the end of a session, in this order, all or none.

    A message whose id is stored with the same content stays as it is; with another content the answer is 409. What
    users and assistants say is extracted soon after. Messages without an id get one from the header Idempotency-Key.
    """
    messages = await in_turn(request, partial(_messages, header=header), asked)
    appended = await access.memory.sessions.append(graph, path.at(access, scope), messages, extract=asked.extract)
    return reply({"messages": [asdict(each) for each in appended.messages], "created": appended.created})


@router.get(_ONE + "/messages", responses=gives(MessagePage))
async def list_messages(
    graph: GraphName,
    path: SessionPath,
    access: Reads,
    *,
    order: Order = "oldest",
    scope: ScopeQuery = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """List the messages of a session, from the oldest on or from the newest back."""
    page = await access.memory.sessions.messages(
        graph, path.at(access, scope), newest_first=order == "newest", cursor=cursor, limit=limit
    )
    return reply({"messages": [asdict(each) for each in page.items], "cursor": page.cursor})


@router.get(_ONE + "/messages/{message}", responses=gives(MessageShape))
async def get_message(
    graph: GraphName,
    path: SessionPath,
    message: Annotated[str, Path(min_length=1, max_length=200, description="The message's id.")],
    access: Reads,
    scope: ScopeQuery = None,
) -> Response:
    """Return one message of a session."""
    return reply(asdict(await access.memory.sessions.message(graph, path.at(access, scope), message)))


def _messages(asked: MessageBatch, header: str | None) -> list[Message]:
    messages = [each.message(place) for place, each in enumerate(asked.messages)]
    return [
        each if header is None or each.id is not None else replace(each, id=name_of(header, place))
        for place, each in enumerate(messages)
    ]
