"""A quadratic Foster-Lyapunov function: proposed by linear algebra or a linear program, tried on other points."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_continuous_lyapunov
from scipy.optimize import linprog

from analysis._validation import Array
from analysis.assumptions.profiles import Field, derivative, matrices, vectors
from analysis.assumptions.spheres import Profile, Spheres

CUTS = 12
"""Linear programs solved, each with the worst points of the last one added."""
OUTER = 3
"""Outermost spheres on which L V < 0 is asked for."""
CONDITION = 1e4
"""Largest ratio of the eigenvalues of P that is accepted."""


@dataclass(frozen=True, eq=False)
class FosterLyapunov:
    """V = 1 + z^T P z with L V <= -rate V + constant on the points that were tried.

    Attributes
    ----------
    matrix : array, shape (d, d)
        P, positive definite, of trace d.
    rate, constant : float
        Rate per unit of time, and the constant beside it.
    radius : float
        L V < 0 at every point tried from here on.
    profile : Profile
        Largest L V / V on every sphere.
    source : str
        Where P came from.
    """

    matrix: Array
    rate: float
    constant: float
    radius: float
    profile: Profile
    source: str

    @property
    def weakening(self) -> bool:
        """Whether -L V / V falls off towards the outermost sphere, which speaks for slower than exponential mixing."""
        return bool(self.profile.values[-1] > 0.5 * self.profile.values.min())


def generator(drift: Field, covariance: Field, matrix: Array, centre: Array) -> Callable[[Array], Array]:
    """L V of V = 1 + z^T P z: 2 z^T P b + Tr(P a), with a = sigma sigma^T; from points `(n, d)` to `(n,)`."""

    def apply(x: Array) -> Array:
        pull = 2 * np.einsum("ni,ij,nj->n", x - centre, matrix, vectors(drift, x))
        return np.asarray(pull + np.einsum("ij,nij->n", matrix, matrices("covariance", covariance, x)))

    return apply


def foster_lyapunov(
    drift: Field, covariance: Field, spheres: Spheres, jacobian: Field | None = None
) -> FosterLyapunov | None:
    """Look for a quadratic function that the SDE pulls down outside a ball.

    L V <= -c V + d with c > 0 everywhere would give an invariant measure and bound its second moment by d / c.

    Parameters
    ----------
    drift : callable
        From points `(n, d)` to `(n, d)`.
    covariance : callable
        sigma sigma^T, from points `(n, d)` to `(n, d, d)`.
    spheres : Spheres
        Where to look; L V < 0 must hold on the outer three of those that meet the box, or all if there are fewer.
    jacobian : callable, optional
        Db, from points `(n, d)` to `(n, d, d)`; left out, central differences.

    Returns
    -------
    FosterLyapunov or None
        None if no proposal passed, which shows nothing: V need not be quadratic.

    Notes
    -----
    Proposals: the identity; the solution of A^T P + P A = -I for A = Db at the centre; and a linear program that
    maximises t with 2 z^T P b + Tr(P a) <= -t |z|^2 on sampled points and P >= 0 by cuts. Each is tried on a sample
    that it has not seen, with a local search for the worst point of every sphere.

    References
    ----------
    Meyn & Tweedie (1993), Stability of Markovian processes III, doi 10.2307/1427522, condition CD2.

    Examples
    --------
    >>> drift = lambda x: x @ np.array([[-1.0, 1.0], [-1.0, 0.0]])  # a damped oscillator, noise on one side only
    >>> noise = lambda x: np.tile(np.diag([1.0, 0.0]), (len(x), 1, 1))
    >>> found = foster_lyapunov(drift, noise, Spheres([0.0, 0.0], [1.0, 10.0, 100.0, 1000.0]))
    >>> found.source, found.rate > 0
    ('Lyapunov equation at the centre', True)
    """
    spheres = spheres.filled()
    centre = np.asarray(spheres.centre)
    needed = min(OUTER, len(np.asarray(spheres.radii)))
    for source, matrix in _proposals(drift, covariance, spheres, jacobian):
        pull = generator(drift, covariance, matrix, centre)
        profile = spheres.supremum(_relative(pull, matrix, centre), seed=spheres.seed + 1)
        if np.all(profile.values[-needed:] < 0) and np.all(np.isfinite(profile.values[-needed:])):
            return _summarise(source, matrix, pull, profile, spheres)
    return None


def _relative(pull: Callable[[Array], Array], matrix: Array, centre: Array) -> Callable[[Array], Array]:
    def ratio(x: Array) -> Array:
        return pull(x) / (1 + np.einsum("ni,ij,nj->n", x - centre, matrix, x - centre))

    return ratio


def _summarise(
    source: str, matrix: Array, pull: Callable[[Array], Array], profile: Profile, spheres: Spheres
) -> FosterLyapunov:
    """Half of the slowest pull on the outer spheres is the rate; the constant makes up for what happens inside."""
    radius = profile.beyond()
    rate = -0.5 * float(np.max(profile.values[-min(OUTER, len(profile.radii)) :]))
    centre = np.asarray(spheres.centre)
    excess = spheres.supremum(
        lambda x: pull(x) + rate * (1 + np.einsum("ni,ij,nj->n", x - centre, matrix, x - centre)),
        seed=spheres.seed + 2,
    )
    at_centre = float(pull(centre[None])[0]) + rate
    return FosterLyapunov(matrix, rate, max(0.0, at_centre, float(excess.values.max())), radius, profile, source)


# -------------------------------------------------------------------- proposals


def _proposals(
    drift: Field, covariance: Field, spheres: Spheres, jacobian: Field | None
) -> Iterator[tuple[str, Array]]:
    centre = np.asarray(spheres.centre)
    d = len(centre)
    yield "identity", np.eye(d)
    slope = matrices("jacobian", jacobian or derivative(drift), centre[None])[0]
    if np.max(np.linalg.eigvals(slope).real) < 0:
        solved = solve_continuous_lyapunov(slope.T, -np.eye(d))
        yield "Lyapunov equation at the centre", d * solved / np.trace(solved)
    found = _program(drift, covariance, spheres)
    if found is not None:
        yield "linear program", found


def _program(drift: Field, covariance: Field, spheres: Spheres) -> Array | None:
    """P of trace d with the largest t in L V <= -t |z|^2 on the outer spheres; None if t <= 0."""
    centre, radii = np.asarray(spheres.centre), np.asarray(spheres.radii)
    d = len(centre)
    rows, columns = np.triu_indices(d)
    double = np.where(rows == columns, 1.0, 2.0)
    outer = Spheres(centre, radii[-OUTER:], spheres.directions, spheres.low, spheres.high, spheres.seed)
    sample = outer.points(outer.seed).reshape(-1, d)
    points, cuts, matrix = sample[outer.inside(sample)], [np.eye(d)[i] for i in range(d)], np.eye(d)
    for _ in range(CUTS):
        z = points - centre
        square = np.sum(z * z, axis=1)
        outward = z[:, :, None] * vectors(drift, points)[:, None, :]
        moments = outward + np.swapaxes(outward, 1, 2) + matrices("covariance", covariance, points)
        pull = moments[:, rows, columns] * double / square[:, None]
        floor = np.array([np.outer(v, v)[rows, columns] * double for v in cuts])
        upper = np.vstack(
            [np.column_stack([pull, np.ones(len(pull))]), np.column_stack([-floor, np.zeros(len(floor))])]
        )
        bound = np.concatenate([np.zeros(len(pull)), np.full(len(floor), -d / CONDITION)])
        solved = linprog(
            np.append(np.zeros(len(rows)), -1.0), upper, bound, np.append(rows == columns, 0.0)[None].astype(float),
            [d], bounds=[(-d, d)] * len(rows) + [(-1e6, 1e6)],
        )  # fmt: skip
        if solved.status != 0 or solved.x[-1] <= 0:
            return None
        matrix = np.zeros((d, d))
        matrix[rows, columns] = matrix[columns, rows] = solved.x[:-1]
        values, axes = np.linalg.eigh(matrix)
        ratio = _relative(generator(drift, covariance, matrix, centre), matrix, centre)
        if values[0] > 0:
            worst = outer.supremum(ratio)
            if np.all(worst.values < 0):
                return matrix
            points = np.vstack([points, worst.points[worst.values >= 0]])
        cuts += [axes[:, i] for i in range(d) if values[i] < 2 * d / CONDITION]
    return matrix if np.linalg.eigvalsh(matrix)[0] > 0 else None
