"""Run seeds and say which invariant which of them broke."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import NamedTuple

import structlog

from streams.drill.simulation.schedule import broken

#: Fewer seeds than this are played before another process has started.
_WORTH_A_PROCESS = 20


class Failure(NamedTuple):
    """A seed, and the invariant that it breaks with what was found."""

    seed: int
    why: str


class Report(NamedTuple):
    """What became of some seeds. seconds: of this machine, for the rate only."""

    schedules: int
    failures: tuple[Failure, ...]
    seconds: float

    @property
    def per_second(self) -> float:
        """Schedules per second."""
        return self.schedules / self.seconds if self.seconds else 0.0


def run(seeds: Iterable[int], *, stop_at_first: bool = False) -> Report:
    """Play these schedules. The same seed gives the same schedule on every machine."""
    failures: list[Failure] = []
    number, began = 0, time.perf_counter()
    with quiet(), few_collections():
        for seed in seeds:
            number += 1
            if number % 50 == 0:
                gc.collect()
            why = broken(seed)
            if why is not None:
                failures.append(Failure(seed, why))
                if stop_at_first:
                    break
    return Report(number, tuple(failures), time.perf_counter() - began)


def run_beside(seeds: Sequence[int], jobs: int) -> Report:
    """`run`, in so many processes; failures in the order of the seeds."""
    if jobs < 2 or len(seeds) < _WORTH_A_PROCESS:
        return run(seeds)
    began = time.perf_counter()
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        parts = list(pool.map(run, [seeds[first::jobs] for first in range(jobs)]))
    failures = sorted(failure for part in parts for failure in part.failures)
    return Report(sum(part.schedules for part in parts), tuple(failures), time.perf_counter() - began)


@contextmanager
def few_collections() -> Iterator[None]:
    """A schedule leaves a few hundred kB in cycles: collected now and then they cost a fifth less."""
    was = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if was:
            gc.enable()


@contextmanager
def quiet() -> Iterator[None]:
    """Without the workers' logs: a schedule is a hundred crashes that somebody would be called for."""
    before, agents = structlog.get_config(), logging.getLogger("streams.agents")
    level = agents.level
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    agents.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        structlog.configure(**before)
        agents.setLevel(level)
