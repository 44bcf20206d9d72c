"""Puts one dead letter back and is killed at a point: `python -m tests.pipeline.retrier BOOTSTRAP PREFIX POINT`."""

from __future__ import annotations

import os
import signal
import sys

import msgspec

from streams.pipeline.retry import DeadLetter, PutBack
from streams.pipeline.settings import Connection
from tests.pipeline.steps import message


def main() -> None:
    bootstrap, prefix, at = sys.argv[1:]

    def crash(point: str) -> None:
        if point == at:
            if (producer := back._tx._producer) is not None:
                producer.flush(5)  # so that the torn transaction stands on the log
            os.kill(os.getpid(), signal.SIGKILL)

    back = PutBack(Connection(bootstrap, f"{prefix}."), "messages", crash)
    back.start([0])
    list(back.run([DeadLetter(0, 0, b"k", msgspec.json.encode(message(1)), b"{")]))


if __name__ == "__main__":
    main()
