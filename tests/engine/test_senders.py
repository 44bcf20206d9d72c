"""Senders: letters first, then codes, then digits; one sender, one key, however it was written."""

import pytest

from streams.engine.pack import Grammar
from streams.engine.senders import classify
from tests.engine.kit import policy

KR = policy().pack.grammar
GENERIC = policy(jurisdiction="generic").pack.grammar
#: Vietnam as a pack would have it: names of at most 11 Latin characters, not digits only; numbers by range.
VN = Grammar(
    country="vn", country_code=84, region="VN", trunk="0", alphanumeric=r"[A-Za-z0-9 ._-]{1,11}",
    words={"mobile": "vn:mobile"}, allowed={"mt": ("mobile", "fixed", "alphanumeric")},
)  # fmt: skip

KOREA = [
    # address, type of number, kind, key
    ("01055501111", None, "mobile", "kr:01055501111"),
    ("010-5550-1111", None, "mobile", "kr:01055501111"),
    ("(010) 5550.1111", None, "mobile", "kr:01055501111"),
    ("+82 10-5550-1111", None, "mobile", "kr:01055501111"),
    ("(+82) 10-5550-1111", None, "mobile", "kr:01055501111"),
    ("+8201055501111", None, "mobile", "kr:01055501111"),
    ("00821055501111", None, "mobile", "kr:01055501111"),
    ("0082-10-5550-1111", None, "mobile", "kr:01055501111"),
    ("821055501111", 1, "mobile", "kr:01055501111"),
    ("821055501111", None, "mobile", "kr:01055501111"),
    ("01055501111", 1, "mobile", "kr:01055501111"),
    ("０１０５５５０１１１１", None, "mobile", "kr:01055501111"),
    ("＋８２１０５５５０１１１１", None, "mobile", "kr:01055501111"),
    ("0111234567", None, "legacy_mobile", "kr:0111234567"),
    ("0255501111", None, "fixed", "kr:0255501111"),
    ("031-555-0111", None, "fixed", "kr:0315550111"),
    ("07055501111", None, "voip", "kr:07055501111"),
    ("0805550111", None, "toll_free", "kr:0805550111"),
    ("05055501111", None, "forwarding", "kr:05055501111"),
    ("15881234", None, "representative", "kr:15881234"),
    ("1588-1234", None, "representative", "kr:15881234"),
    ("15881234", 1, "representative", "kr:15881234"),
    ("+8215881234", None, "representative", "kr:15881234"),
    ("18110000", None, "representative", "kr:18110000"),
    ("18440000", None, "representative", "kr:18440000"),
    ("18660000", None, "representative", "kr:18660000"),
    ("15510000", None, "representative", "kr:15510000"),
    ("15550000", None, "representative", "kr:15550000"),
    ("114", None, "special", "kr:114"),
    ("1335", None, "special", "kr:1335"),
    ("1588-HELP", None, "alphanumeric", "kr:alnum:1588-help"),
    ("010ABCDEFGH", None, "alphanumeric", "kr:alnum:010abcdefgh"),
    ("My Bank", 5, "alphanumeric", "kr:alnum:my bank"),
    ("국민은행", None, "alphanumeric", "kr:alnum:국민은행"),
    ("*123#", None, "service_code", "kr:code:*123#"),
    ("#1234", None, "service_code", "kr:code:#1234"),
    ("0255501111#12", None, "service_code", "kr:code:0255501111#12"),
    ("+12025550123", None, "foreign", "+12025550123"),
    ("0012025550123", None, "foreign", "+12025550123"),
    ("12025550123", 1, "foreign", "+12025550123"),
]

MALFORMED = [
    "02-1588-1234",  # an area code before a representative number must not become that number
    "+82215881234",
    "", " ", "+", "++821055501111", "-", "00", "0", "999999999999999999999",
    "0155", "01000", "+999123456789",
    "010\x005550", "010\n55501111", "\x00", "\ud83d", "☎15881234", "1588_1234", "1588!1234",
    "٠١٠٥٥٥٠١١١١",  # Arabic digits are no digits of this plan
    "1" * 65, "A" * 65,
]  # fmt: skip


@pytest.mark.parametrize(("address", "ton", "kind", "key"), KOREA)
def test_korea(address: str, ton: int | None, kind: str, key: str) -> None:
    found = classify(address, ton, KR)
    assert (found.kind, found.key) == (kind, key)


@pytest.mark.parametrize("address", MALFORMED, ids=ascii)
@pytest.mark.parametrize("grammar", [KR, VN, GENERIC], ids=["kr", "vn", "generic"])
def test_malformed_never_raises(address: str, grammar: Grammar) -> None:
    found = classify(address, None, grammar)
    if grammar is KR:
        assert found.kind == "malformed"
    found.key.encode()  # whatever came in can be written down
    assert (found.word, found.number) == (None, None) or found.kind != "malformed"


@pytest.mark.parametrize(
    ("address", "ton", "flags"),
    [
        ("01055501111", None, ()),
        ("821055501111", 1, ()),
        ("821055501111", None, ("plus_missing",)),
        ("01055501111", 1, ("ton_mismatch",)),
        ("15881234", 1, ("ton_mismatch",)),
        ("01055501111", 5, ("ton_mismatch",)),
        ("+821055501111", 2, ("ton_mismatch",)),
        ("My Bank", 1, ("ton_mismatch",)),
        ("My Bank", 0, ()),
    ],
)
def test_a_type_of_number_that_does_not_fit_is_a_flag(address: str, ton: int | None, flags: tuple[str, ...]) -> None:
    found = classify(address, ton, KR)
    assert found.flags == flags
    assert found.kind != "malformed"


@pytest.mark.parametrize(
    ("address", "number", "word", "personal"),
    [
        ("01055501111", "+821055501111", "kr:mobile", True),
        ("0255501111", "+82255501111", "kr:fixed", True),
        ("07055501111", "+827055501111", "kr:voip", True),
        ("15881234", "kr:15881234", "kr:service", False),  # no dialable E.164: a canonical key instead
        ("114", "kr:114", None, False),
        ("+12025550123", "+12025550123", None, True),
        ("My Bank", None, None, False),
        ("*123#", None, None, False),
        ("02-1588-1234", None, None, True),
    ],
)
def test_what_is_known_of_a_kind(address: str, number: str | None, word: str | None, personal: bool) -> None:
    found = classify(address, None, KR)
    assert (found.number, found.word, found.personal) == (number, word, personal)


VIETNAM = [
    ("0912345678", None, "mobile", "vn:0912345678"),
    ("+84912345678", None, "mobile", "vn:0912345678"),
    ("84912345678", 1, "mobile", "vn:0912345678"),
    ("84912345678", None, "mobile", "vn:0912345678"),
    ("VIETBANK", None, "alphanumeric", "vn:alnum:vietbank"),
    ("Viet Bank", None, "alphanumeric", "vn:alnum:viet bank"),
    ("ABCDEFGHIJK", None, "alphanumeric", "vn:alnum:abcdefghijk"),
    ("ABCDEFGHIJKL", None, "malformed", None),
    ("Ngân Hàng", None, "malformed", None),
    ("123-456", None, "malformed", None),
    ("12345", None, "malformed", None),
    ("+821055501111", None, "foreign", "+821055501111"),
]


@pytest.mark.parametrize(("address", "ton", "kind", "key"), VIETNAM)
def test_vietnam(address: str, ton: int | None, kind: str, key: str | None) -> None:
    found = classify(address, ton, VN)
    assert found.kind == kind
    assert key is None or found.key == key


GENERIC_CASES = [
    ("+12025550123", None, "foreign", "+12025550123"),
    ("12025550123", None, "foreign", "+12025550123"),
    ("12025550123", 1, "foreign", "+12025550123"),
    ("0012025550123", None, "foreign", "+12025550123"),
    ("12345", None, "short_code", "xx:12345"),
    ("My Bank", None, "alphanumeric", "xx:alnum:my bank"),
    ("A Name Too Long", None, "malformed", None),
    ("12", None, "malformed", None),
]


@pytest.mark.parametrize(("address", "ton", "kind", "key"), GENERIC_CASES)
def test_generic(address: str, ton: int | None, kind: str, key: str | None) -> None:
    found = classify(address, ton, GENERIC)
    assert found.kind == kind
    assert key is None or found.key == key


@pytest.mark.parametrize(
    ("address", "key"),
    [("VM-HDRXYZ-S", "in:alnum:hdrxyz"), ("hdrxyz", "in:alnum:hdrxyz"), ("VM-HDRXYZ", "in:alnum:hdrxyz"),
     ("HDRXYZ-P", "in:alnum:hdrxyz")],
)  # fmt: skip
def test_what_networks_put_around_a_header_is_not_the_header(address: str, key: str) -> None:
    assert classify(address, 5, policy(jurisdiction="in").pack.grammar).key == key
    grouped = policy(jurisdiction="in", grammar={"affixes": ["([A-Z]{2})-", "-([PSTG])"]}).pack.grammar
    assert classify(address, 5, grouped).key == key


def test_what_would_be_empty_between_stays_whole() -> None:
    assert classify("VM-", 5, policy(jurisdiction="in").pack.grammar).kind == "malformed"
