"""A pack: one jurisdiction's rules as data, in one profile. Validated whole at load; its hash names the policy."""

from __future__ import annotations

from typing import Literal

import msgspec

from streams.contracts.decisions import Action, Mode
from streams.contracts.lists import Category
from streams.contracts.messages import Channel, Leg
from streams.contracts.policy import Profile


class PackPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the pack. A misspelt key is an error, never ignored."""


class Grammar(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, eq=False):
    """What a sender may look like. Compared and cached by identity: one object for each loaded pack.

    patterns: (regular expression over the national number, kind), first match wins; kind `malformed` refuses.
    Empty = libphonenumber's ranges; with `ranges` they are asked after the patterns, too. words: kind → what a feed
    must be complete for. affixes: (before, after) a name, expressions for what networks put there: no part of it.
    """

    country: str
    country_code: int = 0
    region: str = ""
    trunk: str = ""
    patterns: tuple[tuple[str, str], ...] = ()
    ranges: bool = False
    alphanumeric: str = ""
    affixes: tuple[str, str] = ("", "")
    words: dict[str, str] = {}
    personal: tuple[str, ...] = ("mobile", "fixed", "voip", "foreign")
    not_dialable: tuple[str, ...] = ()
    allowed: dict[str, tuple[str, ...]] = {}


class Window(PackPart, frozen=True, kw_only=True):
    """Distinct reporters (count basis) or reporters per million delivered (rate basis) in a window."""

    warn: int
    critical: int


class Thresholds(PackPart, frozen=True, kw_only=True):
    """Windows are named 1h, 24h and 10d. `critical` 0 = never by itself."""

    count: dict[str, Window] = {}
    rate_ppm: dict[str, Window] = {}
    min_reporters: int = 5
    min_delivered: int = 500


class Ladder(PackPart, frozen=True, kw_only=True):
    """What follows from a threshold. Relay, reseller and host never get more than WARN by themselves."""

    temp_block_ms: int = 48 * 3_600_000
    max_step: dict[str, str] = {}
    legs: dict[str, tuple[Leg, ...]] = {}


class Advertising(PackPart, frozen=True, kw_only=True):
    """What an advertisement must look like, and when it may be sent. Empty: not asked.

    labels: what it begins with, e.g. `(광고)`; before_label: what networks put before that. opt_out: one of these must
    stand in it, spaces aside. quiet_from, quiet_to: local time `HH:MM`, from inclusive, to exclusive. consent: the word
    that a consent feed is complete for. categories: content that is an advertisement by nature.
    """

    labels: tuple[str, ...] = ()
    before_label: tuple[str, ...] = ()
    opt_out: tuple[str, ...] = ()
    quiet_from: str = ""
    quiet_to: str = ""
    consent: str = ""
    categories: tuple[str, ...] = ()


class Breaker(PackPart, frozen=True, kw_only=True):
    """When a rule falls to LABEL for a registered sender on one relay, because it is probably our error.

    It trips where, in one breaker epoch, at least `min_failed` messages (0: never) and `share_permille` of those judged
    fail a code through absence, a new generation or a new policy, on a pair that passed within `memory_days`. For
    `trial_ms` after a generation has dropped a row or a number's state, that alone does not block a registered sender.
    """

    epoch_ms: int = 10_000
    min_failed: int = 5
    share_permille: int = 500
    memory_days: int = 30
    max_ms: int = 86_400_000
    trial_ms: int = 30_000


class Appeals(PackPart, frozen=True, kw_only=True):
    """How long a person's sanction is announced ahead, an appeal may be filed, and its decision may take.

    suspend_on_appeal: the first appeal against a carrier's sanction suspends it until it is decided.
    """

    notice_ms: int = 0
    appeal_ms: int = 30 * 86_400_000
    decide_ms: int = 7 * 86_400_000
    suspend_on_appeal: bool = False


class Releases(PackPart, frozen=True, kw_only=True):
    """When recipients who take a sender's or campaign's messages out of the spam box open a review.

    min_releasers: so many different ones (0: never), each of whom released within `window_ms` of the last release.
    """

    min_releasers: int = 0
    window_ms: int = 10 * 86_400_000


class Identity(PackPart, frozen=True, kw_only=True):
    """Who signs for a bulk send.

    legs: where messages name their job, so that one without it has none. max_lifetime_ms: from issued to expires;
    longer is refused. A retired key can backdate what it signs by so much at most.
    """

    legs: tuple[Leg, ...] = ("origination",)
    max_lifetime_ms: int = 7 * 86_400_000


class Deliveries(PackPart, frozen=True, kw_only=True):
    """How reports are joined to what was delivered.

    window_ms: how far a reported time may be off. channels: those of which every delivery passes the gates, which the
    carrier vouches for; only there may "not received" be concluded. own_sources: report sources that only this
    carrier's subscribers can reach.
    """

    window_ms: int = 600_000
    channels: tuple[Channel, ...] = ()
    own_sources: tuple[str, ...] = ()


class Reporters(PackPart, frozen=True, kw_only=True):
    """What a report weighs, in permille. See `engine/weights.py` for the formula."""

    prior: int = 2
    cost: int = 2
    floor_permille: int = 100
    regain_permille: int = 100
    not_received_permille: int = 100


class Sequential(PackPart, frozen=True, kw_only=True):
    """Harvesting: a day's recipients, at least `recipients` of them (0: never asked), lie where nobody's customers do.

    In turn: `share_permille` of them in blocks of 50 of which `fill_permille` or more were sent to. Permuted: in fewer
    than 32 allocated blocks (10 000 numbers), `per_block` or more in each on average.
    """

    recipients: int = 0
    per_block: int = 50
    fill_permille: int = 500
    share_permille: int = 500


class Takeover(PackPart, frozen=True, kw_only=True):
    """An account or line that suddenly sends otherwise than it used to.

    Of epochs with `messages` or more (0: never asked), after `history_epochs` with traffic. volume: `factor` times the
    busiest epoch of the last week. content: `new_permille` of its messages bear texts first seen within known_after_ms,
    of a subject of whose messages `usual_permille` used to bear older ones.
    """

    messages: int = 0
    factor: int = 10
    new_permille: int = 500
    usual_permille: int = 500
    history_epochs: int = 1000
    known_after_ms: int = 86_400_000


class SimBox(PackPart, frozen=True, kw_only=True):
    """A line on the radio leg that in a day writes to `recipients` or more (0: never asked), and to hardly anybody
    twice: they are `distinct_permille` of its messages."""

    recipients: int = 0
    distinct_permille: int = 800


class Behaviour(PackPart, frozen=True, kw_only=True):
    """What the shape of traffic alone comes to. A 0 leaves a rule out.

    daily_cap: messages that a person's own line may send in a local day. unlisted: messages of an account in a day from
    addresses that it does not list. routes: different (relay, account) of one proved sender in a day. throttle_ms,
    share_permille: how long a THROTTLE stands, and which part of the messages it puts off; that of the cap puts off
    all, to the end of the day.
    """

    daily_cap: int = 0
    unlisted: int = 0
    routes: int = 0
    sequential: Sequential = Sequential()
    takeover: Takeover = Takeover()
    sim_box: SimBox = SimBox()
    throttle_ms: int = 86_400_000
    share_permille: int = 900


class OrderKey(PackPart, frozen=True, kw_only=True):
    """A key that an authority signs its orders with. public: base64 of the 32 bytes of an Ed25519 key. revoked: nothing
    that it ever signed is taken any more; a key that is only retired is left out of the next policy."""

    authority: str
    public: str
    revoked: bool = False


class Orders(PackPart, frozen=True, kw_only=True):
    """Whose orders are taken. unsigned: authorities that need not sign. keys: by the name that a signature gives."""

    unsigned: tuple[str, ...] = ()
    keys: dict[str, OrderKey] = {}


class Pack(PackPart, frozen=True, kw_only=True):
    """Everything a jurisdiction may decide for itself. Times in `_ms`, rates in parts per million.

    source_permille: report source → the largest part of a critical threshold that its reports can make up. codes: what
    the country's own authority calls one of ours. sources: what a table rests on: law and article, never a URL.
    """

    jurisdiction: str
    profile: Profile
    time_zone: str = "UTC"
    epoch_ms: int = 60_000
    skew_ms: int = 300_000
    grammar: Grammar
    feeds: dict[str, str] = {}
    registration: dict[str, tuple[str, ...]] = {}
    terminated_grace_ms: int = 0
    cannot_roam: tuple[str, ...] = ()
    hlr_max_age_ms: int = 3_600_000
    modes: dict[str, Mode] = {}
    enforce: dict[str, Mode] = {}
    default_mode: Mode = "OBSERVE"
    actions: dict[str, Action] = {}
    soft: dict[str, Literal["LABEL", "SPAM_BOX"]] = {}
    label: str = "suspected spam"
    ranks: dict[str, int]
    thresholds: dict[str, Thresholds] = {}
    ladder: Ladder = Ladder()
    breaker: Breaker = Breaker()
    behaviour: Behaviour = Behaviour()
    appeals: Appeals = Appeals()
    releases: Releases = Releases()
    orders: Orders = Orders()
    not_spam: tuple[str, ...] = ("not_spam",)
    late_report_ms: int = 7 * 86_400_000
    shared_hosts: tuple[str, ...] = ()
    matching_bands: int = 2
    deliveries: Deliveries = Deliveries()
    identity: Identity = Identity()
    reporters: Reporters = Reporters()
    source_permille: dict[str, int] = {}
    advertising: Advertising = Advertising()
    lists: dict[str, str] = {}
    proved_exempt: tuple[Category, ...] = ("fraud", "phishing", "impersonation")
    codes: dict[str, str] = {}
    sources: dict[str, str] = {}


#: Releasers of a subject that are told apart; a review needs far fewer.
MAX_RELEASERS = 4096

#: Every code that a pack may give a mode or an action to: those of the checks, and what came from sanctions.
CODES = (
    "SENDER_MALFORMED", "SENDER_KIND_NOT_ALLOWED", "NUMBER_UNALLOCATED", "NUMBER_TERMINATED", "NUMBER_SUSPENDED",
    "NUMBER_DO_NOT_ORIGINATE", "SENDER_NOT_REGISTERED", "SENDER_REGISTRATION_EXPIRED", "SENDER_REGISTRATION_SUSPENDED",
    "SENDER_WRONG_ROUTE", "INSTITUTION_IMPERSONATED", "SENDER_LOOKALIKE", "RESELLER_UNCERTIFIED", "RELAY_UNKNOWN",
    "RELAY_UNCERTIFIED", "CHAIN_INCOMPLETE", "ACCOUNT_UNKNOWN", "ACCOUNT_SUSPENDED", "ORIGIN_MISMATCH",
    "NATIONAL_SENDER_FROM_ABROAD", "SOURCE_NOT_LISTED",
    "MO_SPOOFED", "SMSC_FAKED", "FORWARD_UNSOLICITED", "OWN_ADDRESS_ABROAD", "LINK_WRONG",
    "CONTENT_FRAUD", "CONTENT_PHISHING", "CONTENT_IMPERSONATION", "CONTENT_ADULT", "CONTENT_GAMBLING",
    "HOST_REPORTED", "AD_LABEL_MISSING", "AD_OPT_OUT_MISSING", "AD_QUIET_HOURS", "AD_WITHOUT_CONSENT",
    "RECIPIENT_BLOCKED", "RECIPIENT_ALLOW_ONLY", "RECIPIENT_KEYWORD", "RECIPIENT_UNKNOWN_SENDER",
    "BLACKLISTED_SENDER", "BLACKLISTED_HOST", "BLACKLISTED_ADDRESS",
    "JOB_MISSING", "JOB_EXPIRED", "JOB_RECIPIENT_UNBOUND", "JOB_REUSED", "JOB_OTHER_ACCOUNT", "JOB_OTHER_JOB",
    "JOB_RECIPIENTS_DIFFER", "JOB_ASSERTION_MALFORMED", "JOB_SIGNATURE_BAD", "JOB_KEY_UNKNOWN", "JOB_KEY_RETIRED",
    "JOB_KEY_COMPROMISED",
    "SANCTION", "DIRECTIVE", "CHECK_FAILED",
)  # fmt: skip

#: The ranks of precedence that a pack must number, each once; a lower number wins.
RANKS = (
    "directive", "emergency_allow", "forgery", "recipient_block", "protected_allow", "standing", "sanction",
    "blacklist", "recipient_allow", "content",
)  # fmt: skip
