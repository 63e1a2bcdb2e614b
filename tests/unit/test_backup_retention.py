"""Which backups and WAL a rule keeps."""

from datetime import timedelta

import pytest

from kgmem.domain.backups.backup import Backup, Schedule
from kgmem.domain.backups.retention import Keep, parse_duration, parse_keep, pruned_by, removable
from kgmem.domain.backups.wal import SEGMENT_BYTES, Segment, format_lsn, gaps, parse_lsn, segment_of
from kgmem.domain.errors import InvalidInput
from tests.backups import NOW
from tests.backups import backup_of_hours_ago as backup


def removed(backups: list[Backup], rule: str) -> set[str]:
    """The ids that a rule removes."""
    return {each.id for each in removable(backups, parse_keep(rule), NOW, SEGMENT_BYTES).backups}


def test_the_newest_backup_is_kept_whatever_the_rule() -> None:
    backups = [backup(hours) for hours in (100, 50, 1)]
    assert removed(backups, "wal=1s") == {backups[0].id, backups[1].id}


def test_what_a_kept_incremental_is_based_on_is_kept() -> None:
    full = backup(50)
    middle = backup(49, full)
    newest = backup(1, middle)
    assert removed([full, middle, newest], "hourly=1") == set()


def test_the_newest_verified_backup_is_kept() -> None:
    verified, later, newest = backup(500, verified=True), backup(90), backup(1)
    assert removed([verified, later, newest], "wal=1s") == {later.id}


def test_of_a_day_the_full_backup_is_kept() -> None:
    full = backup(40)
    incrementals = [backup(hours, full) for hours in (39, 38, 37)]
    newest = backup(1)
    assert removed([full, *incrementals, newest], "daily=2,wal=1h") == {each.id for each in incrementals}


def test_each_second_of_the_window_can_be_restored() -> None:
    old, base, inside, newest = backup(400), backup(200), backup(100), backup(1)
    removal = removable([old, base, inside, newest], parse_keep("wal=7d"), NOW, SEGMENT_BYTES)
    assert {each.id for each in removal.backups} == {old.id, inside.id}
    assert removal.wal_before == base.start_lsn // SEGMENT_BYTES


def test_a_rule_is_written_as_it_is_read() -> None:
    assert parse_keep(str(Keep())) == Keep()


@pytest.mark.parametrize("text", ["hourly", "hourly=x", "yearly=1", "wal=7", "hourly=-1", "daily=99999999"])
def test_a_wrong_rule_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_keep(text)


@pytest.mark.parametrize("text", ["", "7", "0d", "1y", "-1d", "99999999999d"])
def test_a_wrong_duration_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_duration(text)


def test_a_segment_has_the_name_that_postgres_gives_it() -> None:
    segment = Segment(3, parse_lsn("1/FF000028") // SEGMENT_BYTES)
    assert segment.name() == "0000000300000001000000FF"
    assert segment_of(segment.name()) == segment
    assert Segment(3, segment.number + 1).name() == "000000030000000200000000"
    assert segment_of("00000003.history") is None


def test_a_position_is_written_as_it_is_read() -> None:
    assert format_lsn(parse_lsn("2A/300BEEF")) == "2A/300BEEF"


def test_gaps_are_the_numbers_between() -> None:
    assert gaps({3, 4, 7}, 3) == [5, 6]
    assert gaps({3, 4}, 3) == []
    assert gaps(set(), 3) == []


def test_it_is_foreseen_until_when_a_schedule_removes_each_backup() -> None:
    full = backup(50)
    middle = backup(49, full)
    newest = backup(1, middle, verified=True)
    found = pruned_by([full, middle, newest], Schedule(keep="daily=3,wal=2d"), NOW)
    assert found == dict.fromkeys((full.id, middle.id, newest.id), NOW + timedelta(days=3))
    assert set(pruned_by([full], None, NOW).values()) == {None}
    never = Schedule(incremental=None, full=None, keep="daily=3,wal=2d")
    assert pruned_by([full, backup(1)], never, NOW)[backup(1).id] is None
    assert pruned_by([full], Schedule(verify=None, keep="daily=1,wal=1d"), NOW)[full.id] is not None
    assert pruned_by([full], Schedule(keep="daily=9999"), NOW, days=20)[full.id] is None


def test_a_backup_is_gone_on_the_foreseen_day_and_there_the_day_before() -> None:
    backups = [backup(hours) for hours in (500, 200, 90, 30, 1)]
    schedule = Schedule(keep="daily=2,weekly=2,wal=3d")
    for id_, at in pruned_by(backups, schedule, NOW).items():
        assert at is not None
        made = [backup(-24 * day, verified=True) for day in range(1, (at - NOW).days + 1)]
        left = backups
        for day, each in enumerate(made, 1):
            assert id_ in {one.id for one in left}, (id_, day)
            left = [*left, each]
            gone = removable(left, parse_keep(schedule.keep), NOW + timedelta(days=day), SEGMENT_BYTES).backups
            left = [one for one in left if one.id not in {two.id for two in gone}]
        assert id_ not in {one.id for one in left}
