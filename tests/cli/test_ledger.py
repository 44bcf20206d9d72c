"""`dualblock ledger` on a real Kafka: months, half-years, trend and sanctions."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from streams.cli.kafka import send
from streams.contracts.ledger import Counts, LedgerRow
from streams.contracts.reputation import SanctionEntry, SanctionRow
from tests.cli.tool import Cluster, cluster

DECEMBER_MS = 1_765_944_000_000
ONE, TWO = "relay:relay-1", "reseller:reseller-2"


def month(subject: str, name: str, **counts: Any) -> tuple[str, LedgerRow]:
    row = LedgerRow(subject=subject, month=name, counts=Counts(**counts))
    return row.key(), row


@pytest.fixture(scope="module")
def held(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    made = cluster(kafka, f"test-{uuid.uuid4().hex[:12]}", str(tmp_path_factory.mktemp("state")))
    rows = [
        month(ONE, "2025-06", termination=10, leaks={"A": 10}),
        month(ONE, "2025-11", termination=1000, leaks={"A": 1}, reports=4),
        month(
            ONE, "2025-12", origination=50, blocked_origination=7, termination=1000, leaks={"A": 2, "B": 3}, no_gate=1
        ),
        month(TWO, "2025-12", termination=2000, reports=1),
        month("carrier:kr-b", "2025-11", termination=30),
    ]
    send(made.connection, "ledger", [month(ONE, "2025-12", termination=5), *rows])
    entries = tuple(
        SanctionEntry(sanction_id=str(n), step="WARN", reason="R", from_ms=DECEMBER_MS - n * 86_400_000)
        for n in (0, 40)
    )
    send(made.connection, "sanctions", [(ONE, SanctionRow(subject=ONE, timeline=entries))])
    return made


def rows(held: Cluster, *arguments: str) -> list[dict[str, Any]]:
    said = held("ledger", *arguments, "--json")
    assert said.code == 0, said.err
    found: list[dict[str, Any]] = json.loads(said.out)["rows"]
    return found


def test_the_newest_month_the_worst_first_with_its_trend(held: Cluster) -> None:
    one, two = rows(held)
    assert (one["subject"], two["subject"], one["period"]) == (ONE, TWO, "2025-12")
    assert one["counts"]["leaks"] == {"A": 2, "B": 3}
    assert (one["leaks_ppm"], one["trend_ppm"], one["sanctions"]) == (6000, 5000, 1)
    assert (two["leaks_ppm"], two["trend_ppm"], two["sanctions"]) == (0, None, 0)


def test_a_half_year_adds_its_months_up(held: Cluster) -> None:
    (one,) = rows(held, "2025-H2", "--subject", ONE)
    assert one["counts"]["termination"] == 2000
    assert one["counts"]["leaks"] == {"A": 3, "B": 3}
    assert (one["leaks_ppm"], one["trend_ppm"], one["sanctions"]) == (3500, 3500 - 1_000_000, 2)
    assert one["months"] == {
        "2025-11": {"leaked": 1, "leaks_ppm": 1000}, "2025-12": {"leaked": 6, "leaks_ppm": 6000},
    }  # fmt: skip
    totals = json.loads(held("ledger", "2025-H2", "--json").out)["totals"]
    assert {kind: counts["termination"] for kind, counts in totals.items()} == {
        "relay": 2000, "reseller": 2000, "carrier": 30,
    }  # fmt: skip


def test_the_table_and_a_period_that_is_none(held: Cluster) -> None:
    assert "relay-1" in held("ledger", "2025-12").out
    assert rows(held, "1999-01") == []
    for wrong in ("2025", "2025-13", "2025-H3", "last month"):
        said = held("ledger", wrong)
        assert (said.code, "no period" in said.err) == (2, True)
