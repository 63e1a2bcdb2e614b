"""Which sentences stand for texts."""

from kgmem.domain.distillation.material import Original, StatedFact, sentences_of
from kgmem.domain.distillation.selection import select


def original(text: str, id_: int = 1, **more: object) -> Original:
    return Original(id_, f"t{id_}", 1, text, "2024-03-01", **more)  # type: ignore[arg-type]


def test_a_text_is_never_empty() -> None:
    assert select([original("Well, that was quite a meeting, was it not.")], 0.05).sentences
    assert select([original("Yes.")], 0.05).sentences
    assert select([original("Ada lives in Rome.", withdrawn=[(0, 18)])], 0.3).sentences


def test_every_fact_is_said_whatever_the_share() -> None:
    text = "It rained. Ada moved to Rome in 2019. We had tea. Bo paid 40 euros."
    facts = [StatedFact(1, "Ada", "moved to", "Rome", 11, 37), StatedFact(2, "Bo", "paid", "40 euros", 50, 67)]
    chosen = " ".join(each.text for each in select([original(text, facts=facts)], 0.05).sentences)
    assert chosen == "Ada moved to Rome in 2019. Bo paid 40 euros."


def test_sentences_are_all_of_a_text_but_white_space() -> None:
    text = "Dr. Ann met Mr. Bo.  They talked!\n\nA list:\n- one\n- two 3.5 km"
    assert "".join("".join(each.text.split()) for each in sentences_of(text)) == "".join(text.split())
