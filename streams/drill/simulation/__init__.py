"""A seeded simulation of the whole carrier in one process: no broker, no threads, no wall clock.

The real steps, loop, agents and tables run over an in-memory log while workers die at every point, transactions are
torn and their outcome is unknown, partitions move, records come late and twice. In the end everything must equal
models that never saw a crash.

    python -m streams.drill.simulation --seeds 0..1999
"""

from streams.drill.simulation.report import Failure, Report, run

__all__ = ["Failure", "Report", "run"]
