"""Dissipativity, monotonicity, ellipticity and Lipschitz constants, each as a profile over spheres.

All are lower bounds of suprema, found by sampling and local search: evidence, and never a proof; a value on the
wrong side of 0, however, is a counterexample that stands.
"""

from collections.abc import Callable

import numpy as np

from analysis._validation import Array, finite_array
from analysis.assumptions.spheres import Profile, Spheres

Field = Callable[[Array], Array]
"""From points `(n, d)` to vectors `(n, d)` or matrices `(n, d, d)`."""


def dissipativity(drift: Field, spheres: Spheres) -> Profile:
    """Largest z.b(x) / |z|^2 on every sphere, z = x - centre; times the radius it is z.b / |z|.

    Drifts with z.b <= -r |z| outside a ball, r > 0, and bounded elliptic noise have a unique invariant
    measure (Veretennikov); z.b <= -c |z|^2 + d with noise of at most linear growth small against c bounds the
    second moment.

    Parameters
    ----------
    drift : callable
        From points `(n, d)` to `(n, d)`.
    spheres : Spheres

    Returns
    -------
    Profile

    References
    ----------
    Veretennikov (1997), doi 10.1016/S0304-4149(97)00056-2; Cao & Guo (2023), arXiv 2006.02047.

    Examples
    --------
    >>> profile = dissipativity(lambda x: -x * np.array([1.0, 3.0]), Spheres([0.0, 0.0], [1.0, 10.0]))
    >>> profile.values.round(9).tolist()
    [-1.0, -1.0]
    """
    centre = np.asarray(spheres.centre)

    def ratio(x: Array) -> Array:
        z = x - centre
        return np.asarray(np.sum(z * vectors(drift, x), axis=1) / np.sum(z * z, axis=1))

    return spheres.supremum(ratio)


def monotonicity(drift: Field, spheres: Spheres, jacobian: Field | None = None) -> Profile:
    """Largest -lambda_min(-(Db + Db^T) / 2) on every sphere: all at most -kappa if -b is kappa-strongly monotone.

    With additive noise, laws then approach each other in 2-Wasserstein distance at least like exp(-kappa t).

    Parameters
    ----------
    drift : callable
    spheres : Spheres
    jacobian : callable, optional
        From points to Db, `(n, d, d)`; left out, central differences.

    Returns
    -------
    Profile
    """
    slope = derivative(drift) if jacobian is None else jacobian

    def largest(x: Array) -> Array:
        matrix = matrices("jacobian", slope, x)
        return np.asarray(np.linalg.eigvalsh((matrix + np.swapaxes(matrix, 1, 2)) / 2)[:, -1], dtype=float)

    return spheres.supremum(largest)


def ellipticity(covariance: Field, spheres: Spheres) -> Profile:
    """Largest -lambda_min of the diffusion matrix on every sphere: below 0 where the noise is elliptic.

    Parameters
    ----------
    covariance : callable
        sigma sigma^T, from points `(n, d)` to `(n, d, d)`.
    spheres : Spheres

    Returns
    -------
    Profile
    """
    return spheres.supremum(
        lambda x: np.asarray(-np.linalg.eigvalsh(matrices("covariance", covariance, x))[:, 0], dtype=float)
    )


def lipschitz(drift: Field, spheres: Spheres, jacobian: Field | None = None) -> Profile:
    """Largest spectral norm of Db on every sphere: a lower bound of the Lipschitz constant up to its radius.

    Parameters
    ----------
    drift, spheres, jacobian
        As in `monotonicity`.

    Returns
    -------
    Profile
    """
    slope = derivative(drift) if jacobian is None else jacobian

    def norm(x: Array) -> Array:
        return np.asarray(np.linalg.norm(matrices("jacobian", slope, x), ord=2, axis=(1, 2)), dtype=float)

    return spheres.supremum(norm)


def derivative(drift: Field) -> Field:
    """Return Db by central differences; relative error about 1e-9."""

    def slope(x: Array) -> Array:
        d = x.shape[1]
        h = 6e-6 * (1 + np.linalg.norm(x, axis=1))[:, None, None]
        ahead, behind = (x[:, None, :] + sign * h * np.eye(d) for sign in (1, -1))
        ends = [vectors(drift, end.reshape(-1, d)).reshape(-1, d, d) for end in (ahead, behind)]
        return np.asarray(np.swapaxes((ends[0] - ends[1]) / (2 * h), 1, 2))

    return slope


def vectors(drift: Field, x: Array) -> Array:
    """Evaluate a drift and check its shape."""
    values = finite_array("drift", drift(x), (2,))
    if values.shape != x.shape:
        raise ValueError(f"drift: expected shape {x.shape}, got {values.shape}")
    return values


def matrices(name: str, function: Field, x: Array) -> Array:
    """Evaluate a matrix field and check its shape."""
    values = finite_array(name, function(x), (3,))
    if values.shape != (*x.shape, x.shape[1]):
        raise ValueError(f"{name}: expected shape {(*x.shape, x.shape[1])}, got {values.shape}")
    return values
