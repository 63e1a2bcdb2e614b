"""The worked example of docs/consensus.md gives what the page says."""

import contextlib
import io
import re
from pathlib import Path

from kgmem.domain.claims.consensus import Method

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "consensus.md").read_text()


def test_the_worked_example_prints_what_the_page_shows() -> None:
    [code] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    [shown] = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {})
    assert printed.getvalue() == shown


def test_every_method_is_on_the_page() -> None:
    assert [each for each in Method if each is not Method.AUTO and f"`{each}`" not in PAGE] == []
