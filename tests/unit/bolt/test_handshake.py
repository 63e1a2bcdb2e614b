"""Agreeing on a version, with the proposals that clients were seen to send."""

import pytest

from kgmem.bolt.handshake import MANIFEST, VERSIONS, Version, chosen, manifest, picked, proposals, varint


@pytest.mark.parametrize(
    ("proposed", "version"),
    [
        ("000808050002040400000003 00000000", Version(5, 8)),
        ("00070705 00020404 00000104 00000003", Version(5, 7)),
        ("00020404 00000104 00000004 00000003", Version(4, 4)),
        ("00000505 00000404 00000000 00000000", Version(4, 4)),
        ("00010505 00000000 00000000 00000000", Version(5, 4)),
        ("00000009 00000003 00000000 00000000", None),
    ],
)
def test_the_newest_version_that_both_have_is_taken(proposed: str, version: Version | None) -> None:
    assert chosen(proposals(bytes.fromhex(proposed))) == version


def test_the_manifest_names_every_version_and_no_other() -> None:
    told = manifest()
    assert told[:4] == MANIFEST
    ranges = [told[5 + 4 * n : 9 + 4 * n] for n in range(told[4])]
    named = {Version(major, minor - less) for _, below, minor, major in ranges for less in range(below + 1)}
    assert named == set(VERSIONS)
    assert told[5 + 4 * told[4] :] == b"\x00"


def test_a_version_picked_from_the_manifest_is_one_that_it_names() -> None:
    assert picked(Version(6, 1).wire) == Version(6, 1)
    assert picked(Version(5, 5).wire) is None
    assert picked(b"\x00\x01\x08\x05") is None


@pytest.mark.parametrize(("number", "data"), [(0, b"\x00"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02")])
def test_numbers_stand_in_groups_of_seven_bits(number: int, data: bytes) -> None:
    assert varint(number) == data
