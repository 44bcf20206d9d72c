"""The answer of a check: PASS, FAIL or UNKNOWN. Missing data is UNKNOWN and never "forged"."""

from __future__ import annotations

from typing import NamedTuple

from streams.contracts.decisions import Evidence, FailBasis, Gate, Mode, Outcome

LONG_AGO = -(2**53)


class Check(NamedTuple):
    """One check's answer.

    codes: what failed (FAIL only). since_ms: when the fact that a FAIL rests on was recorded (for leaks).
    cap: the strictest mode this failure may run in, whatever the policy says. basis: what a FAIL rests on, where the
    check knows that it is no statement about this sender; None: a row, the message itself or the policy (`grounds`).
    """

    name: str
    outcome: Outcome
    codes: tuple[str, ...] = ()
    evidence: dict[str, Evidence] = {}  # noqa: RUF012 - never mutated; a shared empty default keeps PASS free
    since_ms: int = LONG_AGO
    cap: Mode = "BLOCK"
    gate: Gate = "forgery"
    basis: FailBasis | None = None


def fail(
    name: str, code: str, evidence: dict[str, Evidence], since_ms: int, basis: FailBasis | None = None
) -> Check:  # fmt: skip
    """A FAIL with one code."""
    return Check(name, "FAIL", (code,), evidence, since_ms, basis=basis)


def unknown(name: str, why: str) -> Check:
    """An UNKNOWN that says what was missing."""
    return Check(name, "UNKNOWN", (), {"why": why})
