"""Wire models that are made of the table of fields (kgmem/domain/fields.py): statements in bodies, and answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import fields as attributes
from operator import attrgetter
from types import GenericAlias
from typing import Annotated, Any, Final, Literal, NotRequired, Required, cast, get_args, get_type_hints

from pydantic import BaseModel, Field, ValidationInfo, create_model
from typing_extensions import TypedDict

from kgmem.domain.fields import Field as Declared
from kgmem.domain.fields import FieldType, is_declared, shown_fields, stated_fields
from kgmem.domain.graph.expiry import NEVER
from kgmem_api.wire.fields import STRICT, TIME_FORM, From, PlaceField, Properties, Scope, Time, Value, Vector, own_scope

_SPAN = Annotated[list[Annotated[int, Field(ge=0, le=2**31 - 1)]], Field(min_length=2, max_length=2)]
_STATED: Final[Mapping[FieldType, Any]] = {
    "time": Time,
    "scope": Scope,
    "boolean": bool,
    "properties": Properties,
    "place": PlaceField,
    "vector": Vector,
    "span": _SPAN,
    "json": Value,
}
_SHOWN: Final[Mapping[FieldType, Any]] = {
    "text": str,
    "texts": list[str],
    "time": str,
    "scope": str,
    "integer": int,
    "float": float,
    "boolean": bool,
    "properties": dict[str, Any],
    "place": dict[str, Any],
    "vector": list[float],
    "span": list[int],
    "json": Any,
}


def statement_of(
    record: type[Any], name: str, doc: str, *, without: Sequence[str] = (), optional: Sequence[str] = ()
) -> Any:
    """Return the TypedDict of a statement of a record: its fields with their limits, without those named.

    A TypedDict, because pydantic fills one faster than a model, and the domain's own object follows at once.
    """
    annotations = {field.name: _needed(field, optional) for field in stated_fields(record) if field.name not in without}
    # The checker of types knows TypedDicts of literal names alone.
    make = cast("Callable[..., Any]", TypedDict)
    made = make(name, annotations, total=False)
    made.__doc__, made.__module__, made.__pydantic_config__ = doc, __name__, STRICT
    return made


def stated(record: type[Any], statement: Any, **fixed: Any) -> From:
    """Return how a record is built of its statement, in the scope of the key that sent it."""

    def build(told: dict[str, Any], info: ValidationInfo) -> Any:
        if scoped:
            told["scope"] = own_scope(told.get("scope"), info)
        if "expires_at" in told and told["expires_at"] is None:
            told["expires_at"] = NEVER
        return record(**fixed, **told) if fixed.keys().isdisjoint(told) else record(**{**fixed, **told})

    scoped = any(field.type == "scope" for field in stated_fields(record))
    return From(statement, build)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a request that is made of the table of fields: its class, and its field in the request's model."""

    record: type[Any]
    field: Any

    def built(self, shape: BaseModel | None) -> Any:
        """Return the part that a shape states."""
        return (
            None if shape is None else self.record(**{name: getattr(shape, name) for name in type(shape).model_fields})
        )


def parts_of(request: type[Any]) -> dict[str, Part]:
    """Return the parts of a request whose attributes all declare their fields, by name; each has a default."""
    hints, found = get_type_hints(request), {}
    for each in attributes(request):
        kinds = [kind for kind in get_args(hints[each.name]) or (hints[each.name],) if is_declared(kind)]
        if kinds:
            known = {field.name: _part_field(field, kinds[0]) for field in stated_fields(kinds[0])}
            name = "".join(word.title() for word in each.name.split("_")) + "Options"
            model = create_model(name, __config__=STRICT, __doc__=kinds[0].__doc__, __module__=__name__, **known)
            found[each.name] = Part(kinds[0], (model, model()) if each.default is not None else (model | None, None))
    return found


def answer(record: type[Any], name: str, doc: str, **more: Any) -> type[BaseModel]:
    """Return the model of a record in answers, for the OpenAPI document: fields without a value are omitted."""
    known: dict[str, Any] = {field.name: _shown_type(field) for field in shown_fields(record)}
    return create_model(name, __doc__=doc, __module__=__name__, **known, **more)


def copied(record: type[Any], name: str, doc: str, **notes: str) -> type[BaseModel]:
    """Return the model of a dataclass that answers show as it is, with all of its attributes; `notes` describe some."""
    hints = get_type_hints(record)
    known: dict[str, Any] = {
        each.name: (hints[each.name], Field(description=notes[each.name]) if each.name in notes else ...)
        for each in attributes(record)
    }
    return create_model(name, __doc__=doc, __module__=__name__, **known)


def shape(name: str, doc: str, **known: Any) -> type[BaseModel]:
    """Return the model of an answer that is made of others."""
    return create_model(name, __doc__=doc, __module__=__name__, **known)


def many(model: Any) -> Any:
    """Return a list of a model's shapes, as a field of `shape`."""
    return GenericAlias(list, (model,)), ...


CURSOR: Final[Any] = (str | None, ...)  # Of a page: continues it, null at its end.


def shown(record: type[Any]) -> Callable[[Any], dict[str, Any]]:
    """Return what makes the shape of a record in answers: fields without a value are omitted."""
    table = shown_fields(record)
    names = [field.wire for field in table]
    values = attrgetter(*(field.name for field in table))
    special = [(field.wire, _CONVERTED[field.type], field.nullable) for field in table if field.type in _CONVERTED]

    def shape_of(one: Any) -> dict[str, Any]:
        shape = {name: value for name, value in zip(names, values(one), strict=True) if value is not None}
        for name, convert, nullable in special:
            if name in shape:
                shape[name] = convert(shape[name])
                if nullable and not shape[name]:
                    del shape[name]
        return shape

    return shape_of


_CONVERTED: Final[Mapping[FieldType, Callable[[Any], Any]]] = {
    "texts": list,
    "scope": str,
    "properties": dict,
    "place": lambda place: dict(place.geometry),
    "vector": lambda vector: [float(number) for number in vector],
}


def _needed(field: Declared, optional: Sequence[str]) -> Any:
    type_ = _limited(field)
    if field.nullable and field.type != "json":
        type_ |= None
    told = [Field(alias=field.wire)] if field.wire != field.name else []
    if field.doc:
        told.append(Field(description=f"{field.doc} {TIME_FORM}" if field.type == "time" else field.doc))
    for each in told:
        type_ = Annotated[type_, each]
    return Required[type_] if field.required and field.name not in optional else NotRequired[type_]


def _part_field(field: Declared, record: type[Any]) -> Any:
    default = next(each.default for each in attributes(record) if each.name == field.name)
    alias = field.wire if field.wire != field.name else None
    type_ = _limited(field)
    return type_ | None if field.nullable else type_, Field(default, alias=alias, description=field.doc or None)


def _limited(field: Declared) -> Any:
    """Return the type of a field's values, with its limits."""
    if field.type == "text":
        return Annotated[str, Field(min_length=int(field.least) or None, max_length=_whole(field.most))]
    if field.type == "integer":
        return Annotated[int, Field(ge=int(field.least), le=_whole(field.most))]
    if field.type == "float":
        return Annotated[float, Field(ge=field.least, le=field.most, allow_inf_nan=False)]
    if field.type == "texts" and field.item is not None:
        return Annotated[GenericAlias(list, (_limited(field.item),)), Field(max_length=_whole(field.most))]
    if field.type == "choice":
        return Literal[field.options]
    return _STATED[field.type]


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _shown_type(field: Declared) -> Any:
    alias = Field(alias=field.wire) if field.wire != field.name else None
    type_ = _SHOWN[field.type] if alias is None else Annotated[_SHOWN[field.type], alias]
    if field.type == "json":
        return type_, None
    return (type_ | None, None) if field.nullable and not field.always else (type_, ...)
