"""Release agent: releases and decisions on a subject → its reviews, and the findings that carry decisions on."""

from __future__ import annotations

import msgspec

from streams.agents.codec import decoded, encoded, keyed, output
from streams.agents.deadletter import Delivery
from streams.agents.emit import Output
from streams.agents.errors import Refused
from streams.agents.steps import Effect, Handled, Names, TableSpec
from streams.contracts.releases import Release
from streams.engine.policy import Policies
from streams.engine.releasing import Gathered, ReleaseRefused, finding_of, take
from streams.engine.view import View

_RELEASE = msgspec.json.Decoder(Release)
_GATHERED = msgspec.json.Decoder(Gathered)


class ReleaseAgent:
    """Its table holds `engine.releasing.Gathered` by subject: who released, and which reviews that opened."""

    name = "releases"
    inputs = ("releases",)
    dead = "releases.dead"
    table = TableSpec("releases", _GATHERED.decode, encoded)

    def __init__(self, names: Names, policies: Policies) -> None:
        self._reviews, self._findings = names.topic("releases.reviews"), names.topic("findings")
        self._policies = policies

    def handle(self, entity: str, delivery: Delivery, view: View) -> Handled:
        """Take a release or a decision."""
        release = decoded(delivery, _RELEASE, "NOT_A_RELEASE")
        key = keyed(delivery, release.subject, "releases are keyed by subject")
        pack = self._policies.at(view, release.recorded_at_ms).pack

        def step(state: Gathered | None, release: Release) -> tuple[Gathered, list[Output]]:
            try:
                after, reviews = take(state, release, pack)
            except ReleaseRefused as error:
                raise Refused(error.reason, error.detail) from error
            outputs = [output(self._reviews, after.subject, review) for review in reviews]
            finding = finding_of(release, pack)
            if finding is not None:
                outputs.append(output(self._findings, finding.subject, finding))
            return after, outputs

        return Handled(release.recorded_at_ms, [Effect(key, release, step)])
