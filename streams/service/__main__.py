"""`python -m streams.service ROLE`: one worker, settings from file and environment; what `dualblock ROLE` does."""

from __future__ import annotations

import sys

from streams.config import load
from streams.errors import ConfigError
from streams.service.workers import ROLES, run_worker


def main() -> int:
    """Exit code: that of the worker, 2 for a wrong role or wrong settings."""
    role = next((r for r in ROLES if sys.argv[1:] == [r]), None)
    if role is None:
        print(f"usage: python -m streams.service {'|'.join(ROLES)}", file=sys.stderr)
        return 2
    try:
        return run_worker(role, load())
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
