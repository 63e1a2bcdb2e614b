"""The scripts of work streams: each is one step on the server, between no others."""

from pathlib import Path
from typing import Any, Final, Literal

from kgmem.domain.errors import TooLarge
from kgmem.domain.streams.stream import MOST_GROUPS, no_group
from kgmem.redis.connection import Client, RedisConnection

Name = Literal[
    "make", "set", "look", "append", "messages", "read", "settle", "claim", "pending", "dead_letters", "settle_dead",
    "forget_dead", "trim", "delete_group", "delete", "expunge", "rewrite", "reword", "unpacked",
]  # fmt: skip
_FOLDER: Final = Path(__file__).parent / "lua"
_GROWING: Final = frozenset({"make", "append"})  # Refused where memory is used up; the others run, as they free some.
# Without what all others begin with, which returns "lost" for a stream that is not there.
_ALONE: Final = frozenset({"make", "unpacked"})


class StreamLost(Exception):
    """The server does not have the stream."""


class StreamScripts:
    """Runs scripts on a server."""

    def __init__(self, redis: RedisConnection) -> None:
        """Take the connection."""
        self.redis = redis
        self._texts: dict[str, str] = {}
        self._registered: dict[str, Any] = {}

    async def run(self, name: Name, keys: list[str], *arguments: Any, group: str = "") -> list[Any]:
        """Return what a script returns behind its first word.

        Raises StreamLost, NotFound for a missing group, TooLarge for too many groups, RedisUnavailable.
        """

        async def action(client: Client) -> Any:
            script = self._registered.get(name)
            if script is None:
                script = self._registered[name] = client.register_script(_text_of(name))
            return await script(keys=keys, args=arguments, client=client)

        word, *rest = await self.redis.call(action)
        if word == b"lost":
            raise StreamLost
        if word == b"group":
            raise no_group(group)
        if word == b"groups":
            raise TooLarge(f"The stream has {MOST_GROUPS} groups.", hint="Delete groups that nobody uses.")
        return [word, *rest] if word != b"ok" else rest


def _text_of(name: str) -> str:
    flags = "#!lua\n" if name in _GROWING else "#!lua flags=allow-oom\n"
    prelude = "" if name in _ALONE else (_FOLDER / "prelude.lua").read_text()
    return flags + prelude + (_FOLDER / f"{name}.lua").read_text()
