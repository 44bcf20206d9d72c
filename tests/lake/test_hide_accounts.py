"""Accounts of people leave the lake's reports as numbers do: as pseudonyms."""

from streams.contracts.base import encoder
from streams.engine.pseudonym import state_pseudonym
from streams.lake.hide import Hide
from tests.engine.kit import KEYS, enforce, report

HIDE = Hide(KEYS, enforce().pack.grammar)


def test_a_reported_account_is_hidden() -> None:
    told = report(displayed_sender="Duru Byeolbit", channel="ott", origin_id="talk:DuruByeolbit")
    hidden = HIDE.report(told)
    name = state_pseudonym(KEYS, "kr:ott:talk:durubyeolbit")
    assert (hidden.displayed_sender, hidden.origin_id, hidden.sender_kind) == (name, name, "handle")
    assert b"yeolbit" not in encoder().encode(hidden)


def test_a_reported_handle_without_its_platform_is_hidden_too() -> None:
    hidden = HIDE.report(report(displayed_sender="@durubyeolbit", channel="ott"))
    assert (hidden.displayed_sender[0], hidden.origin_id) == ("~", None)


def test_an_application_stands_in_clear() -> None:
    hidden = HIDE.report(report(displayed_sender="Shop", channel="ott", origin_id="store:com.example.shop"))
    assert (hidden.displayed_sender, hidden.origin_id) == ("kr:ott:store:com.example.shop",) * 2
