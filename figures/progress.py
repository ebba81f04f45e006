"""What the main job says while it runs: which claim, how long so far, how long still."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from time import monotonic
from typing import TextIO


class Announcer:
    """A line a claim on standard error, or calls of ``progress(done, total)`` where that is given.

    Lines, not one that is rewritten: the simulations inside a claim draw bars of their own below.

    Parameters
    ----------
    names
        Of the claims, in the order in which they start.
    progress
        Takes the place of the lines.
    stream
        Default standard error; nothing is written where it is no terminal.
    """

    def __init__(
        self,
        names: Sequence[str],
        progress: Callable[[int, int], None] | None = None,
        stream: TextIO | None = None,
    ) -> None:
        self._left = list(names)
        self._total = len(self._left)
        self._progress = progress
        self._stream = sys.stderr if stream is None else stream
        self._began = monotonic()

    def begin(self) -> None:
        """Say that the first claim starts."""
        self._say(f"{self._total} claims, first {self._left[0]}\n" if self._total > 1 else f"{self._left[0]}\n")

    def end(self, name: str) -> None:
        """Say that a claim has ended."""
        self._left.remove(name)
        done, elapsed = self._total - len(self._left), monotonic() - self._began
        left = f", about {_clock(elapsed / done * len(self._left))} left" if self._left else ""
        self._say(f"{done} of {self._total} claims done: {name} ({_clock(elapsed)} so far{left})\n")

    def _say(self, line: str) -> None:
        if self._progress is not None:
            self._progress(self._total - len(self._left), self._total)
        elif self._stream.isatty():
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
