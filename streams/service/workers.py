"""Each of the six processes, from settings to exit code: 0 after a graceful stop, 1 when it must be started again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Literal

import structlog
from confluent_kafka import Producer

from streams.config import Settings
from streams.engine.booking import month_of
from streams.engine.decide import ENGINE_VERSION, Decider
from streams.pipeline import behaviour as behaviour_step
from streams.pipeline import gate as gate_step
from streams.pipeline import meter as meter_step
from streams.pipeline import recent as recent_step
from streams.pipeline import registrar as registrar_step
from streams.pipeline.commit import CommitPolicy
from streams.pipeline.errors import RestartNeeded
from streams.pipeline.held import Held
from streams.pipeline.loop import Loop
from streams.pipeline.replicator import no_crash
from streams.pipeline.step import Step
from streams.pipeline.transaction import MakeProducer
from streams.replica.disk import DiskError
from streams.service import wiring
from streams.telemetry.logging import set_up

LoopRole = Literal["registrar", "gate", "meter", "recent", "behaviour"]
Role = Literal[LoopRole, "agents"]
ROLES: tuple[Role, ...] = ("registrar", "gate", "meter", "recent", "behaviour", "agents")
Crash = Callable[[str], None]
log = structlog.get_logger()


def run_worker(role: Role, settings: Settings) -> int:
    """Run a worker in this process until SIGTERM or SIGINT. Raises ConfigError before anything is started."""
    set_up(getattr(logging, settings.log_level.upper()), settings.log_format)
    _serve_metrics(settings)
    if role == "agents":
        from streams.service.agents import run_agents  # Faust is slow to import, and only this role needs it

        return run_agents(settings)
    try:
        loop = build_loop(role, settings)
        loop.stop_on_signals()
        loop.run()
    except (RestartNeeded, DiskError) as error:
        log.error("restart_needed", role=role, why=str(error))
        return 1
    return 0


def build_loop(
    role: LoopRole,
    settings: Settings,
    *,
    crash: Crash = no_crash,
    make_producer: MakeProducer = Producer,
) -> Loop:
    """The loop of a role, ready to run. `crash` and `make_producer` are for fault drills. Raises ConfigError."""
    step, policy = _STEPS[role](settings, crash)
    return Loop(step, wiring.loop_settings(settings, role), policy=policy, crash=crash, make_producer=make_producer)


def _registrar(settings: Settings, crash: Crash) -> tuple[Step, CommitPolicy]:
    replicator = wiring.replicator(settings, "registrar", registrar_step.ENTITIES, crash)
    return registrar_step.Registrar(replicator), registrar_step.POLICY


def _gate(settings: Settings, crash: Crash) -> tuple[Step, CommitPolicy]:
    keys = wiring.keys(settings)
    replicator = wiring.replicator(settings, "gate", gate_step.ENTITIES, crash)
    decider = Decider(wiring.policies(settings), keys)
    recent = (settings.partitions.messages, settings.tell_deliveries)
    sent = settings.partitions.messages if settings.tell_shapes else 0
    step = gate_step.Gate(decider, replicator, f"gate-{settings.instance}", recent=recent, sent=sent)
    return step, gate_step.POLICY


def _meter(settings: Settings, crash: Crash) -> tuple[Step, CommitPolicy]:
    replicator = wiring.replicator(settings, "meter", ("policy",), crash)
    policies = wiring.policies(settings)

    def epoch_ms_at(at_ms: int) -> int:
        return policies.at(replicator.replica, at_ms).pack.epoch_ms

    def breaker_ms_at(at_ms: int) -> int:
        return policies.at(replicator.replica, at_ms).pack.breaker.epoch_ms

    def month_at(at_ms: int) -> str:
        return month_of(at_ms, policies.at(replicator.replica, at_ms).pack.time_zone)

    partitions = settings.partitions.reputation
    meter = meter_step.Meter(
        epoch_ms_at, partitions, replicator, breaker_ms_at=breaker_ms_at, month_at=month_at
    )  # fmt: skip
    return meter, meter_step.POLICY


def _recent(settings: Settings, crash: Crash) -> tuple[Step, CommitPolicy]:
    keys, policies = wiring.keys(settings), wiring.policies(settings)
    replicator = wiring.replicator(settings, "recent-view", ("policy",), crash)
    following = wiring.following(settings, crash)
    step = recent_step.RecentStep(policies, keys, replicator, following, settings.partitions.messages)
    return step, recent_step.POLICY


def _behaviour(settings: Settings, crash: Crash) -> tuple[Step, CommitPolicy]:
    replicator = wiring.replicator(settings, "behaviour-view", ("policy",), crash)
    held = Held(wiring.connection(settings), "shapes", f"behaviour-{settings.instance}")
    partitions = settings.partitions.messages
    step = behaviour_step.BehaviourStep(wiring.policies(settings), replicator, held, partitions)
    return step, behaviour_step.POLICY


_STEPS = {"registrar": _registrar, "gate": _gate, "meter": _meter, "recent": _recent, "behaviour": _behaviour}


def _serve_metrics(settings: Settings) -> None:
    if settings.metrics_port:
        from prometheus_client import start_http_server

        start_http_server(settings.metrics_port, addr="127.0.0.1")
        log.info("metrics", port=settings.metrics_port, engine=ENGINE_VERSION)
