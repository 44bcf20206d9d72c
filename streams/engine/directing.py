"""The directive agent's step: an order on a sender, account or relay → a finding in the form sanctions are keyed by."""

from __future__ import annotations

from streams.contracts.messages import Message, Sender
from streams.contracts.reports import Directive
from streams.contracts.reputation import Finding
from streams.engine.case import Case
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.engine.sanctioning import finding_of
from streams.engine.subjects import sender_subject
from streams.engine.view import View


def direct(directive: Directive, view: View, policies: Policies, keys: Keys) -> Finding:
    """The finding of a directive. Raises ValueError with a reason code when it names no subject or releases nothing."""
    kind, _, name = directive.subject.partition(":")
    kinds: tuple[str, ...] = ("sender", "account", "reseller", "relay", "campaign", "host")
    if directive.act == "release":
        kinds = (*kinds, "pair")  # a relief of the breaker: only ended by an order, never given
    if not name or kind not in kinds:
        raise ValueError(f"NO_SUBJECT: {directive.subject!r} is not kind:name with a kind that can be sanctioned")
    if kind == "host" and name in policies.at(view, directive.recorded_at_ms).pack.shared_hosts:
        raise ValueError(f"SHARED_HOST: {name} is shared by strangers and is never a subject")
    if directive.act == "expel" and kind not in ("reseller", "relay"):
        raise ValueError(f"NOT_EXPELLABLE: resellers and relays are expelled, not {directive.subject!r}")
    if kind != "sender" or name.startswith("~"):  # ~: already in the form of the sanctions topic
        return finding_of(directive, directive.subject)
    key, hash_sign, epoch = name.rpartition("#")
    if not (hash_sign and epoch.isdecimal()):  # service codes hold a # of their own
        return finding_of(directive, _keyed(name, directive, view, policies, keys))
    subject = _keyed(key, directive, view, policies, keys)
    return finding_of(directive, f"{subject.rpartition('#')[0]}#{epoch}")


def _keyed(key: str, directive: Directive, view: View, policies: Policies, keys: Keys) -> str:
    """A sender key as the gate looks for it: business senders in clear, others under the state key."""
    address = key if key.startswith("+") else key.partition(":")[2].removeprefix("alnum:").removeprefix("code:")
    return sender_subject(case_of(address, directive.recorded_at_ms, view, policies), keys)


def case_of(address: str, at_ms: int, view: View, policies: Policies) -> Case:
    """A sender at a time, as if it had sent a message; for what must be found under the name that gates look for."""
    message = Message(
        event_id="-",
        producer="directive",
        event_time_ms=at_ms,
        ingested_at_ms=at_ms,
        leg="termination",
        channel="mt",
        traffic_class="a2p",
        sender=Sender(address=address),
        recipient="",
    )
    return Case(message, view, policies.at(view, at_ms))
