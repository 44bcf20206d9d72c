"""A registry import beside everything else, killed once its first rows stand on `feeds`, and run again."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime

from streams.drill.bed import Bed
from streams.drill.report import ScenarioReport
from streams.replay.history import Record

IMPORTED = 10_000
_WITHIN_S = 120.0


class Import:
    """`dualblock registry import` in a thread of its own; what goes wrong is noted in `report`."""

    def __init__(self, bed: Bed, report: ScenarioReport) -> None:
        self._bed, self._report = bed, report
        self._thread = threading.Thread(target=self._run, name="drill-import", daemon=True)

    def start(self) -> Import:
        """Begin."""
        self._thread.start()
        return self

    def join(self) -> None:
        """Wait for the second one to end."""
        self._thread.join(_WITHIN_S)
        self._report.expect(not self._thread.is_alive(), f"the import has not ended after {_WITHIN_S:g} s")

    def _run(self) -> None:
        bed, report = self._bed, self._report
        rows = "".join(f"sender,1577-{n:04d},org:{n % 50},exclusive,relay-1\n" for n in range(IMPORTED))
        (bed.directory / "import.csv").write_text("kind,key,owner,routes.mode,routes.relays\n" + rows)
        words = (
            "registry", "import", "import.csv", "--feed", "drill-import", "--generation", "drill",
            "--as-of", datetime.fromtimestamp(bed.world.started_ms // 1000, UTC).isoformat(), "--force",
        )  # fmt: skip
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("DUALBLOCK_")}
        own, command = {**inherited, **bed.environment("import")}, [sys.executable, "-m", "streams.cli", *words]
        before = bed.end("feeds")
        with (bed.directory / "import.log").open("wb") as log:
            first = subprocess.Popen(command, cwd=bed.directory, env=own, stdout=log, stderr=log)
            while first.poll() is None and bed.end("feeds") < before + 1000:
                time.sleep(0.002)
            first.kill()
            report.figures["import_interrupted"] = float(first.wait() < 0)
            again = subprocess.run(
                command, cwd=bed.directory, env=own, stdout=log, stderr=log, timeout=_WITHIN_S, check=False
            )
        report.expect(again.returncode == 0, f"the import did not end well: see {bed.directory / 'import.log'}")


def compare_import(report: ScenarioReport, history: Iterable[Record]) -> None:
    """The rows of the file, each once, and nothing else."""
    found = [record.key for record in history if record.key.startswith(b"sender:kr:1577")]
    report.lost += IMPORTED - len(set(found))
    report.doubled += len(found) - len(set(found))
