"""`dualblock api` as a process over real topics, with TLS: its answers follow the rows, and each is on record."""

from __future__ import annotations

import datetime
import hashlib
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import requests
from confluent_kafka import Producer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from streams.api.keys import new_key
from streams.cli.kafka import read_to_end, send
from streams.contracts.base import encoder
from streams.contracts.feeds import key_of
from streams.contracts.reputation import SanctionEntry, SanctionRow
from streams.contracts.verify import Verification
from streams.pipeline.settings import Connection
from streams.pipeline.topics import create_topics
from tests.engine.kit import BANK, account, number, relay, sender

ROOT = Path(__file__).parents[2]
PARTITIONS = {"messages": 1, "registry": 1, "reputation": 1, "single": 1}


class Pair(NamedTuple):
    """A certificate and its key, as files."""

    certificate: Path
    key: Path
    sha256: str


def certify(directory: Path, name: str, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None) -> Any:
    """(certificate, key, files) signed by `issuer`, or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer, by = (key, subject) if issuer is None else (issuer[1], issuer[0].subject)
    today = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    paths = directory / f"{name}.pem", directory / f"{name}.key"
    paths[0].write_bytes(built.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    sha256 = hashlib.sha256(built.public_bytes(serialization.Encoding.DER)).hexdigest()
    return built, key, Pair(*paths, sha256)


class Bed(NamedTuple):
    connection: Connection
    url: str
    ca: Path
    client: Pair
    secret: str

    def ask(self, **question: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.secret}"}
        answer = requests.post(
            f"{self.url}/v1/verify", json={"sender": BANK} | question, headers=headers,
            verify=str(self.ca), cert=(str(self.client.certificate), str(self.client.key)), timeout=15,
        )  # fmt: skip
        return {"status": answer.status_code, **answer.json()}

    def standing(self, wanted: str, **question: Any) -> dict[str, Any]:
        """The answer, as soon as it is this one."""
        deadline = time.monotonic() + 30
        while (said := self.ask(**question)).get("standing") != wanted:
            assert time.monotonic() < deadline, f"still {said}"
            time.sleep(0.1)
        return said


@pytest.fixture(scope="module")
def bed(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    directory = tmp_path_factory.mktemp("verification")
    connection = Connection(kafka, f"verify-{uuid.uuid4().hex[:8]}.")
    create_topics(connection, PARTITIONS)  # type: ignore[arg-type]  # the groups, spelt out
    producer = Producer(connection.base())
    for row in (sender(relays=("relay-7",)), relay(), relay("relay-8"), account(), number("active", f"kr:{BANK}")):
        producer.produce(connection.topic("registry"), encoder().encode(row), key_of(row))
    assert producer.flush(30) == 0
    root, root_key, ca = certify(directory, "ca", None)
    _, _, server = certify(directory, "server", (root, root_key))
    _, _, client = certify(directory, "client", (root, root_key))
    secret, sha256 = new_key()
    (directory / "keys.toml").write_text(
        f'[[key]]\nid = "r7"\nrelay = "relay-7"\nsha256 = "{sha256}"\ncertificate = "{client.sha256}"\n'
    )
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("DUALBLOCK_")}
    environment = inherited | {
        "DUALBLOCK_BOOTSTRAP": kafka, "DUALBLOCK_PREFIX": connection.prefix, "DUALBLOCK_INSTANCE": "t0",
        "DUALBLOCK_STATE_DIR": str(directory / "state"), "DUALBLOCK_ALLOW_DEMO_KEYS": "true",
        "DUALBLOCK_API__PORT": "0", "DUALBLOCK_API__KEYS_FILE": str(directory / "keys.toml"),
        "DUALBLOCK_API__CERTIFICATE_FILE": str(server.certificate),
        "DUALBLOCK_API__CERTIFICATE_KEY_FILE": str(server.key), "DUALBLOCK_API__CLIENT_CA_FILE": str(ca.certificate),
    }  # fmt: skip
    log = directory / "api.log"
    with log.open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "streams.cli", "api"], cwd=ROOT, env=environment, stdout=err, stderr=err
        )
    try:
        deadline = time.monotonic() + 60
        while (found := re.search(r"https://127\.0\.0\.1:\d+", log.read_text())) is None:
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield Bed(connection, found[0], ca.certificate, client, secret)
        process.terminate()
        assert process.wait(30) == 0, log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_it_answers_from_the_rows_as_they_change_and_each_answer_is_on_record(bed: Bed) -> None:
    assert {"status", "registration", "route", "certification"} <= set(bed.standing("valid")["passed"])
    entry = SanctionEntry(sanction_id="s1", step="BLOCK", reason="DESK", version=1)
    row = SanctionRow(subject="account:acct-1", timeline=(entry,))
    send(bed.connection, "sanctions", [(row.subject, row)])
    said = bed.standing("invalid", account="acct-1")
    assert [(r["code"], r["check"]) for r in said["reasons"]] == [("DESK", "sanctions")]
    assert bed.ask()["standing"] == "valid"
    records = [msgspec.json.decode(m.value or b"", type=Verification) for m in _audit(bed)]
    asked = [(a.account, a.standing) for record in records for a in record.asked]
    assert asked[-2:] == [("acct-1", "invalid"), (None, "valid")]
    assert {(r.key_id, r.relay, r.remote) for r in records} == {("r7", "relay-7", "127.0.0.1")}


def _audit(bed: Bed) -> list[Any]:
    return list(read_to_end(bed.connection, ("verifications",)))


def test_without_the_certificate_there_is_no_connection(bed: Bed) -> None:
    with pytest.raises(requests.exceptions.RequestException):
        requests.get(f"{bed.url}/healthz", verify=str(bed.ca), timeout=10)


def test_a_key_does_not_open_with_another_certificate_of_the_same_ca(bed: Bed) -> None:
    other = bed._replace(client=Pair(bed.ca, bed.ca.with_suffix(".key"), ""))
    assert other.ask()["status"] == 401
