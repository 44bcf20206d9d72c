"""What a pair is: an attack that its own code must block, and a twin that differs in one fact and must pass."""

from __future__ import annotations

from typing import Literal, NamedTuple

REPORTS = "REPORTS_"  # reasons of sanctions from reports begin with this; the window follows


class Pair(NamedTuple):
    """code: the attack's own reason code, or `REPORTS_` for any sanction from reports.

    effect_ms: for a report-driven attack, when its sanction starts by construction: one epoch after the end of the
    epoch in which the votes reach the threshold. mode: what the code does; an attack that is labelled is caught by a
    label or the spam box. twin_reason: a code that must be among the twin's reasons. leak: both are blocked for the
    same code, and the difference is the leak column: `code` for the attack, nothing for the twin.
    """

    name: str
    twin: str
    code: str
    effect_ms: int | None = None
    mode: Literal["BLOCK", "LABEL"] = "BLOCK"
    twin_reason: str | None = None
    leak: bool = False

    @property
    def by_reports(self) -> bool:
        """Only reports catch it."""
        return self.effect_ms is not None

    def names(self, code: str) -> bool:
        """Whether a reason's code is the pair's own."""
        return code == self.code or (self.code.endswith("_") and code.startswith(self.code))


class Sizes(NamedTuple):
    """Messages per side: of an ordinary pair, of the reported sender, of the bank."""

    side: int
    reported: int
    bank: int

    @classmethod
    def of(cls, messages: int) -> Sizes:
        """By the size of the world. The reported sender needs 1 200 deliveries to be judged by rate, and they must be
        under 15 % of what it sends; the bank sends a quarter of everything (50 000 of 200 000)."""
        return cls(max(100, messages // 500), max(8_000, messages // 25), max(6_000, messages // 4))
