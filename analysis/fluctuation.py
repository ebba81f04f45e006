"""Test of the first fluctuation-dissipation relation, player by player.

A relation is an equality of two stationary means, left = right, tested on the ONE series left - right: the
two sides are strongly correlated, and so are successive draws.
"""

from dataclasses import dataclass

from numpy.typing import ArrayLike

from analysis.balance import Balance, balance_test
from analysis.fluctuation_terms import Players, Terms, fdr1_discrete_terms, fdr1_terms
from analysis.regression import bonferroni, passes


@dataclass(frozen=True, eq=False)
class FluctuationDissipation:
    """The relation of every player.

    Attributes
    ----------
    balances : dict
        Player to `Balance`.
    p_value : float
        Bonferroni over the players.
    level : float
    holds : bool
        `p_value >= 1 - level`.
    """

    balances: dict[str, Balance]
    p_value: float
    level: float
    holds: bool

    def __getitem__(self, player: str) -> Balance:
        """Return the balance of one player."""
        return self.balances[player]


def fluctuation_dissipation(
    positions: ArrayLike,
    fields: ArrayLike | None = None,
    *,
    players: Players,
    lr: float,
    batch_size: float = 1,
    noise_covariance: ArrayLike | None = None,
    batch_fields: ArrayLike | None = None,
    centre: ArrayLike | None = None,
    level: float = 0.95,
) -> FluctuationDissipation:
    """Test the first fluctuation-dissipation relation of every player.

    Parameters
    ----------
    positions : array, shape (chain, draw, d)
        Stationary states of independent chains.
    fields : array, shape (chain, draw, d), optional
        The exact field F there; left out, `batch_fields` stand in for it, and the test is a weak one with
        fewer than 32 chains (see Notes).
    players : mapping
        Player to its parameters: a slice, a list of indices or a mask of length d. Players share none.
    lr, batch_size : float
    noise_covariance : array, shape (d, d) or (chain, draw, d, d)
        Per-sample covariance of F: tests the SDE form, `fdr1_terms`.
    batch_fields : array, shape (chain, draw, d)
        The mini-batch field used in the step FROM that position: tests the exact form of the iteration,
        `fdr1_discrete_terms`. Exactly one of `noise_covariance`, `batch_fields` is given.
    centre : array, shape (d,), optional
        A fixed point subtracted from the positions (E F = 0 allows any); near the mean it lowers the
        variance.
    level : float
        1 - false-alarm rate of each verdict.

    Returns
    -------
    FluctuationDissipation

    Notes
    -----
    With `batch_fields` alone, left - right telescopes along each chain (`fdr1_discrete_terms`): its mean is
    far smaller than the error bar of fewer than 32 chains makes it. The test then hardly ever rejects, at 5 %
    a stationary run with probability below 0.01 (1 to 4 chains) or 0.03 (16 to 31 chains), measured on 200
    to 600 runs of a linear game. So `holds` says little there: a transient is still seen, a small error is
    not. With `fields`, or from 32 chains on, the false-alarm rate is the nominal one.

    References
    ----------
    Cao & Guo (2023), arXiv 2006.02047 (FDR1, FDR2); Yaida (2018), arXiv 1810.00004 (exact discrete form).

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(4, 2000, 1))  # stationary for dX = -X dt + sqrt(2) dW
    >>> test = fluctuation_dissipation(x, x, players={"p": [0]}, lr=1.0, noise_covariance=[[2.0]])
    >>> test.holds, test["p"].residual.n
    (True, 8000)
    """
    if (noise_covariance is None) == (batch_fields is None):
        raise ValueError("noise_covariance: expected exactly one of noise_covariance and batch_fields")
    if batch_fields is not None:
        terms = fdr1_discrete_terms(positions, batch_fields, players=players, lr=lr, field=fields, centre=centre)
        return _test_all(terms, level)
    if fields is None or noise_covariance is None:
        raise ValueError("fields: expected the exact field with noise_covariance, got None")
    terms = fdr1_terms(
        positions, fields, noise_covariance, players=players, lr=lr, batch_size=batch_size, centre=centre
    )
    return _test_all(terms, level)


def _test_all(terms: Terms, level: float) -> FluctuationDissipation:
    balances = {name: balance_test(*sides, level=level) for name, sides in terms.items()}
    p_value = bonferroni([balance.p_value for balance in balances.values()])
    return FluctuationDissipation(balances, p_value, level, passes(p_value, level))
