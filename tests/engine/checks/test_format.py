"""format: may a sender look like this on this channel?"""

import pytest

from streams.engine.checks.format import check
from tests.engine.kit import case, message, said, view

CASES = [
    ("a mobile from its handset", "01055501111", "mo", "PASS"),
    ("a representative number, web", "15881234", "mt", "PASS"),
    ("a service number", "114", "mt", "PASS"),
    ("a service code", "*123#", "mt", "PASS"),
    ("a foreign number", "+12025550123", "mt", "PASS"),
    ("a name on rcs", "My Bank", "rcs", "PASS"),
    ("a name on sms", "My Bank", "mt", "SENDER_KIND_NOT_ALLOWED"),
    ("digits that a parser would make of letters", "1588-HELP", "mt", "SENDER_KIND_NOT_ALLOWED"),
    ("call forwarding may never be a sender", "05055501234", "mt", "SENDER_KIND_NOT_ALLOWED"),
    ("a premium number may never be a sender", "060555123", "mt", "SENDER_KIND_NOT_ALLOWED"),
    ("an area code before a representative number", "02-1588-1234", "mt", "SENDER_MALFORMED"),
    ("nothing", "", "mt", "SENDER_MALFORMED"),
    ("a number of no plan", "0999", "mt", "SENDER_MALFORMED"),
]


@pytest.mark.parametrize(("what", "address", "channel", "answer"), CASES, ids=[c[0] for c in CASES])
def test_format(what: str, address: str, channel: str, answer: str) -> None:
    assert said(check(case(message(address, channel=channel), view()))) == answer


def test_a_type_of_number_that_does_not_fit_is_only_a_flag() -> None:
    judged = case(message("15881234", ton=1, channel="mt"), view())
    assert said(check(judged)) == "PASS"
    assert "ton_mismatch" in judged.flags
