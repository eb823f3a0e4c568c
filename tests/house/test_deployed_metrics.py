"""What is deployed beside the server to watch it names nothing that the server does not show."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import metrics_table
import pytest
import yaml
from debian_programs import program
from shown_metrics import GROUPED, METRIC, OF_TARGETS, SHOWN, wrong_in

from modelport.histogram import Histogram
from modelport.telemetry.metrics.families import FAMILIES
from modelport.telemetry.metrics.text import Page

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
ALERTS = DEPLOY / "prometheus" / "alerts.yml"
CONFIGURATION = DEPLOY / "prometheus" / "prometheus.yml"
DASHBOARD = DEPLOY / "grafana" / "modelport.json"
PANELS = {"row", "stat", "timeseries"}


RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]
]
BOARD: dict[str, Any] = json.loads(DASHBOARD.read_text())
TARGETS = [
    (f"{panel['title']} {target['refId']}", target["expr"])
    for panel in BOARD["panels"]
    for target in panel.get("targets", ())
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_names_what_there_is_and_says_what_to_do(rule: dict[str, Any]) -> None:
    assert wrong_in(rule["expr"]) == []
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"\d+[smh]", rule.get("for", "1m"))
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert set(rule["annotations"]) == {"summary", "action"}
    assert len(rule["annotations"]["action"]) > 40
    grouped = GROUPED.findall(rule["expr"])
    has = {label for name, _ in METRIC.findall(rule["expr"]) for label in SHOWN[name]} | OF_TARGETS
    kept = set(re.findall(r"\w+", grouped[0])) if grouped else has
    assert set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"]))) <= kept


@pytest.mark.parametrize("expression", [expr for _, expr in TARGETS], ids=[name for name, _ in TARGETS])
def test_a_panel_names_what_there_is(expression: str) -> None:
    assert wrong_in(expression) == []


def test_what_is_checked_can_fail() -> None:
    assert wrong_in("sum by (modle) (rate(modelport_requests_total[5m]))") == ["by modle"]
    assert wrong_in('modelport_requests_total{status="200"}') == ["modelport_requests_total{status}"]
    assert wrong_in("modelport_request_total") == ["modelport_request_total"]
    assert wrong_in("rate(modelport_requests_total)") == ["a rate over no time"]


def test_every_alert_has_a_name_of_its_own() -> None:
    assert [name for name, count in Counter(rule["alert"] for rule in RULES).items() if count > 1] == []


def test_the_dashboard_is_one_that_grafana_can_lay_out() -> None:
    panels = BOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells: set[tuple[int, int]] = set()
    variables = {one["name"] for one in BOARD["templating"]["list"]}
    for panel in panels:
        assert panel["type"] in PANELS
        assert panel["title"]
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not own & cells, panel["title"]
        cells |= own
        targets = panel.get("targets", [])
        assert bool(targets) == (panel["type"] != "row")
        assert len({target["refId"] for target in targets}) == len(targets)
        for target in targets:
            used = set(re.findall(r"\$\{?(\w+)", json.dumps([target, panel["datasource"]])))
            assert used - {"__rate_interval"} <= variables
    for variable in BOARD["templating"]["list"][1:]:
        assert wrong_in(variable["query"]["query"].partition("(")[2].rpartition(",")[0] or "up") == []


def test_the_configuration_of_prometheus_reads_the_alerts_and_keeps_its_key_in_a_file() -> None:
    configuration = yaml.safe_load(CONFIGURATION.read_text())
    [scrape] = configuration["scrape_configs"]
    assert [(CONFIGURATION.parent / name).exists() for name in configuration["rule_files"]] == [True]
    assert scrape["metrics_path"] == "/metrics"
    assert set(scrape["authorization"]) == {"type", "credentials_file"}
    assert f'job="{scrape["job_name"]}"' in ALERTS.read_text()


@pytest.fixture(scope="module")
def promtool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Prometheus checks its files with."""
    return program("prometheus", "promtool", tmp_path_factory.mktemp("prometheus"))


def checked(promtool: Path, kind: str, *arguments: str, sent: str = "") -> str:
    """What `promtool check` says; it must say that it is right, or say nothing."""
    done = subprocess.run(
        [promtool, "check", kind, *arguments],
        input=sent, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_prometheus_itself_takes_the_alerts(promtool: Path) -> None:
    assert f"SUCCESS: {len(RULES)} rules found" in checked(promtool, "rules", str(ALERTS))


def test_prometheus_itself_takes_its_configuration(promtool: Path, tmp_path: Path) -> None:
    key = tmp_path / "modelport.key"
    key.write_text("mpk_key\n")
    text = CONFIGURATION.read_text()
    assert "/etc/prometheus/modelport.key" in text
    (tmp_path / CONFIGURATION.name).write_text(text.replace("/etc/prometheus/modelport.key", str(key)))
    (tmp_path / ALERTS.name).write_text(ALERTS.read_text())
    assert "is valid prometheus config" in checked(promtool, "config", str(tmp_path / CONFIGURATION.name))


def test_prometheus_itself_has_nothing_to_say_of_the_names_of_metrics(promtool: Path) -> None:
    page = Page(open_metrics=False)
    for family in FAMILIES:
        labels = tuple("a" for _ in family.labels)
        if family.kind == "histogram":
            page.histogram(family, labels, Histogram(family.bounds))
        else:
            page.add(family, labels, 1)
    assert checked(promtool, "metrics", sent=page.text().decode()) == ""


def test_the_docs_have_every_metric() -> None:
    page = metrics_table.PAGE.read_text(encoding="utf-8")
    assert metrics_table.table() in page, "run `make docs`"
