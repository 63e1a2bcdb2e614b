"""`kgmem hold` on the command line."""

import json

import pytest

from tests.cli import Command


@pytest.mark.long
def test_a_hold_is_put_shown_and_released(kgmem: Command) -> None:
    kgmem("graph", "create", "main")
    assert kgmem("remember", "Ann sails.", "--key", "n1", "--scope", "user/1").code == 0
    hold = json.loads(kgmem("hold", "put", "--scope", "user/1", "--reason", "Case 7.", "--json").out)
    refused = kgmem("scopes", "delete", "user/1")
    assert (refused.code, "Case 7." in refused.err) == (4, True)
    assert "Case 7." in kgmem("hold", "list", "--active").out
    assert kgmem("hold", "release", str(hold["id"]), "--reason", "Closed.").code == 0
    assert json.loads(kgmem("hold", "list", "--json").out)[0]["release_reason"] == "Closed."
    assert kgmem("scopes", "delete", "user/1").code == 0
    assert kgmem("hold", "put", "--scope", "a", "--label", "b", "--reason", "r").code == 2
