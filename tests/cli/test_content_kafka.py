"""Content lists and consents on a real Kafka: published whole, kept in two versions, waited for by the gate."""

from __future__ import annotations

import random
import time
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer

from streams.cli.kafka import read_to_end, view_of
from streams.config import DEMO_KEYS
from streams.contracts.base import encoder
from streams.contracts.messages import Content, Message, Sender
from streams.contracts.policy import PolicyEntry, PolicyRow
from streams.contracts.registry import ConsentRow
from streams.engine.decide import Decider
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys, person_key
from streams.engine.skeleton import skeletons_of
from streams.packs import shipped
from streams.pipeline.gate import ENTITIES, Gate
from streams.pipeline.replicator import Replicator
from streams.pipeline.step import Input
from streams.replica.rocks import RocksReplica
from tests.cli.tool import Cluster, cluster

KEYS = Keys(*DEMO_KEYS)
HEAD = 'name = "gambling"\ncategory = "gambling"\nowner = "content desk"\nexpires = "2090-01-01T00:00Z"\n'


@pytest.fixture(scope="module")
def held(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    made = cluster(kafka, f"test-content-{random.getrandbits(40):x}", str(tmp_path_factory.mktemp("state")))
    return Cluster(made.connection, made.env | {"DUALBLOCK_ALLOW_DEMO_KEYS": "true"})


def listed(path: Path, *phrases: str, head: str = HEAD) -> str:
    body = "".join(f'p{n} = "{phrase}"\n' for n, phrase in enumerate(phrases))
    path.write_text(f"{head}[phrases]\n{body}", encoding="utf-8")
    return str(path)


def published(held: Cluster, *arguments: str) -> str:
    said = held("policy", "list", *arguments)
    assert said.code == 0, said.err
    return said.out.rpartition("= ")[2].strip().strip('"')


def naming(path: Path, wanted: str) -> str:
    path.write_text(f'[lists]\ngambling = "{wanted}"\n')
    return str(path)


def test_a_list_is_published_before_a_policy_may_name_it_and_kept_while_one_does(held: Cluster, tmp_path: Path) -> None:
    refused = held("policy", "publish", naming(tmp_path / "p.toml", "sha256:not-there"), "--profile", "enforce")
    assert refused.code == 2 and "which is not published" in refused.err
    first = published(held, listed(tmp_path / "l.toml", "카지노"))
    assert first == published(held, listed(tmp_path / "l.toml", "카지노")), "again: the same name, nothing new"
    done = held("policy", "publish", naming(tmp_path / "p.toml", first), "--profile", "enforce")
    assert done.code == 0, done.err
    second = published(held, listed(tmp_path / "l.toml", "카지노", "포커"))
    third = held("policy", "list", listed(tmp_path / "l.toml", "포커"))
    assert third.code == 2 and f"still names gambling as {first}" in third.err
    row = view_of(held.connection, ("policy",)).content_list("kr/list:gambling")
    assert row is not None and row.previous is not None
    assert (row.current.hash, row.previous.hash) == (second, first)
    history = [
        letter for letter in read_to_end(held.connection, ("policy.history",)) if b"/list:" in (letter.key or b"")
    ]
    assert len(history) == 2


def test_two_versions_as_large_as_they_may_be_fit_on_the_topic(held: Cluster, tmp_path: Path) -> None:
    rng = random.Random(1)
    head = HEAD.replace('"gambling"\ncategory', '"large"\ncategory')
    for _ in range(2):
        phrases = [f"{rng.getrandbits(120):030x}" for _ in range(26_000)]
        published(held, listed(tmp_path / "l.toml", *phrases, head=head))
    row = view_of(held.connection, ("policy",)).content_list("kr/list:large")
    assert row is not None and row.previous is not None
    assert len(row.current.data) + len(row.previous.data) > 1_100_000, "more than a topic's usual maximum"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD.replace("gambling", "Gambling List", 1) + '[phrases]\na = "ab"\n', "name"),
        (HEAD.replace('category = "gambling"', 'category = "spam"') + '[phrases]\na = "ab"\n', "category"),
        (HEAD.replace('owner = "content desk"\n', "") + '[phrases]\na = "ab"\n', "owner"),
        (HEAD.replace("2090", "2020") + '[phrases]\na = "ab"\n', "expired already"),
        (HEAD.replace("2090-01-01T00:00Z", "soon") + '[phrases]\na = "ab"\n', "soon"),
        (HEAD, "neither phrases nor patterns"),
        (HEAD + '[patterns]\na = "(?=x)"\n', "no regular expression"),
        (HEAD + '[phrases]\na = ["ab"]\n', "nothing else"),
        (HEAD + 'colour = "red"\n', "no list has colour"),
        ("[", "is no TOML"),
    ],
)
def test_a_list_that_is_not_whole_is_refused_with_a_sentence(
    held: Cluster, text: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "bad.toml").write_text(text, encoding="utf-8")
    done = held("policy", "list", str(tmp_path / "bad.toml"), "--jurisdiction", "generic")
    assert done.code == 2 and said in done.err
    assert not [v for v in read_to_end(held.connection, ("policy",)) if (v.key or b"").startswith(b"generic/")]


def gate_on(held: Cluster, state: Path) -> Gate:
    replica = RocksReplica(str(state), skeletons_of)
    return Gate(Decider(Policies(shipped(), "kr"), KEYS), Replicator(held.connection, "gate-l", replica, ENTITIES), "l")


def ready(gate: Gate, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if gate.catch_up():
            return True
    return False


def message(text: str, at: int) -> bytes:
    sent = Message(
        event_id="e1", producer="smsc1", event_time_ms=at, ingested_at_ms=at, leg="termination", channel="mt",
        traffic_class="p2p", sender=Sender(address="01055501111"), recipient="821055509999", content=Content(text=text),
    )  # fmt: skip
    return msgspec.json.encode(sent)


def test_a_gate_waits_until_every_list_is_there(kafka: str, topics: str, tmp_path: Path) -> None:
    made = cluster(kafka, topics, str(tmp_path / "state"))
    wanted = held_hash(made, tmp_path)
    entry = PolicyEntry(profile="enforce", version=1, pack={"lists": {"gambling": wanted}})
    producer = Producer({**made.connection.base(), "partitioner": "murmur2_random"})
    row = PolicyRow(jurisdiction="kr", timeline=(entry,))
    # Past the command, which would refuse it.
    producer.produce(made.connection.topic("policy"), encoder().encode(row), b"kr")
    assert producer.flush(30) == 0
    gate = gate_on(made, tmp_path / "replica")
    try:
        assert not ready(gate, 5), "a list that the policy names is missing"
        assert published(made, listed(tmp_path / "l.toml", "카지노")) == wanted
        assert ready(gate, 30)
        (output,) = gate.handle(Input(0, 0, b"k", message("오늘 카 지 노", 1_765_944_000_000), 0))
        said = msgspec.json.decode(output.value or b"")
        assert said["action"] == "SPAM_BOX" and said["reasons"][0]["code"] == "CONTENT_GAMBLING"
    finally:
        gate.close()


def held_hash(made: Cluster, tmp_path: Path) -> str:
    """The hash that a list will have, without publishing it."""
    said = made("policy", "list", listed(tmp_path / "l.toml", "카지노"), "--print")
    assert said.code == 0, said.err
    return str(msgspec.json.decode(said.out)["current"]["hash"])


def test_consents_are_imported_under_pseudonyms(held: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.csv").write_text("kind,key,night\nconsent,org:1>010-5550-9999,true\nconsent,org:1>~ab,false\n")
    done = held("registry", "import", "c.csv", "--feed", "kr-consent-registry", "--generation", "g1", "--complete-for",
                "kr:consent")  # fmt: skip
    assert done.code == 0, done.err
    rows = [value for value in held.settle().values() if isinstance(value, ConsentRow)]
    person = person_key(KEYS, "821055509999")
    assert {row.key: row.timeline[0].night for row in rows} == {
        f"consent:org:1>{person}": True,
        "consent:org:1>~ab": False,
    }
    raw = b"".join((v.key or b"") + (v.value or b"") for v in read_to_end(held.connection, ("feeds", "registry")))
    assert b"55509999" not in raw and b"5550-9999" not in raw


def test_a_consent_in_clear_is_refused_without_keys(
    held: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bare = Cluster(held.connection, {k: v for k, v in held.env.items() if k != "DUALBLOCK_ALLOW_DEMO_KEYS"})
    Path("c.csv").write_text("kind,key\nconsent,org:1>010-5550-9999\n")
    done = bare("registry", "import", "c.csv", "--feed", "kr-consent-registry", "--generation", "g2")
    assert done.code == 2 and "No keys are configured" in done.err
