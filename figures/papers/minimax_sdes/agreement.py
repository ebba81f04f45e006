"""Whether measured means agree with an exact law, checkpoint by checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from figures.registry import Check

FALSE_ALARM = 0.01
"""Chance that any comparison of a whole claim rejects a right law (Bonferroni over all its checkpoints)."""


@dataclass(frozen=True, eq=False)
class Agreement:
    """Measured means over an exact law.

    Attributes
    ----------
    ratio, se : arrays, shape (c,)
        Measured over predicted, and its standard error.
    """

    ratio: np.ndarray
    se: np.ndarray

    @staticmethod
    def of(samples: np.ndarray, predicted: np.ndarray) -> Agreement:
        """Compare samples ``(n, c)``, independent along n, with their expectations ``(c,)``."""
        scaled = samples / predicted
        return Agreement(scaled.mean(axis=0), scaled.std(axis=0, ddof=1) / np.sqrt(len(scaled)))

    @property
    def worst(self) -> float:
        """Largest |z| over the checkpoints."""
        return float(np.max(np.abs(self.ratio - 1) / self.se))

    def interval(self, index: int = -1, level: float = 0.95) -> tuple[float, float]:
        """Interval of the ratio at one checkpoint."""
        half = float(norm.isf((1 - level) / 2) * self.se[index])
        return float(self.ratio[index] - half), float(self.ratio[index] + half)

    def check(self, name: str, predicted: float, comparisons: int, *, rejected: bool = False) -> Check:
        """Row for the report: the value at the last checkpoint; the verdict is that of all checkpoints.

        Parameters
        ----------
        name
            Of the row.
        predicted
            Exact value at the last checkpoint.
        comparisons
            Of the whole claim, among which the false alarms are shared out.
        rejected
            Whether this is a control, which must disagree.

        Notes
        -----
        A comparison that could not be made (a diverged trajectory, no spread at all) fails, as a control too.
        """
        limit = norm.isf(FALSE_ALARM / 2 / comparisons)
        low, high = (predicted * edge for edge in self.interval())
        worst = self.worst
        passed = bool(np.isfinite(worst)) and bool(worst <= limit) != rejected
        text = f"{predicted:.5g}" + (f" (control: rejected, |z| > {limit:.1f})" if rejected else "")
        return Check(name, text, float(predicted * self.ratio[-1]), (low, high), passed)
