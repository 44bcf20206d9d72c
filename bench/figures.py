"""`docs/figures.md`: what the benchmarks measured last, each between two marks of its own."""

from __future__ import annotations

from pathlib import Path

from bench.machine import ROOT

FIGURES = ROOT / "docs" / "figures.md"


def marks(name: str) -> tuple[str, str]:
    """Where a benchmark's lines begin and end. name: the benchmark's, perhaps with what was special about the run."""
    return f"<!-- {name}: written by bench/{name.partition('_')[0]}.py --write -->", f"<!-- end of {name} -->"


def replaced(page: str, name: str, lines: list[str]) -> str:
    """The page with the benchmark's lines put between its marks. Raises ValueError when the marks are not there."""
    begin, end = marks(name)
    head, found, rest = page.partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"docs/figures.md has no place for {name}: put back the lines {begin} and {end}.")
    body = "\n".join(["```", *lines, "```"])
    return f"{head}{begin}\n{body}\n{end}{tail}"


def write(name: str, lines: list[str], path: Path = FIGURES) -> None:
    """Put the lines into the page."""
    path.write_text(replaced(path.read_text(encoding="utf-8"), name, lines), encoding="utf-8")
