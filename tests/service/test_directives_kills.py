"""Orders by the command, through the real agents, killed right after a table write; a replayed one is a dead letter."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from streams.cli.kafka import Letter, read_to_end, send_raw, view_of
from streams.config import DEMO_KEYS
from streams.contracts.reports import Directive
from streams.contracts.reputation import SanctionRow
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.packs import shipped
from streams.pipeline.settings import Connection
from streams.pipeline.topics import create_topics
from streams.replay.embedded import Embedded
from streams.signing import PrivateKey, public_text
from tests.agents.drill import until
from tests.cli.tool import Said, dualblock
from tests.service.test_agents_kills import PARTITIONS, Bed

pytestmark = pytest.mark.kafka
KILL = "directives:2:after-table-write"


@dataclass
class Ordered:
    """What was typed and said, and what stands on the topics behind it."""

    said: dict[str, Said]
    code: int
    orders: list[Letter]
    dead: list[Letter]
    rows: dict[str, SanctionRow]
    model: list[SanctionRow]


@pytest.fixture(scope="module")
def ordered(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ordered]:
    directory = tmp_path_factory.mktemp("orders")
    bed = Bed(kafka, f"orders-{uuid.uuid4().hex[:8]}.", directory)
    connection = Connection(kafka, bed.prefix)
    create_topics(connection, PARTITIONS)  # type: ignore[arg-type]  # the groups, spelt out
    key, other = _key(directory, "kcc"), _key(directory, "other")
    (directory / "policy.toml").write_text(
        f'[orders.keys.kcc]\nauthority = "regulator"\npublic = "{public_text(key.public_key())}"\n'
    )

    def typed(*words: str, name: str = "kcc") -> Said:
        signing = ("--key", str(directory / f"{name}.pem"), "--key-id", "kcc")
        return dualblock("directive", *words, *signing, env=bed.environment("cli"))

    said = {"policy": dualblock("policy", "publish", str(directory / "policy.toml"), "--profile", "enforce",
                                env=bed.environment("cli"))}  # fmt: skip
    said["block"] = typed("give", "account:acct-1", "block", "--reference", "K-1", "--leg", "origination")
    said["expel"] = typed("give", "reseller:rs-1", "expel", "--reference", "K-2")
    said["another's key"] = typed("give", "relay:rl-1", "expel", "--reference", "K-3", name="other")
    said["withdraw"] = typed("withdraw", "K-1")
    said["unknown"] = typed("withdraw", "K-9")
    said["list"] = dualblock("directive", "list", env=bed.environment("cli"))
    first = next(o for o in read_to_end(connection, ("directives",)) if o.key == b"K-1")
    send_raw(connection, "directives", [("K-1", first.value or b"")])
    (directory / "again.ndjson").write_bytes(first.value or b"")
    said["replayed"] = dualblock("directive", "publish", str(directory / "again.ndjson"), env=bed.environment("cli"))
    assert other.public_key() != key.public_key()
    code = _worker(bed, KILL, 90)
    worker = bed.worker("-")
    try:
        for _ in until(120, "the orders were not carried out"):
            dead = list(read_to_end(connection, ("directives.dead",)))
            rows = {r.subject: r for r in _rows(connection)}
            if dead and {"account:acct-1", "reseller:rs-1"} <= rows.keys() and rows["account:acct-1"].timeline[0].to_ms:
                break
    finally:
        worker.terminate()
        worker.wait(30)
    orders = list(read_to_end(connection, ("directives",)))
    model = Embedded(Policies(shipped(), "kr"), Keys(*DEMO_KEYS))
    policy = view_of(connection, ("policy",)).policy("kr")
    assert policy is not None
    model.policy(policy)
    for letter in orders:
        try:
            model.directive(msgspec.json.decode(letter.value or b"", type=Directive), letter.value or b"")
        except ValueError as error:
            assert str(error).startswith("OLD_VERSION")
    yield Ordered(said, code, orders, dead, rows, model.sanctions())


def _key(directory: Path, name: str) -> PrivateKey:
    key = PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (directory / f"{name}.pem").write_bytes(pem)
    return key


def _worker(bed: Bed, order: str, seconds: float) -> int:
    worker = bed.worker(order)
    try:
        return worker.wait(seconds)
    finally:
        if worker.poll() is None:
            worker.kill()
            worker.wait()


def _rows(connection: Connection) -> list[SanctionRow]:
    held: dict[bytes, SanctionRow] = {}
    for letter in read_to_end(connection, ("sanctions",)):
        held[letter.key or b""] = msgspec.json.decode(letter.value or b"", type=SanctionRow)
    return list(held.values())


def test_what_the_command_says(ordered: Ordered) -> None:
    codes = {name: said.code for name, said in ordered.said.items()}
    refused = {"another's key", "unknown", "replayed"}
    assert {name for name, code in codes.items() if code == 2} == refused, codes
    assert "BAD_SIGNATURE" in ordered.said["another's key"].err
    assert "OLD_VERSION" in ordered.said["replayed"].err
    assert ordered.said["list"].out.startswith("K-2 v1 expel reseller:rs-1 from ")
    assert len(ordered.said["list"].out.splitlines()) == 1, "a withdrawn order stands no longer"


def test_orders_are_carried_out_once_whatever_dies(ordered: Ordered) -> None:
    assert ordered.code == -9, "the agents did not die where they were told to"
    assert sorted(ordered.rows.values(), key=lambda row: row.subject) == ordered.model
    (expelled,) = ordered.rows["reseller:rs-1"].timeline
    assert (expelled.reason, expelled.authority, expelled.reference) == ("DIRECTIVE_EXPEL", "regulator", "K-2")
    assert expelled.from_ms >= expelled.recorded_at_ms + 2000


def test_a_replayed_older_version_is_a_dead_letter_with_its_bytes(ordered: Ordered) -> None:
    first = next(order for order in ordered.orders if order.key == b"K-1")
    assert {(letter.value, letter.headers["reason"]) for letter in ordered.dead} == {(first.value, "OLD_VERSION")}
    (entry,) = ordered.rows["account:acct-1"].timeline
    assert entry.to_ms is not None
