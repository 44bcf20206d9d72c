"""A repaired dead letter goes back once: called twice, by two at a time, killed anywhere."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys

import msgspec
import pytest
from confluent_kafka import Message

from streams.engine.intake import read_message
from streams.pipeline.errors import PipelineError
from streams.pipeline.retry import DeadLetter, Done, PutBack, Unreadable, event_id_of, retried
from streams.pipeline.settings import Connection
from tests.pipeline.kills import ROOT
from tests.pipeline.steps import message
from tests.pipeline.toy import create, read

GOOD = msgspec.json.encode(message(1))


def letter(
    offset: int, value: bytes = GOOD, original: bytes = b'{"event_id":"first"', partition: int = 0
) -> DeadLetter:
    return DeadLetter(partition, offset, b"k", value, original)


def test_what_went_back_is_a_base_and_a_mask() -> None:
    done = Done()
    for offset in (0, 2, 5):
        done = done.add(offset)
    assert done == Done(1, 0b10010)
    assert [n for n in range(8) if n in done] == [0, 2, 5]
    assert done.add(1) == Done(3, 0b100) and done.add(2) == done
    for held in (done, Done(7), Done(3, 1 << 5000)):
        assert Done.of(held.base, held.metadata()) == held
    assert (Done.of(-1001, None), Done.of(4, "")) == (Done(), Done(4))


def test_a_note_that_is_none_of_ours_or_too_long_is_said() -> None:
    with pytest.raises(PipelineError, match="not written by us"):
        Done.of(3, "1765944000000!")
    scattered = Done(0, int.from_bytes(random.Random(1).randbytes(4000), "little") << 1)
    with pytest.raises(PipelineError, match="put those from 0 on back first"):
        scattered.metadata()


@pytest.mark.parametrize(
    ("original", "first"),
    [
        (b'{"event_id":"first","leg":9}', "first"),
        (b'{"event_id": "cut","sen', "cut"),
        (b"{", "e1"),
        (b"[]", "e1"),
        (b'{"event_id":7}', "e1"),
    ],
)
def test_it_names_its_first_try(original: bytes, first: str) -> None:
    event = read_message(retried(letter(5, original=original), "dead"))[0]
    again = read_message(retried(letter(5, original=original), "dead"))[0]
    other = read_message(retried(letter(6, original=original), "dead"))[0]
    assert event.retry_of == first and event.event_id.startswith("retry-")
    assert (event.event_id == again.event_id, event.event_id == other.event_id) == (True, False)
    assert msgspec.structs.replace(event, event_id="e1", retry_of=None) == message(1)


def test_a_retry_of_a_retry_keeps_the_first_id_and_unknown_fields_stay() -> None:
    value = json.dumps({**json.loads(GOOD), "retry_of": "zero", "later": 1, "content": {"text": "\ud83d"}}).encode()
    raw = retried(letter(0, value), "dead")
    assert json.loads(raw)["retry_of"] == "zero" and json.loads(raw)["later"] == 1
    assert json.loads(raw)["content"]["text"] == "\ud83d"
    with pytest.raises(Unreadable, match="NOT_JSON"):
        retried(letter(0, b"{"), "dead")
    assert event_id_of(b"\xff") is None


def back(kafka: str, topics: str, letters: list[DeadLetter]) -> list[tuple[int, bool]]:
    """(offset, went back) of each letter that a call has handled."""
    made = PutBack(Connection(kafka, f"{topics}."), "messages")
    try:
        made.start([0, 1] if "1" in str({x.partition for x in letters}) else [0])
        return [(one.offset, why is None) for one, why in made.run(letters)]
    finally:
        made.close()


def ids(kafka: str, topics: str, committed: bool = True) -> list[str]:
    found: list[Message] = read(kafka, f"{topics}.messages.v1", committed)
    return [read_message(m.value() or b"")[0].event_id for m in found]


def test_each_goes_back_once_and_the_unreadable_stay(kafka: str, topics: str) -> None:
    create(kafka, topics, messages=1, messages_dead=2)
    letters = [letter(0), letter(1, b"{"), letter(2), letter(0, partition=1)]
    assert sorted(back(kafka, topics, letters)) == [(0, True), (0, True), (1, False), (2, True)]
    assert back(kafka, topics, letters) == [(1, False)]
    assert back(kafka, topics, [letter(1), letters[0], letters[2]]) == [(1, True)]
    assert back(kafka, topics, letters) == []
    assert len(ids(kafka, topics)) == len(set(ids(kafka, topics))) == 4


def test_a_second_caller_shuts_the_first_one_out(kafka: str, topics: str) -> None:
    create(kafka, topics, messages=1, messages_dead=2)
    first = PutBack(Connection(kafka, f"{topics}."), "messages")
    first.start([0, 1])
    assert back(kafka, topics, [letter(0)]) == [(0, True)]
    with pytest.raises(PipelineError):
        list(first.run([letter(0)]))
    first.close()
    assert len(ids(kafka, topics)) == 1


@pytest.mark.parametrize("point", ["after-produce", "after-send-offsets", "after-commit"])
def test_killed_on_the_way(kafka: str, topics: str, point: str) -> None:
    create(kafka, topics, messages=1, messages_dead=1)
    arguments = [sys.executable, "-m", "tests.pipeline.retrier", kafka, topics, point]
    killed = subprocess.run(arguments, cwd=ROOT, timeout=40, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert back(kafka, topics, [letter(0)]) == ([] if point == "after-commit" else [(0, True)])
    assert back(kafka, topics, [letter(0)]) == []
    assert len(ids(kafka, topics)) == 1
    assert len(ids(kafka, topics, committed=False)) == (1 if point == "after-commit" else 2)
