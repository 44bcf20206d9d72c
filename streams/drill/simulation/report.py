"""Run seeds and say which invariant which of them broke."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import structlog

from streams.drill.simulation.schedule import broken


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
