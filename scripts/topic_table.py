"""README's table of topics, made of the contract: `.venv/bin/python scripts/topic_table.py --write` puts it there."""

from __future__ import annotations

import sys
from pathlib import Path

from streams.contracts.topics import DAY_MS, TOPICS, Topic, topic_name
from streams.pipeline.topics import DEFAULT_PARTITIONS

README = Path(__file__).resolve().parents[1] / "README.md"
BEGIN, END = "<!-- topics: written by scripts/topic_table.py --write -->", "<!-- end of topics -->"


def table() -> str:
    """The table as Markdown; the dead-letter topics, which differ in their input only, share one line."""
    lines = ["| topic | key | kept | partitions | written by | read by |", "|---|---|---|---|---|---|"]
    lines += [_line(topic) for topic in TOPICS if not topic.entity.endswith(".dead")]
    dead = [topic for topic in TOPICS if topic.entity.endswith(".dead")]
    names = ", ".join(f"`{topic.entity}`" for topic in dead)
    (kept,) = {_kept(topic) for topic in dead}
    return "\n".join(
        [*lines, f"| {names} | original | {kept} | as the input | whoever could not read it | operators |"]
    )


def _line(topic: Topic) -> str:
    partitions = str(DEFAULT_PARTITIONS[topic.group])
    cells = (f"`{topic.entity}`", topic.key, _kept(topic), partitions, topic.writer, ", ".join(topic.readers))
    return f"| {' | '.join(cells)} |"


def _kept(topic: Topic) -> str:
    if topic.cleanup == "compact":
        return "compacted"
    days = (topic.retention_ms or 0) // DAY_MS
    return f"{days // 365} years" if days >= 365 else f"{days} days"


def replaced(page: str) -> str:
    """The page with the table between its marks. Raises ValueError when the marks are not there."""
    head, begun, rest = page.partition(BEGIN)
    _, ended, tail = rest.partition(END)
    if not begun or not ended:
        raise ValueError(f"README.md has no place for the table: put back the lines {BEGIN} and {END}.")
    return f"{head}{BEGIN}\nNames in full: `{topic_name('messages')}` and so on.\n\n{table()}\n{END}{tail}"


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        README.write_text(replaced(README.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(table())
