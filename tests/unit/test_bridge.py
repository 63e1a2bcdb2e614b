"""Bridges: what a question describes without naming it, and the facts that are added for the words left open."""

from kgmem.domain.recall.answer import End, Hit
from kgmem.domain.recall.bridge import bridge_of, bridged


def even(_: str) -> float:
    """Every word tells as much as any other."""
    return 0.5


def fact(id_: int, kind: str, start: str, end: str, text: str, *, score: float = 0.5, relevance: float = 0.1) -> Hit:
    ends = [End(name.lower().replace(" ", "-"), name, None) for name in (start, end)]
    return Hit("fact", id_, f"f{id_}", kind, None, text, score, relevance=relevance, start=ends[0], end=ends[1])


COMMANDED = fact(1, "COMMANDED", "Neil Armstrong", "Apollo 11", "Neil Armstrong commanded Apollo 11.", score=0.9)
BACKUP = fact(2, "BACKUP_CREW_OF", "Jim Lovell", "Apollo 11", "Jim Lovell was backup commander of Apollo 11.")
BORN = fact(3, "BORN_IN", "Neil Armstrong", "Wapakoneta", "Neil Armstrong was born in Wapakoneta.")
OTHER = fact(4, "BORN_IN", "Buzz Aldrin", "Montclair", "Buzz Aldrin was born in Montclair.")
QUESTION = "Where was the man born who commanded Apollo 11?"


def test_what_is_described_and_not_named_is_the_bridge() -> None:
    bridge = bridge_of(QUESTION, [COMMANDED, BACKUP], even)
    assert bridge is not None
    assert bridge.entities == {"neil-armstrong": 0}  # Lovell shares only the name of the mission.
    assert "born" in bridge.open_words
    assert "apollo" not in bridge.open_words
    assert "Neil Armstrong" in bridge.text
    assert "born" in bridge.text


def test_a_question_that_its_best_facts_answer_has_no_bridge() -> None:
    assert bridge_of("Who commanded Apollo 11?", [COMMANDED], even) is None
    # Armstrong is named: nothing leads from him to somebody else.
    assert bridge_of("Where was Neil Armstrong born?", [BORN], even) is None
    assert bridge_of("What colour has the sea?", [COMMANDED], even) is None
    assert bridge_of(QUESTION, [], even) is None


def test_a_fact_that_answers_stands_behind_the_one_that_describes() -> None:
    bridge = bridge_of(QUESTION, [COMMANDED, BACKUP], even)
    assert bridge is not None
    hits = bridged(bridge, [COMMANDED, BACKUP], [OTHER, BORN])
    assert [hit.id for hit in hits] == [1, 3, 2]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_a_fact_that_was_found_too_low_moves_up_and_stands_once() -> None:
    bridge = bridge_of(QUESTION, [COMMANDED, BACKUP], even)
    assert bridge is not None
    assert [hit.id for hit in bridged(bridge, [COMMANDED, BACKUP, OTHER, BORN], [BORN])] == [1, 3, 2, 4]
    # Where it stands well already nothing changes.
    assert [hit.id for hit in bridged(bridge, [COMMANDED, BORN, BACKUP], [BORN])] == [1, 3, 2]


def test_what_answers_nothing_that_is_open_is_not_added() -> None:
    bridge = bridge_of(QUESTION, [COMMANDED], even)
    assert bridge is not None
    trained = fact(5, "TRAINED_AT", "Neil Armstrong", "Ellington", "Neil Armstrong trained at Ellington.")
    assert [hit.id for hit in bridged(bridge, [COMMANDED], [trained])] == [1]
    likely = fact(6, "COMES_FROM", "Neil Armstrong", "Ohio", "Neil Armstrong comes from Ohio.", relevance=0.6)
    assert [hit.id for hit in bridged(bridge, [COMMANDED], [likely])] == [1, 6]
