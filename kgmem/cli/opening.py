"""Settings, and a memory that is open for one command."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

from pydantic import ValidationError

from kgmem.bootstrap import open_memory
from kgmem.cli import console
from kgmem.cli.console import note, run_async
from kgmem.domain.errors import InvalidInput
from kgmem.memory import Memory
from kgmem.settings import Settings

T = TypeVar("T")


def load_settings() -> Settings:
    """Return the settings of the environment. Raises InvalidInput that names the variable which is wrong."""
    try:
        settings = Settings()
    except ValidationError as error:
        wrong = error.errors()[0]
        name = "KGMEM_" + "_".join(map(str, wrong["loc"])).upper()
        raise InvalidInput(f"Invalid {name}: {wrong['msg']}.", hint=f"Correct it, or unset {name}.") from error
    console.debugging = settings.log_level == "debug"
    return settings


def opened() -> AbstractAsyncContextManager[Memory]:
    """Return the memory that the environment's settings name."""
    return open_memory(load_settings(), report=note)


def with_memory(
    use: Callable[[Memory], Awaitable[T]], open_: Callable[[], AbstractAsyncContextManager[Memory]] = opened
) -> T:
    """Open a memory, run `use` with it, close it; return the result of `use`."""

    async def work() -> T:
        async with open_() as memory:
            return await use(memory)

    return run_async(work())
