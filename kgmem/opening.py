"""`kgmem.open()`: a memory for a Python program."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kgmem.bootstrap import open_memory
from kgmem.domain.errors import InvalidInput
from kgmem.memory import Memory
from kgmem.settings import Settings


@asynccontextmanager
async def opened(
    *, url: str | None = None, home: Path | str | None = None, worker: bool = True, **settings: Any
) -> AsyncIterator[Memory]:
    """Open a memory over the Postgres at `url`, or over the embedded one in `home`; an async context manager.

    Omitted values come from the KGMEM_* variables; `settings` may set any other of them by its lower-case name
    (`embedder="none"`). `worker` runs background jobs, so that vectors follow what is written. The embedded database is
    migrated automatically; an external one is not: use `kgmem db migrate`. Raises InvalidInput for an invalid setting,
    DatabaseOutdated, DatabaseUnavailable, ServerError.
    """
    given = {"database_url": url, "home": home, **settings}
    unknown = sorted(given.keys() - Settings.model_fields.keys())
    if unknown:
        raise InvalidInput(
            f"There is no setting {unknown[0]!r}.", hint=f"Settings are {', '.join(sorted(Settings.model_fields))}."
        )
    try:
        chosen = Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        wrong = error.errors()[0]
        name = "_".join(map(str, wrong["loc"]))
        raise InvalidInput(f"The setting {name} is invalid: {wrong['msg']}.", hint=f"Correct {name}.") from error
    async with open_memory(chosen, worker=worker, migrating=chosen.database_url is None) as memory:
        yield memory
