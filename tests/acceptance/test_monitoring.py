"""The dashboard and the alert rules name metrics that `/metrics` has, with the labels that these have."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from kgmem.cli.main import COMMANDS
from kgmem_api.metrics import Metrics

FOLDER = Path(__file__).parents[2] / "docker" / "monitoring"
DASHBOARD = json.loads((FOLDER / "kgmem-dashboard.json").read_text())
RULES = [rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
_SELECTOR = re.compile(r"\b(kgmem_\w+|up)\s*(?:\{([^}]*(?:\{[^}]*\}[^}]*)*)\})?")
_OF_PROMETHEUS = frozenset({"instance", "job", "le"})


def known() -> Mapping[str, frozenset[str]]:
    """Return the labels of each metric by the names of its series."""
    found = {"up": frozenset[str]()}
    for collector in set(Metrics()._registry._names_to_collectors.values()):
        labels = frozenset(collector._labelnames)  # type: ignore[attr-defined]
        for family in collector.collect():
            ends = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}.get(family.type, [""])
            found |= {f"{family.name}{end}": labels for end in ends}
    return found


def expressions() -> Iterator[tuple[str, str]]:
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


def used(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Return the series of an expression with the labels that it selects by."""
    for name, selector in _SELECTOR.findall(expression):
        yield name, {label for label, _ in re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*"', selector)}


@pytest.mark.parametrize(("title", "expression"), list(expressions()), ids=lambda value: value[:40])
def test_what_is_drawn_and_alerted_on_is_measured(title: str, expression: str) -> None:
    series = known()
    found = list(used(expression))
    assert found, title
    for name, labels in found:
        assert name in series, name
        assert labels <= series[name] | _OF_PROMETHEUS, (name, labels)
    grouped = {label.strip() for each in re.findall(r"\bby \(([^)]*)\)", expression) for label in each.split(",")}
    assert grouped <= set().union(*(series[name] for name, _ in found)) | _OF_PROMETHEUS


def test_all_that_is_measured_is_drawn() -> None:
    drawn = {name for _, expression in expressions() for name, _ in used(expression)}
    assert {re.sub(r"_(count|sum)$", "_bucket", name) for name in known()} <= drawn


def test_all_that_is_measured_is_documented() -> None:
    told = (FOLDER.parents[1] / "docs" / "operations.md").read_text()
    listed = set(re.findall(r"`(kgmem_\w+)`", told))
    assert {re.sub(r"_(bucket|count|sum)$", "", name) for name in known() if name != "up"} <= listed


def test_every_alert_says_what_happened_and_what_to_do_first() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        told: Mapping[str, Any] = rule["annotations"]
        assert {"summary", "action"} == set(told)
        assert rule["labels"]["severity"] in {"page", "ticket"}
        for command in re.findall(r"`kgmem ([\w-]+)", told["action"]):
            assert command in COMMANDS


_CASES = """
rule_files: [{rules}]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {{series: 'kgmem_backup_age_seconds{{state="made"}}', values: '200000x90'}}
      - {{series: 'kgmem_postgres_rows{{state="dead"}}', values: '9000000x500'}}
      - {{series: 'kgmem_postgres_rows{{state="live"}}', values: '10000000x500'}}
      - {{series: 'kgmem_replica_used{{replica="db2:5432"}}', values: '1x20 0x20'}}
    alert_rule_test:
      - {{eval_time: 30m, alertname: KgmemBackupOld}}
      - eval_time: 80m
        alertname: KgmemBackupOld
        exp_alerts: [{{exp_labels: {{severity: page, state: made}}, exp_annotations: {backup}}}]
      - {{eval_time: 20m, alertname: KgmemReplicaUnused}}
      - eval_time: 38m
        alertname: KgmemReplicaUnused
        exp_alerts: [{{exp_labels: {{severity: ticket, replica: 'db2:5432'}}, exp_annotations: {replica}}}]
      - eval_time: 400m
        alertname: KgmemDeadRows
        exp_alerts: [{{exp_labels: {{severity: ticket}}, exp_annotations: {rows}}}]
"""


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool of Prometheus is not installed")
def test_prometheus_accepts_the_rules_and_raises_them(tmp_path: Path) -> None:
    def annotations(name: str, **labels: str) -> str:
        (told,) = [rule["annotations"] for rule in RULES if rule["alert"] == name]
        filled = {
            key: re.sub(r"{{ \$labels\.(\w+) }}", lambda found: labels[found[1]], text) for key, text in told.items()
        }
        return json.dumps(filled)

    case = _CASES.format(
        rules=FOLDER / "alerts.yml",
        backup=annotations("KgmemBackupOld"),
        replica=annotations("KgmemReplicaUnused", replica="db2:5432"),
        rows=annotations("KgmemDeadRows"),
    )
    file = tmp_path / "cases.yml"
    file.write_text(case)
    for arguments in (
        ["check", "rules", str(FOLDER / "alerts.yml")],
        ["check", "config", "--syntax-only", str(FOLDER / "prometheus.yml")],
        ["test", "rules", str(file)],
    ):
        done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
