"""`dualblock demo`: a day at a Korean carrier, decided in this process or through a real Kafka."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from streams.cli.shell import Json, answer, err, no, out
from streams.errors import InputError

if TYPE_CHECKING:
    from rich.progress import Progress

    from streams.contracts.decisions import Decision
    from streams.demo import Result, World

T = TypeVar("T")
_STEP = 500  # messages between two moves of the progress bar


def demo(
    seed: Annotated[int, typer.Option(help="The same seed makes the same world, to the byte.")] = 1,
    messages: Annotated[int, typer.Option(help="Message events in the day.", metavar="N")] = 200_000,
    out_dir: Annotated[
        Path, typer.Option("--out", help="Where inputs and decisions are written.", metavar="DIR", file_okay=False)
    ] = Path("dualblock-demo"),
    json: Json = False,
    kafka: Annotated[
        bool, typer.Option("--kafka", help="Do the same through real topics and agents, and compare the decisions.")
    ] = False,
    bootstrap: Annotated[
        str | None,
        typer.Option(help="With --kafka: a broker that runs. Without it one is started.", metavar="HOST:PORT"),
    ] = None,
) -> None:
    """Run a day of traffic with known attacks and their honest twins, and count what was caught.

    Ten days of reports and one day of traffic at a Korean carrier, under the pack kr in profile enforce. Every attack
    has a twin that differs in one fact and must not be blocked. Needs no broker, no network and no settings.

    Ends with 0 when every attack is caught and no twin is blocked, else with 1.
    """
    if bootstrap is not None and not kafka:
        raise InputError("--bootstrap goes with --kafka: the embedded run needs no broker.")
    try:
        with _bars(err()) as bars:
            if kafka:
                world, result, differences = _through_kafka(seed, messages, out_dir, bootstrap, bars)
            else:
                world, result, _ = embedded(seed, messages, out_dir, bars)
                differences = None
    except OSError as error:
        raise InputError(f"{out_dir} can't be written ({error.strerror or error}): name another --out.") from error
    _show(world, result, differences, json)
    if not json:
        answer(f"Inputs and decisions: {out_dir}")
    if not result.ok or differences:
        no("The demo did not end as it must: see above.")


def embedded(seed: int, messages: int, out_dir: Path, bars: Progress) -> tuple[World, Result, list[Decision]]:
    """The run in this process: writes inputs, decisions, sanctions and summary into `out_dir`."""
    from streams.demo import build_world, score, write_inputs
    from streams.replay.outputs import Outputs

    with _spinner(bars, "Making the day"):
        world = build_world(seed, messages)
    with _spinner(bars, "Writing the inputs"):
        write_inputs(world, out_dir)
    with Outputs(out_dir) as outputs:
        decisions: list[Decision] = []

        def decided(decision: Decision) -> None:
            decisions.append(decision)
            outputs.decided(decision)

        started = time.perf_counter()
        gate = _decide(world, decided, outputs.refused, bars)
        seconds = time.perf_counter() - started
        rows = gate.sanctions()
        for row in rows:
            outputs.sanction(row)
        outputs.finish({"messages": len(world.messages), "sanctions": sum(len(r.timeline) for r in rows)})
    result = score(world, decisions, rows, seconds=seconds, late_enforcement=gate.late_enforcement)
    return world, result, decisions


def _decide(world: World, decided: Callable[[Any], None], refused: Callable[[Any], None], bars: Progress) -> Any:
    from streams.config import DEMO_KEYS
    from streams.contracts.base import encoder
    from streams.demo import control
    from streams.engine.pseudonym import Keys
    from streams.replay.drive import Drive, Timed, raw_messages
    from streams.replay.files import gate

    held = gate("kr", Keys(*DEMO_KEYS))
    drive = Drive(held, decided, refused, [Timed(*taken) for taken in control(world)])
    drive.run(raw_messages(_moving(world.messages, bars, "Deciding", len(world.messages)), encoder().encode))
    return held


def _through_kafka(
    seed: int, messages: int, out_dir: Path, bootstrap: str | None, bars: Progress
) -> tuple[World, Result, int]:
    from streams.demo import score
    from streams.demo.live.compare import by_event, differences
    from streams.demo.live.run import run_live
    from streams.replay.outputs import Outputs

    world, _, expected = embedded(seed, messages, out_dir / "embedded", bars)
    held = by_event(expected)
    del expected
    task = bars.add_task("Deciding through Kafka", total=len(world.messages))
    with Outputs(out_dir / "kafka") as outputs:
        live = run_live(world, bootstrap, out_dir / "kafka", lambda done: bars.update(task, completed=done))
        for decision in live.decisions:
            outputs.decided(decision)
        for row in live.sanctions:
            outputs.sanction(row)
        outputs.finish({"messages": len(world.messages), "sanctions": sum(len(r.timeline) for r in live.sanctions)})
    result = score(world, live.decisions, live.sanctions, seconds=live.seconds, late_enforcement=live.late_enforcement)
    return world, result, len(differences(held, by_event(live.decisions)))


def _show(world: World, result: Result, differences: int | None, json: bool) -> None:
    from streams.demo import render, to_json

    if json:
        answer(to_json(result, differences).decode())
        return
    out().print(render(world, result))
    if differences is not None:
        answer(f"{differences:,} decisions differ between the embedded run and Kafka.")


def _bars(console: Any) -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    return Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console, transient=not console.is_terminal,
    )  # fmt: skip


class _spinner:
    """A line without a length in the progress display, while something is done."""

    def __init__(self, bars: Progress, text: str) -> None:
        self._bars, self._task = bars, bars.add_task(text, total=None)

    def __enter__(self) -> None:
        return

    def __exit__(self, *_: object) -> None:
        self._bars.update(self._task, total=1, completed=1)


def _moving(items: Iterable[T], bars: Progress, text: str, total: int) -> Iterator[T]:
    task = bars.add_task(text, total=total)
    for number, item in enumerate(items, 1):
        yield item
        if number % _STEP == 0 or number == total:
            bars.update(task, completed=number)
