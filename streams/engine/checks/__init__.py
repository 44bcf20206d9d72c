"""Gate 1: every check, in the order in which they are asked. A check that does not apply says nothing."""

from __future__ import annotations

from collections.abc import Callable

from streams.engine.case import Case
from streams.engine.checks import (
    abroad,
    allocation,
    certification,
    chain,
    dno,
    format,
    job,
    names,
    origin,
    registration,
    route,
    signalling,
    source,
    status,
)
from streams.engine.outcome import Check
from streams.engine.pseudonym import Keys

CheckFunction = Callable[[Case], Check | None]

CHECKS: tuple[tuple[str, CheckFunction], ...] = (
    (format.NAME, format.check),
    (allocation.NAME, allocation.check),
    (status.NAME, status.check),
    (dno.NAME, dno.check),
    (registration.NAME, registration.check),
    (route.NAME, route.check),
    (names.INSTITUTION, names.institution),
    (names.LOOKALIKE, names.lookalike),
    (certification.NAME, certification.check),
    (chain.NAME, chain.check),
    (origin.NAME, origin.check),
    (abroad.NAME, abroad.check),
    (signalling.NAME, signalling.check),
    (source.NAME, source.check),
)


def run_checks(case: Case, asked: tuple[tuple[str, CheckFunction], ...] | None = None) -> list[Check]:
    """Ask every check (or only some). Our own error is UNKNOWN with CHECK_FAILED, never a block."""
    answers: list[Check] = []
    for name, function in CHECKS if asked is None else asked:
        try:
            answer = function(case)
        except Exception as error:  # any error of ours: the message must not pay for it
            answer = Check(name, "UNKNOWN", ("CHECK_FAILED",), {"why": type(error).__name__}, gate="own")
        if answer is not None:
            answers.append(answer)
    return answers


def check_job(case: Case, keys: Keys) -> list[Check]:
    """Ask about the bulk send: the one check that needs a recipient, and the keys that hide it."""
    if case.message.route.account_id is None:
        return []
    return run_checks(case, ((job.NAME, lambda asked: job.check(asked, keys)),))
