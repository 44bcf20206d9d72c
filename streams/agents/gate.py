"""The turnstile in front of every handler: one place to ask 'is anything half done?'"""

import asyncio


class Turnstile:
    """Lets events pass one by one while open, and tells when the last one is through. Starts closed."""

    def __init__(self) -> None:
        self._round = 0
        self._inside = 0
        self._open = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def is_open(self) -> bool:
        return self._open.is_set()

    def open(self) -> None:
        self._open.set()

    async def enter(self) -> bool:
        """Wait until open. False: it was closed since the event was taken, so the event is somebody else's by now.

        Whoever got True must call `leave`.
        """
        taken_in = self._round
        if not self._open.is_set():
            await self._open.wait()
        if taken_in != self._round:
            return False
        self._inside += 1
        self._empty.clear()
        return True

    def leave(self) -> None:
        self._inside -= 1
        if not self._inside:
            self._empty.set()

    async def close(self, timeout_s: float) -> bool:
        """Let nobody in any more and wait for those inside; False when they took longer than `timeout_s`."""
        self._round += 1
        self._open.clear()
        try:
            await asyncio.wait_for(self._empty.wait(), timeout_s)
        except TimeoutError:
            return False
        return True
