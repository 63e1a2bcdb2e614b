"""Departures: a request whose client has left is stopped, so that nothing goes on for nobody."""

import asyncio
from collections import deque

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from kgmem_api.context import Context

# Seconds after which a request is listened for: most end before, and a task for each would cost them time.
_AFTER = 0.1
_GONE = "http.disconnect"


class Departures:
    """Passes on what a client sends, and stops the request when the client leaves before it has its answer."""

    def __init__(self, receive: Receive, context: Context) -> None:
        """Take what gives the messages of the client, and the request to stop."""
        self._receive = receive
        self._context = context
        self._asking = False  # Whether the route listens by itself, as it does while it reads its body.
        self._whole = False  # Whether all of the body is here.
        self._answered = False
        self._ahead: deque[Message] = deque()  # What came before the route asked for it.
        self._listener: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(_AFTER, self._listen)

    async def receive(self) -> Message:
        """Return the next message, as an ASGI application asks for it."""
        while not self._ahead and self._listener is not None:
            await asyncio.wait({self._listener})
        if self._ahead:
            message = self._ahead.popleft()
            if message["type"] == _GONE:
                self._ahead.append(message)
            return message
        self._asking = True
        try:
            return self._noted(await self._receive())
        finally:
            self._asking = False

    def answered(self) -> None:
        """Note that the client has its answer: it may leave now."""
        self._answered = True

    def leave(self) -> None:
        """Stop listening; the request has ended."""
        self._answered = True
        self._timer.cancel()
        if self._listener is not None:
            self._listener.cancel()

    def _listen(self) -> None:
        """Listen, unless the route does, or has a part of the body before it that it did not ask for yet."""
        if self._asking or (self._ahead and not self._whole):
            self._timer = asyncio.get_running_loop().call_later(_AFTER, self._listen)
        else:
            self._listener = asyncio.create_task(self._hear(), name="kgmem departure")

    async def _hear(self) -> None:
        message = self._noted(await self._receive())
        self._ahead.append(message)
        self._listener = None
        if message["type"] != _GONE:
            self._listen()

    def _noted(self, message: Message) -> Message:
        if message["type"] == _GONE:
            if not self._answered:
                self._context.stop(ClientDisconnect())
        else:
            self._whole = not message.get("more_body", False)
        return message
