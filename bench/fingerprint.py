"""Band keys: how often an edited copy is still the same campaign, and how often another text is taken for one.

    python -m bench.fingerprint [--texts FILE] [--seed N] [--write]

FILE: the UCI SMS Spam Collection v1 (doi 10.24432/C5CC84), lines of `ham|spam`, a tab, the text. It is not part of the
project; without it only invented Korean texts are measured, and the output says so.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import product
from pathlib import Path
from random import Random

from bench.command import parser, told
from bench.edits import EDITS, Edit, three
from streams.engine import fingerprint
from streams.engine.fingerprint import bands
from streams.engine.text import folded

MATCHING = 2  # as the shipped packs have it
#: Texts this much alike (difflib's ratio over the folded texts) are one campaign to a reader, too.
ALIKE = 0.6

_WHO = (
    "고객님의 택배가", "회원님의 계정이", "신청하신 대출이", "등록하신 카드가", "당첨되신 경품이", "미납된 통행료가",
)  # fmt: skip
_WHAT = (
    "주소 오류로 반송 처리되어", "본인 확인이 되지 않아 정지되어", "한도가 새로 승인되어", "오늘 자정에 만료되어",
)  # fmt: skip
_DO = (
    "아래 주소에서 확인해 주세요", "상담원에게 바로 연락 바랍니다", "앱을 설치하고 인증해 주세요",
    "수수료를 먼저 납부해 주세요",
)  # fmt: skip
KOREAN = tuple(
    f"[Web발신] {' '.join(parts)} {n},000원 http://k-{n}.example" for n, parts in enumerate(product(_WHO, _WHAT, _DO))
)


def recall(texts: Sequence[str], edit: Edit, rng: Random) -> float:
    """The share of texts whose edited copy has enough bands in common with them."""
    kept = sum(len({*bands(t)} & {*bands(edit(rng, t))}) >= MATCHING for t in texts)
    return kept / len(texts)


def lines_on_recall(name: str, texts: Sequence[str], seed: int) -> tuple[list[str], float]:
    """Recall by edit, over the texts that have bands; and their mean times the texts."""
    rng, have = Random(seed), [t for t in texts if len(bands(t)) >= MATCHING]
    by_edit = {edit: recall(have, function, rng) for edit, function in EDITS.items()}
    total = sum(by_edit.values()) / len(by_edit)
    shown = [f"{edit} {share:.3f}" for edit, share in by_edit.items()]
    half = len(shown) // 2
    lines = [
        f"{name}: {len(texts):,} texts, {len(have) / len(texts):.1%} long enough for bands",
        f"  recall {total:.3f} after one edit, {recall(have, three, rng):.3f} after three",
        f"  {', '.join(shown[:half])}",
        f"  {', '.join(shown[half:])}",
    ]
    return lines, total * len(have)


def hit_by_all(honest: Sequence[str], campaigns: Sequence[str]) -> float:
    """The share of honest texts stopped if every campaign text were under sanction on one relay at once."""
    sanctioned = {key for text in campaigns for key in bands(text)}
    return sum(len(sanctioned.intersection(bands(t))) >= MATCHING for t in honest) / len(honest)


def merged(texts: Sequence[str]) -> tuple[int, int]:
    """(pairs of texts that would be one campaign, those among them that a reader would tell apart)."""
    holders: dict[str, list[int]] = defaultdict(list)
    for number, text in enumerate(texts):
        for key in bands(text):
            holders[key].append(number)
    shared = Counter((a, b) for numbers in holders.values() for a in numbers for b in numbers if a < b)
    pairs = [pair for pair, count in shared.items() if count >= MATCHING]
    apart = [SequenceMatcher(None, *(folded(texts[n]) for n in pair)).ratio() < ALIKE for pair in pairs]
    return len(pairs), sum(apart)


def lines_on_merges(honest: Sequence[str], campaigns: Sequence[str]) -> list[str]:
    """How often texts are taken for a campaign that they do not belong to."""
    every = [*honest, *campaigns]
    pairs, apart = merged(every)
    possible = len(every) * (len(every) - 1) // 2
    return [
        f"false merges: {hit_by_all(honest, campaigns):.2%} of {len(honest):,} ham texts with all {len(campaigns):,} "
        "spam texts sanctioned on one relay at once",
        f"  of {possible:,} pairs {pairs:,} are one campaign; {apart} of these are less than {ALIKE:.0%} alike",
    ]


def lines_on_speed(texts: Sequence[str]) -> list[str]:
    """Time per text, nothing cached."""
    fingerprint._bands.cache_clear()
    folded.cache_clear()
    begun = time.process_time()
    for text in texts:
        bands(text)
    each = (time.process_time() - begun) * 1e6 / len(texts)
    return [f"time: {each:.1f} µs a text of {sum(map(len, texts)) // len(texts)} characters, nothing cached"]


def main(arguments: list[str] | None = None) -> list[str]:
    """Run as a command; prints and returns the lines."""
    options = parser("fingerprint", "Recall and merges of bands.", {"seed": 1})
    options.add_argument("--texts", type=Path, default=None, help="the UCI SMS Spam Collection, tab-separated")
    given = options.parse_args(arguments)
    # The file's own place is nobody's business.
    said = ["--seed", str(given.seed)] + ([] if given.texts is None else ["--texts", "SMSSpamCollection"])
    lines = [f"keys     {fingerprint.BAND_PREFIX[:-1]}, {MATCHING} of up to {fingerprint.BANDS} make the campaign"]
    if given.texts is None or not given.texts.exists():
        lines.append("UCI SMS Spam Collection: not here (name it with --texts), so nothing is said about real texts")
    else:
        rows = [line.partition("\t") for line in given.texts.read_text(encoding="utf-8").splitlines()]
        spam = sorted({text for kind, _, text in rows if kind == "spam"})
        ham = sorted({text for kind, _, text in rows if kind == "ham"})
        on_spam, of_spam = lines_on_recall("spam, English", spam, given.seed)
        on_ham, of_ham = lines_on_recall("ham, English", ham, given.seed)
        long = sum(len(bands(text)) >= MATCHING for text in (*spam, *ham))
        lines += [f"all: recall {(of_spam + of_ham) / long:.3f} after one edit, over {long:,} texts", *on_spam, *on_ham]
        lines += lines_on_merges(ham, spam)
        lines += lines_on_speed([*spam, *ham])
    lines += lines_on_recall("invented, Korean", KOREAN, given.seed)[0]
    return told("fingerprint", given, said, lines)


if __name__ == "__main__":
    main()
