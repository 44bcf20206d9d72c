"""`dualblock blacklist` on a real Kafka: one carrier publishes, another takes the list; what is no such list is refused
whole."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from streams.cli.kafka import read_to_end, send, view_of
from streams.config import DEMO_KEYS
from streams.contracts.blacklists import BlacklistFile
from streams.contracts.reputation import Finding, SanctionEntry, SanctionRow
from streams.engine.blacklisting import FORMAT, delta, read_list
from streams.engine.decide import Decider
from streams.engine.pseudonym import Keys, partner_pseudonym, state_pseudonym
from streams.signing import opened, private_key, sign
from tests.cli.tool import Cluster, Said, cluster
from tests.engine.kit import a2p, message, policies, raw

TOPICS = ("registry", "policy", "sanctions", "findings", "blacklists", "blacklists.history")
DAY = 86_400_000
NOW = time.time_ns() // 1_000_000
PHONE, E164 = "01055501111", "+821055501111"
SHARED = b"k" * 32
SHOP, HOST = "sender:kr:15881234#0", "host:prizes.example"
MAN = f"sender:{state_pseudonym(Keys(*DEMO_KEYS), 'kr:' + PHONE)}#0"


def pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class Carriers:
    """Two carriers on the topics of one: a publishes what stands on `sanctions`, b takes it."""

    def __init__(self, held: Cluster, home: Path) -> None:
        self.held, self.home, self.lists = held, home, home / "lists"
        self.key = Ed25519PrivateKey.generate()
        (home / "a.pem").write_bytes(pem(self.key))
        (home / "other.pem").write_bytes(pem(Ed25519PrivateKey.generate()))
        public = self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (home / "a.pub.pem").write_bytes(public)
        (home / "shared.key").write_text(SHARED.hex())
        (home / "subscribers.csv").write_text(f"number\n{PHONE}\n")
        shared = f'shared_key_file = "{home}/shared.key"\n'
        told = f'metrics_dir = "{home}"\n'
        self._config(
            "a",
            f'name = "carrier-a"\n{told}signing_key_file = "{home}/a.pem"\n[blacklist.partners.carrier-b]\n{shared}',
        )
        public_key = f'public_key_file = "{home}/a.pub.pem"\n'
        self._config("b", f'name = "carrier-b"\n{told}[blacklist.partners.carrier-a]\n{public_key}{shared}')

    def _config(self, name: str, text: str) -> None:
        (self.home / f"{name}.toml").write_text(f"allow_demo_keys = true\n[blacklist]\n{text}")

    def _as(self, name: str, *arguments: str) -> Said:
        env = self.held.env | {"DUALBLOCK_CONFIG": str(self.home / f"{name}.toml")}
        return replace(self.held, env=env)("blacklist", *arguments)

    def publish(self, *arguments: str) -> Said:
        people = ("--partner", "carrier-b", "--subscribers", f"{self.home}/subscribers.csv")
        return self._as("a", "publish", "--out", str(self.lists), *people, *arguments)

    def take(self, file: Path, *arguments: str) -> Said:
        return self._as("b", "import", str(file), *arguments)

    def show(self, *arguments: str) -> Said:
        return self._as("b", "show", *arguments)

    def file(self, number: int, kind: str = "snapshot") -> Path:
        return self.lists / f"carrier-a-for-carrier-b-{number:010}.{kind}"

    def told(self, what: str, who: str) -> str:
        """The one line of labels that a command left."""
        text = (self.home / f"dualblock_blacklist_{what}_{who}.prom").read_text()
        (line,) = [line for line in text.splitlines() if not line.startswith("#")]
        return line.partition("{")[2].partition("}")[0]

    def read(self, number: int, kind: str = "snapshot") -> BlacklistFile:
        return read_list(opened(FORMAT, self.file(number, kind).read_bytes(), self.key.public_key()))

    def written(self) -> list[tuple[str, bytes, bytes]]:
        """Everything on both topics, in an order that does not depend on which partition is read first."""
        letters = read_to_end(self.held.connection, ("blacklists", "blacklists.history"))
        return sorted((x.entity, x.key or b"", x.value or b"") for x in letters)

    def sanction(self, subject: str, to_ms: int | None = None) -> None:
        entry = SanctionEntry(
            sanction_id="s1", step="BLOCK", from_ms=NOW - DAY, recorded_at_ms=NOW - DAY, reason="FRAUD",
            to_ms=to_ms, end_recorded_at_ms=to_ms,
        )  # fmt: skip
        send(self.held.connection, "sanctions", [(subject, SanctionRow(subject=subject, timeline=(entry,)))])


@pytest.fixture(scope="module")
def carriers(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Carriers:
    home = tmp_path_factory.mktemp("carriers")
    made = Carriers(cluster(kafka, f"test-{uuid.uuid4().hex[:12]}", str(home), only=TOPICS), home)
    for subject in (SHOP, MAN, HOST):
        made.sanction(subject)
    found = Finding(
        subject=SHOP, finding_id="f1", source="tally", step="TEMP_BLOCK", from_ms=NOW, reason="R", counts={"10d": 12}
    )
    send(made.held.connection, "findings", [(SHOP, found)])
    said = made.publish()
    assert (said.code, "number 1, 3 subjects" in said.out) == (0, True), said.err
    return made


def test_a_list_is_published_signed_with_nobody_in_clear(carriers: Carriers) -> None:
    assert {entry.subject: entry.counts for entry in carriers.read(1).entries} == {
        HOST: {}, f"person:{partner_pseudonym(SHARED, E164)}": {}, "sender:kr:15881234": {"10d": 12},
    }  # fmt: skip
    assert PHONE[1:].encode() not in carriers.file(1).read_bytes()


def _resigned(carriers: Carriers, **over: object) -> bytes:
    return sign(FORMAT, raw(msgspec.structs.replace(carriers.read(1), **over)), carriers.key)


BAD: dict[str, tuple[Callable[[Carriers], bytes], str]] = {
    "nothing": (lambda c: b"", "NOT_SIGNED"),
    "truncated": (lambda c: c.file(1).read_bytes()[:-10], "TRUNCATED"),
    "changed": (lambda c: c.file(1).read_bytes().replace(b"prizes", b"prices"), "BAD_SIGNATURE"),
    "by somebody else": (
        lambda c: sign(FORMAT, raw(c.read(1)), private_key(c.home / "other.pem")), "WRONG_KEY",
    ),
    "malformed": (lambda c: sign(FORMAT, b'{"issuer":"carrier-a"}', c.key), "NOT_A_LIST"),
    "in another's name": (lambda c: _resigned(c, issuer="carrier-x"), "OTHER_ISSUER"),
    "for another": (lambda c: _resigned(c, audience="carrier-c"), "NOT_FOR_US"),
    "under another key": (lambda c: _resigned(c, persons_key="0" * 16), "OTHER_SHARED_KEY"),
    "a delta first": (
        lambda c: sign(FORMAT, raw(delta(c.read(1), msgspec.structs.replace(c.read(1), sequence=2))), c.key),
        "OTHER_BASE",
    ),
    "stale": (lambda c: _resigned(c, issued_at_ms=NOW - DAY, fresh_until_ms=NOW), "STALE"),
}  # fmt: skip


def test_what_is_no_list_for_us_is_refused_and_nothing_is_written(carriers: Carriers) -> None:
    before, file = carriers.written(), carriers.home / "bad.snapshot"
    for name, (make, reason) in BAD.items():
        file.write_bytes(make(carriers))
        said = carriers.take(file)
        assert (said.code, f"({reason})" in said.err) == (2, True), f"{name}: {said.err}"
        who = "unknown" if reason == "WRONG_KEY" else "carrier-a"
        assert carriers.told("imported", who) == f'issuer="{who}",result="{reason}"', name
    assert carriers.written() == before


def test_taken_held_changed_by_a_delta_and_never_listed_again(carriers: Carriers) -> None:
    assert carriers.show().code == 1
    dry = carriers.take(carriers.file(1), "--dry-run")
    assert (dry.code, "would be taken" in dry.out, carriers.written()) == (0, True, [])
    said = carriers.take(carriers.file(1), "--trust", "block")
    assert said.code == 0 and "3 newly listed" in said.out, said.err
    again = carriers.take(carriers.file(1))
    assert (again.code, "held already" in again.err) == (1, True)
    assert carriers.told("imported", "carrier-a") == 'issuer="carrier-a",result="held"'
    assert carriers.told("published", "carrier-b") == 'audience="carrier-b"'
    first = carriers.written()
    assert len([key for entity, key, _ in first if entity == "blacklists"]) == 4, "three rows and the manifest"
    assert sorted(v for e, _, v in first if e == "blacklists") == sorted(v for e, _, v in first if e != "blacklists")
    assert _codes(carriers) == ["BLACKLISTED_SENDER"] * 2

    carriers.sanction(HOST, to_ms=NOW)
    said = carriers.publish()
    assert said.code == 0 and "0 newly listed and 1 no longer" in said.out, said.err
    assert (carriers.read(2, "delta").removed, carriers.read(2, "delta").entries) == ((HOST,), ())
    said = carriers.take(carriers.file(2, "delta"))
    assert said.code == 0 and "at trust level block: 2 subjects, 0 newly listed, 1 no longer" in said.out, said.err
    (shown,) = [r for r in json.loads(carriers.show("carrier-a", "--json").out) if r["key"].endswith(HOST)]
    assert [entry["to_ms"] < carriers.read(1).fresh_until_ms for entry in shown["timeline"]] == [True]

    held = carriers.written()
    said = carriers.take(carriers.file(1))
    assert (said.code, "(OLD_SEQUENCE)" in said.err, carriers.written()) == (2, True, held)
    assert "carrier-a" in carriers.show().out and "sender:kr:15881234" in carriers.show("carrier-a").out


def _codes(carriers: Carriers) -> list[str]:
    """What a gate of b says, once the list counts, of a listed business and of a listed person."""
    view = view_of(carriers.held.connection, ("blacklists",))
    at_ms = max(row.timeline[-1].from_ms for row in view.blacklist_rows().values())
    decider = Decider(policies(), Keys(*DEMO_KEYS, partners=(("carrier-a", SHARED),)))
    said: list[str] = []
    for one in (a2p(event_time_ms=at_ms), message(PHONE, event_time_ms=at_ms), a2p(event_time_ms=at_ms - 1)):
        decision = decider.decide(one, raw(one), view)
        said += [r.code for r in decision.reasons if r.gate == "blacklist"]
    return said


def test_a_directory_that_was_tampered_with_or_lost_is_said(carriers: Carriers, tmp_path: Path) -> None:
    carriers.lists = tmp_path
    try:
        assert "number 9, " in carriers.publish("--sequence", "9").out
        said = carriers.publish("--sequence", "9")
        assert (said.code, "stands in" in said.err) == (2, True)
        carriers.file(9).write_bytes(b"x")
        said = carriers.publish()
        assert (said.code, "(NOT_SIGNED)" in said.err) == (2, True)
    finally:
        carriers.lists = carriers.home / "lists"
