"""The alert rules parse, name metrics and labels that exist, and cover what somebody must be told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # no types come with it

from streams.engine.checks import CHECKS
from streams.telemetry.metrics import _LABELS, NAMESPACE

ROOT = Path(__file__).parents[2]
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((ROOT / "deploy" / "alerts.yaml").read_text())["groups"] for rule in group["rules"]
]
#: Labels that the scraper adds.
OF_THE_SCRAPER = {"instance", "job"}
rules = pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])


def metrics(expression: str) -> set[str]:
    return {name.removeprefix(f"{NAMESPACE}_") for name in re.findall(rf"\b{NAMESPACE}_[a-z_]+", expression)}


def labels(expression: str) -> set[str]:
    """Those that an expression chooses or groups by."""
    chosen = re.findall(r"([a-z_]+)\s*=~?\s*\"", expression)
    grouped = re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", expression)
    return {*chosen, *(name.strip() for names in grouped for name in names.split(","))}


@rules
def test_a_rule_is_whole(rule: dict[str, Any]) -> None:
    assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["summary"]
    assert (ROOT / rule["annotations"]["page"]).exists()
    assert all(rule["expr"].count(a) == rule["expr"].count(b) for a, b in ("()", "[]", "{}"))
    assert re.fullmatch(r"\d+[smh]", rule.get("for", "0s"))


@rules
def test_a_rule_names_metrics_and_labels_that_exist(rule: dict[str, Any]) -> None:
    named = metrics(rule["expr"])
    assert named
    assert named <= _LABELS.keys()
    known = OF_THE_SCRAPER.union(*(_LABELS[name] for name in named))
    assert labels(rule["expr"]) <= known
    assert set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])) <= labels(rule["expr"])


@rules
def test_a_counter_is_looked_at_over_time(rule: dict[str, Any]) -> None:
    for name in metrics(rule["expr"]):
        over_time = re.search(rf"(?:rate|increase)\({NAMESPACE}_{name}(?:{{[^}}]*}})?\[", rule["expr"])
        assert bool(over_time) is name.endswith("_total"), name


def test_every_check_named_is_one() -> None:
    (rule,) = [rule for rule in RULES if rule["alert"] == "DualblockFeedStale"]
    named = re.search(r'check=~"([^"]+)"', rule["expr"])
    assert named is not None
    assert set(named[1].split("|")) <= {name for name, _ in CHECKS}


def test_a_list_that_was_taken_or_is_held_already_alerts_nobody() -> None:
    (rule,) = [rule for rule in RULES if rule["alert"] == "DualblockBlacklistRefused"]
    assert set(re.findall(r'result!="([^"]+)"', rule["expr"])) == {"taken", "held"}


@pytest.mark.parametrize(
    "metric",
    [
        "overdue_appeals",
        "breaker_trips_total",
        "unknown_checks_total",
        "event_time_seconds",
        "dead_letters_total",
        "blacklist_fresh_until_seconds",
        "blacklist_imported_seconds",
        "blacklist_published_seconds",
    ],  # fmt: skip
)
def test_what_somebody_must_be_told_has_a_rule(metric: str) -> None:
    assert any(metric in metrics(rule["expr"]) for rule in RULES)
