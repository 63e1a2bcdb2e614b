"""A primary and its standby, both embedded, on the sockets of two homes: one URL names both."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from kgmem.bootstrap import open_memory
from kgmem.settings import Settings
from kgmem.store.embedded.account import account_for
from kgmem.store.embedded.binaries import find_binaries
from kgmem.store.embedded.lifecycle import EmbeddedPostgres
from tests.embedded import kill_all
from tests.memories import until
from tests.postgres import run_on, value_on


@dataclass
class Pair:
    """Two servers of one database; the first is the primary at the start."""

    first: EmbeddedPostgres
    second: EmbeddedPostgres

    @property
    def url(self) -> str:
        """The URL that names both."""
        places = [parse_qs(urlsplit(each.url).query) for each in (self.first, self.second)]
        hosts = ",".join(place["host"][0] for place in places)
        ports = ",".join(place["port"][0] for place in places)
        return f"postgresql://kgmem@/kgmem?host={quote(hosts, safe='')}&port={quote(ports, safe='')}"

    async def follow(self, *, synchronous: bool) -> None:
        """Wait until the second server follows the first, and have commits of the first wait for it."""
        await until(partial(value_on, self.first.url, "SELECT count(*) > 0 FROM pg_stat_replication"))
        if synchronous:
            await run_on(self.first.url, "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
            await until(
                partial(
                    value_on, self.first.url, "SELECT count(*) > 0 FROM pg_stat_replication WHERE sync_state = 'sync'"
                )
            )

    def kill_first(self) -> None:
        """Kill the first server with all its processes."""
        kill_all(self.first.home)

    async def promote(self) -> None:
        """Have the second server take writes."""
        await run_on(self.second.url, "SELECT pg_promote()")

    async def stop_first(self) -> None:
        """Stop the first server in order, once the second one has all of it."""
        await run_on(self.first.url, "ALTER SYSTEM RESET synchronous_standby_names")
        await self.first.stop()

    async def rejoin_first(self) -> None:
        """Start the first server as a standby of the second."""
        place = parse_qs(urlsplit(self.second.url).query)
        data = self.first.home / "postgres"
        owner = data.stat()
        signal = data / "standby.signal"
        signal.touch()
        os.chown(signal, owner.st_uid, owner.st_gid)
        with (data / "postgresql.auto.conf").open("a") as file:
            file.write(f"primary_conninfo = 'user=kgmem host={place['host'][0]} port={place['port'][0]}'\n")
        await self.first.start()
        await until(partial(value_on, self.second.url, "SELECT count(*) > 0 FROM pg_stat_replication"))


@asynccontextmanager
async def pair_of_servers(folder: Path) -> AsyncIterator[Pair]:
    """Run a primary with kgmem's tables, and a standby that follows it."""
    one, two = folder / "1", folder / "2"
    async with open_memory(Settings(home=one, embedder="none"), owner=True, migrating=True):
        pass
    async with EmbeddedPostgres(one) as first:
        await base_backup(one, two)
        async with EmbeddedPostgres(two) as second:
            yield Pair(first, second)


async def base_backup(source: Path, target: Path) -> None:
    """Copy a running server's data into another home, as a standby that follows it."""
    async with EmbeddedPostgres(source, attach=True) as postgres:
        arguments = parse_qs(urlsplit(postgres.url).query)
        target.mkdir(mode=0o755)  # noqa: ASYNC240
        account = account_for(target, target / "postgres")
        account.reach(target, print)
        account.make_folder(target / "postgres")
        command = [find_binaries().program("pg_basebackup"), "-D", str(target / "postgres"), "-R", "-U", "kgmem"]
        command += ["-h", arguments["host"][0], "-p", arguments["port"][0], "--checkpoint=fast", "--no-sync"]
        done = await asyncio.to_thread(account.run, command)
        assert done.returncode == 0, done.stderr
