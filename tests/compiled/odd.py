"""Messages as no demo makes them: of each, some fields are replaced by odd ones."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import orjson

NUMBERS = (
    "821055501111", "+821055501111", "00821055501111", "01055501111", "15881234", "+15881234", "0", "00", "+", "++82",
    "82 10-5550(1111)", "112", "*123#", "#9", "44", "+4477009000", "12025550123", "9" * 15, "1" * 40,
    "０１０５５５０１１１１",
)  # fmt: skip
NAMES = (
    "Bank",
    "BΑNK",
    "ＢＡＮＫ",
    "국민",
    "가\u0301",
    " ",
    "a\x00b",
    "a" * 80,
    "AX-BANKIN-S",
    "kakao:1",
    "\u200b",
    "e\u0301clat",
)
TEXTS = (
    "", "(광고) 0", "http://xn--oi2b/?a", "https://bank.example./x", "www.example.co.kr", "a" * 1000, "\U0001f600" * 70,
    "인증번호 123456", "080-555-0000", "\u202eevil", "무료거부",
)  # fmt: skip
ODD: dict[str, tuple[Any, ...]] = {
    "sender.address": NUMBERS + NAMES,
    "sender.ton": (None, 0, 1, 2, 3, 4, 5, 6, 7),
    "origin_number": (None, *NUMBERS),
    "origin_id": (None, *NAMES),
    "recipient": NUMBERS,
    "channel": ("mo", "mt", "rcs", "ott"),
    "leg": ("origination", "termination", "elsewhere"),
    "traffic_class": ("p2p", "a2p"),
    "purpose": (None, "advertising", "transactional", "personal"),
    "route.relay_id": (None, "relay-1", "nobody"),
    "route.chain": ([], ["a"], ["a", "a"], ["r"] * 16),
    "route.account_id": (None, "nobody"),
    "route.peer_ip": (None, "::1", "192.0.2.1", "no address"),
    "route.international": (True, False),
    "content.text": TEXTS,
    "group_size": (None, 1, 300, 1_000_000),
    "group_chat": (None, True, False),
    "retry_of": (None, "e0"),
    "job_id": (None, "nobody's"),
    "jurisdiction": (None, "in", "vn", "sg", "xx"),
    "signalling": (
        {}, {"roaming": True}, {"imsi_match": False}, {"serving_net": "45005", "sending_net": "1", "hlr_at_ms": 0},
        {"sri_seen": False, "sri_sccp": "821", "fsm_sccp": "44", "sri_map": "0", "fsm_map": "x"},
    ),
    "upstream": (None, {"verdict": "ALLOW", "event_time_ms": 0}),
    "event_time_ms": (0, 1, 2**53),
}  # fmt: skip


def write(demo: Path, place: Path, seed: int, count: int) -> None:
    """So many of a demo's messages, one to four fields of each replaced. Some are no events any more: also answered."""
    random, lines = Random(seed), demo.read_bytes().splitlines()
    with place.open("wb") as out:
        for number, line in enumerate(random.sample(lines, count)):
            message = {**orjson.loads(line), "event_id": f"odd-{number}"}
            for name in random.sample(sorted(ODD), random.randint(1, 4)):
                held, _, field = name.rpartition(".")
                inside = message.setdefault(held, {}) if held else message
                inside[field] = random.choice(ODD[name])
            out.write(orjson.dumps(message) + b"\n")
