"""Bodies from bytes to models: counted before anything is built of them, validated in slices.

pydantic keeps an object for each error, and holds the interpreter's lock during a call. So the limits come first, a
batch is validated some items at a time until enough is wrong, and values that are not validated are built in pieces.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar, get_origin

from orjson import dumps
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import from_json

from kgmem.domain.access import Key
from kgmem.domain.errors import TooLarge
from kgmem_api.invalid import Faults, refuse_nul
from kgmem_api.json_structure import NotJSON, Span, Structure, TooDeep, TooLong, TooMany, build, most_values, read
from kgmem_api.problems import InvalidBody, MalformedBody

M = TypeVar("M")

DEEPEST = 200  # Containers in each other; what pydantic's parser takes as well.
MOST_VALUES = 5_000_000  # Of one body: 10,000 entities with vectors of 384 numbers have fewer.
MOST_VALUES_OF_ITEM = 50_000  # A place of 256 KB has fewer.
LARGEST_ITEM = 8 * 1024 * 1024  # Bytes: a text of a million characters, properties and a place have fewer.

_AT_ONCE = 2_000  # So many values are validated in some milliseconds, even if all of them are wrong.
_PIECE = 64 * 1024  # Bytes that are validated or built in a millisecond or two.


@dataclass(frozen=True, slots=True)
class _Batch:
    """A body with a list of items: the list's name and place, and the text of the other members."""

    name: str
    items: Span
    rest: bytes


class BodyParser(Generic[M]):
    """Parses bodies of one model. `free` names the member whose values are of any kind and are not validated."""

    def __init__(self, model: type[M], *, free: str = "") -> None:
        """Take the model."""
        self.adapter: TypeAdapter[M] = TypeAdapter(model)
        self._free = free
        fields = model.model_fields if isinstance(model, type) and issubclass(model, BaseModel) else {}
        self._lists = frozenset(name for name, field in fields.items() if get_origin(field.annotation) is list)

    @cached_property
    def schema(self) -> Mapping[str, Any]:
        """The body's JSON Schema."""
        return self.adapter.json_schema()

    @staticmethod
    def is_quick(raw: bytes) -> bool:
        """Whether a body is parsed sooner than a thread is handed one, whatever is wrong with it."""
        return len(raw) <= _PIECE and most_values(raw) <= _AT_ONCE

    def parse(self, raw: bytes, key: Key | None, max_batch: int) -> M:
        """Return the model. Raises MalformedBody, InvalidBody, TooLarge, and Forbidden for its scopes."""
        try:
            if self.is_quick(raw):
                return self._validated(raw, key, max_batch)
            return self._parse(Structure(raw, deepest=DEEPEST, most=MOST_VALUES), key, max_batch)
        except NotJSON as error:
            if not raw.strip():
                raise MalformedBody("The body is empty.", hint="Send a JSON object; /docs shows its shape.") from error
            raise MalformedBody(
                f"The body is not JSON: {error}.", hint="Check the body at that line and column."
            ) from error
        except TooDeep as error:
            problem = f"Its arrays and objects stand in each other more than {DEEPEST} deep."
            raise MalformedBody(problem, hint="Send them less deep, or as a text.") from error
        except TooMany as error:
            problem = f"The body has more than {MOST_VALUES:,} values."
            raise TooLarge(problem, hint="Send several requests.") from error
        except TooLong as error:
            problem = f"A text takes more than {LARGEST_ITEM:,} bytes of JSON."
            raise TooLarge(problem, hint="Send it in several parts.") from error

    def _parse(self, structure: Structure, key: Key | None, max_batch: int) -> M:
        members = _members(structure)
        batch = self._batch(structure, members)
        if batch is not None:
            return self._sliced(structure, batch, key, max_batch)
        raw, whole = structure.raw, structure.whole()
        free = members.get(self._free)
        if free is None or not structure.is_container(free) or raw[free.start : free.start + 1] != b"{":
            _check_size("The body", len(raw), structure.values(whole))
            return self._validated(raw, key, max_batch)
        rest = raw[: free.start] + b"{}" + raw[free.end :]
        _check_size("The body", len(rest), structure.values(whole) - structure.values(free))
        model = self._validated(rest, key, max_batch)
        values = build(structure, free, piece=_PIECE, longest=LARGEST_ITEM)
        if b"\\u0000" in raw:
            refuse_nul({self._free: values})
        setattr(model, self._free, values)
        return model

    def _batch(self, structure: Structure, members: Mapping[str, Span]) -> _Batch | None:
        """Return the longest list of items, unless the rest of the body is large itself."""
        lists = {name: span for name, span in members.items() if name in self._lists and structure.is_container(span)}
        if not lists:
            return None
        name = max(lists, key=lambda each: lists[each].end - lists[each].start)
        others = {other: span for other, span in members.items() if other != name}
        rest = b"".join(b"," + dumps(other) + b":" + structure.text(span) for other, span in others.items())
        return _Batch(name, lists[name], rest) if self.is_quick(rest) else None

    def _sliced(self, structure: Structure, batch: _Batch, key: Key | None, max_batch: int) -> M:
        """Validate a batch some items at a time, until enough is wrong."""
        _check_length(batch.name, structure.length(batch.items), max_batch)
        parts = structure.parts(batch.items)
        sizes = parts.ends - parts.starts
        for item in ((sizes > LARGEST_ITEM) | (parts.values > MOST_VALUES_OF_ITEM)).nonzero()[0].tolist()[:1]:
            _check_size(f"/{batch.name}/{item}", int(sizes[item]), int(parts.values[item]))
        faults = Faults(self.schema, batch.name)
        models: list[Any] = []
        for first, last in parts.runs(size=_PIECE, values=_AT_ONCE):
            run = structure.run(parts, first, last)
            raw = b"{" + dumps(batch.name) + b":[" + structure.text(run) + b"]" + batch.rest + b"}"
            faults.first = first
            try:
                models.append(self._found(raw, key, faults))
            except NotJSON:
                read(structure, run, b"[", b"]")  # It says at which line and column of the whole body.
                raise
            if faults.enough:
                break
        faults.refuse()
        for model in models[1:]:
            getattr(models[0], batch.name).extend(getattr(model, batch.name))
        found: M = models[0]
        return found

    def _validated(self, raw: bytes, key: Key | None, max_batch: int) -> M:
        faults = Faults(self.schema)
        model = self._found(raw, key, faults)
        faults.refuse()
        assert model is not None  # noqa: S101 - without faults there is a model
        for name, value in model if isinstance(model, BaseModel) else ():
            if isinstance(value, list):
                _check_length(name, len(value), max_batch)
        return model

    def _found(self, raw: bytes, key: Key | None, faults: Faults) -> M | None:
        """Return the model, or note what is wrong. Raises NotJSON."""
        try:
            model = self.adapter.validate_json(raw, context=key)
        except ValidationError as error:
            faults.note(error, raw)
            return None
        if b"\\u0000" in raw:
            refuse_nul(from_json(raw), faults)
        return model


def _members(structure: Structure) -> dict[str, Span]:
    """Return the members of a body that is an object; of a name that stands twice the last counts."""
    whole = structure.whole()
    if not structure.is_container(whole) or structure.raw[whole.start : whole.start + 1] != b"{":
        return {}
    if structure.length(whole) > _AT_ONCE:
        raise InvalidBody(f"The body has {structure.length(whole):,} fields.", hint="See /docs for the shape.")
    parts = structure.parts(whole)
    runs = [structure.run(parts, n, n + 1) for n in range(len(parts))]
    return dict(structure.member(run) for run in runs if run.start < run.end)


def _check_length(name: str, length: int, most: int) -> None:
    if length > most:
        raise TooLarge(
            f"{name} has {length} items, and {most} is the most in one request.",
            hint="Send several requests; KGMEM_MAX_BATCH sets the limit.",
        )


def _check_size(name: str, size: int, values: int) -> None:
    """Refuse what is too large to be one item. Raises TooLarge."""
    if size > LARGEST_ITEM:
        raise TooLarge(f"{name} has {size:,} bytes, and {LARGEST_ITEM:,} is the most.", hint="Send less in one item.")
    if values > MOST_VALUES_OF_ITEM:
        problem = f"{name} has {values:,} values, and {MOST_VALUES_OF_ITEM:,} is the most in one item."
        raise TooLarge(problem, hint="Send less in one item.")
