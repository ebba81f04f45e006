"""Yaida's rule: lower the rate once dissipation over fluctuation is 1 within a tolerance."""

import numpy as np

from analysis._validation import positive, probability
from analysis.schedules.record import Record
from analysis.schedules.rule import AbstractRule, two_sides


class YaidaRule(AbstractRule):
    """Check every `period` observations whether half-running means of both sides agree.

    The means run over the second half of what was observed since the rate last fell. Every player must pass.

    Parameters
    ----------
    tolerance : float
        X: passed where |mean dissipation / mean fluctuation - 1| < X.
    reduction : float
        Y: the rate is then multiplied by 1 - Y.
    period : int
        Observations between checks.

    Notes
    -----
    Made for observations of *every* iteration: dissipation minus fluctuation then telescopes to the change of
    |x_p - c|^2 / 2 lr over the window, whose mean settles like one over its length. No error bar is asked for, so that
    a short window may pass by luck: the more checks, the likelier.

    References
    ----------
    Yaida (2018), arXiv 1810.00004; for games Cao & Guo (2020), arXiv 2006.02047.

    Examples
    --------
    >>> rule = YaidaRule(tolerance=0.1, reduction=0.5, period=4)
    >>> rule.observe([[2.0], [1.0], [1.0], [1.04]], [[1.0], [1.0], [1.0], [1.0]]), rule.rate
    (True, 0.5)
    """

    def __init__(self, *, tolerance: float = 0.01, reduction: float = 0.1, period: int = 1000) -> None:
        super().__init__(factor=1 - probability("reduction", reduction), period=period, keep=0.5)
        self._tolerance = positive("tolerance", tolerance)

    def _is_stationary(self, record: Record) -> bool:
        if not len(record):
            return False
        dissipation, fluctuation = two_sides(record.mean)
        return bool(np.all(np.abs(dissipation - fluctuation) < self._tolerance * fluctuation))
