"""`python -m streams.drill.simulation [--seed N | --seeds A..B] [--first]`: 0 if every schedule holds."""

from __future__ import annotations

import argparse
import os
import sys

from streams.drill.simulation.report import run, run_beside


def main() -> int:
    """Exit code 1 if a schedule breaks an invariant; each such seed is printed and plays the same again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="this schedule only")
    parser.add_argument("--seeds", default="0..1999", metavar="A..B", help="these, B included (0..1999)")
    parser.add_argument("--first", action="store_true", help="stop at the first that breaks an invariant")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (as many as cores)")
    options = parser.parse_args()
    first, _, last = options.seeds.partition("..")
    seeds = range(int(first), int(last or first) + 1) if options.seed is None else [options.seed]
    report = run(seeds, stop_at_first=True) if options.first else run_beside(seeds, options.jobs)
    for failure in report.failures:
        print(f"seed {failure.seed}: {failure.why}")
    print(f"{report.schedules} schedules, {len(report.failures)} broken, {report.per_second:.1f} per second")
    return int(bool(report.failures))


if __name__ == "__main__":
    sys.exit(main())
