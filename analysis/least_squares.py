"""Levenberg-Marquardt for decay laws, many data sets at a time."""

from typing import Protocol

import numpy as np

from analysis._validation import Array

_ITERATIONS = 60
_PLATEAUS = (0.98, 0.7, 0.3, 0.03)


class DecayLaw(Protocol):
    """What a law must tell: log e = theta_0 + theta_1 abscissa(k), plus a constant if `plateau`."""

    @property
    def plateau(self) -> bool:
        """Whether a constant is added to the error."""
        ...

    def abscissa(self, k: Array) -> Array:
        """Return what the slope multiplies."""
        ...


def fit_curves(law: DecayLaw, k: Array, y: Array, sd: Array | None) -> tuple[Array, Array, Array]:
    """Fit a decay law to every row of log errors.

    Parameters
    ----------
    law : DecayLaw
    k : array, shape (n,)
    y : array, shape (sets, n)
        Log errors; the first row is the one that the others scatter around.
    sd : array, shape (n,), optional
        Standard deviations of the columns; left out, 1.

    Returns
    -------
    theta : array, shape (sets, p)
        p = 2, or 3 with a plateau: log prefactor, slope, log plateau.
    covariance : array, shape (1, p, p)
        Of the first row's parameters, for the standard deviations given.
    chi2 : array, shape (sets,)
        Weighted sum of squared residuals.
    """
    x, weights = law.abscissa(k), np.ones_like(k) if sd is None else 1 / sd
    design = np.column_stack([np.ones_like(x), x])
    if not law.plateau:
        pseudo = np.linalg.pinv(design * weights[:, None])
        theta = (y * weights) @ pseudo.T
        chi2 = np.sum(((y - theta @ design.T) * weights) ** 2, axis=1)
        return theta, (pseudo @ pseudo.T)[None], chi2
    starts = np.array([_start(design, weights, y[0], fraction) for fraction in _PLATEAUS])
    tried, chi2 = _descend(x, np.repeat(y[:1], len(starts), axis=0), weights, starts)
    theta, chi2 = _descend(x, y, weights, np.repeat(tried[np.argmin(chi2)][None], len(y), axis=0))
    jacobian = _prediction(x, theta[:1])[1] * weights[:, None]
    normal = np.swapaxes(jacobian, -1, -2) @ jacobian
    covariance: Array = np.asarray(np.linalg.pinv(normal, hermitian=True), dtype=np.float64)
    return theta, covariance, chi2


def _start(design: Array, weights: Array, y: Array, fraction: float) -> Array:
    """Fix the plateau at a fraction of the smallest error and fit the line to what lies above."""
    plateau = fraction * np.exp(np.min(y))
    above = np.log(np.exp(y) - plateau)
    line = np.linalg.lstsq(design * weights[:, None], above * weights, rcond=None)[0]
    return np.array([*line, np.log(plateau)])


def _prediction(x: Array, theta: Array) -> tuple[Array, Array]:
    decaying = theta[:, :1] + theta[:, 1:2] * x
    prediction = np.logaddexp(decaying, theta[:, 2:])
    share = np.exp(decaying - prediction)
    return prediction, np.stack([share, share * x, 1 - share], axis=-1)


def _descend(x: Array, y: Array, weights: Array, theta: Array) -> tuple[Array, Array]:
    theta, damping = theta.copy(), np.full(len(y), 1e-3)
    prediction, jacobian = _prediction(x, theta)
    residual = (y - prediction) * weights
    chi2 = np.sum(residual**2, axis=1)
    for _ in range(_ITERATIONS):
        scaled = jacobian * weights[:, None]
        normal = np.einsum("snp,snq->spq", scaled, scaled)
        diagonal = np.einsum("spp->sp", normal)
        diagonal += damping[:, None] * diagonal + 1e-12 * np.max(diagonal, axis=1, keepdims=True) + 1e-300
        step = np.linalg.solve(normal, np.einsum("snp,sn->sp", scaled, residual)[..., None])[..., 0]
        trial = theta + step
        prediction, trial_jacobian = _prediction(x, trial)
        trial_residual = (y - prediction) * weights
        trial_chi2 = np.sum(trial_residual**2, axis=1)
        better = trial_chi2 < chi2
        damping = np.where(better, damping / 10, np.minimum(damping * 10, 1e12))
        theta[better], jacobian[better] = trial[better], trial_jacobian[better]
        residual[better], chi2[better] = trial_residual[better], trial_chi2[better]
        if not np.any(better & (np.max(np.abs(step), axis=1) > 1e-10)) and np.all(damping > 1e3):
            break
    return theta, chi2
