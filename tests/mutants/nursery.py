"""A copy of the project in which one fault after the other is tried, each in a fork of a process that is warm already.

Starting Python and importing what the tests import takes longer than most of them run. Nothing of `streams` or `tests`
is imported before the fork: that is what the faults are in.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

# Run with -c in the copy: a line of JSON in (arguments of pytest, where its output goes), its exit code out. In the
# fork: 9 if what is imported there is not the copy, 1 if it does not end in time.
SERVER = """
import importlib, json, os, pathlib, signal, sys, time, traceback
for name in ("pytest", "hypothesis", "hypothesis.strategies", "_hypothesis_pytestplugin", "jsonschema", "msgspec",
             "orjson", "phonenumbers", "confusable_homoglyphs", "subprocess", "zoneinfo"):
    try:
        importlib.import_module(name)
    except ImportError:
        pass

def fork(job):
    out = os.open(job["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0), os.dup2(out, 1), os.dup2(out, 2)
    os.setpgid(0, 0)
    code = 9
    try:
        import streams
        if pathlib.Path(streams.__file__).resolve().is_relative_to(pathlib.Path.cwd().resolve()):
            import pytest
            code = int(pytest.main(job["arguments"]))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)

for line in sys.stdin:
    job = json.loads(line)
    pid = os.fork()
    if pid == 0:
        fork(job)
    deadline, code = time.monotonic() + job["timeout_s"], None
    while code is None:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
        elif time.monotonic() > deadline:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            code = 1
        else:
            time.sleep(0.01)
    print(code, flush=True)
"""


class Nursery:
    """One copy and its process. `copy(tree)` fills a directory with the project."""

    def __init__(self, copy: Callable[[Path], None], env: dict[str, str], timeout_s: float) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="dualblock-mutant-")
        self._tree = Path(self._scratch.name)
        self._timeout_s = timeout_s
        copy(self._tree)
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            cwd=self._tree,
            env={**os.environ, **env, "PYTHONPATH": str(self._tree)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Nursery":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()
        self._scratch.cleanup()

    def run(self, arguments: Sequence[str], file: str, find: str, replace: str) -> tuple[int, str]:
        """Pytest's exit code and output with the fault in place; the fault is taken out again."""
        source, output = self._tree / file, self._tree / ".output"
        whole = source.read_text()
        source.write_text(whole.replace(find, replace))
        try:
            return self._ask(arguments, output), output.read_text(errors="replace")
        finally:
            source.write_text(whole)

    def _ask(self, arguments: Sequence[str], output: Path) -> int:
        assert self._process.stdin and self._process.stdout
        # Plugins that are warm are not rewritten for their assertions; that is no concern of the faults.
        quiet = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
        job = {"arguments": [*quiet, *arguments], "output": str(output), "timeout_s": self._timeout_s}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the process that runs the tests is gone")
        return int(answer)
