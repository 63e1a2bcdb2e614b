"""Uploads: the body of a request, or the files of a form, on their way into the folder of uploads.

Nothing is held in memory but what came last, whatever the size.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from kgmem.domain.errors import InvalidInput, TimedOut, TooLarge
from kgmem.domain.ports import Incoming
from kgmem.formats.compression import GZIP, XZ, ZSTD
from kgmem.formats.registry import format_of
from kgmem.settings import Settings
from kgmem_api.forms import Form, check_fields
from kgmem_api.media_types import extension_of_type
from kgmem_api.problems import MalformedBody
from kgmem_api.wire.imports import ImportAsked

_PACKINGS = {"gzip": GZIP, "x-gzip": GZIP, "zstd": ZSTD, "xz": XZ}
_AROUND = 16 * 1024 * 1024  # Bytes that a form may have besides its files.
_FORM = b"multipart/form-data"


def is_form(request: Request) -> bool:
    """Say whether the body is a form of several parts."""
    return _content_type(request)[0] == _FORM


def name_of(request: Request, asked: ImportAsked) -> str:
    """Give the name for a body that is one file, which tells its format unless that is asked for by name.

    Raises InvalidInput when nothing tells the format.
    """
    _, parameters = parse_options_header(request.headers.get("content-disposition", ""))
    name = asked.name or parameters.get(b"filename", b"").decode(errors="replace")
    return _telling(name, request.headers.get("content-type", ""), asked.format)


async def receive_file(request: Request, incoming: Incoming, name: str) -> None:
    """Take the body as one file, as it comes: what is compressed is told by its first bytes when it is read."""
    packing = request.headers.get("content-encoding", "identity").lower()
    if packing not in {"identity", *_PACKINGS}:
        raise InvalidInput(
            f"Content-Encoding {packing[:40]!r} is not known here.", mend=f"Send {', '.join(_PACKINGS)}, or none."
        )
    await incoming.begin(name)
    first = True
    async for chunk in _chunks(request):
        magic = _PACKINGS.get(packing)
        if first and magic and chunk[: len(magic)] != magic[: len(chunk)]:
            raise MalformedBody(f"The body is not {packing}.", mend="Leave Content-Encoding out for a plain file.")
        first = False
        await incoming.write(chunk)
    if first:
        raise MalformedBody(
            "The body is empty.", mend="Send a file, as curl --data-binary @FILE or curl -F file=@FILE."
        )
    await incoming.end()


async def receive_form(request: Request, incoming: Incoming, asked: ImportAsked) -> ImportAsked:
    """Take the files of a form; gives what is asked for by query and fields. Raises MalformedBody, InvalidInput."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise InvalidInput("A form is not compressed as a whole.", mend="Compress the files in it.")
    boundary = _content_type(request)[1].get(b"boundary", b"")
    if not boundary:
        raise MalformedBody("The Content-Type names no boundary.", mend="Let the client make the header.")
    form = Form(boundary)
    settings: Settings = request.app.state.settings
    left = settings.max_upload + _AROUND
    async for chunk in _chunks(request):
        left -= len(chunk)
        if left < 0:
            raise TooLarge(
                f"The form is larger than {settings.max_upload} bytes.", mend="KGMEM_MAX_UPLOAD sets the limit."
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
    """Give the name of a file that tells its format: by its own end, or else by the media type."""
    if format_:
        return name or "upload"
    try:
        format_of(Path(name or "upload"))
    except InvalidInput as error:
        extension = extension_of_type(content_type)
        if not extension:
            raise InvalidInput(
                f"Nothing tells the format of {name[:80]!r}." if name else "Nothing tells the format of the file.",
                mend=f"Give format=, or name= with an end that tells it, or a Content-Type. {error.mend}",
            ) from error
        return f"{name or 'upload'}{extension}"
    return name


def _content_type(request: Request) -> tuple[bytes, dict[bytes, bytes]]:
    return parse_options_header(request.headers.get("content-type", ""))


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    """Give the body's chunks. Raises TooLarge at once for what says that it is, and TimedOut for a silent client."""
    settings: Settings = request.app.state.settings
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > settings.max_upload + (_AROUND if is_form(request) else 0):
        raise TooLarge(
            f"The body has {int(length)} bytes, and {settings.max_upload} is the most.",
            mend="Import it with kgmem import, or send it in several files; KGMEM_MAX_UPLOAD sets the limit.",
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
                mend="Send it again; KGMEM_REQUEST_TIMEOUT sets the limit.",
            ) from error
        if chunk:
            yield chunk
