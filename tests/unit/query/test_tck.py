"""The openCypher TCK, as far as it can be told without running a query: what is understood and what is refused."""

from collections.abc import Iterator

from kgmem.query.analysis.scope import Analysed
from kgmem.query.analysis.statements import analyse
from kgmem.query.errors import CypherError
from kgmem.query.parser.statements import parse
from kgmem.query.types import Field, ProcedureSignature, named
from tests.tck import Failure, Procedure, Rows, Run, Scenario, given_graphs, scenarios
from tests.unparse import unparse


def analysed(scenario: Scenario, query: str) -> Analysed | CypherError:
    try:
        return analyse(query, parameters=scenario.parameters, procedures=dict(map(declared, scenario.procedures)))
    except CypherError as error:
        return error


def declared(procedure: Procedure) -> tuple[str, ProcedureSignature]:
    inputs = tuple(Field(each.name, named(each.type)) for each in procedure.inputs)
    outputs = tuple(Field(each.name, named(each.type)) for each in procedure.outputs)
    return procedure.name, ProcedureSignature(procedure.name, inputs, outputs)


def runs(*phases: str) -> Iterator[tuple[Scenario, Run]]:
    """Return the queries that must fail in one of the phases; without a phase, those that must not fail."""
    for scenario in scenarios():
        for run in scenario.runs:
            phase = run.expected.phase if isinstance(run.expected, Failure) else None
            if phase in phases or (phase is None and not phases):
                yield scenario, run


def told(found: Analysed | CypherError) -> str:
    return f"{found.type}: {found.detail}" if isinstance(found, CypherError) else "no error"


def test_the_reader_finds_every_scenario() -> None:
    found = scenarios()
    assert len(found) == 3897
    assert all(scenario.runs for scenario in found)
    assert all(run.expected is not None for scenario in found for run in scenario.runs)
    assert set(given_graphs()) == {"binary-tree-1", "binary-tree-2"}


def test_every_query_that_must_run_is_understood() -> None:
    found = [(scenario, run.query, analysed(scenario, run.query)) for scenario, run in runs()]
    refused = [f"{scenario}: {told(each)}\n{query}" for scenario, query, each in found if isinstance(each, CypherError)]
    assert refused == [], f"{len(refused)} of {len(found)}"
    assert len(found) > 3200


def test_every_query_that_prepares_a_graph_is_understood() -> None:
    before = {query: scenario for scenario in scenarios() for query in scenario.setup}
    before |= dict.fromkeys(given_graphs().values(), scenarios()[0])
    found = {query: analysed(scenario, query) for query, scenario in before.items()}
    assert [query for query, each in found.items() if isinstance(each, CypherError) or not each.writes] == []


def test_columns_have_the_names_of_the_expected_tables() -> None:
    for scenario, run in runs():
        if isinstance(run.expected, Rows) and run.expected.columns:
            found = analysed(scenario, run.query)
            assert isinstance(found, Analysed)
            assert found.names == run.expected.columns, f"{scenario}\n{run.query}"


def test_every_query_that_must_fail_before_it_runs_fails_with_the_right_error() -> None:
    wrong, count = [], 0
    for scenario, run in runs("compile time"):
        found = analysed(scenario, run.query)
        assert isinstance(run.expected, Failure)
        expected = f"{run.expected.type}: {run.expected.detail}"
        count += 1
        if told(found) != expected:
            wrong.append(f"{scenario}: {expected}, and not {told(found)}\n{run.query}")
    assert wrong == [], f"{len(wrong)} of {count}"
    assert count == 600


def test_what_may_fail_at_any_time_fails_early_where_it_can_be_told() -> None:
    for scenario, run in runs("any time"):
        found = analysed(scenario, run.query)
        if isinstance(found, CypherError):
            assert isinstance(run.expected, Failure)
            assert found.type == run.expected.type
            assert run.expected.detail in {"*", found.detail}


def test_what_fails_only_when_it_runs_is_not_refused_before() -> None:
    refused = [
        str(scenario) for scenario, run in runs("runtime") if isinstance(analysed(scenario, run.query), CypherError)
    ]
    assert refused == []


def test_a_query_that_changes_nothing_is_known_to_only_read() -> None:
    for scenario, run in runs():
        if run.side_effects:
            found = analysed(scenario, run.query)
            assert isinstance(found, Analysed)
            assert found.writes, f"{scenario}\n{run.query}"


def test_every_tree_comes_back_from_its_text() -> None:
    queries = {query for scenario in scenarios() for query in (*scenario.setup, *(run.query for run in scenario.runs))}
    count = 0
    for query in sorted(queries):
        try:
            tree = parse(query)
        except CypherError:
            continue
        count += 1
        assert parse(unparse(tree)) == tree, query
    assert count > 4000
