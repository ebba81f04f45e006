"""A rule with an error bar: lower the rate where a test finds the training stationary, and could have found it not."""

from analysis._validation import positive, probability
from analysis.schedules.batch_means import BatchTest, batch_test
from analysis.schedules.record import Record
from analysis.schedules.rule import AbstractRule, two_sides

BATCHES = 20
"""Of the test; more would be shorter, and correlated."""


class StationarityRule(AbstractRule):
    """Lower the rate when dissipation and fluctuation balance within an interval that is short enough.

    Every `period` observations the most recent fraction `keep` of all since the last fall is cut into 20 batches.
    The rate falls if for every player

    1. the t-interval of the mean of dissipation minus fluctuation contains 0,
    2. so does that of the difference between the later ten batches and the earlier ten,
    3. the first interval reaches at most `precision` times the mean fluctuation to either side.

    Parameters
    ----------
    factor : float
        The rate is multiplied by it, in (0, 1).
    level : float
        1 - chance that a stationary bucket fails 1 or 2, for all players together.
    precision : float
        Of 3; a relative gap of twice the precision is mistaken for balance in about 2 % of all runs at most.
        At 0.5 that gap is the one right after the rate was halved.
    keep : float
        Fraction kept, in (0, 1).
    period : int
        Observations between checks.

    Notes
    -----
    Modelled on SASA+, with its gaps closed. The variance is that of batch means with batches - 1 degrees of freedom.
    Early on, an interval that is wide contains 0 whatever the truth; 3 asks for a test with power before its silence
    counts. Equal signs of both halves, which a stationary bucket shows only every other time, gave way to 2.

    Observe every second iteration or fewer: see `batch_test`. What 3 costs depends on the number m of parameters
    of a player: one run of a strongly monotone game needs of the order of 50 / (precision^2 m) relaxation times.

    References
    ----------
    Zhang, Lang, Liu & Xiao (2020), arXiv 2002.10597.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(0).normal(size=(400, 1))
    >>> rule = StationarityRule(period=400)
    >>> rule.observe(2 + noise, np.ones((400, 1))), rule.observe(1 + noise, np.ones((400, 1))), rule.rate
    (False, True, 0.5)
    """

    def __init__(
        self,
        *,
        factor: float = 0.5,
        level: float = 0.95,
        precision: float = 0.5,
        keep: float = 0.5,
        period: int = 100,
    ) -> None:
        super().__init__(factor=probability("factor", factor), period=period, keep=keep)
        self._level, self._precision = probability("level", level), positive("precision", precision)

    @property
    def test(self) -> BatchTest | None:
        """The test on what is kept now; None with fewer than 20 observations."""
        return self._test(self._record)

    def _test(self, record: Record) -> BatchTest | None:
        batches = record.batches(BATCHES)
        return None if batches is None else batch_test(*two_sides(batches), level=self._level)

    def _is_stationary(self, record: Record) -> bool:
        test = self._test(record)
        return test is not None and bool(test.balanced) and bool(test.precise(self._precision))
