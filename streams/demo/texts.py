"""Texts of the demo. All invented; what stands for a code, an amount or a link changes from message to message."""

from __future__ import annotations

from itertools import product
from random import Random

from streams.demo.stage import Text

_SYLLABLES = "가나다라마바사아자차카타파하고노도로모보소오조초코토포호구누두루무부수우주추쿠투푸후"
_OPENINGS = (
    "지금 가는 중이야", "오늘 저녁 어때", "내일 회의 있지", "주말에 시간 돼", "도착하면 전화해 줘", "우산 챙겨 나가",
    "버스를 놓쳤어", "사진 잘 받았어", "곧 내려갈게", "생일 축하해", "약은 먹었니", "숙제 다 했어",
    "on my way", "running late", "see you soon", "call me back", "all good here", "did you eat",
)  # fmt: skip
_ABOUT = (
    "역 앞에서", "집 근처에서", "회사 로비에서", "도서관에서", "시장 입구에서", "공원 벤치에서", "카페 이층에서",
    "병원 앞에서",
    "with mum", "after class", "at the gate", "by the river", "near the bakery", "before lunch", "at the stop",
)  # fmt: skip
_CLOSINGS = (
    "기다릴게", "보자", "알려 줘", "고마워", "조심히 와", "이따 봐", "괜찮아", "ok", "thanks", "bye", "no rush",
)  # fmt: skip
_CHATS = tuple(" ".join(parts) for parts in product(_OPENINGS, _ABOUT, _CLOSINGS))


def words(*templates: str) -> Text:
    """One of the templates, `{n}` replaced by six random digits."""

    def text(rng: Random) -> str:
        template = templates[int(rng.random() * len(templates))]
        return template.replace("{n}", str(100_000 + int(rng.random() * 900_000)))

    return text


def chat(rng: Random) -> str:
    """Something one person writes to another."""
    return _CHATS[int(rng.random() * len(_CHATS))]


def coined(number: int) -> str:
    """A made-up word for each number from 0: letters only, so that two of them never share a fingerprint."""
    word = ""
    while True:
        number, rest = divmod(number, len(_SYLLABLES))
        word += _SYLLABLES[rest]
        if not number:
            return word
