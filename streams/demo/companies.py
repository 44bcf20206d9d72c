"""Who sends honestly: the cast is completed to 20 relays, 60 resellers and 2 000 accounts, each with what it needs."""

from __future__ import annotations

from itertools import cycle, product
from typing import NamedTuple

from streams.contracts.messages import Route, Sender, Signalling
from streams.contracts.registry import Routes
from streams.demo.cast import Account, Owner, both_legs
from streams.demo.numbers import Kind, sender
from streams.demo.stage import Label, Line
from streams.engine.skeleton import skeleton

NAME = "background"
RELAYS, RESELLERS, ACCOUNTS = 20, 60, 2_000
_HUBS = 4  # at least so many relays carry honest mass traffic, however many the pairs have taken
LABEL: Label = (NAME, "twin")
_BRANDED = 120  # accounts with a brand on rcs; every other account has a number
_BINDING = ("relay", "relay", "relay", "reseller", "account", "listed", "open")
_KINDS: tuple[Kind, ...] = ("fixed", "fixed", "representative", "mobile", "voip")
_FIRST = (
    "새봄",
    "한결",
    "늘품",
    "다솜",
    "가온",
    "라온",
    "미르",
    "바른",
    "아름",
    "초록",
    "푸른",
    "하늬",
    "소담",
    "예솔",
    "참별",
)
_SECOND = ("약국", "치과", "미용실", "서점", "꽃집", "학원", "식당", "빵집", "카센터", "도서관", "안경", "세탁소")


class Lines(NamedTuple):
    """The honest lines by sort of traffic."""

    subscribers: list[Line]
    other_carriers: list[Line]
    roaming: list[Line]
    at_relay: list[Line]
    at_carrier: list[Line]
    brands: list[Line]


def found(owner: Owner) -> Lines:
    """Complete the cast. The first free relay connects other carriers, the second one foreign networks."""
    stage = owner.stage
    carrier, foreign = owner.relay(carrier="carrier-b"), owner.relay(international=True)
    hubs = [owner.relay() for _ in range(max(_HUBS, RELAYS - len(stage.relays)))]
    ways: list[tuple[str, tuple[str, ...]]] = [(hub, ()) for hub in hubs]
    for hub, depth in zip(cycle(hubs), cycle((1, 2, 3)), strict=False):
        free = RESELLERS - len(stage.resellers)
        if free <= 0:
            break
        ways.append((hub, owner.chain(hub, min(depth, free))))
    accounts = [owner.account(*ways[i % len(ways)]) for i in range(ACCOUNTS - len(stage.accounts))]
    at_relay, at_carrier = _mailers(owner, accounts[_BRANDED:])
    return Lines(
        _subscribers(owner), _other_carriers(owner, carrier), _roaming(owner, foreign), at_relay, at_carrier,
        _brands(owner, accounts[:_BRANDED]),
    )  # fmt: skip


def _subscribers(owner: Owner) -> list[Line]:
    numbers = [owner.number() for _ in range(3_000)]
    return [
        Line(label=LABEL, sender=sender(number, i % 3), channel="mo", origin_number=number)
        for i, number in enumerate(numbers)
    ]


def _other_carriers(owner: Owner, carrier: str) -> list[Line]:
    kinds: tuple[Kind, ...] = (*("mobile",) * 8, "fixed", "voip")
    return [
        Line(
            label=LABEL,
            sender=sender(owner.number(kinds[i % len(kinds)], "ported_out" if i % 50 == 0 else "active"), i % 3),
            route=Route(relay_id=carrier),
            upstream=0.5,
        )
        for i in range(1_500)
    ]


def _roaming(owner: Owner, foreign: str) -> list[Line]:
    """Own subscribers abroad, some with and some without an answer of the HLR, and foreigners (555-01xx is fiction)."""
    route = Route(relay_id=foreign, international=True)
    lines: list[Line] = []
    for i in range(200):
        number = owner.number()
        signalling = Signalling(roaming=True) if i % 2 else Signalling()
        if i % 4 < 2:
            line = Line(label=LABEL, sender=sender(number, 1), route=route, signalling=signalling)
        else:
            line = Line(
                label=LABEL, sender=sender(number, 2), channel="mo", origin_number=number, route=route,
                signalling=signalling,
            )  # fmt: skip
        lines.append(line)
    visitors = [Sender(address=f"120255501{i:02d}", ton=1, npi=1) for i in range(50)]
    return lines + [Line(label=LABEL, sender=visitor, route=route) for visitor in visitors]


def _mailers(owner: Owner, accounts: list[Account]) -> tuple[list[Line], list[Line]]:
    at_relay: list[Line] = []
    at_carrier: list[Line] = []
    for i, account in enumerate(accounts):
        binding = _BINDING[i % len(_BINDING)]
        number = owner.number(_KINDS[i % len(_KINDS)])
        owner.register(number, account.org, _routes(account, binding))
        line = Line(label=LABEL, sender=sender(number, i % 3), traffic_class="a2p")
        origination, termination = both_legs(line, account, name_account=binding == "account")
        at_relay.append(origination)
        at_carrier.append(termination)
    return at_relay, at_carrier


def _routes(account: Account, binding: str) -> Routes:
    if binding == "open":
        return Routes(mode="open")
    if binding == "listed":
        return Routes(mode="listed", relays=(account.relay,))
    return Routes(
        mode="exclusive",
        relays=(account.relay,),
        resellers=account.chain[-1:] if binding == "reseller" else (),
        accounts=(account.id,) if binding == "account" else (),
    )


def _brands(owner: Owner, accounts: list[Account]) -> list[Line]:
    """Brands on rcs; no two names look alike, or one would be the other's lookalike."""
    names: dict[str, str] = {}
    for first, second in product(_FIRST, _SECOND):
        names.setdefault(skeleton(f"{first} {second}"), f"{first} {second}")
    lines: list[Line] = []
    for name, account in zip(names.values(), accounts, strict=False):
        owner.register(f"alnum:{name}", account.org, _routes(account, "account"))
        shown = Sender(address=name, ton=5, npi=0)
        line = Line(label=LABEL, sender=shown, channel="rcs", traffic_class="a2p")
        lines += both_legs(line, account, name_account=True)
    return lines
