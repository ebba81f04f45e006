"""Weak order of the SDEs of simultaneous and alternating descent-ascent, from exact moments.

No Monte Carlo: both sides are linear recursions, so a slope is a fact about the formulas. The rows that have
to come out as 1 because their drift or cross-covariance is wrong are the negative controls of the others.
At a fixed batch size the noise adds O(lr) to second moments, so order 1 alone says nothing about it.
"""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.linalg import solve_continuous_lyapunov

from tests.oracles import (
    LinearSDE,
    Scheme,
    alternating,
    derive_sde,
    discrete_moments,
    discrete_recursion,
    discrete_stationary,
    finite_sum_game,
    largest_error,
    leading_drift,
    simultaneous,
)

# J_s = a theta^2/2 + l theta omega - c omega^2/2 + p theta + q omega: multiplicative and additive noise.
DATA = (
    # a, l, c, p, q
    (1.2, 0.9, 0.7, 0.2, -0.3),
    (0.7, 1.7, 1.2, -0.4, 0.2),
    (1.6, 0.5, 0.5, 0.1, 0.25),
)
GAME = finite_sum_game(DATA)  # state (omega, theta)
START = (0.8, -0.5)
BATCH_SIZE = 2
TIME = 1.0
LRS = tuple(2.0**-k for k in range(8, 13))
TOLERANCE = 0.1

SHARED = simultaneous(GAME)
INDEPENDENT = simultaneous(GAME, "independent")
ALTERNATING = alternating(GAME, ("omega", "theta"))
THETA_FIRST = alternating(GAME, ("theta", "omega"))

UNEQUAL = {"theta": 1.0, "omega": 2.5}
SHARED_UNEQUAL = simultaneous(GAME, rates=UNEQUAL)
INDEPENDENT_UNEQUAL = simultaneous(GAME, "independent", rates=UNEQUAL)
ALTERNATING_UNEQUAL = alternating(GAME, ("omega", "theta"), rates=UNEQUAL)

INNER = {"inner_steps": {"omega": 3}, "rates": {"theta": 1.0, "omega": 0.5}}
THREE_INNER = alternating(GAME, ("omega", "theta"), **INNER)
THREE_INNER_AT_ONCE = alternating(GAME, ("omega", "theta"), rates={"theta": 1.0, "omega": 1.5})


@dataclass(frozen=True)
class Row:
    """A scheme, an SDE (the scheme it is derived from, its order, its noise) and the slope to expect."""

    name: str
    scheme: Scheme
    derived_from: Scheme
    order: int
    noise: str
    slope: int
    means_only: bool = False

    def errors(self) -> list[float]:
        errors = []
        for lr in LRS:
            sde = derive_sde(GAME, self.derived_from, order=self.order, lr=lr, batch_size=BATCH_SIZE, noise=self.noise)
            errors.append(error_at_end(self.scheme, sde, lr, means_only=self.means_only))
        return errors


def error_at_end(scheme, sde: LinearSDE, lr, *, means_only=False):
    steps = round(TIME / lr)
    discrete = discrete_moments(GAME, scheme, lr=lr, batch_size=BATCH_SIZE, steps=steps, z0=START)
    return largest_error(discrete, sde.moments(START, TIME), means_only=means_only)


def slope_of(lrs, errors):
    return float(np.polyfit(np.log2(lrs), np.log2(errors), 1)[0])


def check(name, errors, expected, lrs=LRS):
    """Print the row (shown on failure, or with -s) and hold its slope against the expected one."""
    slope = slope_of(lrs, errors)
    shown = " ".join(f"{error:.3e}" for error in errors)
    print("\ndata (a, l, c, p, q):", *DATA, f"start {START}, batch {BATCH_SIZE}, time {TIME}", sep="\n  ")
    print(f"{name}: slope {slope:.4f}, expected {expected}; errors {shown}")
    assert abs(slope - expected) < TOLERANCE


TABLE = [
    Row("simultaneous-shared | b0, no noise", SHARED, SHARED, 1, "none", 1),
    Row("simultaneous-shared | b0, block noise", SHARED, SHARED, 1, "block", 1),
    Row("simultaneous-shared | b0, full noise", SHARED, SHARED, 1, "full", 1),
    Row("simultaneous-shared | b0+b1, no noise (wrong)", SHARED, SHARED, 2, "none", 1),
    Row("simultaneous-shared | b0+b1, block noise (wrong)", SHARED, SHARED, 2, "block", 1),
    Row("simultaneous-shared | b0+b1, block noise, means", SHARED, SHARED, 2, "block", 2, means_only=True),
    Row("simultaneous-shared | b0+b1, full noise", SHARED, SHARED, 2, "full", 2),
    Row("simultaneous-independent | b0+b1, block noise", INDEPENDENT, INDEPENDENT, 2, "block", 2),
    Row("simultaneous-independent | b0+b1, full noise (wrong)", INDEPENDENT, INDEPENDENT, 2, "full", 1),
    Row("alternating | b0, block noise", ALTERNATING, ALTERNATING, 1, "block", 1),
    Row("alternating | b0+b1 of simultaneous (wrong)", ALTERNATING, SHARED, 2, "block", 1),
    Row("alternating | b0+b1, block noise", ALTERNATING, ALTERNATING, 2, "block", 2),
    Row("alternating | b0+b1, full noise (wrong)", ALTERNATING, ALTERNATING, 2, "full", 1),
    Row("alternating theta first | b0+b1", THETA_FIRST, THETA_FIRST, 2, "own", 2),
    Row("alternating theta first | b1 of omega first (wrong)", THETA_FIRST, ALTERNATING, 2, "own", 1),
    Row("unequal rates, shared | b0+b1", SHARED_UNEQUAL, SHARED_UNEQUAL, 2, "own", 2),
    Row("unequal rates, shared | block noise (wrong)", SHARED_UNEQUAL, SHARED_UNEQUAL, 2, "block", 1),
    Row("unequal rates, independent | b0+b1", INDEPENDENT_UNEQUAL, INDEPENDENT_UNEQUAL, 2, "own", 2),
    Row("unequal rates, alternating | b0+b1", ALTERNATING_UNEQUAL, ALTERNATING_UNEQUAL, 2, "own", 2),
    Row("unequal rates, alternating | b0", ALTERNATING_UNEQUAL, ALTERNATING_UNEQUAL, 1, "own", 1),
    Row("three inner steps | b0+b1", THREE_INNER, THREE_INNER, 2, "own", 2),
    Row("three inner steps | b0", THREE_INNER, THREE_INNER, 1, "own", 1),
    Row("three inner steps | b1 of one triple step (wrong)", THREE_INNER, THREE_INNER_AT_ONCE, 2, "own", 1),
]


@pytest.mark.parametrize("row", TABLE, ids=[row.name for row in TABLE])
def test_weak_order(row):
    check(row.name, row.errors(), row.slope)


def test_per_player_clocks_on_a_common_clock_are_order_one():
    """The modified losses of Rosca et al. (arXiv 2105.13922), read as ONE ODE: only order 1."""
    rates = np.append(SHARED_UNEQUAL.parts[0], 0.0)[:, None]
    field = GAME.mean
    errors = []
    for lr in LRS:
        sde = derive_sde(GAME, SHARED_UNEQUAL, order=2, lr=lr, batch_size=BATCH_SIZE)
        own_clock = leading_drift(GAME, SHARED_UNEQUAL) - lr / 2 * rates**2 * (field @ field)
        errors.append(error_at_end(SHARED_UNEQUAL, replace(sde, drift=own_clock), lr))
    check("unequal rates | per-player clocks", errors, 1)


def test_error_is_no_larger_before_the_end():
    """The theorem bounds the error along the whole path: slope 2 of the largest error over 16 checkpoints."""
    errors = []
    for lr in LRS:
        steps = np.arange(1, 17) * round(TIME / lr / 16)
        discrete = discrete_recursion(GAME, ALTERNATING, lr=lr, batch_size=BATCH_SIZE).moments(START, steps)
        sde = derive_sde(GAME, ALTERNATING, order=2, lr=lr, batch_size=BATCH_SIZE)
        errors.append(largest_error(discrete, sde.moments(START, steps * lr)))
    check("alternating | b0+b1, largest error over time", errors, 2)


# Additive noise (equal curvatures): for the stationary covariance the diffusion needs a correction as well.
ADDITIVE = finite_sum_game([(1.2, 0.9, 0.7, p, q) for *_, p, q in DATA])
JACOBIAN = ADDITIVE.mean[:2, :2]
SPREAD = np.cov(ADDITIVE.offsets.T, bias=True)
ONLY_OMEGA, ONLY_THETA = np.diag([1.0, 0.0]), np.diag([0.0, 1.0])


def stationary_covariance(scheme, lr, *, order, corrected):
    """Solve the Lyapunov equation of drift b0 (+ lr b1) and plain or corrected diffusion."""
    second = ONLY_THETA @ JACOBIAN  # the field of the player who moves second
    if scheme == "alternating":
        spread = ONLY_OMEGA @ SPREAD @ ONLY_OMEGA + ONLY_THETA @ SPREAD @ ONLY_THETA
        product = second @ ONLY_OMEGA @ SPREAD @ ONLY_OMEGA
        drift = JACOBIAN + lr * (second @ ONLY_OMEGA @ JACOBIAN - JACOBIAN @ JACOBIAN / 2)
    else:
        spread, product = SPREAD, np.zeros((2, 2))
        drift = JACOBIAN - lr * JACOBIAN @ JACOBIAN / 2
    diffusion = spread.copy()
    if corrected:
        diffusion += lr * (product + product.T) - lr / 2 * (JACOBIAN @ spread + spread @ JACOBIAN.T)
    return solve_continuous_lyapunov(drift if order == 2 else JACOBIAN, -lr / BATCH_SIZE * diffusion)


@pytest.mark.parametrize(
    ("order", "corrected", "slope"),
    [(1, False, 1), (2, False, 1), (2, True, 2), (1, True, 1)],
    ids=["b0", "b0+b1", "b0+b1 and corrected diffusion", "b0 and corrected diffusion (wrong)"],
)
@pytest.mark.parametrize("scheme", ["simultaneous", "alternating"])
def test_stationary_covariance(scheme, order, corrected, slope):
    """Relative error of the stationary covariance, lr = 2^-5 ... 2^-9."""
    lrs = [2.0**-k for k in range(5, 10)]
    schemes = {
        "simultaneous": simultaneous(ADDITIVE),
        "alternating": alternating(ADDITIVE, ("omega", "theta")),
    }
    errors = []
    for lr in lrs:
        exact = discrete_stationary(ADDITIVE, schemes[scheme], lr=lr, batch_size=BATCH_SIZE).covariance
        formula = stationary_covariance(scheme, lr, order=order, corrected=corrected)
        errors.append(np.abs(formula - exact).max() / np.abs(exact).max())
    check(f"{scheme} stationary, order {order}, corrected {corrected}", errors, slope, lrs)
