"""The garbage collector, for processes that load much and then make only what dies by itself."""

from __future__ import annotations

import gc

#: New objects before the youngest are looked at, and how seldom the older ones are. Records hold no circles; a decision
#: makes hundreds of tuples, and to look at them every 700 took a fifteenth of the time.
_SELDOM = (50_000, 20, 100)


def settle() -> None:
    """What was loaded stays: a full collection over millions of objects would take half a second each time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_SELDOM)
