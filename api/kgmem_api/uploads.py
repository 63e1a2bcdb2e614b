"""Uploads: the body of a request, or the files of a form, on their way into the folder of uploads.

Only the last chunk is in memory, whatever the size.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from kgmem.domain.errors import InvalidInput, TimedOut, TooLarge
from kgmem.domain.ports import Incoming
from kgmem.formats.io.compression import GZIP, XZ, ZSTD
from kgmem.formats.registry import format_of
from kgmem.formats.tables.mapping import LONGEST_MAPPING
from kgmem.settings import Settings
from kgmem_api.media_types import extension_of_type
from kgmem_api.problems import MalformedBody
from kgmem_api.wire.imports import ImportParameters

# Forms of several parts (RFC 7578), parsed as they come: files pass through, fields are kept within limits.

MOST_FILES = 100
MOST_FIELDS = 100
_LONGEST_FIELD = 16 * 1024
_MAPPING = "mapping"  # The one field that may be sent as a file too.


@dataclass(frozen=True, slots=True)
class Event:
    """What comes of a file: that it begins, with its name and type, or some of its bytes."""

    begins: str | None = None
    content_type: str = ""
    data: bytes = b""


class Form:
    """A form that is being read."""

    def __init__(self, boundary: bytes) -> None:
        """Take the boundary between the parts. Raises MalformedBody for one that cannot be."""
        self.fields: dict[str, str] = {}
        self.options: list[str] = []  # The field "option", which may be given repeatedly.
        self._events: list[Event] = []
        self._files = self._taken = 0
        self._field: bytearray | None = None
        self._name = ""
        self._header: tuple[bytearray, bytearray] = bytearray(), bytearray()
        self._headers: dict[str, str] = {}
        self._ended = False
        callbacks: Any = {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._begin_content,
            "on_part_data": self._take,
            "on_part_end": self._end,
            "on_end": self._finish,
        }
        try:
            self._parser = MultipartParser(boundary, callbacks)
        except FormParserError as error:
            raise MalformedBody(f"The form cannot be read: {error}.", hint="Let the client make the header.") from error

    def feed(self, chunk: bytes) -> Sequence[Event]:
        """Read some bytes; gives what comes of files. Raises MalformedBody, InvalidInput, TooLarge."""
        if self._ended:
            return ()  # What follows a form is none of it.
        self._events = []
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise MalformedBody(f"The form cannot be read: {error}.", hint="Send multipart/form-data.") from error
        return self._events

    def finish(self) -> None:
        """Raise MalformedBody for a form that ends in the middle, or has no file."""
        if not self._ended:
            raise MalformedBody("The form ends in the middle.", hint="Send all of it.")
        if not self._files:
            raise MalformedBody("The form has no file.", hint="Send files, as curl -F file=@FILE.")

    def _begin(self) -> None:
        self._headers = {}
        self._header = bytearray(), bytearray()

    def _end_header(self) -> None:
        name, value = (bytes(part).decode("latin-1") for part in self._header)
        self._headers[name.lower()] = value
        self._header = bytearray(), bytearray()

    def _begin_content(self) -> None:
        _, parameters = parse_options_header(self._headers.get("content-disposition", ""))
        named, file = parameters.get(b"name"), parameters.get(b"filename")
        if named is None:
            raise MalformedBody("A part of the form has no name.", hint="Give each part one.")
        self._name = named.decode(errors="replace")
        self._field = None
        if file is not None and self._name != _MAPPING:
            self._files += 1
            if self._files > MOST_FILES:
                raise TooLarge(
                    f"The form has more than {MOST_FILES} files.", hint="Send several requests, or one zip file."
                )
            self._events.append(Event(file.decode(errors="replace"), self._headers.get("content-type", "")))
            return
        self._taken += 1
        if self._taken > MOST_FIELDS:
            raise TooLarge(f"The form has more than {MOST_FIELDS} fields.", hint="Send fewer.")
        if self._name not in ImportParameters.model_fields or self._name == "name":
            known = ", ".join(sorted(set(ImportParameters.model_fields) - {"name"}))
            raise InvalidInput(
                f"{self._name[:80]!r} is no field of this form.",
                hint=f"Fields are {known}; a part that is a file has a filename.",
            )
        self._field = bytearray()

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self._field is None:
            self._events.append(Event(data=data[start:end]))
            return
        self._field += data[start:end]
        if len(self._field) > (LONGEST_MAPPING if self._name == _MAPPING else _LONGEST_FIELD):
            raise TooLarge(f"The field {self._name!r} is too long.", hint="Is it a file? Give it a filename.")

    def _end(self) -> None:
        if self._field is None:
            return
        try:
            value = self._field.decode()
        except UnicodeDecodeError as error:
            raise InvalidInput(f"The field {self._name!r} is not UTF-8.", hint="Send it as UTF-8.") from error
        if "\0" in value:
            raise InvalidInput(f"The field {self._name!r} holds the character U+0000.", hint="Remove it.")
        if self._name == "option":
            self.options.append(value)
        elif self._name in self.fields:
            raise InvalidInput(f"The field {self._name!r} is given twice.", hint="Give it once.")
        else:
            self.fields[self._name] = value

    def _finish(self) -> None:
        self._ended = True


def check_fields(asked: ImportParameters, form: Form) -> ImportParameters:
    """Return the parameters of query and form fields. Raises InvalidInput."""
    given = asked.model_dump(exclude_unset=True)
    twice = next((name for name in form.fields if name in given), None)
    if twice:
        raise InvalidInput(f"{twice} is given as a field and in the address.", hint="Give it once.")
    try:
        return ImportParameters.model_validate({**given, **form.fields, "option": [*asked.option, *form.options]})
    except ValidationError as error:
        found = [
            {"parameter": str(one["loc"][0]), "detail": one["msg"]}
            for one in error.errors(include_url=False, include_input=False)
        ]
        told = "; ".join(f"{one['parameter']}: {one['detail']}" for one in found)
        raise InvalidInput(f"{told}.", hint="See /docs for what this address takes.", errors=found) from error


_PACKINGS = {"gzip": GZIP, "x-gzip": GZIP, "zstd": ZSTD, "xz": XZ}
_AROUND = 16 * 1024 * 1024  # Bytes that a form may have besides its files.
_FORM = b"multipart/form-data"


def is_form(request: Request) -> bool:
    """Return whether the body is a form of several parts."""
    return _content_type(request)[0] == _FORM


def name_of(request: Request, asked: ImportParameters) -> str:
    """Return the name for a body that is one file, which determines its format unless `format` names it.

    Raises InvalidInput when nothing tells the format.
    """
    _, parameters = parse_options_header(request.headers.get("content-disposition", ""))
    name = asked.name or parameters.get(b"filename", b"").decode(errors="replace")
    return _telling(name, request.headers.get("content-type", ""), asked.format)


async def receive_file(request: Request, incoming: Incoming, name: str) -> None:
    """Take the body as one file, as it comes: compression is detected by its first bytes when it is read."""
    packing = request.headers.get("content-encoding", "identity").lower()
    if packing not in {"identity", *_PACKINGS}:
        raise InvalidInput(
            f"Content-Encoding {packing[:40]!r} is not known here.", hint=f"Send {', '.join(_PACKINGS)}, or none."
        )
    await incoming.begin(name)
    first = True
    async for chunk in _chunks(request):
        magic = _PACKINGS.get(packing)
        if first and magic and chunk[: len(magic)] != magic[: len(chunk)]:
            raise MalformedBody(f"The body is not {packing}.", hint="Leave Content-Encoding out for a plain file.")
        first = False
        await incoming.write(chunk)
    if first:
        raise MalformedBody(
            "The body is empty.", hint="Send a file, as curl --data-binary @FILE or curl -F file=@FILE."
        )
    await incoming.end()


async def receive_form(request: Request, incoming: Incoming, asked: ImportParameters) -> ImportParameters:
    """Take the files of a form; return the parameters of query and form fields. Raises MalformedBody, InvalidInput."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise InvalidInput("A form is not compressed as a whole.", hint="Compress the files in it.")
    boundary = _content_type(request)[1].get(b"boundary", b"")
    if not boundary:
        raise MalformedBody("The Content-Type names no boundary.", hint="Let the client make the header.")
    form = Form(boundary)
    settings: Settings = request.app.state.settings
    left = settings.max_upload + _AROUND
    async for chunk in _chunks(request):
        left -= len(chunk)
        if left < 0:
            raise TooLarge(
                f"The form is larger than {settings.max_upload} bytes.", hint="KGMEM_MAX_UPLOAD sets the limit."
            )
        for event in form.feed(chunk):
            if event.begins is not None:
                told = _telling(event.begins, event.content_type, asked.format or form.fields.get("format"))
                await incoming.begin(told)
            else:
                await incoming.write(event.data)
    form.finish()
    await incoming.end()
    return check_fields(asked, form)


def _telling(name: str, content_type: str, format_: str | None) -> str:
    """Return the name of a file that tells its format: by its own end, or else by the media type."""
    if format_:
        return name or "upload"
    try:
        format_of(Path(name or "upload"))
    except InvalidInput as error:
        extension = extension_of_type(content_type)
        if not extension:
            raise InvalidInput(
                f"Nothing tells the format of {name[:80]!r}." if name else "Nothing tells the format of the file.",
                hint=f"Give format=, or name= with an end that tells it, or a Content-Type. {error.hint}",
            ) from error
        return f"{name or 'upload'}{extension}"
    return name


def _content_type(request: Request) -> tuple[bytes, dict[bytes, bytes]]:
    return parse_options_header(request.headers.get("content-type", ""))


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    """Return the body's chunks. Raises TooLarge at once for what says that it is, and TimedOut for a silent client."""
    settings: Settings = request.app.state.settings
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > settings.max_upload + (_AROUND if is_form(request) else 0):
        raise TooLarge(
            f"The body has {int(length)} bytes, and {settings.max_upload} is the most.",
            hint="Import it with kgmem import, or send it in several files; KGMEM_MAX_UPLOAD sets the limit.",
        )
    stream = aiter(request.stream())
    while True:
        try:
            async with asyncio.timeout(settings.request_timeout):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise TimedOut(
                f"The client sent nothing for {settings.request_timeout:g} seconds.",
                hint="Send it again; KGMEM_REQUEST_TIMEOUT sets the limit.",
            ) from error
        if chunk:
            yield chunk
