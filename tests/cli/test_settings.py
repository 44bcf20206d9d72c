"""`dualblock settings` on a real Kafka: what is asked for, what is shown, and what is refused."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace

import msgspec
import pytest

from streams.cli.kafka import read_to_end, send
from streams.contracts.settings import SettingsRequest, SettingsRow
from streams.engine.settling import settle
from tests.cli.tool import Cluster, Said, cluster

ME, FRIEND, SHOP = "010-5550-0001", "01055500002", "1588-1234"


@pytest.fixture(scope="module")
def held(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    made = cluster(kafka, f"test-{uuid.uuid4().hex[:12]}", str(tmp_path_factory.mktemp("state")))
    return replace(made, env=made.env | {"DUALBLOCK_ALLOW_DEMO_KEYS": "true"})


def requests(held: Cluster) -> list[SettingsRequest]:
    letters = list(read_to_end(held.connection, ("settings.requests",)))
    found = [msgspec.json.decode(letter.value or b"", type=SettingsRequest) for letter in letters]
    assert [letter.key for letter in letters] == [request.recipient.encode() for request in found]
    return sorted(found, key=lambda request: request.recorded_at_ms)


def shown(held: Cluster, number: str = ME) -> Said:
    """What `show` says once an agent has taken every request."""
    rows: dict[str, SettingsRow] = {}
    for request in requests(held):
        rows[request.recipient] = settle(rows.get(request.recipient), request)
    send(held.connection, "settings", rows.items())
    return held("settings", "show", number, "--json")


def test_set_show_erase(held: Cluster) -> None:
    assert held("settings", "show", ME).code == 1
    said = held("settings", "set", ME, "--block", FRIEND, "--block", SHOP, "--keyword", "대출", "--filter-unknown")
    assert said.code == 0, said.err
    wishes = json.loads(shown(held).out)["timeline"][-1]["wishes"]
    assert (wishes["keywords"], wishes["unknown"], len(wishes["block"])) == (["대출"], True, 2)
    assert "kr:15881234" in wishes["block"]
    assert "5550" not in json.dumps(requests(held), default=msgspec.to_builtins)
    assert shown(held, "+821055500001").code == 0, "one person, however the number is written"
    assert held("settings", "erase", ME).code == 0
    assert shown(held).code == 1


def test_what_is_no_rule_is_refused_and_nothing_is_written(held: Cluster) -> None:
    before = len(requests(held))
    for arguments, why in (
        (("set", "My Bank"), "nobody's number"),
        (("set", "1588-1234"), "nobody's number"),
        (("set", "010"), "nobody's number"),
        (("set", ME, "--keyword", ""), "can't be set"),
        (("set", ME, "--keyword", "x" * 65), "can't be set"),
        (("set", ME, *(f"--block={n}" for n in range(501))), "can't be set"),
        (("set", ME, "--from", "2020-01-01T00:00Z"), "in the past"),
        (("erase", "nobody"), "nobody's number"),
    ):
        said = held("settings", *arguments)
        assert (said.code, why in said.err) == (2, True), (arguments, said)
    assert len(requests(held)) == before
