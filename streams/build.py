"""How this package was built."""

from __future__ import annotations

from importlib.util import find_spec


def compiled() -> bool:
    """Whether the engine is compiled (docs/decisions/0046-compiled-engine.md), without importing it."""
    spec = find_spec("streams.engine.decide")
    return spec is not None and not str(spec.origin).endswith(".py")
