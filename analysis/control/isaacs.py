"""The Isaacs equation: two players steer one process, one for the least and one for the largest cost."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis._validation import Array, count, positive
from analysis.control.grid import StateGrid
from analysis.control.hjb import terminal_values
from analysis.control.markov_chain import Chain, markov_chain
from analysis.control.problem import ControlProblem, control_set


@dataclass(frozen=True, eq=False)
class IsaacsSolution:
    """Both values of the game and the players' policies.

    Attributes
    ----------
    times : array, shape (steps + 1,)
    upper, lower : arrays, shape (steps + 1, *grid.shape)
        Value if in every step the maximiser, respectively the minimiser, moves second and has seen the other.
    minimiser, maximiser : arrays, shape (steps, *grid.shape, k)
        The cautious policies: of the minimiser against the upper value, of the maximiser against the lower.
    """

    times: Array
    upper: Array
    lower: Array
    minimiser: Array
    maximiser: Array

    @property
    def gap(self) -> float:
        """Largest difference of the two values; 0 where Isaacs' condition holds, and the game has one value."""
        return float(np.max(self.upper - self.lower))


def solve_isaacs(
    problem: ControlProblem,
    grid: StateGrid,
    minimiser: ArrayLike,
    maximiser: ArrayLike,
    *,
    horizon: float,
    steps: int,
) -> IsaacsSolution:
    """Solve V_t + min_u max_w {b . V_x + sigma sigma^T : V_xx / 2 + running} = 0, and the same with max_w min_u.

    The same chain as `solve_hjb`, hence monotone in the same sense. Where drift, covariance and running cost are
    sums of a function of u and one of w, min and max commute in the equation (Isaacs' condition): on the chain the
    gap then vanishes with the time step, and at once if the value is a sum too.

    Parameters
    ----------
    problem : ControlProblem
        Its controls are (u, w) behind each other.
    grid : StateGrid
    minimiser, maximiser : arrays, shape (c,) or (c, k)
        Finite sets of controls u and w.
    horizon, steps
        As in `solve_hjb`.

    References
    ----------
    Guo & Mounjid (2021), arXiv 2112.00222: learning rates of GAN training as a stochastic game.

    Examples
    --------
    The minimiser is twice as fast:

    >>> problem = ControlProblem(lambda t, x, c: 2 * c[..., :1] + c[..., 1:], lambda x: abs(x[..., 0]))
    >>> grid = StateGrid.of(np.linspace(-4, 4, 81))
    >>> solution = solve_isaacs(problem, grid, [-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0], horizon=1.0, steps=10)
    >>> float(solution.upper[0, 60].round(12)), float(solution.lower[0, 60].round(12))
    (1.0, 1.0)
    """
    low, high = control_set("minimiser", minimiser), control_set("maximiser", maximiser)
    pairs = np.concatenate([np.repeat(low, len(high), axis=0), np.tile(high, (len(low), 1))], axis=1)
    times = np.linspace(0, positive("horizon", horizon), count("steps", steps, 1) + 1)
    upper = np.empty((len(times), int(np.prod(grid.shape))))
    lower = np.empty_like(upper)
    first, second = (np.empty((len(times) - 1, upper.shape[1]), dtype=np.int32) for _ in range(2))
    upper[-1] = lower[-1] = terminal_values(problem, grid)
    chain: Chain | None = None
    for k in range(len(times) - 2, -1, -1):
        if chain is None or not problem.autonomous:
            chain = markov_chain(problem, grid, pairs, times[k], times[1])
        worst = chain.cost_to_go(upper[k + 1]).reshape(-1, len(low), len(high)).max(axis=2)
        best = chain.cost_to_go(lower[k + 1]).reshape(-1, len(low), len(high)).min(axis=1)
        first[k], second[k] = worst.argmin(axis=1), best.argmax(axis=1)
        upper[k], lower[k] = worst.min(axis=1), best.max(axis=1)
    shape = (-1, *grid.shape)
    return IsaacsSolution(
        times,
        upper.reshape(shape),
        lower.reshape(shape),
        low[first.reshape(shape)],
        high[second.reshape(shape)],
    )
