"""What a report says that the message is: our closed set, and the words that sources use for it."""

from __future__ import annotations

import unicodedata

CATEGORIES = (
    "other", "gambling", "illegal_loan", "adult", "not_spam", "stocks", "designated_driver", "real_estate", "telecom",
    "finance", "unverifiable", "pharmacy", "nightlife", "game", "fortune", "phishing", "fraud", "malware",
    "impersonation", "job_scam",
)  # fmt: skip

#: The Korean feed's words, the most frequent first (public counts of nine million reports of 2022).
KOREAN = {
    "기타": "other", "도박": "gambling", "불법대출": "illegal_loan", "대출": "illegal_loan", "성인": "adult",
    "비스팸": "not_spam", "주식": "stocks", "대리운전": "designated_driver", "부동산": "real_estate",
    "통신가입": "telecom", "금융": "finance", "확인불가": "unverifiable", "의약품": "pharmacy",
    "유흥업소": "nightlife", "게임": "game", "운세": "fortune", "스미싱": "phishing", "보이스피싱": "phishing",
}  # fmt: skip

#: Feedback types of abuse reports (RFC 5965 section 7.3, RFC 6430 for not-spam).
FEEDBACK = {"abuse": "other", "fraud": "fraud", "virus": "malware", "other": "other", "not-spam": "not_spam"}


def korean(word: str) -> str:
    """A word of the Korean feed; one that is new there is `other`, as it only matters what is no spam."""
    return KOREAN.get("".join(unicodedata.normalize("NFC", word).split()), "other")


def ours(word: str) -> str:
    """A word of the closed set; anything else is `other`."""
    return word if word in CATEGORIES else "other"
