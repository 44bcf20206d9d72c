"""Subjects on the command line: a person's number is typed in clear and goes no further than this process."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from streams.cli.shell import Shell
from streams.errors import InputError

if TYPE_CHECKING:
    from streams.contracts.reputation import SanctionRow
    from streams.engine.pack import Pack
    from streams.replica.memory import MemoryReplica

KINDS = ("sender", "account", "reseller", "relay", "carrier", "campaign", "host", "pair")
Subject = Annotated[
    str,
    typer.Argument(
        help="kind:name, e.g. account:acct-901; a sender as displayed (sender:010-5550-1111) or as a notice names it.",
        metavar="SUBJECT",
    ),
]


class Standing(NamedTuple):
    """A subject in the form that sanctions are keyed by, its row, the rules now, and the time in ms."""

    subject: str
    row: SanctionRow | None
    pack: Pack
    now_ms: int


def standing_of(shell: Shell, text: str) -> Standing:
    """What stands on Kafka about a subject. Raises InputError when the text names none, ConfigError, TopicError."""
    from streams.cli.kafka import view_of

    now_ms = time.time_ns() // 1_000_000
    policies = shell.policies()
    connection = shell.connection()
    subject = subject_of(shell, text, now_ms)
    view = view_of(connection, ("policy", "sanctions"), only={subject, shell.settings.jurisdiction})
    return Standing(subject, view.sanctions(subject), policies.at(view, now_ms).pack, now_ms)


def subject_of(shell: Shell, text: str, now_ms: int) -> str:
    """The subject as `sanctions` has it: a person's number under the state key, with the number's owner epoch."""
    kind, _, name = text.partition(":")
    if kind not in KINDS or not name:
        raise InputError(f"{text!r} is no subject: write kind:name with one of {', '.join(KINDS)}.")
    if kind != "sender" or name.startswith("~"):
        return text
    head, hash_sign, epoch = name.rpartition("#")
    if hash_sign and epoch.isdecimal():  # service codes hold a # of their own
        return f"{subject_of(shell, f'{kind}:{head}', now_ms).rpartition('#')[0]}#{epoch}"
    address = name if name.startswith("+") else name.rpartition(":")[2]  # kr:15881234 as well as 1588-1234
    if "ott:" in name:  # ott:talk:duru and kr:ott:talk:duru, whatever the id holds
        address = name[name.index("ott:") :]
    from streams.engine.directing import case_of
    from streams.engine.subjects import sender_subject

    case = case_of(address, now_ms, senders_view(shell, [address], now_ms), shell.policies())
    if case.sender.kind == "malformed":
        raise InputError(f"{name!r} is no sender: write it as phones display it.")
    return sender_subject(case, shell.keys())


def senders_view(shell: Shell, addresses: Iterable[str], now_ms: int) -> MemoryReplica:
    """The policy, and what the registry says of these senders: as much as naming them as subjects takes."""
    from streams.cli.kafka import view_of
    from streams.engine.directing import case_of
    from streams.engine.numberplan import block_key
    from streams.replica.memory import MemoryReplica

    policies, empty = shell.policies(), MemoryReplica()
    wanted: set[str] = {shell.settings.jurisdiction}
    for address in addresses:
        sender = case_of(address, now_ms, empty, policies).sender
        wanted.add(f"sender:{sender.key}")
        if sender.number is not None:
            wanted |= {f"number:{sender.number}", block_key(sender.number)}
    return view_of(shell.connection(), ("registry", "policy"), only=wanted)
