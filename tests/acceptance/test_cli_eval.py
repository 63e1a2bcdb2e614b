"""`kgmem eval`: recall answers what is known to be right, tells what is wrong, and leaves nothing behind."""

from dataclasses import replace
from pathlib import Path

import pytest

from kgmem.cli.eval import SAMPLE, read_questions
from kgmem.domain.errors import InvalidInput, UnknownEntities
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.evaluation import EvaluationCase, ExpectedAnswer, Step, Verdict
from kgmem.domain.recall.question import Question, What
from kgmem.formats.kgmem.sample import Sample, read_sample
from kgmem.memory import Memory
from kgmem.resources import resource
from tests.cli import Command

DIMENSIONS = {"where", "when", "known_at", "why", "graph", "words", "meaning", "properties"}
SMALL = Sample({}, (), (Entity("ada", "Person", name="Ada"),), (), ())
ASKED = EvaluationCase("Who is Ada?", ["words"], Question(What(text="Ada")), ExpectedAnswer(exactly=["ada"]))


@pytest.mark.slow
@pytest.mark.parametrize("embedder", ["minilm", "hash"])
def test_every_planted_question_is_answered_right(
    kgmem: Command, monkeypatch: pytest.MonkeyPatch, embedder: str
) -> None:
    monkeypatch.setenv("KGMEM_EMBEDDER", embedder)
    done = kgmem("eval", "--json")
    assert {told["asks"]: told["faults"] for told in done.json if told["faults"]} == {}
    assert done.code == 0
    skipped = [told for told in done.json if told["skipped"]]
    assert all("meaning" in told["tests"] for told in skipped)
    assert bool(skipped) == (embedder == "hash")
    assert kgmem("graph", "list", "--json").json == []


def test_the_questions_reach_every_dimension_and_expect_what_the_sample_or_its_history_holds() -> None:
    history, planted = read_questions(resource("sample") / SAMPLE / "questions.toml")
    sample = read_sample(resource("sample") / SAMPLE, resource("graph_schema") / f"{SAMPLE}.toml")
    assert len(planted) >= 32
    assert len({each.asks for each in planted}) == len(planted)
    assert {name for each in planted for name in each.tests} == DIMENSIONS
    assert sum(len(each.tests) > 1 for each in planted) * 2 > len(planted)
    records: list[Sample | Step] = [sample, *history]
    known = {entity.key for of in records for entity in of.entities}
    known |= {episode.key for of in records for episode in of.episodes if episode.key}
    for each in planted:
        right = each.right
        values = [key for expected in right.values.values() for key in expected]
        for key in (*(right.exactly or ()), *right.first, *right.holds, *right.order, *right.never, *values):
            assert set(key.split(" -[CAUSES]-> ")) <= known, each.asks
        assert (each.moment is not None) == ("known_at" in each.tests), each.asks


@pytest.mark.long
def test_a_wrong_answer_is_told_and_ends_with_exit_code_1(kgmem: Command, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(
        """
        [[question]]
        asks = "Which pads are there?"
        tests = ["properties"]
        question.what.labels = ["Engine"]
        question.what.properties = { thrust_kn = { gte = 500 } }
        right = { exactly = ["j-2-engine", "x"], first = ["x"], one_of = ["y"], never = ["f-1-engine"] }
        """
    )
    done = kgmem("eval", "--questions", file)
    assert done.code == 1
    assert "0 of 1 answers are right." in done.out
    for fault in ("missing x", "must not hold f-1-engine", "begins with", "none of y among"):
        assert fault in done.out
    assert kgmem("graph", "list", "--json").json == []


def test_a_file_that_is_not_understood_is_refused(kgmem: Command, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    assert kgmem("eval", "--questions", file).code == 3
    file.write_text("[[question]")
    assert kgmem("eval", "--questions", file).code == 2
    file.write_text('[[question]]\nasks = "x"\ntests = ["where"]\nquestion.whence = 1\nright = {}')
    done = kgmem("eval", "--questions", file)
    assert done.code == 2
    assert "question.0.question.whence" in done.err


async def test_the_graph_of_its_own_is_dropped_when_loading_fails(memory: Memory) -> None:
    broken = replace(SMALL, relationships=[Relationship("KNOWS", "ada", "nobody")])
    with pytest.raises(UnknownEntities):
        await memory.evaluate(broken, [], [ASKED])
    assert await memory.graphs.list() == []


async def test_a_question_that_recall_refuses_is_wrong_and_the_others_are_asked(memory: Memory) -> None:
    told: list[Verdict] = []
    verdicts = await memory.evaluate(SMALL, [], [replace(ASKED, question=Question()), ASKED], progress=told.append)
    assert [each.right for each in verdicts] == [False, True]
    assert "The question is empty" in verdicts[0].faults[0]
    assert told == verdicts


async def test_a_moment_that_the_history_does_not_give_is_refused(memory: Memory) -> None:
    with pytest.raises(InvalidInput, match="later"):
        await memory.evaluate(SMALL, [Step("later")], [replace(ASKED, moment="later")])
