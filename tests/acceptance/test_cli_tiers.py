"""`kgmem tiers`."""

import json

import pytest

from tests.cli import Command


@pytest.mark.long
def test_tiers_are_shown_moved_pinned_and_set(kgmem: Command) -> None:
    kgmem("remember", "The ferry to Turku leaves at nine.")
    listed = json.loads(kgmem("tiers", "list", "--json").out)["items"]
    (episode,) = [each["key"] for each in listed if each["kind"] == "episode"]
    assert json.loads(kgmem("tiers", "move", "cold", episode, "--json").out)["lowered"] == 1
    assert kgmem("tiers", "list", "--tier", "cold").out.count(episode[:8]) == 1
    assert json.loads(kgmem("tiers", "show", "--json").out)["tiers"]["cold"]["items"] == 1
    assert "Pinned 1 as warm" in kgmem("tiers", "pin", episode, "--tier", "warm", "--kind", "episode").err
    assert json.loads(kgmem("tiers", "move", "cold", episode, "--json").out)["lowered"] == 0
    assert "Unpinned 1" in kgmem("tiers", "unpin", episode, "--kind", "episode").err
    assert json.loads(kgmem("tiers", "settings", "--hot-for", "7200", "--json").out)["hot_for"] == 7200
    assert "colder: 0" in kgmem("tiers", "sweep").out
    refused = kgmem("tiers", "settings", "--warm-for", "5")
    assert refused.code == 2
    assert "warm_for" in refused.err
    assert kgmem("tiers", "pin", "nobody").code == 3
