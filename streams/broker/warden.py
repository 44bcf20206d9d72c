"""Runs one command and never outlives its starter: `python warden.py SECONDS COMMAND...`, run by path, stdlib only.

Ends the command with SIGTERM, later SIGKILL, when SECONDS (0: no limit) are over, when it is told to by SIGTERM, or
when its standard input closes, which the kernel does even if the starter was killed with SIGKILL. Being the command's
parent it can't hit another process that got the same pid.
"""

import select
import signal
import subprocess
import sys
import time
from types import FrameType

GRACE_S = 15.0
"""Seconds between SIGTERM and SIGKILL."""


def main(seconds: float, command: list[str]) -> int:
    """Runs `command`; returns its exit code."""
    stopping = False

    def stop(signum: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    deadline = time.monotonic() + seconds if seconds else float("inf")
    while child.poll() is None and not stopping and time.monotonic() < deadline:
        # Readable means closed: nothing is ever written to this pipe.
        stopping = bool(select.select([sys.stdin], [], [], 0.05)[0]) or stopping
    child.terminate()
    try:
        return child.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
