"""Four pairs on who may send: an expelled reseller, a chain left out, and two of the regulator's orders."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from streams.contracts.messages import Leg, Route
from streams.contracts.registry import ResellerEntry, ResellerRow, Routes
from streams.contracts.reports import Directive, Scope
from streams.demo.cast import Account, Owner, both_legs, labels
from streams.demo.clock import DAY_FROM_MS, DAY_TO_MS, HOUR_MS, MINUTE_MS, at, rhythm, spread
from streams.demo.numbers import sender
from streams.demo.pairs.base import Pair, Sizes
from streams.demo.regulator import signed
from streams.demo.stage import Label, Line, Stage
from streams.demo.texts import words


def expelled(stage: Stage, sizes: Sizes) -> Pair:
    """A sub-reseller of one that is expelled at ten leaves it out of its chain, or the whole chain; its twin moved to
    another parent at nine."""
    owner = Owner(stage, "expelled reseller")
    attack, twin = labels(owner.name)
    relay, other = owner.relay(), owner.relay()
    top, new = owner.reseller(relay), owner.reseller(other)
    stays, moves = owner.reseller(top), owner.reseller(top)
    moved = ResellerEntry(
        from_ms=at(9), recorded_at_ms=at(8), version=2, certificate="CERT-2025-MOVED", parent=new
    )  # fmt: skip
    owner.row(ResellerRow(key=f"reseller:{moves}", timeline=(moved,)))
    _order(owner, f"reseller:{top}", "expel", at(9), from_ms=at(10))
    text = words("[가온패션] 회원님 할인 쿠폰 {n}장 도착", "[Gaon] {n} vouchers have arrived for you")
    for label, carrier, chain, below in ((attack, relay, (stays,), stays), (twin, other, (new, moves), moves)):
        shop = owner.account(carrier, (below,))._replace(chain=chain)
        origination, termination = both_legs(_line(owner, label, shop), shop)
        if label == attack:
            origination = replace(origination, route=_without_chain(origination.route))
        for i, event_ms in enumerate(spread(owner.rng, sizes.side, at(10), DAY_TO_MS)):
            owner.send((origination, termination)[i % 2], (event_ms,), text)
    return Pair(owner.name, "moved before", "DIRECTIVE_EXPEL")


def chain_omitted(stage: Stage, sizes: Sizes) -> Pair:
    """A relay hands an account's messages over without the reseller that it belongs to; its twin names it."""
    owner = Owner(stage, "chain omitted")
    attack, twin = labels(owner.name)
    relay = owner.relay()
    shop = owner.account(relay, owner.chain(relay, 2))
    line = _line(owner, attack, shop)
    text = words("[보름약국] 처방 조제 완료 {n}번", "[Boreum] Your prescription {n} is ready")
    for label in (attack, twin):
        sent = both_legs(replace(line, label=label), shop)[0]
        if label == attack:
            sent = replace(sent, route=_without_chain(sent.route))
        for event_ms in rhythm(owner.rng, sizes.side):
            owner.send(sent, (event_ms,), text)
    return Pair(owner.name, "chain given", "CHAIN_INCOMPLETE", mode="LABEL")


def withdrawn(stage: Stage, sizes: Sizes) -> Pair:
    """An account that an order blocks; the order on its twin is withdrawn a minute before it sends."""
    owner = Owner(stage, "directive in force")
    attack, twin = labels(owner.name)
    relay, noon = owner.relay(), at(12)
    text = words("[이든투어] 예약 {n}건 확정되었습니다", "[Eden Tour] {n} bookings are confirmed")
    for label in (attack, twin):
        shop = owner.account(relay, owner.chain(relay, 1))
        legs = both_legs(_line(owner, label, shop), shop, name_account=True)
        ordered = f"account:{shop.id}"
        reference = _order(owner, ordered, "block", DAY_FROM_MS - HOUR_MS)
        if label == twin:
            _order(owner, ordered, "withdraw", noon - MINUTE_MS, reference=reference, version=2)
        for i, event_ms in enumerate(spread(owner.rng, sizes.side, noon, DAY_TO_MS)):
            owner.send(legs[i % 2], (event_ms,), text)
    return Pair(owner.name, "withdrawn a minute before", "DIRECTIVE_BLOCK")


def one_leg(stage: Stage, sizes: Sizes) -> Pair:
    """An account that an order suspends on the originating leg; its twin is the same account on the other."""
    owner = Owner(stage, "suspended for origination")
    attack, twin = labels(owner.name)
    relay = owner.relay()
    shop = owner.account(relay, owner.chain(relay, 1))
    legs: tuple[Leg, ...] = ("origination",)
    _order(owner, f"account:{shop.id}", "suspend", DAY_FROM_MS - HOUR_MS, scope=Scope(legs=legs))
    origination, termination = both_legs(_line(owner, attack, shop), shop, name_account=True)
    text = words("[누리헬스] 오늘 수업 {n}시에 시작합니다", "[Nuri] Class {n} starts today")
    for sent in (origination, replace(termination, label=twin)):
        for event_ms in rhythm(owner.rng, sizes.side):
            owner.send(sent, (event_ms,), text)
    return Pair(owner.name, "termination leg", "DIRECTIVE_SUSPEND")


def _line(owner: Owner, label: Label, shop: Account) -> Line:
    number = owner.number("fixed")
    owner.register(number, shop.org, Routes(mode="exclusive", relays=(shop.relay,)))
    return Line(label=label, sender=sender(number), traffic_class="a2p")


def _without_chain(route: Route) -> Route:
    return Route(
        relay_id=route.relay_id, account_id=route.account_id, bind_id=route.bind_id, peer_ip=route.peer_ip
    )  # fmt: skip


def _order(owner: Owner, subject: str, act: Any, recorded_ms: int, **over: Any) -> str:
    """An order of the regulator, signed; its reference number."""
    reference: str = over.pop("reference", f"KCC-DEMO-{len(owner.stage.directives) + 1:03d}")
    order = Directive(
        reference=reference, subject=subject, act=act, recorded_at_ms=recorded_ms,
        from_ms=over.pop("from_ms", recorded_ms), **over,
    )  # fmt: skip
    owner.stage.directives.append(signed(order))
    return reference
