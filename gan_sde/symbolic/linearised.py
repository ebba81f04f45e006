"""Moments of a training around an equilibrium, the learning rates at which they are stable, and the best schedule.

The iteration is linearised in the state, not in its noise: ``w' = A(batch; lr) w + a(batch; lr)`` for the deviation w
of parameters and memory from the equilibrium. For an affine game without bounds that is the training itself, and
everything here is exact.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
from scipy.optimize import minimize, root
from sympy import ImmutableMatrix, Poly, Symbol, lambdify

from gan_sde.symbolic.field import UndecidedWarning
from gan_sde.symbolic.game import Game
from gan_sde.symbolic.moments import MomentDynamics, monomials
from gan_sde.symbolic.training import Training
from gan_sde.symbolic.validation import check_integer, finite_array

SMALLEST, LARGEST, GRID = 1e-4, 1e4, 240
"""Rates that are tried, in units of one over the Jacobian's norm."""
MOST_DEGREE = 16


@dataclass(frozen=True, eq=False)
class _LinearTraining:
    """What `MomentDynamics` reads of a training."""

    game: Game
    state: tuple[Symbol, ...]
    map: tuple[ImmutableMatrix, tuple[Any, ...]]


@dataclass(frozen=True, eq=False)
class Linearised:
    """A training near an equilibrium.

    Attributes
    ----------
    training
        The training itself.
    point
        The equilibrium, ``(d,)``.
    dynamics
        Moments of the deviation from it; its state symbols stand for deviations.
    exact
        Whether the iteration is affine and the game has no bounds, so that nothing was neglected.
    """

    training: Training
    point: np.ndarray
    dynamics: MomentDynamics
    exact: bool

    def growth(self, lr: float, batch_size: float) -> float:
        """Factor by which first and second moments grow in an iteration in the long run; below 1 if stable."""
        return float(np.abs(np.linalg.eigvals(self.dynamics.matrix(lr, batch_size)[1:, 1:])).max())

    def stability_limit(self, batch_size: float) -> float:
        """Largest rate up to which second moments are stable under the noise of batches, by bisection.

        Raises
        ------
        ValueError
            If small rates are not stable.

        Examples
        --------
        >>> import gan_sde as gs
        >>> game = gs.games.get("quadratic").with_defaults()  # F = (x + y, y - x): 2 Re / |.|^2 = 1
        >>> near = linearised(gs.Training(game, gs.algorithms.get("sgda")))
        >>> round(near.stability_limit(batch_size=4), 9)
        1.0
        """
        jacobian = self.training.game.jacobian.subs(dict(zip(self.training.game.parameters, self.point, strict=True)))
        unit = 1 / max(float(np.linalg.norm(np.array(jacobian, dtype=float), 2)), 1e-300)
        grid = unit * np.geomspace(SMALLEST, LARGEST, GRID)
        low, high = 0.0, np.inf
        for lr in grid:
            if not self.growth(float(lr), batch_size) < 1 - 1e-12:
                high = float(lr)
                break
            low = float(lr)
        if low == 0.0:
            raise ValueError("training: expected stability at small learning rates, got growth around the equilibrium")
        while high < np.inf and high - low > 1e-12 * high:
            middle = (low + high) / 2
            low, high = (middle, high) if self.growth(middle, batch_size) < 1 else (low, middle)
        return low

    def errors(self, rates: np.ndarray, x0: Sequence[float] | np.ndarray, batch_size: float) -> np.ndarray:
        """``E|x - x*|^2`` after each iteration of a schedule ``(steps,)`` from ``x0`` ``(d,)``."""
        moments, found = self._start(x0), []
        for rate in finite_array("rates", rates, "one rate a step"):
            moments = self.dynamics.matrix(float(rate), batch_size) @ moments
            found.append(float(self._error @ moments))
        return np.array(found)

    def optimal_rates(
        self, x0: Sequence[float] | np.ndarray, steps: int, *, batch_size: float, greedy: bool = False
    ) -> np.ndarray:
        """Schedule ``(steps,)`` of least ``E|x - x*|^2`` after the last iteration, between 0 and 0.98 of the limit.

        Parameters
        ----------
        x0
            Start, ``(d,)``.
        steps, batch_size
        greedy
            Minimise the error after each iteration instead. Else a quasi-Newton search (L-BFGS, exact gradients) starts
            from that schedule and from a decay like 1/k, and the better end is taken, never worse than the greedy one
            by more than 0.1 %. There may be several minima; the one found need not be the best.
        """
        check_integer("steps", steps, 1, 10**6)
        top, start = 0.98 * self.stability_limit(batch_size), self._start(x0)
        powers = self._powers(top, batch_size)
        found = self._greedy(powers, start, steps)
        if not greedy:
            decay = 0.5 / (1 + np.arange(steps) * -np.log(self.growth(0.5 * top, batch_size)) / 2)
            ends = [self._improved(rates, powers, start) for rates in (decay, found)]
            # the last error hardly depends on the first rates: of equals take the one that falls
            found = ends[0][0] if ends[0][1] <= ends[1][1] + 1e-3 else ends[1][0]
        return np.asarray(top * found)

    # -------------------------------------------------------------------- pieces

    def _improved(self, rates: np.ndarray, powers: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, float]:
        """Local optimum near a schedule, and the logarithm of its last error."""
        found = minimize(
            self._loss, np.clip(rates, 1e-4, 1), args=(powers, start), jac=True, method="L-BFGS-B",
            bounds=[(1e-4, 1.0)] * len(rates), options={"maxiter": 60, "maxfun": 80},
        )  # fmt: skip
        return found.x, float(found.fun)

    @cached_property
    def _error(self) -> np.ndarray:
        """Picks ``sum x_i^2`` over the parameters out of the moments."""
        squares = {s**2 for s in self.training.game.parameters}
        return np.array([float(m in squares) for m in monomials(self.dynamics.parameters)])

    def _start(self, x0: Sequence[float] | np.ndarray) -> np.ndarray:
        """Moments of a certain start."""
        start = finite_array("x0", x0, f"{len(self.point)} numbers")
        if start.shape != self.point.shape:
            raise ValueError(f"x0: expected shape {self.point.shape}, got {start.shape}")
        away = (self.training.start(start[None], 0.0) - self.training.start(self.point[None], 0.0))[0]
        values = lambdify([list(self.dynamics.parameters)], monomials(self.dynamics.parameters), "numpy")(away)
        return np.array(values, dtype=float)

    def _powers(self, top: float, batch_size: float) -> np.ndarray:
        """Coefficients ``(p + 1, m, m)`` of the iteration, a polynomial in the rate, in units of `top`."""
        wanted = self.dynamics.matrix(0.37 * top, batch_size)
        for degree in range(2, MOST_DEGREE + 1, 2):
            nodes = (1 - np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))) / 2
            values = np.array([self.dynamics.matrix(top * u, batch_size) for u in nodes])
            flat = np.linalg.solve(np.vander(nodes, increasing=True), values.reshape(degree + 1, -1))
            powers = flat.reshape(values.shape)
            if np.allclose(np.tensordot(0.37 ** np.arange(degree + 1), powers, 1), wanted, rtol=1e-8, atol=1e-11):
                return np.asarray(powers)
        raise ValueError(f"training: expected an iteration of degree at most {MOST_DEGREE // 2} in the learning rate")

    def _greedy(self, powers: np.ndarray, start: np.ndarray, steps: int) -> np.ndarray:
        grid = np.concatenate([np.geomspace(1e-4, 0.1, 100)[:-1], np.linspace(0.1, 1, 100)])
        table = np.vander(grid, len(powers), increasing=True)
        moments, rates = start, np.empty(steps)
        for k in range(steps):
            images = powers @ moments
            rates[k] = grid[np.argmin(table @ (images @ self._error))]
            moments = rates[k] ** np.arange(len(powers)) @ images
        return rates

    def _loss(self, rates: np.ndarray, powers: np.ndarray, start: np.ndarray) -> tuple[float, np.ndarray]:
        """Logarithm of the last error, and its gradient by the adjoint recursion."""
        orders = np.arange(len(powers))
        matrices = np.tensordot(rates[:, None] ** orders, powers, 1)
        path = [start]
        for matrix in matrices:
            path.append(matrix @ path[-1])
        adjoint, gradient = self._error, np.empty(len(rates))
        slopes = np.tensordot(orders[1:] * rates[:, None] ** orders[:-1], powers[1:], 1)
        for k in range(len(rates) - 1, -1, -1):
            gradient[k] = adjoint @ slopes[k] @ path[k]
            adjoint = adjoint @ matrices[k]
        error = float(self._error @ path[-1])
        return float(np.log(error)), gradient / error


def linearised(training: Training, point: Sequence[float] | np.ndarray | None = None) -> Linearised:
    """Linearise a training around an equilibrium of its game.

    Parameters
    ----------
    training
        Of a game without free constants; bounds are taken to be out of reach.
    point
        The equilibrium ``(d,)``. None: of those that the game finds, the one nearest to its start (to the origin where
        it has none).

    Raises
    ------
    ValueError
        If the field does not vanish there, there is no equilibrium, or the iteration is not polynomial in the batch
        means.
    """
    game = training.game
    game.refuse_free_symbols()
    where = nearest_equilibrium(game) if point is None else finite_array("point", point, f"{game.dim} numbers")
    if where.shape != (game.dim,):
        raise ValueError(f"point: expected shape ({game.dim},), got {where.shape}")
    field = np.array(game.field.subs(dict(zip(game.parameters, where, strict=True))), dtype=float)
    if not np.abs(field).max() <= 1e-6 * (1 + np.abs(where).max()):
        raise ValueError(f"point: expected a zero of the field, got {where.tolist()}")
    state, (image, batches) = training.state, training.map
    full = training.start(where[None], 0.0)[0]
    table = {s: float(v) for s, v in zip(state, full, strict=True)}
    slope = image.jacobian(state).xreplace(table)
    moved = slope * ImmutableMatrix(state) + image.xreplace(table) - ImmutableMatrix(full.tolist())
    # a projection is not affine, and the moments below know nothing of it
    exact = not game.bounds and all(e.is_polynomial(*state) and Poly(e, *state).total_degree() <= 1 for e in image)
    plain = _LinearTraining(replace(game, bounds={}), state, (ImmutableMatrix(moved), batches))
    try:
        dynamics = MomentDynamics.of_training(cast(Training, plain))
    except ValueError as error:
        raise ValueError("training: expected an iteration polynomial in rate and batch means, got another") from error
    return Linearised(training, where, dynamics, exact)


def nearest_equilibrium(game: Game) -> np.ndarray:
    """Equilibrium ``(d,)`` that the game finds nearest to its start, or to the origin.

    Where it finds none, a root search from there (Powell's hybrid method), which need not lead to the nearest one.

    Raises
    ------
    ValueError
        If neither leads to an isolated equilibrium inside the bounds.
    """
    start = np.zeros(game.dim) if game.x0 is None else np.array(game.x0)
    points = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UndecidedWarning)
            solved = game.equilibria()
    except ValueError:
        if game.known_equilibria:
            raise
        solved = []
    for found in solved:
        values = [found.get(s, s) for s in game.parameters]
        if all(v.is_number and abs(complex(v).imag) <= 1e-12 * (1 + abs(complex(v))) for v in values):
            points.append(np.array([complex(v).real for v in values]))
    if not points and not solved:
        points = _searched(game, start)
    if not points:
        raise ValueError("point: expected an isolated equilibrium of the game, got none; give one")
    return min(points, key=lambda p: float(np.linalg.norm(p - start)))


def _searched(game: Game, start: np.ndarray) -> list[np.ndarray]:
    """The zero of the field that a search from the start leads to, if it is isolated and inside the bounds."""
    game.refuse_free_symbols()
    function = lambdify([list(game.parameters)], list(game.field), ["scipy", "numpy"])

    def field(x: np.ndarray) -> np.ndarray:
        return np.array(function(x), dtype=float)

    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of the search itself, that it makes no progress
        x = root(field, start, tol=1e-13).x
        shifts = 1e-6 * (1 + np.abs(x).max()) * np.eye(len(x))
        slope = np.array([field(x + shift) - field(x - shift) for shift in shifts]) / (2 * shifts.max())
        size = np.abs(slope).max()
        # small against the slope: else the far end of a flat tail would pass for a zero
        good = np.isfinite(slope).all() and size > 0 and np.abs(field(x)).max() <= 1e-9 * size * (1 + np.abs(x).max())
        if not good or np.linalg.cond(slope) > 1e6:
            return []
    bounds = (game.bounds.get(s, (-np.inf, np.inf)) for s in game.parameters)
    return [x] if all(low <= v <= high for v, (low, high) in zip(x, bounds, strict=True)) else []
