"""Suprema over spheres: a sample of each, refined by a search that stays on it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from analysis._validation import Array, count, finite_array, real_array

ROUNDS = 60
"""Rounds of the refinement: trial steps shrink from 0.3 to 2e-7 of the radius."""
STARTS = 4
"""Points of each sphere from which the refinement starts, the best of the sample."""
TRIALS = 8
"""Trial steps a point and round."""


@dataclass(frozen=True, eq=False)
class Profile:
    """Largest value of a function that was found on each sphere: a lower bound of its supremum there.

    Attributes
    ----------
    radii : array, shape (n,)
    values : array, shape (n,)
        -inf where no point of the sphere lies inside the bounds.
    points : array, shape (n, d)
        Where the values were found.
    evaluations : int
        Points at which the function was evaluated.
    """

    radii: Array
    values: Array
    points: Array
    evaluations: int

    def beyond(self, level: float = 0.0) -> float:
        """Smallest radius from which on every value is below `level`; infinity if the last one is not."""
        above = np.flatnonzero(self.values >= level)
        if not len(above):
            return float(self.radii[0])
        return float(self.radii[above[-1] + 1]) if above[-1] + 1 < len(self.radii) else float("inf")


@dataclass(frozen=True, eq=False)
class Spheres:
    """Concentric spheres, cut to a box.

    Parameters
    ----------
    centre : array, shape (d,)
    radii : array, shape (n,)
        Positive and increasing.
    directions : int
        Sampled points a sphere.
    low, high : array, shape (d,), optional
        Box outside of which the function is not asked.
    seed : int

    Raises
    ------
    ValueError
        On anything else.

    Examples
    --------
    >>> found = Spheres([0.0, 0.0], [1.0, 2.0]).supremum(lambda x: x @ np.array([3.0, 4.0]))
    >>> found.values.round(6).tolist()
    [5.0, 10.0]
    """

    centre: ArrayLike
    radii: ArrayLike
    directions: int = 256
    low: ArrayLike = -np.inf
    high: ArrayLike = np.inf
    seed: int = 0

    def __post_init__(self) -> None:
        centre = finite_array("centre", self.centre, (1,))
        radii = finite_array("radii", self.radii, (1,))
        if radii[0] <= 0 or np.any(np.diff(radii) <= 0):
            raise ValueError(f"radii: expected positive, increasing numbers, got {radii.tolist()}")
        count("directions", self.directions, 2 * len(centre))
        for name, value in (("centre", centre), ("radii", radii)):
            object.__setattr__(self, name, value)
        for name in ("low", "high"):
            bound = real_array(name, getattr(self, name))
            if bound.shape not in ((), centre.shape) or np.any(np.isnan(bound)):
                raise ValueError(f"{name}: expected {len(centre)} bounds, got {bound.tolist()}")
            object.__setattr__(self, name, np.broadcast_to(bound, centre.shape))

    def inside(self, points: Array) -> Array:
        """Whether points `(..., d)` lie in the box."""
        return np.asarray(np.all((points >= np.asarray(self.low)) & (points <= np.asarray(self.high)), axis=-1))

    @property
    def faces(self) -> int:
        """Number of sides on which the box has a bound: 2 d if it is compact."""
        return int(np.sum(np.isfinite(np.asarray(self.low))) + np.sum(np.isfinite(np.asarray(self.high))))

    def filled(self) -> "Spheres":
        """Leave out the spheres of whose sample no point lies in the box.

        Raises
        ------
        ValueError
            If none is left.
        """
        radii = np.asarray(self.radii)
        kept = np.any(self.inside(self.points(self.seed)), axis=1)
        if not np.any(kept):
            box = f"low {np.asarray(self.low).tolist()} and high {np.asarray(self.high).tolist()}"
            raise ValueError(f"radii: expected spheres that meet the box between {box}, got {radii.tolist()}")
        # fewer spheres are other samples, so that one more may be empty
        return self if np.all(kept) else replace(self, radii=radii[kept]).filled()

    def points(self, seed: int) -> Array:
        """A sample `(n, directions, d)` of the spheres: both ends of every axis, and random directions."""
        centre, radii = np.asarray(self.centre), np.asarray(self.radii)
        d = len(centre)
        rng = np.random.default_rng(seed)
        raw = rng.normal(size=(len(radii), self.directions, d))
        raw[:, : 2 * d] = np.concatenate([np.eye(d), -np.eye(d)])
        return np.asarray(centre + radii[:, None, None] * _unit(raw))

    def supremum(self, function: Callable[[Array], Array], seed: int | None = None) -> Profile:
        """Search every sphere for the largest value of a function.

        Parameters
        ----------
        function : callable
            From points `(n, d)` to values `(n,)`.
        seed : int, optional
            Of the sample; left out, that of the spheres.

        Returns
        -------
        Profile
        """
        centre, radii = np.asarray(self.centre), np.asarray(self.radii)
        rng = np.random.default_rng([1, self.seed if seed is None else seed])
        sample = self.points(self.seed if seed is None else seed)
        values = self._values(function, sample)
        used = int(np.sum(np.isfinite(values)))
        order = np.argsort(-values, axis=1)[:, :STARTS]
        best = np.take_along_axis(sample, order[..., None], axis=1)
        height = np.take_along_axis(values, order, axis=1)
        for reach in np.geomspace(0.3, 2e-7, ROUNDS):
            steps = reach * radii[:, None, None, None] * rng.normal(size=(*best.shape[:2], TRIALS, len(centre)))
            trial = centre + radii[:, None, None, None] * _unit(best[:, :, None] + steps - centre)
            found = self._values(function, trial)
            used += int(np.sum(np.isfinite(found)))
            pick = np.argmax(found, axis=2)[..., None]
            gain = np.take_along_axis(found, pick, axis=2)[..., 0]
            moved = np.take_along_axis(trial, pick[..., None], axis=2)[:, :, 0]
            better = gain > height
            height = np.where(better, gain, height)
            best = np.where(better[..., None], moved, best)
        winner = np.argmax(height, axis=1)
        rows = np.arange(len(radii))
        return Profile(radii, height[rows, winner], best[rows, winner], used)

    def _values(self, function: Callable[[Array], Array], points: Array) -> Array:
        inside = self.inside(points)
        values = np.full(inside.shape, -np.inf)
        if np.any(inside):
            values[inside] = finite_array("function", function(points[inside]), (1,))
        return values


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))
