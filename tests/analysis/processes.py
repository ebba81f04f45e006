"""Processes with known stationary laws, started in them."""

import numpy as np
from scipy.signal import lfilter

from analysis import discrete_stationary_covariance


def autoregression(rng, rho, shape):
    """Stationary AR(1) of variance 1 along axis 1: the mean of N draws has variance (1 + rho) / (1 - rho) / N."""
    noise = rng.normal(size=shape) * np.sqrt(1 - rho**2)
    noise[:, 0] = rng.normal(size=noise[:, 0].shape)
    return lfilter([1.0], [1.0, -rho], noise, axis=1)


def linear_game(rng, jacobian, sigma, lr, batch_size, chains, draws, start=None):
    """x' = x - lr (J x + noise) from its invariant law (or a point): positions and mini-batch fields."""
    d = len(jacobian)
    if start is None:
        law = discrete_stationary_covariance(jacobian, sigma, lr, batch_size)
        x = rng.multivariate_normal(np.zeros(d), law, size=chains)
    else:
        x = np.tile(np.asarray(start, dtype=float), (chains, 1))
    root = np.linalg.cholesky(sigma / batch_size)
    positions, fields = np.empty((chains, draws, d)), np.empty((chains, draws, d))
    for k in range(draws):
        field = x @ jacobian.T + rng.normal(size=(chains, d)) @ root.T
        positions[:, k], fields[:, k] = x, field
        x = x - lr * field
    return positions, fields
