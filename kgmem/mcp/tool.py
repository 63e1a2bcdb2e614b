"""Tools: name, description, arguments and result, and the function that does the work; no protocol yet."""

import copy
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kgmem.domain.access import Need
from kgmem.domain.errors import InvalidInput
from kgmem.mcp.caller import Caller, Reach
from kgmem.mcp.lines import Lines

DEFAULT_TOKENS: Final = 2000
LARGEST_TOKENS: Final = 50_000
_SHOWN: Final = 80
_ARGUMENTS: Final = 5  # Problems of one call that an error lists.


class Arguments(BaseModel):
    """The arguments of a tool: flat, simple, and no others."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Bounded(Arguments):
    """The arguments of a tool that answers with texts."""

    max_tokens: Annotated[int, Field(ge=100, le=LARGEST_TOKENS, description="The most tokens of the answer.")] = (
        DEFAULT_TOKENS
    )


# Arguments that each tool has where the connection does not fix what they choose.
_GRAPH: Final[Mapping[str, Any]] = {
    "type": "string",
    "description": "The graph to use; leave it out unless the user names one.",
}
_SCOPE: Final[Mapping[str, Any]] = {
    "type": "string",
    "description": "Whose memory: a path such as user/42. Leave it out unless you were told one.",
}


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool answers: short text for the model, and the same as a value with a schema."""

    text: str
    value: Mapping[str, Any]
    notes: Sequence[str] = ()  # Further texts, where `text` has a form that programs read.


@dataclass(slots=True)
class Call:
    """One call: where it acts, its budget of tokens, and how to report progress."""

    reach: Reach
    budget: int
    report: Callable[[float, float | None, str], Awaitable[None]]

    def lines(self, heading: str = "") -> Lines:
        """Return an empty answer of texts within the budget."""
        return Lines(self.budget, self.reach.memory.count_tokens, heading)


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool. `role` is what its key needs; `may_write` that it writes only when an argument asks it to."""

    name: str
    title: str
    description: str
    arguments: type[Arguments]
    result: type[BaseModel]
    run: Callable[[Call, Any], Awaitable[Result]]
    role: Need = "reader"
    destroys: bool = False
    repeatable: bool = True  # Whether a second call with the same arguments changes nothing more.
    writes_on_request: str | None = None  # The argument that makes it write.
    in_scope: bool = True  # Whether it has the argument scope.

    def is_for(self, caller: Caller) -> bool:
        """Return whether a caller may use it at all."""
        return caller.may_write if self.role != "reader" else caller.key.may("reader")

    def only_reads(self, caller: Caller) -> bool:
        """Return whether a call by this caller can change nothing."""
        return self.role == "reader" and (self.writes_on_request is None or not caller.may_write)

    def input_schema(self, caller: Caller) -> dict[str, Any]:
        """Return the JSON Schema of its arguments, flat; graph and scope only where the connection leaves them open."""
        schema = copy.deepcopy(_schema_of(self.arguments))
        properties: dict[str, Any] = schema.setdefault("properties", {})
        if self.only_reads(caller) and self.writes_on_request:
            properties.pop(self.writes_on_request)
        if self.in_scope and not caller.has_fixed_scope:
            properties["scope"] = dict(_SCOPE)
        if not caller.has_fixed_graph:
            properties["graph"] = dict(_GRAPH)
        if "max_tokens" in properties:  # Behind what a call is about.
            properties["max_tokens"] = properties.pop("max_tokens")
        schema["additionalProperties"] = False
        return schema

    def output_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of its structured result."""
        return _schema_of(self.result)

    def names(self, caller: Caller) -> list[str]:
        """Return the names of its arguments for a caller."""
        omitted = self.writes_on_request if self.only_reads(caller) else None
        own = [name for name in _schema_of(self.arguments).get("properties", {}) if name != omitted]
        scope = ["scope"] if self.in_scope and not caller.has_fixed_scope else []
        return own + scope + ([] if caller.has_fixed_graph else ["graph"])

    async def call(
        self,
        caller: Caller,
        given: Mapping[str, Any],
        report: Callable[[float, float | None, str], Awaitable[None]],
    ) -> Result:
        """Check the arguments, and run it where the caller may. Raises KgmemError."""
        plain = {name: value for name, value in given.items() if value is not None}
        known = self.names(caller)
        if unknown := sorted(name for name in plain if name not in known):
            raise InvalidInput(
                f"{self.name} has no argument {unknown[0][:_SHOWN]!r}.",
                hint=f"Its arguments are {', '.join(known)}." if known else "It takes no arguments.",
            )
        graph, scope = (_text(plain.pop(name, None), name) for name in ("graph", "scope"))
        try:
            asked = self.arguments.model_validate(plain)
        except ValidationError as error:
            raise _invalid(self.name, error) from None
        writes = bool(self.writes_on_request and getattr(asked, self.writes_on_request))
        reach = await caller.reach("writer" if writes else self.role, graph, scope)
        budget = asked.max_tokens if isinstance(asked, Bounded) else DEFAULT_TOKENS
        with reach.audited(self.name, change=writes or self.role != "reader"):
            return await self.run(Call(reach, budget, report), asked)


@cache
def _schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema of a model, made once."""
    return simplified(model.model_json_schema(by_alias=True))


def _text(value: Any, name: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise InvalidInput(f"{name} is no text.", hint=f"Give {name} as a text, or leave it out.")
    return value


def _invalid(tool: str, error: ValidationError) -> InvalidInput:
    """Return what is wrong with arguments, in words that a model can act on."""
    problems = []
    for each in error.errors(include_url=False)[:_ARGUMENTS]:
        place = ".".join(str(part)[:_SHOWN] for part in each["loc"]) or "arguments"
        problems.append(f"{place}: {each['msg'].removeprefix('Value error, ')}")
    return InvalidInput(
        f"Invalid arguments of {tool}: {'; '.join(problems)}.", hint="Correct them and call the tool again."
    )


def simplified(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a JSON Schema without titles, references and choices that only say that a value may be left out."""
    definitions = schema.pop("$defs", {})
    flat = _simplified(schema, definitions)
    assert isinstance(flat, dict)  # noqa: S101 - it is one, as its argument is
    return flat


def _simplified(part: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(part, list):
        return [_simplified(each, definitions) for each in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        name = part["$ref"].rsplit("/", 1)[1]
        own = {key: value for key, value in part.items() if key != "$ref"}
        return {**_simplified(copy.deepcopy(definitions[name]), definitions), **own}
    done = {
        key: {name: _simplified(one, definitions) for name, one in value.items()}
        if key == "properties"
        else _simplified(value, definitions)
        for key, value in part.items()
        if key != "title"
    }
    choices = done.get("anyOf", ())
    if {"type": "null"} in choices:  # What is null is left out, of arguments and of results.
        del done["anyOf"]
        left = [each for each in choices if each != {"type": "null"}]
        done = {**left[0], **done} if len(left) == 1 else {**done, "anyOf": left}
        if done.get("default", ...) is None:
            del done["default"]
    return done
