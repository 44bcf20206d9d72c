"""Replay: files of registry, reports, directives and messages in, decisions out, by ingest time; no broker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streams.engine.decide import DATA_VERSION, ENGINE_VERSION
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.errors import InputError
from streams.heap import settle
from streams.packs import shipped
from streams.replay.drive import Drive, Raw, Refused, Timed
from streams.replay.embedded import Embedded
from streams.replay.lines import check_files, merged, read_lines
from streams.replay.outputs import Decided, Outputs
from streams.replay.records import Kind, read_control


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Names of NDJSON files, plain or gzipped; `-` is standard input, once."""

    messages: tuple[str, ...]
    registry: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()
    directives: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    blacklists: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()
    appeals: tuple[str, ...] = ()
    releases: tuple[str, ...] = ()
    policy: tuple[str, ...] = ()

    def check(self) -> None:
        """Raises InputError when a file is missing or stdin is named twice."""
        control = (
            self.registry, self.reports, self.directives, self.orders, self.appeals, self.releases, self.settings,
            self.jobs, self.blacklists, self.policy,
        )  # fmt: skip
        check_files((*control, self.messages))

    def control(self, refused: Callable[[Refused], None]) -> list[Timed]:
        """All control records; broken lines go to `refused`."""
        kinds: tuple[tuple[Kind, tuple[str, ...]], ...] = (
            ("policy", self.policy), ("registry", self.registry), ("directives", self.directives),
            ("orders", self.orders), ("appeals", self.appeals), ("releases", self.releases),
            ("settings", self.settings), ("jobs", self.jobs), ("blacklists", self.blacklists),
            ("reports", self.reports),
        )  # fmt: skip
        return [t for kind, names in kinds for name in names for t in read_control(kind, read_lines(name), refused)]


def gate(jurisdiction: str, keys: Keys) -> Embedded:
    """An embedded gate with the shipped packs of a jurisdiction."""
    return Embedded(Policies(shipped(), jurisdiction), keys)


def drive(
    embedded: Embedded, inputs: Inputs, decided: Decided, refused: Callable[[Refused], None], each: Callable[[], None]
) -> int:
    """Run the inputs through an embedded gate; answers how many message lines there were. `each` is called per line."""
    run = Drive(embedded, decided, refused, inputs.control(refused))
    count = 0
    settle()

    def counted(lines: Iterable[Raw]) -> Iterator[Raw]:
        nonlocal count
        for raw in lines:
            count += 1
            each()
            yield raw

    run.run(counted(merged(inputs.messages)))
    return count


def replay(
    inputs: Inputs,
    out: Path,
    *,
    jurisdiction: str,
    keys: Keys,
    each: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Decide every message and write what `outputs.FILES` names into `out`; returns the summary.

    The same files give the same bytes. Raises InputError when a file can't be read or `out` can't be written.
    """
    inputs.check()
    embedded = gate(jurisdiction, keys)
    try:
        with Outputs(out) as outputs:
            messages = drive(embedded, inputs, outputs.decided, outputs.refused, each)
            rows = embedded.sanctions()
            for row in rows:
                outputs.sanction(row)
            return outputs.finish(
                {
                    "messages": messages,
                    "sanctions": sum(len(row.timeline) for row in rows),
                    "findings": len(embedded.findings),
                    "notices": len(embedded.notices),
                    "late_enforcement": embedded.late_enforcement,
                    "jurisdiction": jurisdiction,
                    "versions": {"engine": ENGINE_VERSION, "data": DATA_VERSION},
                }
            )
    except OSError as error:
        raise InputError(f"{out} can't be written ({error.strerror or error}): name another --out.") from error
