"""Exact moments of affine stochastic games: no Monte Carlo, and nothing of the packages under test."""

from tests.oracles.moments import Moments, largest_error
from tests.oracles.recursion import AffineRecursion, discrete_moments, discrete_recursion, discrete_stationary
from tests.oracles.samples import AffineSamples, enumerate_batches, finite_sum_game
from tests.oracles.schemes import Scheme, alternating, first_correction, leading_drift, simultaneous
from tests.oracles.sde import LinearSDE, derive_sde, sde_moments, sde_stationary

__all__ = [
    "AffineRecursion",
    "AffineSamples",
    "LinearSDE",
    "Moments",
    "Scheme",
    "alternating",
    "derive_sde",
    "discrete_moments",
    "discrete_recursion",
    "discrete_stationary",
    "enumerate_batches",
    "finite_sum_game",
    "first_correction",
    "largest_error",
    "leading_drift",
    "sde_moments",
    "sde_stationary",
    "simultaneous",
]
