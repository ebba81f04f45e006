"""What the main job says while it runs: which claim, how long so far, how long still."""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import monotonic
from typing import TextIO


class Announcer:
    """One line a claim on standard error, or calls of ``progress(done, total)`` where that is given.

    Lines, not one that is rewritten: the simulations inside a claim draw bars of their own below.

    Parameters
    ----------
    total
        Number of claims.
    progress
        Takes the place of the lines.
    stream
        Default standard error; nothing is written where it is no terminal.
    """

    def __init__(
        self, total: int, progress: Callable[[int, int], None] | None = None, stream: TextIO | None = None
    ) -> None:
        self._total = total
        self._progress = progress
        self._stream = sys.stderr if stream is None else stream
        self._began = monotonic()

    def begin(self, done: int, name: str) -> None:
        """Say that the next claim starts, after ``done`` others."""
        if self._progress is not None:
            self._progress(done, self._total)
            return
        elapsed = monotonic() - self._began
        left = f", about {_clock(elapsed / done * (self._total - done))} left" if done else ""
        self._write(f"claim {done + 1} of {self._total}: {name} ({_clock(elapsed)} so far{left})\n")

    def end(self) -> None:
        """Say that all claims are done."""
        if self._progress is not None:
            self._progress(self._total, self._total)

    def _write(self, line: str) -> None:
        if self._stream.isatty():
            self._stream.write(line)
            self._stream.flush()


def _clock(seconds: float) -> str:
    """Format a duration as minutes and seconds.

    Examples
    --------
    >>> _clock(75.2)
    '1:15'
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
