"""The agents' process: one Faust app with all agents, and a replica of registry and policy of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from streams.agents.app import AgentApp, AgentSettings, CrashPoint, create_app
from streams.agents.appeals import AppealAgent
from streams.agents.breaker import BreakerAgent
from streams.agents.context import Context
from streams.agents.directives import DirectiveAgent
from streams.agents.jobs import JobAgent
from streams.agents.ledger import LedgerAgent
from streams.agents.releases import ReleaseAgent
from streams.agents.reports import ReportAgent
from streams.agents.sanctions import SanctionAgent
from streams.agents.settings import SettingsAgent
from streams.agents.steps import AgentStep, Names, bind
from streams.agents.tally import TallyAgent
from streams.agents.worker import run_worker
from streams.config import Settings
from streams.engine.decide import ENGINE_VERSION
from streams.service import wiring
from streams.service.follower import ReplicaFollower
from streams.service.security import credentials
from streams.telemetry.metrics import gauge


def no_crash(point: CrashPoint) -> None:
    """The default of `crash_points`: nothing happens."""


def agent_steps(settings: Settings) -> tuple[AgentStep, ...]:
    """The agents. Raises ConfigError."""
    names, keys, policies = Names(settings.prefix), wiring.keys(settings), wiring.policies(settings)
    return (
        ReportAgent(names, policies, keys),
        TallyAgent(names, policies, settings.partitions.messages),
        SanctionAgent(names, policies, keys, _appeals),
        AppealAgent(names, policies),
        DirectiveAgent(names, policies, keys),
        SettingsAgent(names),
        LedgerAgent(),
        JobAgent(names, policies, keys),
        BreakerAgent(names, policies),
        ReleaseAgent(names, policies),
    )


def _appeals(open_now: int, overdue_now: int) -> None:
    gauge("open_appeals", open_now, step="sanctions")
    gauge("overdue_appeals", overdue_now, step="sanctions")


def build_agents(
    settings: Settings,
    crash_points: Callable[[CrashPoint], None] = no_crash,
    steps: Sequence[AgentStep] | None = None,
) -> AgentApp:
    """The app with its agents declared; `crash_points` and `steps` are for fault drills. Raises ConfigError."""
    instance = f"agents-{settings.instance}"
    app = create_app(
        AgentSettings(
            bootstrap=settings.bootstrap,
            group=f"{settings.prefix}agents",
            instance_id=instance,
            data_dir=settings.state_dir / settings.instance / "agents",
            prefix=settings.prefix,
            partitions=settings.partitions.reputation,
            replication=settings.replication,
            version=ENGINE_VERSION,
            credentials=credentials(settings.security),
        ),
        crash_points=crash_points,
    )
    follower = ReplicaFollower(wiring.replicator(settings, "agents-view", ("registry", "policy")))
    context = Context(app, follower)
    for step in steps if steps is not None else agent_steps(settings):
        bind(context, step)
    context.follow()
    return app


def run_agents(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; 0 after a graceful stop, 1 after a failure."""
    return run_worker(build_agents(settings))
