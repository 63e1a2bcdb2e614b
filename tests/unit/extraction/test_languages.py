"""Texts in other languages than English: read where the model of the language is installed, else said to be unread."""

import pytest

from kgmem.domain.text.extraction import Extraction, TextToRead
from kgmem.extraction.languages import models
from kgmem.extraction.rules import read_texts

SAID = "2025-03-02T12:00:00Z"


def french(text: str) -> Extraction:
    pytest.importorskip("fr_core_news_sm", reason="pip install 'kgmem[french]'")
    return read_texts([TextToRead(text, SAID, "Zoé", "Max")])[0]


def facts(found: Extraction) -> set[tuple[str, str, str]]:
    return {(each.subject.name, each.predicate, each.object.name) for each in found.facts}


@pytest.mark.long
@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("Camille habite à Nantes et travaille chez Airbus depuis 2019.", {
            ("Camille", "lives in", "Nantes"), ("Camille", "works for", "Airbus"),
        }),
        ("Son frère est là. Paul dort. Sa femme Anne est médecin.", {("Anne", "is", "médecin")}),
        ("Je suis allergique aux noix et j'habite à Lyon.", {
            ("Zoé", "is allergic to", "noix"), ("Zoé", "lives in", "Lyon"),
        }),
        ("La fondation a été créée par Paul Roche en 1998.", {("fondation", "founded by", "Paul Roche")}),
        ("La réunion aura lieu le 12 juin dans la salle Verlaine.", {
            ("réunion", "scheduled for", "12 juin"), ("réunion", "takes place in", "salle Verlaine"),
        }),
        ("Jean Morel était peintre et il a vécu à Marseille pendant dix ans.", {
            ("Jean Morel", "was", "peintre"), ("Jean Morel", "lived in", "Marseille"),
        }),
    ],
)  # fmt: skip
def test_french_states_facts_in_the_wordings_of_known_kinds(text: str, stated: set[tuple[str, str, str]]) -> None:
    assert stated <= facts(french(text))


@pytest.mark.long
@pytest.mark.parametrize(
    "text",
    [
        "Est-ce que Karim Daoud habite à Rennes dans la maison de sa mère ?",
        "Luc Morel voudrait agrandir le musée de la ville dans deux ans.",
        "Si le musée ferme dans la ville, Luc Morel achètera la maison.",
        "Luc Morel va peut-être, dit-on, quitter la ville. « Luc Morel dirige le musée de la ville », dit-elle.",
        "Karim Daoud ne mange pas de viande et il n'habite pas à Rennes.",
        "Élise Morin pense que Paul habite à Rennes avec une amie.",
    ],
)
def test_what_french_denies_or_supposes_is_no_fact(text: str) -> None:
    assert facts(french(text)) == set()


def test_what_french_ends_is_an_ending() -> None:
    found = french(
        "Mathieu Noir a quitté Michelin en janvier. Il ne travaille plus chez Orange. Il a vendu la Peugeot."
    )
    over = {(each.subject.name, each.object.name): each for each in found.endings if each.subject and each.object}

    assert "WORKS_FOR" in over["Mathieu Noir", "Michelin"].kinds
    assert over["Mathieu Noir", "Orange"].predicate == "works for"
    assert "OWNS" in over["Mathieu Noir", "Peugeot"].kinds
    assert not {"Orange", "Peugeot"} & {each.object.name for each in found.facts}


def test_time_of_a_french_fact() -> None:
    fact = next(each for each in french("Camille travaille chez Airbus depuis le 3 mai 2019 dans la ville.").facts)

    assert fact.time is not None
    assert (fact.time.interval.start, fact.time.interval.end) == (1556841600000000, None)


def test_a_language_without_its_model_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "installed_model", lambda _: None)
    found = read_texts([TextToRead("Je travaille chez Airbus depuis un an.")])[0]

    assert (found.facts, found.entities) == ((), ())
    assert found.problem is not None
    assert "pip install 'kgmem[french]'" in found.problem
