"""Metrics: a closed, typed set of names over prometheus-client. Counted per batch, never per event.

A name is `<noun>_<unit>[_total]`, base units, bounded labels. The type checker rejects a misspelt one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, write_to_textfile

CounterName = Literal[
    # Records handled by a step or an agent, valid or not. step
    "records_total",
    # Records that a step wrote, by entity. step, entity
    "outputs_total",
    # Records that could not be read and went to the dead letters. step, reason
    "dead_letters_total",
    # Dead letters that hold only the beginning of their record. step
    "dead_letters_cut_total",
    # Exceptions of a step that were no verdict on a record: our own failures. step
    "step_failures_total",
    # Transactions. step
    "commits_total",
    # Transactions given up and replayed. step, why
    "aborts_total",
    # Partitions paused because they held nothing but garbage. step
    "fuse_trips_total",
    # Changes that a replica took. replica, entity
    "replica_changes_total",
    # Changes that a replica could not read. replica, entity
    "replica_bad_changes_total",
    # Replicas that were wiped and read again. replica, why
    "replica_rebuilds_total",
    # Times that a replica's disk could not be read or written. replica
    "replica_faults_total",
    # Decisions, by what was said. verdict, action
    "decisions_total",
    # Codes that spoke against a message, by the mode they ran in; CHECK_FAILED is our own failure. code, mode
    "reasons_total",
    # Checks that could not tell. check
    "unknown_checks_total",
    # Changes that alter the state at a time already processed. entity
    "late_enforcements_total",
    # Rows that the lake has committed, by its table; `unreadable` holds what could not be read. table
    "lake_rows_total",
    # Codes that fell to LABEL for a pair, probably because of an error of ours: alert on any. code
    "breaker_trips_total",
    # Announced bulk sends verified; told again after a kill it counts again. code, `accepted` where there is none
    "job_submissions_total",
    # What the shape of traffic alone came to, by rule; told again after a kill it counts again. reason
    "behaviour_findings_total",
    # Reports taken in over HTTP and acknowledged. source
    "reports_taken_total",
    # Reports looked up among deliveries: joined, not_received, or unknown. said
    "reports_joined_total",
    # Questions that the verification API has answered. relay
    "verifications_total",
    # Requests that it refused, by HTTP status. status
    "verifications_refused_total",
]
GaugeName = Literal[
    # 1 while the step consumes. step
    "ready",
    # Partitions paused by the fuse. step
    "fuse_open_partitions",
    # Highest event time processed, seconds since 1970. step
    "event_time_seconds",
    # Appeals that nobody has decided yet. step
    "open_appeals",
    # Of them those whose time for a decision has run out, by closed epochs: alert at 1. step
    "overdue_appeals",
    # Until when a partner's blacklist counts without a newer one, seconds since 1970; said by every gate. issuer
    "blacklist_fresh_until_seconds",
    # How many subjects the partner's list that a gate holds names, at its level of trust. issuer, trust
    "blacklist_entries",
    # When a partner's list was last brought, seconds since 1970: taken, held, or the code it was refused with; by the
    # command, to a file. issuer, result
    "blacklist_imported_seconds",
    # When our own list was last published, seconds since 1970; by the command, to a file. audience
    "blacklist_published_seconds",
]

_LABELS: dict[str, tuple[str, ...]] = {
    "records_total": ("step",),
    "outputs_total": ("step", "entity"),
    "dead_letters_total": ("step", "reason"),
    "dead_letters_cut_total": ("step",),
    "step_failures_total": ("step",),
    "commits_total": ("step",),
    "aborts_total": ("step", "why"),
    "fuse_trips_total": ("step",),
    "replica_changes_total": ("replica", "entity"),
    "replica_bad_changes_total": ("replica", "entity"),
    "replica_rebuilds_total": ("replica", "why"),
    "replica_faults_total": ("replica",),
    "decisions_total": ("verdict", "action"),
    "reasons_total": ("code", "mode"),
    "unknown_checks_total": ("check",),
    "late_enforcements_total": ("entity",),
    "lake_rows_total": ("table",),
    "breaker_trips_total": ("code",),
    "job_submissions_total": ("code",),
    "behaviour_findings_total": ("reason",),
    "reports_joined_total": ("said",),
    "reports_taken_total": ("source",),
    "verifications_total": ("relay",),
    "verifications_refused_total": ("status",),
    "ready": ("step",),
    "fuse_open_partitions": ("step",),
    "event_time_seconds": ("step",),
    "open_appeals": ("step",),
    "overdue_appeals": ("step",),
    "blacklist_fresh_until_seconds": ("issuer",),
    "blacklist_entries": ("issuer", "trust"),
    "blacklist_imported_seconds": ("issuer", "result"),
    "blacklist_published_seconds": ("audience",),
}
NAMESPACE = "dualblock"

_COUNTERS: dict[str, Counter] = {n: Counter(n, n, _LABELS[n], namespace=NAMESPACE) for n in get_args(CounterName)}
_GAUGES: dict[str, Gauge] = {n: Gauge(n, n, _LABELS[n], namespace=NAMESPACE) for n in get_args(GaugeName)}

#: Counters by name and labels: to look one up costs the library more than to count.
_HELD: dict[tuple[object, ...], Counter] = {}


def count(name: CounterName, value: float = 1, **labels: str) -> None:
    """Add to a counter. Raises ValueError when the labels are not those of the name."""
    key = (name, *labels.items())
    held = _HELD.get(key)
    if held is None:
        held = _HELD[key] = _COUNTERS[name].labels(**labels)
    held.inc(value)


def gauge(name: GaugeName, value: float, **labels: str) -> None:
    """Set a gauge. Raises ValueError when the labels are not those of the name."""
    _GAUGES[name].labels(**labels).set(value)


def write(file: Path, name: GaugeName, value: float, **labels: str) -> None:
    """One value as a file for the node exporter's textfile collector: what a command says that ends before anybody
    could ask it. The file appears whole or not at all. Raises OSError, and ValueError as `gauge` does."""
    _GAUGES[name].clear()
    gauge(name, value, **labels)
    registry = CollectorRegistry()
    registry.register(_GAUGES[name])
    write_to_textfile(str(file), registry)


def read(name: CounterName | GaugeName, **labels: str) -> float:
    """The value of a counter or gauge; 0 when it was never touched."""
    held = _COUNTERS.get(name) or _GAUGES[name]
    suffix = "" if name in _GAUGES or name.endswith("_total") else "_total"
    for family in held.collect():
        for sample in family.samples:
            if sample.name == f"{NAMESPACE}_{name}{suffix}" and sample.labels == labels:
                return sample.value
    return 0.0
