"""What docs/python.md says of errors is all that there is; its examples are run by test_pages.py."""

from pathlib import Path

import kgmem

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


def test_every_error_that_can_be_caught_is_in_the_table() -> None:
    told = PAGE.read_text()
    for name in kgmem.__all__:
        kind = getattr(kgmem, name)
        if isinstance(kind, type) and issubclass(kind, kgmem.KgmemError) and kind is not kgmem.KgmemError:
            assert f"`{name}`" in told
