"""Extractors by name."""

import subprocess
import sys

import pytest

from kgmem.domain.errors import InvalidInput
from kgmem.extraction.registry import extractor_names, make_extractor


def test_rules_are_an_extractor() -> None:
    extractor = make_extractor("rules")
    assert extractor is not None
    assert extractor.name.startswith("rules:")


def test_none_is_no_extractor() -> None:
    assert make_extractor("none") is None


def test_unknown_name_is_refused_with_what_there_is() -> None:
    with pytest.raises(InvalidInput) as refused:
        make_extractor("oracle")
    assert "rules" in refused.value.hint
    assert "rules" in extractor_names()


def test_registry_loads_no_model_until_it_is_asked_for_one() -> None:
    code = "import sys, kgmem.extraction.registry; print('spacy' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        == "False"
    )
