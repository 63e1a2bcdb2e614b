"""Of facts of one kind about one thing, what holds now comes before what is over."""

from kgmem.domain.recall.answer import End, Hit, current_first
from kgmem.domain.recall.question import TimeState


def fact(kind: str, ends: tuple[str, str], state: TimeState, score: float) -> Hit:
    start, end = (End(key, key, None) for key in ends)
    return Hit("fact", 1, "", kind, None, f"{ends[0]} {kind} {ends[1]}", score, start=start, end=end, state=state)


def test_what_holds_now_comes_before_what_it_replaced() -> None:
    over = fact("WORKS_FOR", ("Ada", "Acme"), "past", 0.9)
    other = fact("LIKES", ("Ada", "jazz"), "current", 0.8)
    now = fact("WORKS_FOR", ("Ada", "Globex"), "current", 0.5)

    ordered = current_first([over, other, now])

    assert [each.end.key for each in ordered if each.end] == ["Globex", "Acme", "jazz"]
    assert [each.score for each in ordered] == [0.9, 0.9, 0.8]


def test_what_is_over_keeps_its_place_where_nothing_took_it() -> None:
    hits = [fact("WORKS_FOR", ("Ada", "Acme"), "past", 0.9), fact("WORKS_FOR", ("Bob", "Globex"), "current", 0.5)]

    assert current_first(hits) == hits
