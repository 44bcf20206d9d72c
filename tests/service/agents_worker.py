"""The real agents' process with a kill order: `AGENT:N:POINT` in argv[1] (or `-`): die at POINT while AGENT handles its
N-th event. Settings come from the environment, as for `dualblock agents`.

Who is to die elsewhere than at a commit does not commit before: an agent quicker than the one to be killed would leave
too few events for the next order.
"""

import os
import signal
import sys
from collections import Counter
from dataclasses import replace
from typing import Any

from streams.agents.app import AgentApp, AgentSettings, CrashPoint
from streams.agents.steps import AgentStep
from streams.agents.worker import run_worker
from streams.config import load
from streams.service import agents as service

AGENT, _, REST = sys.argv[1].partition(":")
NUMBER, _, POINT = REST.partition(":")
seen: Counter[str] = Counter()
running = ""


def crash(point: CrashPoint) -> None:
    # Commits come on a timer, whoever is at work.
    at_work = running == AGENT or point == "before-commit"
    if point == POINT and at_work and seen[AGENT] >= int(NUMBER):
        os.kill(os.getpid(), signal.SIGKILL)


def counted(step: AgentStep) -> AgentStep:
    """The same step; notes which agent is at work."""
    handle = step.handle

    def noting(*args: Any) -> Any:
        global running
        running = step.name
        seen[step.name] += 1
        return handle(*args)

    step.handle = noting  # type: ignore[method-assign]  # the test's wrap around one method
    return step


def without_commits(settings: AgentSettings, **rest: Any) -> AgentApp:
    """The app, which commits when it stops and not before."""
    return create_app(replace(settings, commit_interval_s=3600), **rest)


create_app = service.create_app
if POINT not in ("", "before-commit"):
    service.create_app = without_commits  # type: ignore[assignment]  # the test's wrap around one function
steps = service.agent_steps
service.agent_steps = lambda settings: tuple(counted(step) for step in steps(settings))
sys.exit(run_worker(service.build_agents(load(), crash)))
