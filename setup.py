"""How the package is built. The rest is in pyproject.toml.

With DUALBLOCK_COMPILE=1 mypyc makes C extensions of the engine, which needs mypy, a C compiler and Python's headers; it
decides the same, faster (docs/decisions/0046-compiled-engine.md). A build that was asked to compile and can't fails.
"""

import os
import re
from pathlib import Path

from setuptools import setup

# Pure functions over plain values: the engine, and the cache that it recalls from.
COMPILED = (*Path("streams/engine").rglob("*.py"), Path("streams/cache.py"))
# msgspec makes its classes itself, and so does mypyc: a module with records stays Python.
RECORDS = re.compile(r"^class \w+\((?:msgspec\.)?(?:Struct|Record|PackPart)\b", re.MULTILINE)


def compiled() -> list[str]:
    """The modules to compile."""
    return sorted(str(path) for path in COMPILED if not RECORDS.search(path.read_text(encoding="utf-8")))


def extensions() -> list[object]:
    if os.environ.get("DUALBLOCK_COMPILE") != "1":
        return []
    from mypyc.build import mypycify

    return [*mypycify(compiled(), opt_level="3", debug_level="0")]


setup(ext_modules=extensions())
