"""`dualblock jobs`: the claim for a list, and lists that are none. Sending and showing: one run on a real Kafka."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import msgspec
import pytest

from streams.cli.kafka import read_to_end, send
from streams.contracts.jobs import JobSubmission
from streams.engine.jobs.assertion import bound
from tests.cli.tool import cluster, dualblock
from tests.engine.jobs.kit import ACCOUNT, JOB, ME, OTHER, SIGNER, claims, row


def listed(tmp_path: Path, *lines: str) -> str:
    file = tmp_path / "recipients"
    file.write_text("\n".join(lines))
    return str(file)


def test_bind_prints_the_claim(tmp_path: Path) -> None:
    """Order, doubles and the plus make no difference: what is signed is the set."""
    said = dualblock("jobs", "bind", listed(tmp_path, f"+{OTHER}", ME, OTHER, ""))
    assert json.loads(said.out) == msgspec.to_builtins(bound((ME, OTHER)))


@pytest.mark.parametrize("lines", [(), ("010-5550-1111",), ("821055501111", "x"), ("1" * 16,), ("٨٢١٠٥٥٥٠١١١١",)])
def test_what_is_no_list_is_refused(lines: tuple[str, ...], tmp_path: Path) -> None:
    said = dualblock("jobs", "bind", listed(tmp_path, *lines))
    assert (said.code, "recipients" in said.err) == (2, True)


@pytest.mark.parametrize(("many", "code"), [(50_000, 0), (50_001, 2), (100_001, 2)])
def test_a_list_that_is_too_long_for_one_job_says_into_how_many(many: int, code: int, tmp_path: Path) -> None:
    said = dualblock("jobs", "bind", listed(tmp_path, *(str(8210_0000_0000 + n) for n in range(many))))
    assert said.code == code
    assert not code or f"{many} recipients" in said.err and f"into {many // 50_000 + 1} jobs" in said.err


def test_submit_and_show(kafka: str, tmp_path: Path) -> None:
    held = cluster(kafka, f"test-{uuid.uuid4().hex[:12]}", str(tmp_path / "state"))
    recipients, signed = listed(tmp_path, OTHER, ME), tmp_path / "assertion"
    signed.write_text(SIGNER.sign(claims()) + "\n")
    assert held("jobs", "show", ACCOUNT, JOB).code == 1
    submit = ("jobs", "submit", ACCOUNT, JOB, recipients, "--assertion", str(signed), "--wait")
    assert held(*submit, "1").code == 1, "there is no agent that could say something"
    (letter,) = read_to_end(held.connection, ("jobs.submitted",))
    sent = msgspec.json.decode(letter.value or b"", type=JobSubmission)
    assert (letter.key, sent.recipients) == (f"job:{ACCOUNT}/{JOB}".encode(), (ME, OTHER))
    send(held.connection, "jobs", [(row().key, row())])
    assert "accepted, 2 recipients" in held(*submit, "9").out
    assert "accepted, 2 recipients" in held("jobs", "show", ACCOUNT, JOB).out
    refused = held("jobs", "submit", "a/b", JOB, recipients, "--assertion", str(signed))
    assert (refused.code, "no job" in refused.err) == (2, True)
