"""7726: the text, then the sender. No half is ever dropped."""

from __future__ import annotations

import msgspec
import pytest

from streams.contracts.reports import Half
from streams.intake.base import Intake, RowRefused
from streams.intake.forwards import ASK, TEXT_FIRST, THANKS, TIMEOUT_MS, Outcome, forward_of, take

T = 1_765_944_000_000
TEXT, NUMBER = "Win 500 today at lucky.example", "010-5550-1111"


def raw(own: str, text: str, at_ms: int = T) -> bytes:
    return msgspec.json.encode({"id": own, "reporter": "821055509999", "text": text, "received_at_ms": at_ms})


def after(*forwards: bytes, held: Half | None = None) -> list[Outcome]:
    said: list[Outcome] = []
    for one in forwards:
        found = take(forward_of(one), one, held, Intake("7726", T + 100))
        held = found.half if found.half is not None else held
        said.append(found)
    return said


def test_text_then_number_is_a_report() -> None:
    first, second = after(raw("a", TEXT), raw("b", NUMBER, T + 60_000))
    assert (first.said, first.reply, first.report) == ("kept", ASK, None)
    assert (second.said, second.reply, second.dead) == ("reported", THANKS, None)
    assert second.report is not None and second.half is not None
    assert (second.report.report_id, second.report.displayed_sender) == ("7726-a", NUMBER)
    assert (second.report.text, second.report.reporter, second.report.source) == (TEXT, "821055509999", "7726")
    assert (second.report.message_at_ms, second.report.message_from_ms) == (T, T - 3 * 86_400_000)
    assert second.half.text == second.half.body == "", "nothing of the text is kept once it is reported"


@pytest.mark.parametrize("sender", ["15881234", "+82 10-5550-1111", "BANK", "My Bank-1", "*123#"])
def test_senders(sender: str) -> None:
    assert after(raw("a", TEXT), raw("b", sender))[1].said == "reported"


def test_a_repeated_half_changes_nothing() -> None:
    said = after(raw("a", TEXT), raw("a", TEXT), raw("b", NUMBER), raw("b", NUMBER), raw("a", TEXT))
    assert [s.said for s in said] == ["kept", "repeated", "reported", "repeated", "repeated"]
    assert [s.reply for s in said] == [ASK, ASK, THANKS, THANKS, THANKS]
    assert all(s.dead is None for s in said)


def test_a_number_without_a_text_is_a_dead_letter() -> None:
    one = raw("b", NUMBER)
    (said,) = after(one)
    assert (said.said, said.reply, said.half) == ("alone", TEXT_FIRST, None)
    assert said.dead == ("FIRST_HALF_MISSING", one)


def test_a_second_text_leaves_the_first_as_a_dead_letter() -> None:
    first = raw("a", TEXT)
    said = after(first, raw("c", TEXT + " and more of it"))
    assert said[1].dead == ("SECOND_HALF_MISSING", first) and said[1].half is not None
    assert said[1].half.half_id == "c"


def test_a_number_that_comes_too_late_finds_nothing() -> None:
    late = raw("b", NUMBER, T + TIMEOUT_MS + 1)
    said = after(raw("a", TEXT), late)
    assert said[1].dead == ("FIRST_HALF_MISSING", late)
    assert after(raw("a", TEXT), raw("b", NUMBER, T + TIMEOUT_MS))[1].said == "reported"


def test_the_next_report_begins_anew() -> None:
    said = after(raw("a", TEXT), raw("b", NUMBER), raw("c", TEXT), raw("d", "BANK"))
    assert [s.said for s in said] == ["kept", "reported", "kept", "reported"]


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"id":"1","reporter":"2","text":""}', b'{"id":"1","reporter":"2","t":1}']
)
def test_what_is_no_forward(body: bytes) -> None:
    with pytest.raises(RowRefused):
        forward_of(body)
