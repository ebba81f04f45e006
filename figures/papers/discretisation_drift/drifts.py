"""Modified fields of descent-ascent with unequal rates: the toolkit's, and the published one with a clock a player.

For ``phi' = phi + alpha h f`` and ``theta' = theta + lam h g`` the toolkit derives, on one clock that advances by h an
iteration, the field ``b_0 + h b_1`` of its SDE of order 2 without noise. Rosca et al. (arXiv 2105.13922) give each
player a clock of its own, which advances by ``alpha h`` and ``lam h``: ``f - (alpha h / 2) (f_phi f + f_theta g)`` and
``g - (lam h / 2) (c g_phi f + g_theta g)``, with ``c = 1`` for simultaneous updates and ``1 - 2 alpha / lam`` for
alternating ones, phi first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp
from sympy import Matrix, Symbol, lambdify

import gan_sde as gs

Field = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Scheme:
    """Descent-ascent on a game of two players with one parameter each, in the order (phi, theta), without noise.

    Parameters
    ----------
    game
        Its first player is phi.
    order
        "simultaneous" or "alternating", phi first.
    rates
        alpha and lam, multiples of the learning rate h.
    """

    game: gs.Game
    order: str
    rates: tuple[float, float] = (1.0, 1.0)

    @property
    def training(self) -> gs.Training:
        """The algorithm on the game."""
        rates: Mapping[str, float] = dict(zip(self.game.players, self.rates, strict=True))
        return gs.Training(self.game, gs.algorithms.get("sgda", order=self.order, rates=rates))

    def step(self, h: float) -> Field:
        """One iteration."""
        image, _ = self.training.map
        return _compiled(self.game.parameters, Matrix(image).subs(_lr(self.training), h))

    def modified(self, h: float, order: int = 2) -> Field:
        """Drift of the derived SDE without noise, on the common clock: order 1 is the original flow."""
        sde = self.training.sde(order)
        return _compiled(self.game.parameters, Matrix(sde.drift).subs(sde.lr, h))

    def published(self, h: float, *, common_clock: bool) -> Field:
        """Rosca et al.'s modified field: on each player's own clock, or both read on the common one."""
        alpha, lam = self.rates
        c = 1.0 if self.order == "simultaneous" else 1 - 2 * alpha / lam
        f, g = (-entry for entry in self.game.field)
        phi, theta = self.game.parameters
        first = f - alpha * h / 2 * (f.diff(phi) * f + f.diff(theta) * g)
        second = g - lam * h / 2 * (c * g.diff(phi) * f + g.diff(theta) * g)
        if common_clock:
            first, second = alpha * first, lam * second
        return _compiled(self.game.parameters, Matrix([first, second]))


def _lr(training: gs.Training) -> Symbol:
    return training.sde(1).lr


def _compiled(parameters: Sequence[Symbol], vector: Matrix) -> Field:
    function = lambdify(parameters, list(vector), modules="math", cse=True)
    return lambda z: np.array(function(*map(float, z)), float)


def iterate(step: Field, start: Sequence[float], count: int) -> np.ndarray:
    """Iterates ``(count + 1, 2)``."""
    path = [np.array(start, float)]
    for _ in range(count):
        path.append(step(path[-1]))
    return np.array(path)


def flow(field: Field, start: Sequence[float], times: Sequence[float] | np.ndarray) -> np.ndarray:
    """Solution at increasing ``times`` from 0, ``(len(times), 2)``, to relative errors near 1e-11."""
    times = np.asarray(times, float)
    found = solve_ivp(
        lambda _, z: field(z), (0.0, float(times[-1])), np.array(start, float), method="DOP853", t_eval=times,
        rtol=1e-11, atol=1e-13,
    )  # fmt: skip
    return found.y.T


def matrix_of(field: Field) -> np.ndarray:
    """Matrix of a linear field, ``(2, 2)``."""
    return np.stack([field(unit) for unit in np.eye(2)], axis=1)
