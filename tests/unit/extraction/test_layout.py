"""What is no English sentence gives nothing; positions stay those of the text."""

import pytest

from kgmem.domain.text.extraction import TextToRead
from kgmem.extraction.layout.lines import other_language, sentences_only
from kgmem.extraction.rules import read_texts

TRACE = """Traceback (most recent call last):
  File "/srv/app/main.py", line 12, in run
    client.connect(Host)
ValueError: no host"""


@pytest.mark.parametrize(
    "text",
    [
        TRACE,
        "# Meeting of Acme and Globex",
        "```python\nAcme = Globex()\n```",
        "Ich wohne seit drei Jahren in Berlin und arbeite bei Siemens.",
        "Je ne suis plus chez Renault depuis le mois de mai.",
        "Mi hermano vive en Madrid y trabaja para una empresa de Sevilla.",
    ],
)
def test_what_is_no_english_sentence_gives_no_facts(text: str) -> None:
    found = read_texts([TextToRead(text, speaker="Ada")])[0]

    assert list(found.facts) == []
    assert not {"Acme", "Globex", "Berlin", "Name", "City", "Traceback"} & {each.name for each in found.entities}


def test_a_log_is_read_without_its_prefix_and_nothing_moves() -> None:
    text = "2024-05-01 12:00:03,120 ERROR [main] Ada works for Acme."

    found = read_texts([TextToRead(text)])[0]

    assert len(sentences_only(text)) == len(text)
    assert [(each.subject.name, each.object.name) for each in found.facts] == [("Ada", "Acme")]
    assert text[slice(found.facts[0].object.span.start, found.facts[0].object.span.end)] == "Acme"


def test_a_text_in_another_language_says_that_it_was_not_read() -> None:
    found = read_texts([TextToRead("Ich wohne seit drei Jahren in Berlin und arbeite bei Siemens.")])[0]

    assert found.problem is not None
    assert "German" in found.problem


@pytest.mark.parametrize(
    "text", ["Ada lives in Berlin.", "Los Angeles is a city in California.", "Tom met Le Corbusier"]
)
def test_english_with_foreign_names_is_english(text: str) -> None:
    assert other_language(text) is None
