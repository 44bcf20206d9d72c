"""Generated cases: settings, rows of which any may be missing, messages that meet them, reports of one epoch."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from streams.contracts.feeds import RegistryValue, key_of
from streams.contracts.messages import Message
from streams.contracts.registry import (
    PermissionEntry,
    PermissionRow,
)
from streams.contracts.reports import Report
from streams.engine.pack import CODES
from streams.replay.embedded import Embedded
from tests.engine.kit import (
    BANK,
    DAY,
    HOUR,
    KEYS,
    MINUTE,
    PHONE,
    T,
    a2p,
    account,
    alive,
    allow,
    block,
    message,
    number,
    policies,
    raw,
    relay,
    report,
    reseller,
    sanction,
    sender,
)

CASES = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
HERE = f"sender:kr:{BANK}#0"

#: Rows of which any may be missing, and messages that meet them.
ROWS: list[RegistryValue] = [
    *alive(), sender(relays=("relay-7",)), sender(f"kr:{PHONE}", state="suspended"), relay(),
    relay("relay-8", state="suspended"), reseller(to_ms=T), account(networks=("203.0.113.0/24",)),
    number("suspended"), block("terminated", f"kr:{BANK}"), block("active", "+827055502222"),
    PermissionRow(key=f"permission:kr:{PHONE}>kr:{BANK}", timeline=(PermissionEntry(),)),
]  # fmt: skip
rows = st.lists(st.sampled_from(ROWS), unique_by=key_of)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    address = draw(st.sampled_from([PHONE, BANK, "07055502222", "My Bank", "02-1588-1234", "*1#", "+12025550123"]))
    route = {
        "relay_id": draw(st.sampled_from([None, "relay-7", "relay-8"])),
        "chain": draw(st.sampled_from([(), ("reseller-1",)])),
        "account_id": draw(st.sampled_from([None, "acct-1"])),
        "peer_ip": draw(st.sampled_from([None, "203.0.113.9", "198.51.100.1"])),
        "international": draw(st.booleans()),
    }
    channel = draw(st.sampled_from(["mo", "mt", "rcs"]))
    return message(
        address, channel=channel, route=route, traffic_class=draw(st.sampled_from(["a2p", "p2p"])),
        leg=draw(st.sampled_from(["origination", "termination"])), text=draw(st.sampled_from(["", "win 500"])),
        origin_number=draw(st.sampled_from([None, PHONE, "01055503333"])),
    )  # fmt: skip


sanctions = st.lists(
    st.builds(
        sanction,
        st.sampled_from([HERE, "relay:relay-7", "account:acct-1"]),
        st.sampled_from(["WARN", "THROTTLE", "TEMP_BLOCK", "BLOCK"]),
        authority=st.sampled_from(["carrier", "regulator"]),
    ),
    unique_by=lambda row: row.subject,
    max_size=2,
)
modes = st.dictionaries(
    st.sampled_from(["NUMBER_SUSPENDED", "SENDER_WRONG_ROUTE", "ORIGIN_MISMATCH", "SANCTION", "SENDER_MALFORMED"]),
    st.sampled_from(["OBSERVE", "LABEL", "BLOCK"]),
)
#: The bank's row as an import may have left it, and messages in its name; any other row may be there or not.
losses = st.sampled_from(
    [
        sender(relays=("relay-7",), to_ms=T - HOUR, end_recorded_at_ms=T - HOUR, dropped_by="g2"),
        sender(relays=("relay-7",), to_ms=T - MINUTE // 4, end_recorded_at_ms=T - MINUTE // 4, dropped_by="g2"),
        sender(relays=("relay-7",), to_ms=T - HOUR, end_recorded_at_ms=T - HOUR),
        sender(relays=("relay-7",)),
    ]
)
#: What carries it, all in order; another row under the same key may follow.
HANDS: list[RegistryValue] = [
    relay(),
    relay("relay-8"),
    account(),
    reseller(),
    block("active", f"kr:{BANK}", T - 2 * DAY),
]
spoken = st.builds(
    lambda relay_id, leg, chain: a2p(relay=relay_id, leg=leg, route={"chain": chain, "account_id": "acct-1"}),
    st.sampled_from(["relay-7", "relay-8"]),
    st.sampled_from(["origination", "termination"]),
    st.sampled_from([(), ("reseller-1",)]),
)
reliefs = st.builds(
    sanction,
    st.sampled_from([f"pair:sender:kr:{BANK}>relay-7", f"pair:sender:kr:{BANK}>relay-8"]),
    st.just("RELIEF"),
    codes=st.lists(st.sampled_from(CODES), max_size=6).map(lambda more: ("SENDER_REGISTRATION_EXPIRED", *more)),
)
rules = st.builds(
    allow, st.sampled_from(["protected", "emergency"]), routes=st.sampled_from([(), ("relay-7",), ("relay-8",)])
)


@st.composite
def reports(draw: st.DrawFn) -> list[Report]:
    """Reports of one epoch: by some people and groups, against some senders, of several days, some of them twice."""
    found: list[Report] = []
    for n in range(draw(st.integers(3, 24))):
        kind = draw(st.sampled_from(["line", "campaign", "rate"]))
        kinds: dict[str, dict[str, Any]] = {
            "line": {"channel": "mo", "origin_number": PHONE, "text": "buy now"},
            "campaign": {"displayed_sender": PHONE, "route": {"relay_id": "relay-8"}, "text": "win 500"},
            "rate": {"displayed_sender": BANK, "route": {"relay_id": "relay-7", "account_id": "acct-1"}},
        }
        over = kinds[kind]
        who = draw(st.integers(0, 11))
        made = T + draw(st.integers(-3, 0)) * 26 * HOUR
        group = draw(st.sampled_from([None, None, "g"]))
        found.append(
            msgspec.structs.replace(
                report(n, **over), reporter=f"8210{who:08}", reporter_group=group, message_at_ms=made - HOUR,
                reported_at_ms=made, ingested_at_ms=T + HOUR + draw(st.integers(0, MINUTE - 1)),
            )
        )  # fmt: skip
    return [*found, *draw(st.lists(st.sampled_from(found), max_size=4))]


def carrier() -> Embedded:
    """A carrier with some traffic in its books, so that rates can be judged."""
    run = Embedded(policies(), KEYS)
    run.feed(sender(relays=("relay-7",)))
    for n in range(5):
        at = T - 2 * HOUR + n
        run.begin(at // MINUTE)
        for k in range(120):
            sent = a2p(event_id=f"m{n}-{k}", event_time_ms=at, ingested_at_ms=at, route={"account_id": "acct-1"})
            run.message(sent, b"")
    return run


def outcome(told: list[Report]) -> tuple[bytes, list[bytes]]:
    """All sanctions, and decisions on messages from before the reports until after every sanction began."""
    run = carrier()
    run.begin((T + HOUR) // MINUTE)
    for one in told:
        run.report(one)
    decisions = []
    for n in range(5):
        at = T + HOUR + n * MINUTE
        run.begin(at // MINUTE)
        for sent in (
            message(PHONE, text="buy now", event_time_ms=at), a2p(event_time_ms=at, route={"account_id": "acct-1"}),
            a2p("07055502222", "relay-8", text="win 9", event_time_ms=at),
        ):  # fmt: skip
            decisions.append(raw(run.message(sent, b"")))
    return raw(run.sanctions()), decisions
