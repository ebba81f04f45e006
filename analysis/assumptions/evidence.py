"""All checks on one SDE, and what they say in words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis._validation import Array, finite_array
from analysis.assumptions.linear_system import LinearLaw, linear_law
from analysis.assumptions.profiles import (
    Field,
    derivative,
    dissipativity,
    ellipticity,
    lipschitz,
    matrices,
    monotonicity,
    vectors,
)
from analysis.assumptions.quadratic_function import FosterLyapunov, foster_lyapunov
from analysis.assumptions.spheres import Profile, Spheres

AFFINE = 1e-9
"""Largest relative deviation from an affine function, or from a constant, that counts as rounding."""
NEARLY = 1e-3
"""Least eigenvalue of the noise, relative to the largest at the centre, below which it is called nearly degenerate."""
RADII = tuple(np.geomspace(0.1, 100, 16))
DEGENERATE = 1e-10
"""Least eigenvalue of the noise, relative to its largest one at the same point, that counts as 0."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What was found on the conditions of theorems on invariant measures.

    Attributes
    ----------
    verdict : str
        That of the linear law where the drift is affine and the noise constant (see `LinearLaw`); else "supported":
        a Foster-Lyapunov function, or dissipative drift, and noise that reaches every direction were found on the
        sample, or a compact box and elliptic noise; "existence only": the same, but the noise is degenerate and its
        reach not shown; "undecided": none was found, which disproves nothing.
    linear : LinearLaw or None
        Exact for affine drift and constant noise in the whole space; else, and where there are bounds, None.
    at_centre : LinearLaw
        Of the SDE linearised at the centre.
    dissipativity, monotonicity, ellipticity, lipschitz : Profile
        Suprema found on the spheres; see the functions of the same names.
    noise : array, shape (d, d)
        At the centre.
    least_noise : float
        Least eigenvalue of the noise found, per unit of time.
    bounded : bool
        Whether drift and noise look bounded: no larger on the outer than on the inner half of the spheres, by a half.
    lyapunov : FosterLyapunov or None
    points : int
        Sampled points, before any refinement.
    extent : float
        Largest radius of a sphere that meets the box.
    compact : bool
        Whether the box has a bound on every side: a law then exists if the process is reflected at its faces.
    """

    verdict: str
    linear: LinearLaw | None
    at_centre: LinearLaw
    dissipativity: Profile
    monotonicity: Profile
    ellipticity: Profile
    lipschitz: Profile
    noise: Array
    least_noise: float
    bounded: bool
    lyapunov: FosterLyapunov | None
    points: int
    extent: float
    compact: bool

    @property
    def elliptic(self) -> bool:
        """Whether the noise was found to be non-degenerate at every point tried."""
        return self.least_noise > 0

    @property
    def summary(self) -> str:
        """One line in words; nothing that rests on samples is called proved."""
        where = f"on {self.points:,} points up to radius {self.extent:g}"
        if self.linear is not None:
            return f"{self.linear.reason}; drift affine and noise constant {where}"
        parts = [self._noise()]
        if not self.compact or _pulled(self.lyapunov, self.bounded, self.dissipativity):
            parts.insert(0, self._pull(where))
        if self.compact:
            parts.insert(0, "compact box, so that a law exists if the process is reflected at its faces")
        lead = {"supported": "evidence for", "existence only": "evidence for existence, not for uniqueness"}
        return f"{lead.get(self.verdict, 'undecided')}: {', '.join(parts)}"

    def _pull(self, where: str) -> str:
        radius = self.dissipativity.beyond()
        pulled = np.isfinite(radius)
        reach = "at every radius" if radius == self.dissipativity.radii[0] else f"beyond radius {radius:.2g}"
        if self.lyapunov is not None:
            found = self.lyapunov
            lead = f"dissipative {reach} and " if pulled else "not dissipative in the Euclidean norm, but "
            bound = f"L V <= {-found.rate:.2g} V + {found.constant:.2g} for a quadratic V"
            late = f"L V < 0 beyond radius {found.radius:.2g} for a quadratic V, the weaker the farther out,"
            return f"{lead}{late if found.weakening else bound} {where}"
        if not pulled:
            place = "(" + ", ".join(f"{x:.3g}" for x in self.dissipativity.points[-1]) + ")"
            return f"not dissipative at radius {self.extent:g} (at {place}), no quadratic V found {where}"
        if self.bounded:
            return f"drift bounded and dissipative {reach} {where}"
        return f"drift dissipative {reach}, but the noise outweighs it for every quadratic V tried {where}"

    def _noise(self) -> str:
        centre = np.linalg.eigvalsh(self.noise)[-1]
        if self.elliptic and self.least_noise >= NEARLY * centre:
            return f"uniformly elliptic (least eigenvalue {self.least_noise:.2g} on the sample)"
        if self.elliptic:
            return f"elliptic but nearly degenerate (least eigenvalue {self.least_noise:.2g} on the sample)"
        law, d = self.at_centre, len(self.at_centre.eigenvalues)
        reach = "controllable" if law.kalman_rank == d else f"reach {law.kalman_rank} of {d}"
        return f"noise degenerate on the sample; at the centre of rank {law.noise_rank} of {d}, {reach}"


def invariant_measure_evidence(
    drift: Field,
    covariance: Field,
    *,
    centre: ArrayLike,
    radii: Sequence[float] | Array = RADII,
    directions: int = 256,
    low: ArrayLike = -np.inf,
    high: ArrayLike = np.inf,
    jacobian: Field | None = None,
    seed: int = 0,
) -> Evidence:
    """Check what theorems on the invariant measure of dX = b dt + sigma dW assume, and sum up in words.

    Parameters
    ----------
    drift : callable
        b, from points `(n, d)` to `(n, d)`.
    covariance : callable
        sigma sigma^T, from points `(n, d)` to `(n, d, d)`.
    centre : array, shape (d,)
        Centre of the spheres, best an equilibrium.
    radii : sequence of float
        Spheres outside of the box are left out.
    directions : int
        Sampled points a sphere.
    low, high : array, shape (d,), optional
        Box in which the parameters are kept; reflection or projection at its faces is not part of the generator, but
        the linear law, which knows no faces, is not asked for its verdict where there are any. In a compact box a
        reflected process has an invariant law whatever the drift.
    jacobian : callable, optional
        Db, from points `(n, d)` to `(n, d, d)`; left out, central differences.
    seed : int
        Of the sample.

    Returns
    -------
    Evidence

    Raises
    ------
    ValueError
        If no sphere meets the box, or what the functions return is not finite or of another shape.

    References
    ----------
    Cao & Guo (2023), arXiv 2006.02047, invariant measure; Veretennikov (1997), doi 10.1016/S0304-4149(97)00056-2.

    Examples
    --------
    >>> oscillator = lambda damping: lambda x: np.stack([-x[:, 1] - damping * x[:, 0], x[:, 0]], axis=1)
    >>> noise = lambda x: np.tile(np.diag([1.0, 0.0]), (len(x), 1, 1))
    >>> for damping in (0.0, 1.0):
    ...     print(invariant_measure_evidence(oscillator(damping), noise, centre=[0.0, 0.0]).verdict)
    none
    degenerate ergodic
    """
    spheres = Spheres(centre, radii, directions, low, high, seed).filled()
    middle = np.asarray(spheres.centre)
    slope = matrices("jacobian", jacobian or derivative(drift), middle[None])[0]
    noise = matrices("covariance", covariance, middle[None])[0]
    sample = spheres.points(seed).reshape(-1, len(middle))
    sample = sample[spheres.inside(sample)]
    linear, compact = None, spheres.faces == 2 * len(middle)
    if not spheres.faces:
        linear = _affine(drift, covariance, sample, middle)
    elliptic = ellipticity(covariance, spheres)
    lyapunov = foster_lyapunov(drift, covariance, spheres, jacobian)
    pull = dissipativity(drift, spheres)
    least, bounded = _least_noise(covariance, elliptic), _bounded(drift, covariance, sample, middle)
    at_centre, pulled = linear_law(slope, noise), _pulled(lyapunov, bounded, pull)
    # faces alone hold the process, but without a pull towards the centre what is reached there tells little
    reached = least > 0 or (pulled and at_centre.kalman_rank == len(middle))
    if linear is not None:
        verdict = linear.verdict
    elif pulled or compact:
        verdict = "supported" if reached else "existence only"
    else:
        verdict = "undecided"
    extent = float(np.asarray(spheres.radii)[-1])
    return Evidence(
        verdict, linear, at_centre, pull, monotonicity(drift, spheres, jacobian), elliptic,
        lipschitz(drift, spheres, jacobian), noise, least, bounded, lyapunov, len(sample), extent, compact,
    )  # fmt: skip


def _affine(drift: Field, covariance: Field, sample: Array, centre: Array) -> LinearLaw | None:
    """The exact law if the drift is affine and the noise constant on the sample; else None."""
    values = vectors(drift, sample)
    design = np.column_stack([np.ones(len(sample)), sample - centre])
    coefficients = np.linalg.lstsq(design, values, rcond=None)[0]
    noise = matrices("covariance", covariance, sample)
    crooked = np.max(np.abs(values - design @ coefficients)) > AFFINE * np.max(np.abs(values), initial=1e-300)
    varying = np.max(np.abs(noise - noise[0])) > AFFINE * np.max(np.abs(noise), initial=1e-300)
    if crooked or varying:
        return None
    # exact differences of an affine map: no fit, so that an undamped mode stays undamped to rounding
    reach = float(np.max(np.abs(sample - centre)))
    ends = [vectors(drift, centre + sign * reach * np.eye(len(centre))) for sign in (1, -1)]
    matrix = ((ends[0] - ends[1]) / (2 * reach)).T
    return linear_law(matrix, finite_array("covariance", noise[0]), vectors(drift, centre[None])[0])


def _least_noise(covariance: Field, profile: Profile) -> float:
    """Least eigenvalue found, 0 where rounding cannot tell it from 0."""
    found = profile.points[np.isfinite(profile.values)]
    values = np.linalg.eigvalsh(matrices("covariance", covariance, found))
    clean = np.where(values[:, 0] > DEGENERATE * np.maximum(values[:, -1], 1e-300), values[:, 0], 0.0)
    return float(clean.min())


def _pulled(lyapunov: FosterLyapunov | None, bounded: bool, dissipative: Profile) -> bool:
    """Whether something was found that holds the process without a box."""
    return lyapunov is not None or (bounded and bool(np.isfinite(dissipative.beyond())))


def _bounded(drift: Field, covariance: Field, sample: Array, centre: Array) -> bool:
    radius = np.linalg.norm(sample - centre, axis=1)
    outer = radius > np.sqrt(radius.min() * radius.max())
    if outer.all() or not outer.any():  # one sphere alone tells nothing of growth
        return False
    sizes = np.linalg.norm(vectors(drift, sample), axis=1), np.linalg.norm(covariance(sample), axis=(1, 2))
    return all(size[outer].max() <= 1.5 * size[~outer].max() for size in sizes)
