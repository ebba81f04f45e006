"""Step sizes of the stages, each derived from the modulus of the stage's own map.

A map G that is strongly monotone about its solution, ``<G(x), x - x*> >= c |x - x*|^2``, learned with
``rho_k = theta / k``, has ``E|x_k - x*|^2 <= Q / k`` for every ``theta > 1 / (2 c)`` (Nemirovski, Juditsky, Lan &
Shapiro 2009); below that the exponent of k is only ``2 c theta``. The factor ``theta^2 / (2 c theta - 1)`` of the
noise is least at ``theta = 1 / c``. The offset k_0 of ``rho_k = theta / (k + k_0)`` keeps the first steps short,
``rho_1 L <= 1`` for a map with Lipschitz constant L, and weighs the start like k_0 / theta batches.

===============  ==============================  ==============================================
stage            plain map                       scaled map
===============  ==============================  ==============================================
mean             c = L = 1                       the same
off-diagonals    4 smin(L)^2 to 4 smax(L)^2      c = L = 1
column           c = L = 4 A_jj^2                c = L = 1
diagonal         c = 4 a_min^2, L = 6 a_max^2    c = 1 + s / a_max > 1, s the solution; locally 2
whole row                                        c = 1/2 + s / (2 a_max) > 1/2, locally 1
===============  ==============================  ==============================================

The scaled diagonal map obeys ``(a - s^2/a)(a - s) = (1 + s/a)(a - s)^2``, so theta = 1/2 satisfies the theorem on
any box; it is also 1 over the derivative at the solution, the best there is. The plain one obeys
``2a(a^2 - s^2)(a - s) = 2a(a + s)(a - s)^2 >= 4 a_min^2 (a - s)^2``. The Gauss-Newton row with errors delta of the
off-diagonals and ``e = alpha - s`` of the diagonal obeys
``<G, x - x*> = |delta|^2 (1 - e / (2 alpha)) + e^2 (alpha + s) / (2 alpha)``, at least
``(1/2 + s / (2 a_max)) |x - x*|^2``: theta = 1 satisfies the theorem on any box.

References
----------
A. Nemirovski, A. Juditsky, G. Lan, A. Shapiro, "Robust stochastic approximation approach to stochastic programming",
SIAM J. Optim. 19 (2009), doi:10.1137/070704277.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from gan_sde.staged.plan import StageKind, Variant
from gan_sde.symbolic.validation import check_flag, check_positive

START_WEIGHT = 10.0
"""Offset of the diagonal's rule: with less, single samples (variance 2 Sigma_ii^2) throw a_ii about at first."""


@dataclass(frozen=True)
class StepRule:
    """Step size ``rho_k = theta / (max(k - hold, 1) + offset)^power`` of iteration k = 1, 2, ... of a stage.

    Parameters
    ----------
    theta
        Positive.
    offset
        At least 0, in iterations.
    power
        In [0, 1]; 0: constant steps; in between it belongs with averaging.
    average
        Polyak-Ruppert: the stage yields the mean of its iterates after the first ``hold``.
    hold
        Iterations in which the first step size is kept, to forget the start.

    Examples
    --------
    >>> StepRule(1.0).rates(4).tolist()
    [1.0, 0.5, 0.3333333333333333, 0.25]
    """

    theta: float
    offset: float = 0.0
    power: float = 1.0
    average: bool = False
    hold: float = 0.0

    def __post_init__(self) -> None:
        check_positive("theta", self.theta)
        check_flag("average", self.average)
        for name, value in (("offset", self.offset), ("hold", self.hold)):
            if not 0 <= value < np.inf:
                raise ValueError(f"{name}: expected a number >= 0, got {value!r}")
        if not 0 <= self.power <= 1:
            raise ValueError(f"power: expected a number in [0, 1], got {self.power!r}")

    @property
    def numbers(self) -> np.ndarray:
        """``(theta, offset, power, hold)`` for the compiled recursions."""
        return np.array([self.theta, self.offset, self.power, self.hold], dtype=float)

    def rates(self, iterations: int) -> np.ndarray:
        """Step sizes of iterations 1 to ``iterations``, shape ``(iterations,)``."""
        k = np.maximum(np.arange(1, iterations + 1) - self.hold, 1.0)
        return self.theta / (k + self.offset) ** self.power


def derive_rule(
    kind: StageKind, variant: Variant, bounds: tuple[float, float], singular: np.ndarray, ratio: float
) -> StepRule:
    """Step rule of a stage from the constants of its map, see the table of this module.

    Parameters
    ----------
    kind, variant
        Which map.
    bounds
        ``(a_min, a_max)``, the box of the diagonal.
    singular
        Singular values of what the stage multiplies: of L for off-diagonals, ``A_jj`` for a column, else empty.
    ratio
        Parameters of the stage over samples of a batch.

    Returns
    -------
    StepRule
        theta = 1 / c, except that the scaled diagonal takes 1/2 and the Gauss-Newton row takes 1.
    """
    if kind is StageKind.DIAGONAL and variant is Variant.SCALED:
        return StepRule(0.5, START_WEIGHT)
    if kind is StageKind.ROW and variant is Variant.RESIDUAL_ROWS:
        offset = max(START_WEIGHT, float(ceil(ratio)) + 2.0)
        return StepRule(1.0, offset - 1.0, hold=2 * offset)
    if kind in (StageKind.ROW, StageKind.JOINT):
        return StepRule(1.0, START_WEIGHT)
    if kind is StageKind.DIAGONAL:
        return _from_constants(4.0 * bounds[0] ** 2, 6.0 * bounds[1] ** 2)
    if variant is Variant.PLAIN and len(singular):
        return _from_constants(4.0 * float(singular.min()) ** 2, 4.0 * float(singular.max()) ** 2)
    return StepRule(1.0)


def _from_constants(modulus: float, lipschitz: float) -> StepRule:
    theta = 1.0 / modulus
    return StepRule(theta, float(max(ceil(theta * lipschitz * (1 - 1e-12)) - 1, 0)))
