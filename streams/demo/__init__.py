"""The demonstration: a day at a Korean carrier, made from a seed, with attacks and twins that are known by label.

`build_world` makes it, `score` holds decisions against it, `render` and `to_json` show the result, `write_inputs`
writes the world as files that can be replayed.
"""

from streams.demo.control import control
from streams.demo.files import write_inputs
from streams.demo.report import render, to_json
from streams.demo.score import Result, Summary, score
from streams.demo.world import MAX_MESSAGES, MIN_MESSAGES, World, build_world

__all__ = [
    "MAX_MESSAGES", "MIN_MESSAGES", "Result", "Summary", "World", "build_world", "control", "render", "score",
    "to_json", "write_inputs",
]  # fmt: skip
