"""The bundle as a whole: nothing asks for a series that nobody has, and nothing names what is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from receiver.bundled import bundled, names
from receiver.decide.matchers import matches_all, parse_matchers
from tests.grafana.boards import FILES, board, expressions
from tests.prometheus.bundle import ROOT, alertmanager_config, alerts, records, rules
from tests.prometheus.promql import series_of

ROW = re.compile(r"^\| `([a-zA-Z0-9_]+)` \| (\w+) \|", re.MULTILINE)
OTHERS = {  # whose names they are
    "Prometheus": r"ALERTS|up|scrape_duration_seconds|prometheus_\w+",
    "Alertmanager": r"alertmanager_\w+",
    "the official client libraries": r"process_\w+|nodejs_heap_size_(used|limit)_bytes",
    "the kit in an app that has such things": r"ai_generation_\w+|db_pool_\w+",
}


def catalogue() -> set[str]:
    found: set[str] = set()
    for name, kind in ROW.findall((ROOT / "docs" / "metrics.md").read_text()):
        endings = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        found |= {name + ending for ending in endings}
    return found


def asked() -> Iterator[tuple[str, str]]:
    for rule in rules():
        yield rule.get("alert") or rule["record"], rule["expr"]
    for file in FILES:
        for expr in expressions(board(file)):
            yield file.stem, expr


def test_every_series_that_is_asked_for_is_somebodys() -> None:
    known = catalogue() | {rule["record"] for rule in records()}
    unknown = {
        (where, name)
        for where, expr in asked()
        for name in series_of(expr) - known
        if not any(re.fullmatch(pattern, name) for pattern in OTHERS.values())
    }
    assert not unknown


@pytest.mark.parametrize(
    ("expr", "names"),
    [
        ('sum by (a) (rate(b{c="d"}[5m])) > 1', {"b"}),
        ("x:y:z offset 1w > on (service) group_left (v) 2 * n_total", {"x:y:z", "n_total"}),
        (
            'a unless on (b) c == bool 1 or vector(1) and label_replace(d, "e", "$1", "f", "g")',
            {"a", "c", "d"},
        ),
        ("predict_linear(q:r:s[6h], 4 * 3600) >= 1e3", {"q:r:s"}),
    ],
)
def test_the_names_of_series_are_found_in_an_expression(expr: str, names: set[str]) -> None:
    assert series_of(expr) == names


def test_every_record_is_read_by_a_rule_a_dashboard_a_playbook_or_the_receiver() -> None:
    texts = [expr for _, expr in asked()]
    books = [str(bundled(name)) for name in names()]
    documents = [file.read_text() for file in (ROOT / "docs").rglob("*.md")]
    shipped = [file.read_text() for file in (ROOT / "demo" / "config").glob("*.yml")]
    questions = [file.read_text() for file in (ROOT / "receiver" / "web").rglob("*.py")]
    everywhere = [*texts, *books, *documents, *shipped, *questions]
    for rule in records():
        assert any(rule["record"] in text for text in everywhere), rule["record"]


def test_every_alert_is_answered_by_a_playbook_or_says_that_nobody_answers() -> None:
    for rule in alerts():
        labels = {**rule["labels"], "alertname": rule["alert"], "service": "shop"}
        action = labels["action"]
        if action == "none":
            page = (ROOT / "docs" / "runbooks" / f"{rule['alert']}.md").read_text()
            assert page.partition("## What Prunella does by itself\n")[2].strip(), rule["alert"]
            continue
        said = bundled(action)["matchers"]
        answered = all(matches_all(parse_matchers(one), labels) for one in said)
        assert answered, (
            f"{rule['alert']} ({labels['severity']}) names {action}, which does not match it"
        )


def test_every_playbook_answers_an_alert() -> None:
    assert set(names()) <= {rule["labels"]["action"] for rule in alerts()}


def test_every_label_that_an_inhibition_compares_is_a_label_of_an_alert() -> None:
    grouped = {
        label.strip()
        for rule in rules()
        for inside in re.findall(r"by \(([^)]*)\)", rule["expr"])
        for label in inside.split(",")
    }
    for rule in alertmanager_config()["inhibit_rules"]:
        assert set(rule.get("equal", ())) <= grouped | {"alertname", "service"}
