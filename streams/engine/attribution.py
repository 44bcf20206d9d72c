"""Attribution: against whom does a report count? A spoofed number's owner is a victim, never charged.

Genuine = no check FAILs and at least one authenticates (route binding, or the origin that the network set).
"""

from __future__ import annotations

from streams.contracts.messages import Content, Message, Sender
from streams.contracts.reports import Report
from streams.contracts.reputation import Basis, Vote
from streams.engine.case import Case
from streams.engine.checks import run_checks
from streams.engine.deliveries import reporter_key
from streams.engine.hosts import host_subjects
from streams.engine.pack import Pack
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.engine.subjects import campaign_subject, campaign_subjects, sender_subject
from streams.engine.view import View


class ReportRefused(ValueError):
    """A report that cannot be counted. `reason` is a code for the dead letter."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


def attribute(report: Report, view: View, policies: Policies, keys: Keys) -> tuple[Vote, ...]:
    """The votes of a report, judged with the rows as of `message_at_ms`. Raises ReportRefused."""
    pack = policies.at(view, report.message_at_ms).pack
    check_times(report, pack)
    if report.category in pack.not_spam:
        return ()
    place = policies.place(report.jurisdiction)
    case = Case(_as_message(report), view, place.at(view, report.message_at_ms))
    person = reporter_key(report, pack, keys)  # as recent and outcomes know the reporter
    weight = report.weight_permille
    if report.received is False:
        weight = min(weight, pack.reporters.not_received_permille)
    judged_by = None if place is policies else place.jurisdiction
    return tuple(
        _vote(report, person, subject, basis, weight, judged_by) for subject, basis in _charged(report, case, keys)
    )


def check_times(report: Report, pack: Pack) -> None:
    """Raises ReportRefused for a report from the future, or one that took too long."""
    if report.reported_at_ms > report.ingested_at_ms + pack.skew_ms:
        raise ReportRefused("REPORT_FROM_THE_FUTURE", "reported after it was ingested")
    if report.message_at_ms > report.reported_at_ms + pack.skew_ms:
        raise ReportRefused("REPORT_FROM_THE_FUTURE", "reported before the message came")
    if report.ingested_at_ms - report.reported_at_ms > pack.late_report_ms:
        raise ReportRefused("REPORT_TOO_LATE", "ingested more than the policy's lateness after it was made")


def _charged(report: Report, case: Case, keys: Keys) -> list[tuple[str, Basis]]:
    checks = run_checks(case)
    failed = any(c.outcome == "FAIL" for c in checks)
    passed = {c.name for c in checks if c.outcome == "PASS"}
    relay = report.route.relay_id
    if not failed and "route" in passed:
        charged: list[tuple[str, Basis]] = [(sender_subject(case, keys), "rate")]
        if report.route.account_id is not None:
            charged.append((f"account:{report.route.account_id}", "rate"))
        return charged
    text = report.text or ""
    named = (*campaign_subjects(relay, text), *host_subjects(text, case.pack.shared_hosts))
    if not named and report.fingerprint is not None:
        named = (campaign_subject(relay, report.fingerprint),)  # a form without the text, and its delivery
    campaign: list[tuple[str, Basis]] = [(subject, "count") for subject in named]
    if not failed and "origin" in passed:
        return [(sender_subject(case, keys), "count"), *campaign]
    return [*campaign, (f"relay:{relay}", "count")] if relay else campaign


def _vote(report: Report, person: str, subject: str, basis: Basis, weight: int, judged_by: str | None) -> Vote:
    return Vote(
        subject=subject,
        reporter=person,
        group=report.reporter_group,
        weight_permille=weight,
        basis=basis,
        leg=report.leg,
        report_id=report.report_id,
        message_at_ms=report.message_at_ms,
        reported_at_ms=report.reported_at_ms,
        ingested_at_ms=report.ingested_at_ms,
        category=report.category,
        source=report.source,
        jurisdiction=judged_by,
    )


def _as_message(report: Report) -> Message:
    """The reported message as the gate would have seen it, at the time it came."""
    return Message(
        event_id=report.report_id,
        producer="report",
        event_time_ms=report.message_at_ms,
        ingested_at_ms=report.message_at_ms,
        leg=report.leg,
        channel=report.channel,
        traffic_class=report.traffic_class or ("p2p" if report.channel == "mo" else "a2p"),
        sender=Sender(address=report.displayed_sender),
        origin_number=report.origin_number,
        recipient=report.reporter,
        route=report.route,
        content=Content(text=report.text or ""),
        jurisdiction=report.jurisdiction,
        origin_id=report.origin_id,
    )
