"""Faust app and agents, thin: parse, call the engine, emit.

The plumbing that every agent stands on: `create_app`, `bytes_table`, `agent`, `apply`, `run_worker`.
"""

from streams.agents.agent import Handler, agent
from streams.agents.app import AgentApp, AgentSettings, create_app
from streams.agents.deadletter import Delivery, dead_letter
from streams.agents.emit import Output
from streams.agents.errors import OutputLost, Refused, StateFailed, WorkerFailed
from streams.agents.tables import Table, apply, bytes_table
from streams.agents.worker import run_worker

__all__ = [
    "AgentApp",
    "AgentSettings",
    "Delivery",
    "Handler",
    "Output",
    "OutputLost",
    "Refused",
    "StateFailed",
    "Table",
    "WorkerFailed",
    "agent",
    "apply",
    "bytes_table",
    "create_app",
    "dead_letter",
    "run_worker",
]
