"""`python -m streams.drill.worker ROLE`: a worker with crash points. The ordinary workers never import this.

DRILL_ORDER: file that holds the crash order, which may change while the worker runs. `POINT:N` dies at the N-th passing
of a point from then on, `POINT:N:stop` stops there (SIGSTOP) until it is continued. For agents, `AGENT:N:POINT` dies at
POINT while AGENT handles its N-th event or a later one.
DRILL_NOTE: file that holds the last point passed. DRILL_HOLDING: a directory
for what `holding` says. Settings as for `dualblock ROLE`.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from confluent_kafka import Producer

from streams.config import Settings, load
from streams.drill.notes import Note
from streams.drill.processes import HOLDING
from streams.pipeline.errors import RestartNeeded
from streams.pipeline.settings import Config
from streams.service.workers import ROLES, LoopRole, Role, build_loop
from streams.telemetry.logging import set_up

#: Points at which what was produced is pushed out first, so that the torn transaction stands on the log.
_PUSHED = frozenset({"after-flush", "after-send-offsets"})
_PUSH_S = 5.0


def die(note: Note, point: str) -> None:
    """SIGKILL to oneself, noted with a `!`."""
    note.write(f"!{point}")
    os.kill(os.getpid(), signal.SIGKILL)


def loop_crash(note: Note, orders: Note, push: Callable[[], object]) -> Callable[[str], None]:
    """The `crash` of a loop and its replicator. orders: holds `POINT:N`, or nothing."""
    order, passed = "", 0

    def at(name: str) -> None:
        nonlocal order, passed
        note.write(name)
        if (now := orders.read()) != order:
            order, passed = now, 0
        point, _, rest = order.partition(":")
        if name != point:
            return
        number, _, what = rest.partition(":")
        passed += 1
        if what == "stop" and passed == int(number):
            push()
            note.write(f"={name}")
            os.kill(os.getpid(), signal.SIGSTOP)
        elif not what and passed >= int(number or 1):
            if name in _PUSHED:
                push()
            die(note, name)

    return at


def run_loop(role: LoopRole, settings: Settings, note: Note, orders: Note) -> int:
    """Run registrar, gate, meter or recent; exit code as the ordinary worker's."""
    held: list[Producer] = []

    def make_producer(config: Config) -> Producer:
        held[:] = [Producer(config)]
        return held[0]

    crash = loop_crash(note, orders, lambda: held[0].flush(_PUSH_S))
    loop = build_loop(role, settings, crash=crash, make_producer=make_producer)
    told(role, settings, loop)
    loop.stop_on_signals()
    try:
        loop.run()
    except RestartNeeded as error:
        print(f"restart needed: {error}", file=sys.stderr)
        return 1
    return 0


def told(role: Role, settings: Settings, root: object) -> None:
    """Have `holding` tell what a worker holds, if anybody asked for that."""
    if place := os.environ.get(HOLDING):
        from streams.drill.holding import tell  # knows Faust's stores

        tell(Path(place) / f"{role}-{settings.instance}.ndjson", root)


def main() -> int:
    """Exit code: that of the worker, 2 for a wrong role."""
    role = next((r for r in ROLES if sys.argv[1:] == [r]), None)
    if role is None:
        print(f"usage: python -m streams.drill.worker {'|'.join(ROLES)}", file=sys.stderr)
        return 2
    settings = load()
    set_up(getattr(logging, settings.log_level.upper()), settings.log_format)
    note, orders = (Note(Path(os.environ[name])) for name in ("DRILL_NOTE", "DRILL_ORDER"))
    if role == "agents":
        from streams.drill.agents_worker import run_agents  # as the ordinary workers: Faust is slow to import

        return run_agents(settings, note, orders)
    return run_loop(role, settings, note, orders)


if __name__ == "__main__":
    sys.exit(main())
