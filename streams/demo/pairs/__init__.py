"""The attacks and their twins, one function each; a family shares a file."""

from __future__ import annotations

from collections.abc import Callable

from streams.demo.pairs.advertising import quiet_hours, without_consent
from streams.demo.pairs.appeal import appealed
from streams.demo.pairs.base import Pair, Sizes
from streams.demo.pairs.behaviour import bulk_unlisted, group_reported, in_turn, over_the_cap, taken_over
from streams.demo.pairs.campaign import campaign
from streams.demo.pairs.edited import edited_copies
from streams.demo.pairs.handset import do_not_originate, origin_mismatch
from streams.demo.pairs.hosts import reported_host
from streams.demo.pairs.jobs import (
    bad_signature,
    job_expired,
    job_missing,
    job_of_another,
    key_retired,
    other_job,
    unbound_recipient,
)
from streams.demo.pairs.line import own_line
from streams.demo.pairs.listed import listed_by_partner
from streams.demo.pairs.names import institution, lookalike
from streams.demo.pairs.ordered import chain_omitted, expelled, one_leg, withdrawn
from streams.demo.pairs.ott import banned_handle
from streams.demo.pairs.places import same_hour, same_name
from streams.demo.pairs.rate import reported_sender
from streams.demo.pairs.received import received
from streams.demo.pairs.recipient import blocked_by_recipient
from streams.demo.pairs.relieved import lost_row
from streams.demo.pairs.routes import abroad, uncertified, wrong_route
from streams.demo.pairs.signalling import faked_smsc, from_abroad, unsolicited
from streams.demo.pairs.status import leaked, suspended, terminated, unallocated
from streams.demo.pairs.voip import stale_feed
from streams.demo.stage import Stage

#: In the order of the table they are shown in.
PAIRS: tuple[Callable[[Stage, Sizes], Pair], ...] = (
    terminated, suspended, unallocated, wrong_route, do_not_originate, institution, lookalike, uncertified, abroad,
    origin_mismatch, own_line, reported_sender, campaign, stale_feed, blocked_by_recipient,
    edited_copies, reported_host, quiet_hours, without_consent,
    appealed, lost_row, received,
    over_the_cap, in_turn, taken_over, bulk_unlisted, group_reported,
    same_hour, same_name, from_abroad, faked_smsc, unsolicited, banned_handle,
    expelled, chain_omitted, withdrawn, one_leg,
    job_missing, job_expired, job_of_another, other_job, unbound_recipient, key_retired, bad_signature,
    leaked,
    listed_by_partner,
)  # fmt: skip
