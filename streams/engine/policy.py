"""Which policy holds at an event's time: the shipped pack of the profile with the published overrides laid over it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, get_args
from zoneinfo import ZoneInfo

import msgspec
import orjson

from streams.contracts.policy import PolicyEntry, PolicyRow
from streams.contracts.reputation import StepName
from streams.engine.advertising import squeezed
from streams.engine.fingerprint import BANDS
from streams.engine.local import minute_named
from streams.engine.pack import CODES, MAX_RELEASERS, RANKS, Advertising, Orders, Pack, Window
from streams.engine.patterns import PatternRefused, between, matcher
from streams.engine.short import short_hash
from streams.engine.sketches import NAMES
from streams.engine.timeline import all_current, counts_since, current, stretch, times_in
from streams.engine.view import View

PackData = Mapping[str, Any]
YEAR_MS = 366 * 86_400_000


class Policy(msgspec.Struct, frozen=True, eq=False):
    """An effective pack and the hash that names it (`sha256:` and 128 bits of it over its canonical JSON)."""

    pack: Pack
    version: str


#: The pack of another jurisdiction, by its name.
Abroad = Callable[[str], Pack]


class Policies:
    """Finds the policy at a time. `shipped` maps (jurisdiction, profile) to pack data as read from TOML.

    With no policy published it is the shipped pack in profile `observe`: everything is allowed and observed.
    `jurisdiction` is the carrier's own; `place` has those of the others that it carries messages of.
    """

    def __init__(self, shipped: Mapping[tuple[str, str], PackData], jurisdiction: str) -> None:
        self._shipped = shipped
        self.jurisdiction = jurisdiction
        self.default = build(shipped[(jurisdiction, "observe")])
        self._row: PolicyRow | None = None
        self._built: dict[int, Policy | None] = {}
        self._now, self._stretch = self.default, (0, 0)  # the policy of these event times
        self._places: dict[str, Policies] = {}

    def place(self, jurisdiction: str | None) -> Policies:
        """The policies of a jurisdiction. None: the carrier's own; one without a pack: `generic`."""
        if jurisdiction is None or jurisdiction == self.jurisdiction:
            return self
        held = self._places.get(jurisdiction)
        if held is not None:
            return held
        name = next((n for n in (jurisdiction, "generic", self.jurisdiction) if (n, "observe") in self._shipped), "")
        if name == self.jurisdiction:
            return self
        if name not in self._places:  # the name came with a message: only shipped ones are kept
            self._places[name] = Policies(self._shipped, name)
        return self._places[name]

    def shipped_places(self) -> tuple[str, ...]:
        """Every jurisdiction that has a pack, the carrier's own first."""
        return tuple(dict.fromkeys((self.jurisdiction, *(name for name, _ in self._shipped))))

    def at(self, view: View, e_ms: int) -> Policy:
        """The policy that counts at event time e.

        An entry that does not build is refused before it is published; if one stands there all the same, the last good
        one stays in force.
        """
        row = view.policy(self.jurisdiction)
        if row is None:
            return self.default
        if row is not self._row:  # a new timeline: entries may have changed under their version
            self._row, self._built, self._stretch = row, {}, (0, 0)
        begin, end = self._stretch
        if not begin <= e_ms < end:
            entry = current(row.timeline, e_ms)
            kept = None if entry is None else self._kept(entry) or self._last_good(row, e_ms)
            self._now, self._stretch = kept or self.default, stretch(e_ms, times_in(row))
        return self._now

    def abroad(self, view: View, e_ms: int) -> Abroad:
        """The packs of other jurisdictions at event time e, by name."""
        return lambda jurisdiction: self.place(jurisdiction).at(view, e_ms).pack

    def before(self, view: View, e_ms: int, within_ms: int) -> Policy | None:
        """The policy that counted before the last change of policy, if that came less than `within_ms` before e."""
        row = view.policy(self.jurisdiction)
        if row is None:
            return None
        changed = max(
            (t for x in row.timeline for t in (counts_since(x), x.to_ms) if x.recorded_at_ms <= e_ms and t is not None
             and t <= e_ms),
            default=None,
        )  # fmt: skip
        if changed is None or e_ms - changed >= within_ms:
            return None
        return self.at(view, changed - 1)

    def _kept(self, entry: PolicyEntry) -> Policy | None:
        if entry.version not in self._built:
            try:
                self._built[entry.version] = self.of(entry)
            except ValueError:
                self._built[entry.version] = None
        return self._built[entry.version]

    def _last_good(self, row: PolicyRow, e_ms: int) -> Policy:
        entries = sorted(all_current(row.timeline, e_ms), key=lambda e: -e.version)
        return next((p for p in map(self._kept, entries) if p is not None), self.default)

    def of(self, entry: PolicyEntry) -> Policy:
        """Build an entry's policy. Raises ValueError with a sentence that says what to change."""
        return build(layer(self._shipped[(self.jurisdiction, entry.profile)], entry.pack))


def layer(base: PackData, over: PackData) -> dict[str, Any]:
    """`over` laid on `base`: tables merge key by key, everything else is replaced."""
    out = dict(base)
    for key, value in over.items():
        held = out.get(key)
        out[key] = layer(held, value) if isinstance(held, Mapping) and isinstance(value, Mapping) else value
    return out


def build(data: PackData) -> Policy:
    """Validate pack data whole. Raises ValueError with a sentence that says what to change."""
    try:
        canonical = orjson.dumps(data, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:  # orjson's: beyond 64 bits, nested too deep
        raise ValueError(f"the pack is not valid: {error}") from error
    return _build(canonical)


@lru_cache(maxsize=32)
def _build(canonical: bytes) -> Policy:
    try:
        pack = msgspec.json.decode(canonical, type=Pack)
    except msgspec.ValidationError as error:
        raise ValueError(f"the pack is not valid: {error}") from error
    _validate(pack)
    return Policy(pack, "sha256:" + short_hash(canonical, size=16))


def _validate(pack: Pack) -> None:
    missing = [name for name in RANKS if name not in pack.ranks]
    unknown = [name for name in pack.ranks if name not in RANKS]
    if missing or unknown:
        raise ValueError(f"ranks must number exactly {', '.join(RANKS)}; missing {missing}, unknown {unknown}")
    if len(set(pack.ranks.values())) != len(pack.ranks):
        raise ValueError(f"ranks must be unique integers, no ties: {dict(sorted(pack.ranks.items()))}")
    if pack.epoch_ms < 1000 or 86_400_000 % pack.epoch_ms:
        raise ValueError(f"epoch_ms must divide a day and be at least 1000, not {pack.epoch_ms}")
    misspelt = sorted({*pack.modes, *pack.enforce, *pack.actions, *pack.soft, *pack.codes}.difference(CODES))
    if misspelt:
        raise ValueError(
            f"no check gives the code {', '.join(misspelt)}: modes, enforce, actions, soft and codes name codes"
        )
    if not all((*pack.codes.values(), *pack.sources.values())):
        raise ValueError("codes and sources: an empty entry says nothing; leave it out")
    if not 2 <= pack.matching_bands <= BANDS:
        raise ValueError(f"matching_bands must be 2 to {BANDS}: one band alone proves nothing")
    _validate_words(pack)
    _validate_breaker(pack)
    _validate_behaviour(pack)
    _validate_advertising(pack.advertising)
    _validate_orders(pack.orders)
    times = pack.appeals
    if min(times.notice_ms, times.appeal_ms, times.decide_ms) < 0 or max(times.appeal_ms, times.decide_ms) > YEAR_MS:
        raise ValueError("appeals: notice_ms, appeal_ms and decide_ms are 0 to a year, in ms")
    if not 0 <= pack.releases.min_releasers <= MAX_RELEASERS or not 0 < pack.releases.window_ms <= YEAR_MS:
        raise ValueError(
            f"releases: min_releasers is 0 (never) to {MAX_RELEASERS}, window_ms more than 0 and at most a year"
        )
    if not 60_000 <= pack.identity.max_lifetime_ms <= 31 * 86_400_000:
        raise ValueError(f"identity.max_lifetime_ms: a minute to 31 days, not {pack.identity.max_lifetime_ms}")
    _validate_reports(pack)
    for subject, thresholds in pack.thresholds.items():
        for window in (*thresholds.count.items(), *thresholds.rate_ppm.items()):
            _validate_window(subject, *window)


def _validate_words(pack: Pack) -> None:
    for code, action in pack.actions.items():
        if action not in ("REJECT", "DROP"):
            raise ValueError(f"actions.{code}: a block is a REJECT or a DROP, not {action}")
    for kind, step in pack.ladder.max_step.items():
        if step not in get_args(StepName) or step == "RELIEF":
            raise ValueError(f"ladder.max_step.{kind}: one of {', '.join(get_args(StepName))}, not {step}")
    try:
        ZoneInfo(pack.time_zone)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"time_zone: no zone {pack.time_zone!r}") from error
    if pack.grammar.ranges and not pack.grammar.region:
        raise ValueError("grammar.ranges: libphonenumber needs a region, e.g. VN")
    plan = tuple(pattern for pattern, _ in pack.grammar.patterns)
    for patterns in ((pack.grammar.alphanumeric,), plan, pack.grammar.affixes):
        try:
            between("", *pack.grammar.affixes)
            matcher(patterns)
        except PatternRefused as error:
            raise ValueError(f"grammar: {error}") from error


def _validate_breaker(pack: Pack) -> None:
    breaker = pack.breaker
    if breaker.epoch_ms < 1000 or 86_400_000 % breaker.epoch_ms:
        raise ValueError(f"breaker.epoch_ms must divide a day and be at least 1000, not {breaker.epoch_ms}")
    if breaker.min_failed < 0 or not 1 <= breaker.share_permille <= 1000 or not 1 <= breaker.memory_days <= 366:
        raise ValueError(
            "breaker: min_failed is 0 (never trips) or more, share_permille 1 to 1000, memory_days 1 to 366, not "
            f"{breaker.min_failed}, {breaker.share_permille}, {breaker.memory_days}"
        )
    if breaker.max_ms < 2 * breaker.epoch_ms:
        raise ValueError(f"breaker.max_ms must be two breaker epochs or more, not {breaker.max_ms}")
    if breaker.trial_ms and breaker.trial_ms < 3 * breaker.epoch_ms:
        raise ValueError(
            f"breaker.trial_ms must be 0 (no trial) or three breaker epochs or more, not {breaker.trial_ms}: in less "
            "the breaker can't take effect"
        )


def _validate_behaviour(pack: Pack) -> None:
    rules = pack.behaviour
    sequential, takeover, box = rules.sequential, rules.takeover, rules.sim_box
    counts = (rules.daily_cap, rules.unlisted, rules.routes, sequential.recipients, takeover.messages, box.recipients)
    if min(counts) < 0:
        raise ValueError("behaviour: a count is 0 (the rule is left out) or more")
    if rules.routes > NAMES:
        raise ValueError(f"behaviour.routes: no more than {NAMES} are told apart, not {rules.routes}")
    shares = (
        rules.share_permille, sequential.fill_permille, sequential.share_permille, takeover.new_permille,
        takeover.usual_permille, box.distinct_permille,
    )  # fmt: skip
    if min(shares) < 1 or max(shares) > 1000:
        raise ValueError("behaviour: shares are 1 to 1000 permille")
    if min(takeover.factor, takeover.history_epochs, sequential.per_block) < 1:
        raise ValueError("behaviour: takeover.factor, takeover.history_epochs and sequential.per_block are 1 or more")
    if not 0 <= takeover.known_after_ms <= YEAR_MS:
        raise ValueError(f"behaviour.takeover.known_after_ms: 0 to a year, not {takeover.known_after_ms}")
    if not 2 * pack.epoch_ms <= rules.throttle_ms <= YEAR_MS:
        raise ValueError(f"behaviour.throttle_ms: two epochs to a year, not {rules.throttle_ms}")


def _validate_orders(rules: Orders) -> None:
    for name, key in rules.keys.items():
        try:
            size = len(base64.b64decode(key.public, validate=True))
        except ValueError:
            size = 0
        if size != 32:
            raise ValueError(f"orders.keys.{name}.public: base64 of the 32 bytes of an Ed25519 public key")


def _validate_advertising(rules: Advertising) -> None:
    if bool(rules.quiet_from) != bool(rules.quiet_to):
        raise ValueError("advertising: quiet_from and quiet_to come together, or not at all")
    for name, clock in (("quiet_from", rules.quiet_from), ("quiet_to", rules.quiet_to)):
        if clock:
            try:
                minute_named(clock)
            except ValueError as error:
                raise ValueError(f"advertising.{name}: {error}") from error
    if rules.quiet_from and rules.quiet_from == rules.quiet_to:
        raise ValueError("advertising: quiet hours from a time to the same time are none; leave both out")
    empty = [word for word in (*rules.labels, *rules.before_label, *rules.opt_out) if not squeezed(word)]
    if empty:
        raise ValueError("advertising: an empty label or opt-out line would stand in every text")


def _validate_reports(pack: Pack) -> None:
    rules = pack.reporters
    if rules.prior < 1 or rules.cost < 0:
        raise ValueError(f"reporters: prior must be at least 1 and cost at least 0, not {rules.prior}, {rules.cost}")
    if not 0 < rules.floor_permille <= 1000 or not 0 <= rules.regain_permille <= 1000:
        raise ValueError("reporters: floor_permille is 1 to 1000, regain_permille 0 to 1000")
    if not 0 <= rules.not_received_permille <= 100:
        raise ValueError(f"reporters.not_received_permille: 0 to 100, not {rules.not_received_permille}")
    if not 0 <= pack.deliveries.window_ms <= 86_400_000:
        raise ValueError(f"deliveries.window_ms: at most a day, not {pack.deliveries.window_ms}")
    for source, share in pack.source_permille.items():
        if not 0 <= share <= 1000:
            raise ValueError(f"source_permille.{source}: 0 to 1000, not {share}")


def _validate_window(subject: str, name: str, window: Window) -> None:
    if name not in ("1h", "24h", "10d"):
        raise ValueError(f"thresholds.{subject}: a window is 1h, 24h or 10d, not {name}")
    if window.warn < 1 or (window.critical and window.critical < window.warn):
        raise ValueError(f"thresholds.{subject}.{name}: 1 <= warn <= critical must hold (critical 0 = never)")
