"""`dualblock broker`: a local Apache Kafka from Maven artifacts."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.shell import answer, no, say


def broker(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.", min=0, max=65535)] = 0,
    data: Annotated[
        Path | None,
        typer.Option(help="Where data is kept. Without it, it is gone when the broker stops.", metavar="DIR"),
    ] = None,
    heap: Annotated[int, typer.Option(help="Most Java heap, MiB.", min=128)] = 512,
    max_seconds: Annotated[float | None, typer.Option(help="Stop by itself after so long.", min=1)] = None,
) -> None:
    """Start an Apache Kafka on this machine and print its address; Ctrl-C stops it.

    For trying out and for tests: one node, no replication, no authentication, on 127.0.0.1 only. Needs Java 17+, and
    Maven for the first start (45 MB are fetched).
    """
    from streams.broker import KAFKA_VERSION, LocalBroker

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    say(f"Starting Apache Kafka {KAFKA_VERSION} …")
    with LocalBroker(port=port, data_dir=data, heap_mb=heap) as running:
        answer(running.bootstrap)
        say("It runs until Ctrl-C." if max_seconds is None else f"It runs for {max_seconds:g} s or until Ctrl-C.")
        waited = 0.0
        while not stop.wait(0.5):
            waited += 0.5
            if max_seconds is not None and waited >= max_seconds:
                break
            if not running.running:
                no(f"Kafka ended by itself; what it said is above the end of {running.log_path}.")
    say("Kafka has stopped.")
