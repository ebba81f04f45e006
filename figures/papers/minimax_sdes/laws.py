"""Closed-form laws of ``m = E |z|^2 / 2`` on isotropic pairs, of the algorithms and of their SDEs.

On ``f = a x^2 / 2 + lam x y - a y^2 / 2`` the Jacobian ``DF`` of the field acts as the complex number ``a + i lam``,
and so does every polynomial in it. Descent-ascent, extragradient with extrapolation rate ``rho`` and Hamiltonian
descent then move ``z`` by ``-lr (p + i q) z`` on average, with noise that is isotropic too, and one recursion holds for
all: ``m' = [(1 - lr p)^2 + (lr q)^2 + lr^2 w] m + lr^2 v``. Their SDEs obey ``dm/dt = -(2 p - lr w) m + lr v``.

Compagnoni, Orvieto, Kersting, Proske & Lucchi (2024), arXiv 2402.12508.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expi, exprel

ASYMPTOTIC = 40.0
"""Above it the exponential integral is summed from its asymptotic series, right to 1e-15 there."""


@dataclass(frozen=True)
class PairLaw:
    """An algorithm on one isotropic pair.

    Parameters
    ----------
    contraction, rotation
        Real part p and imaginary part q of the mean field.
    additive
        v: an iteration adds ``lr^2 v`` to m.
    multiplicative
        w: and ``lr^2 w m``.

    Examples
    --------
    >>> law = extragradient(0, 2, 1, rho=0.5)  # rho = 1 / lam has the lowest floor
    >>> law.rate(0.01), round(law.floor(0.01), 6)
    (4.0, 0.005)
    """

    contraction: float
    rotation: float
    additive: float = 0.0
    multiplicative: float = 0.0

    def rate(self, lr: float) -> float:
        """Decay rate k of the SDE, ``dm/dt = -k m + lr v``."""
        return 2 * self.contraction - lr * self.multiplicative

    def floor(self, lr: float) -> float:
        """Stationary m of the SDE, infinite where there is none."""
        return float(lr * self.additive / self.rate(lr)) if self.rate(lr) > 0 else np.inf

    def factor(self, lr: ArrayLike) -> np.ndarray:
        """Exact factor of m in one iteration of the algorithm."""
        h = np.asarray(lr, float)
        return (1 - h * self.contraction) ** 2 + (h * self.rotation) ** 2 + h**2 * self.multiplicative

    def discrete_rate(self, lr: float) -> float:
        """Exact counterpart of k for the algorithm: ``-log(factor) / lr``."""
        return float(-np.log(self.factor(lr)) / lr)

    def discrete_floor(self, lr: float) -> float:
        """Stationary m of the algorithm, infinite where there is none."""
        gap = 1 - float(self.factor(lr))
        return lr**2 * self.additive / gap if gap > 0 else np.inf

    def iterate(self, rates: ArrayLike, start: float) -> np.ndarray:
        """Return the exact m of the algorithm after 0 ... n iterations at the given rates, ``(n + 1,)``."""
        rates = np.asarray(rates, float)
        law = [start]
        for factor, gain in zip(self.factor(rates), rates**2 * self.additive, strict=True):
            law.append(factor * law[-1] + gain)
        return np.array(law)

    def solve(self, time: ArrayLike, start: float, lr: float, gamma: float = 0) -> np.ndarray:
        """Return m of the SDE at ``time`` where the rate falls like ``lr / (time + 1)^gamma``, gamma 0, 1/2 or 1.

        All three are sums of terms that neither overflow nor cancel; with falling rates multiplicative noise has no
        such form.
        """
        t = np.asarray(time, float)
        if gamma and self.multiplicative:
            raise ValueError(f"gamma: expected 0 with multiplicative noise, got {gamma!r}")
        k, c = self.rate(lr), lr * self.additive
        if gamma == 0:
            return start * np.exp(-k * t) + c * t * exprel(-k * t)
        log = np.log1p(t)
        if gamma == 1:
            return start * np.exp(-k * log) + c * log * exprel(-(k - 1) * log) / (t + 1)
        if gamma != 0.5:
            raise ValueError(f"gamma: expected 0, 1/2 or 1, got {gamma!r}")
        if k == 0:
            return start + c * log
        now, first = 2 * k * np.sqrt(t + 1), 2 * k
        decay = np.exp(first - now)
        return start * decay + 2 * c * (scaled_expi(now) - decay * scaled_expi(first))


def scaled_expi(x: ArrayLike) -> np.ndarray:
    """``exp(-x) Ei(x)`` where ``exp(x)`` may overflow; by the series ``sum n! / x^(n + 1)`` for large x.

    Examples
    --------
    >>> print(f"{scaled_expi(5000.0):.8f}")
    0.00020004
    """
    x = np.asarray(x, float)
    small, large = np.minimum(x, ASYMPTOTIC), np.maximum(x, ASYMPTOTIC)
    term = series = 1 / large
    for n in range(1, 26):
        term = term * n / large
        series = series + term
    return np.where(x > ASYMPTOTIC, series, np.exp(-small) * expi(small))


# -------------------------------------------------------------------- additive noise


def extragradient(a: float, lam: float, sigma: float, rho: float, batches: str = "shared") -> PairLaw:
    """Extragradient with additive noise of variance ``sigma^2`` a coordinate; ``rho = 0`` is descent-ascent.

    Mean field ``DF - rho DF^2``, noise ``(I - rho DF)`` times that of the sample if look-ahead and move share it, and
    of two samples with weights I and ``rho DF`` if not.
    """
    field = complex(a, lam)
    mean = field - rho * field**2
    weight = abs(1 - rho * field) ** 2 if batches == "shared" else 1 + abs(rho * field) ** 2
    return PairLaw(mean.real, mean.imag, sigma**2 * weight)


def hamiltonian(a: float, lam: float, sigma: float) -> PairLaw:
    """Hamiltonian descent with additive noise: mean field ``DF^T DF``, noise ``DF^T``; its floor is lr sigma^2 / 2."""
    square = a**2 + lam**2
    return PairLaw(square, 0.0, sigma**2 * square)


def rho_of_hamiltonian_rate(a: float, lam: float) -> float:
    """``rho^H``, with which extragradient has the rate of Hamiltonian descent."""
    return (a**2 + lam**2 - a) / (lam**2 - a**2)


def rho_of_least_variance(a: float, lam: float) -> float:
    """``rho^V = 1 / (a + |lam|)``, with which extragradient on shared samples has the lowest floor."""
    return 1 / (a + abs(lam))


# -------------------------------------------------------------------- noisy coupling


def noisy_extragradient(lam: float, sigma: float, rho: float) -> PairLaw:
    """Extragradient on ``f = lam x y`` where each sample has ``lam + sigma N(0, 1)``; separate samples."""
    return PairLaw(rho * lam**2, lam, 0.0, sigma**2 * (1 + rho**2 * (2 * lam**2 + sigma**2)))


def noisy_hamiltonian(lam: float, sigma: float) -> PairLaw:
    """Hamiltonian descent on the same."""
    return PairLaw(lam**2, 0.0, 0.0, sigma**2 * (2 * lam**2 + sigma**2))
