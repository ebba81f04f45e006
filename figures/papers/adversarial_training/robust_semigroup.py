"""Expectations of processes in the plane without sampling: their semigroups on a grid.

``u(theta) = E f(theta_T | theta_0 = theta)`` is carried on a grid as ``u <- E u(next state)``, with the finitely many
next states enumerated and quintic splines between the nodes. Next states outside the square are moved to its edge; the
start must be so far inside that the process does not come there. For a training the enumeration is exact; an SDE takes
small steps with three-point Gauss-Hermite noise, extrapolated to steps of length 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, product

import numpy as np
from scipy.interpolate import BSpline, NdBSpline, make_interp_spline
from scipy.sparse import csr_array

DEGREE = 5
LEVELS = (16, 32, 64)
"""Steps of the three SDE runs that are extrapolated; the error then falls as the third power of the step."""

Outcomes = Callable[[np.ndarray], Iterable[tuple[float, np.ndarray]]]
"""From states ``(n, 2)`` to pairs of a probability and next states ``(n, 2)``."""
Coefficients = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From states ``(n, 2)`` to drift ``(n, 2)`` and covariance ``(n, 2, 2)``."""

_HERMITE = ((-np.sqrt(3.0), 1 / 6), (0.0, 2 / 3), (np.sqrt(3.0), 1 / 6))


@dataclass(frozen=True, eq=False)
class Plane:
    """A square of the plane with a grid of splines.

    Parameters
    ----------
    centre, half_width
        Of the square.
    nodes
        On each axis.
    """

    centre: tuple[float, float]
    half_width: float
    nodes: int

    @cached_property
    def points(self) -> np.ndarray:
        """All nodes, ``(nodes^2, 2)``."""
        return np.stack(np.meshgrid(*self._axes, indexing="ij"), axis=-1).reshape(-1, 2)

    def after(self, values: np.ndarray, outcomes: Outcomes, steps: int) -> np.ndarray:
        """``E f(state after steps)`` as a function of the start.

        Parameters
        ----------
        values
            m functions f at the nodes, ``(nodes^2, m)``.
        outcomes
            One step of the process.
        steps
            How many.

        Returns
        -------
        ndarray
            At the nodes, ``(nodes^2, m)``.
        """
        average = csr_array((len(self.points), len(self.points)))
        for probability, moved in outcomes(self.points):
            average = average + probability * self._weights(moved)
        for _ in range(steps):
            values = average @ self._coefficients(values)
        return values

    def after_sde(self, values: np.ndarray, coefficients: Coefficients, time: float) -> np.ndarray:
        """``E f(X_time)`` as a function of the start; arguments and result as for `after`."""
        runs = [self.after(values, one_step(coefficients, time / n), n) for n in LEVELS]
        first = [2 * fine - coarse for coarse, fine in pairwise(runs)]
        return (4 * first[1] - first[0]) / 3

    def at(self, values: np.ndarray, point: Iterable[float]) -> np.ndarray:
        """Values ``(m,)`` of m functions, given at the nodes, at one point."""
        return (self._weights(np.array([tuple(point)])) @ self._coefficients(values))[0]

    @cached_property
    def _axes(self) -> tuple[np.ndarray, np.ndarray]:
        unit = np.linspace(-self.half_width, self.half_width, self.nodes)
        return unit + self.centre[0], unit + self.centre[1]

    @cached_property
    def _knots(self) -> tuple[np.ndarray, np.ndarray]:
        first, second = (make_interp_spline(axis, np.zeros(self.nodes), k=DEGREE).t for axis in self._axes)
        return first, second

    @cached_property
    def _inverses(self) -> list[np.ndarray]:
        """From values at the nodes to spline coefficients, axis by axis."""
        pairs = zip(self._axes, self._knots, strict=True)
        return [np.linalg.inv(BSpline.design_matrix(axis, knots, DEGREE).toarray()) for axis, knots in pairs]

    def _weights(self, where: np.ndarray) -> csr_array:
        """Matrix from spline coefficients to values at points ``(n, 2)``, those outside moved to the edge."""
        inside = np.clip(where, self.points[0], self.points[-1])
        found = NdBSpline.design_matrix(inside, self._knots, DEGREE)
        # scipy infers the number of columns from the points; state it
        return csr_array((found.data, found.indices, found.indptr), shape=(len(where), len(self.points)))

    def _coefficients(self, values: np.ndarray) -> np.ndarray:
        first, second = self._inverses
        square = values.reshape(self.nodes, self.nodes, -1)
        return np.matmul(second, np.tensordot(first, square, axes=1)).reshape(values.shape)


def one_step(coefficients: Coefficients, h: float) -> Outcomes:
    """One step of an SDE: the drift's flow by the classical Runge-Kutta method, then nine points of noise."""

    def outcomes(x: np.ndarray) -> Iterator[tuple[float, np.ndarray]]:
        k1 = coefficients(x)[0]
        k2 = coefficients(x + h / 2 * k1)[0]
        k3 = coefficients(x + h / 2 * k2)[0]
        moved = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + coefficients(x + h * k3)[0])
        root = np.sqrt(h) * np.linalg.cholesky(coefficients(moved)[1])
        for (a, p), (b, q) in product(_HERMITE, _HERMITE):
            yield p * q, moved + root @ np.array([a, b])

    return outcomes
