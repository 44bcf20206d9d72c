"""What a replay leaves behind: decisions, sanctions, dead letters, and a summary; the same for the same files."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import msgspec

from streams.contracts.base import encoder
from streams.contracts.decisions import Decision
from streams.contracts.reputation import SanctionRow
from streams.replay.drive import Refused

FILES = ("decisions.ndjson", "sanctions.ndjson", "dead.ndjson", "summary.json")
_PART = ".part"
Decided = Callable[[Decision], None]


class DeadLine(msgspec.Struct, omit_defaults=True):
    """A line that could not be taken: `text` as it stood, or `base64` where it is no UTF-8."""

    file: str
    line: int
    reason: str
    text: str | None = None
    base64: str | None = None


class Outputs:
    """Writes into a directory. A file takes its name when the run has ended well; until then it ends in `.part`."""

    def __init__(self, directory: Path) -> None:
        """Raises OSError when the directory can't be made or written."""
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self._open: dict[str, BinaryIO] = {}
        self._encode = encoder().encode
        self.counts: dict[str, Counter[str]] = {
            name: Counter() for name in ("actions", "reasons", "leaks", "dead", "shadow", "unknown", "policies")
        }
        self.decisions = 0

    def __enter__(self) -> Self:
        for name in FILES[:3]:
            self._open[name] = (self.directory / (name + _PART)).open("wb", buffering=1 << 20)
        return self

    def decided(self, decision: Decision) -> None:
        """Write and count a decision."""
        self._line("decisions.ndjson", decision)
        self.decisions += 1
        counts = self.counts
        counts["actions"][decision.action] += 1
        counts["policies"][decision.versions.policy] += 1
        for reason in decision.reasons:
            counts["reasons"][f"{reason.code} ({reason.mode})"] += 1
        for check in decision.checks:
            if check.outcome == "UNKNOWN":
                counts["unknown"][check.check] += 1
        if decision.leak is not None:
            counts["leaks"][f"{decision.route.relay_id or '-'}: {decision.leak}"] += 1
        if decision.shadow is not None:
            counts["shadow"][decision.shadow.action] += 1

    def refused(self, refused: Refused) -> None:
        """Write and count a dead letter."""
        file, _, line = refused.place.rpartition(":")
        letter = DeadLine(file=file, line=int(line), reason=refused.reason)
        try:
            letter.text = refused.value.decode()
        except UnicodeDecodeError:
            letter.base64 = base64.b64encode(refused.value).decode()
        self._line("dead.ndjson", letter)
        self.counts["dead"][refused.reason] += 1

    def sanction(self, row: SanctionRow) -> None:
        """Write a subject's sanctions."""
        self._line("sanctions.ndjson", row)

    def finish(self, more: dict[str, Any]) -> dict[str, Any]:
        """Give the files their names and write the summary; returns it."""
        for name, stream in self._open.items():
            stream.close()
            (self.directory / (name + _PART)).replace(self.directory / name)
        self._open.clear()
        ranked = {name: dict(sorted(c.items(), key=lambda i: (-i[1], i[0]))) for name, c in self.counts.items()}
        summary = {"decisions": self.decisions, **more, **ranked}
        (self.directory / "summary.json").write_bytes(msgspec.json.format(msgspec.json.encode(summary)) + b"\n")
        return summary

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in self._open.values():
            stream.close()

    def _line(self, name: str, record: object) -> None:
        stream = self._open[name]
        stream.write(self._encode(record))
        stream.write(b"\n")
