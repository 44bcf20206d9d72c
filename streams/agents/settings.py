"""Settings agent: a recipient's requests → the recipient's settings. The table's changelog is the public topic."""

from __future__ import annotations

import msgspec

from streams.agents.codec import decoded, encoded, keyed, output
from streams.agents.deadletter import Delivery
from streams.agents.emit import Output
from streams.agents.steps import Effect, Handled, Names, TableSpec
from streams.contracts.settings import SettingsRequest, SettingsRow
from streams.engine.settling import settle
from streams.engine.view import View

_REQUEST = msgspec.json.Decoder(SettingsRequest)
_ROW = msgspec.json.Decoder(SettingsRow)


class SettingsAgent:
    """Gates replicate what its table holds; `settings.history` keeps every version of it for a month."""

    name = "settings"
    inputs = ("settings.requests",)
    dead = "settings.requests.dead"
    table = TableSpec("settings", _ROW.decode, encoded, changelog="settings")

    def __init__(self, names: Names) -> None:
        self._history = names.topic("settings.history")

    def handle(self, entity: str, delivery: Delivery, view: View) -> Handled:
        """Take a request."""
        request = decoded(delivery, _REQUEST, "NOT_A_SETTINGS_REQUEST")
        key = keyed(delivery, request.recipient, "requests are keyed by recipient")

        def step(row: SettingsRow | None, request: SettingsRequest) -> tuple[SettingsRow, list[Output]]:
            after = settle(row, request)
            return after, [output(self._history, after.recipient, after)]

        return Handled(request.recorded_at_ms, [Effect(key, request, step)])
