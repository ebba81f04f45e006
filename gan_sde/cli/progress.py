"""Progress with an estimate of the time left, on terminals only."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from gan_sde.cli.layout import human_time, terminal_width

_INTERVAL = 0.2


class Progress:
    """A line on standard error that is rewritten in place; silent where that is no terminal.

    Parameters
    ----------
    label
        What is running.
    stream
        Where to; default standard error.
    """

    def __init__(self, label: str, stream: TextIO | None = None) -> None:
        self._label = label
        self._stream = sys.stderr if stream is None else stream
        self._shown = False
        self._start = self._last = time.monotonic()

    def __call__(self, done: float, total: float) -> None:
        """Report that ``done`` of ``total`` units of work are finished."""
        now = time.monotonic()
        if not self._stream.isatty() or (now - self._last < _INTERVAL and done < total):
            return
        self._last = now
        fraction = min(done / total, 1.0) if total > 0 else 1.0
        elapsed = now - self._start
        left = f"{human_time(elapsed * (1 / fraction - 1))} left" if fraction > 0 else ""
        line = f"{self._label}  {fraction:4.0%}  {human_time(elapsed)} so far  {left}"
        self._stream.write("\r" + line[: terminal_width() - 1].ljust(terminal_width() - 1))
        self._stream.flush()
        self._shown = True

    def clear(self) -> None:
        """Wipe the line."""
        if self._shown:
            self._stream.write("\r" + " " * (terminal_width() - 1) + "\r")
            self._stream.flush()
            self._shown = False
