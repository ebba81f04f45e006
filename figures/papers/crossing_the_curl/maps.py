"""The deterministic maps of the LQ-GAN paper, and the two ways in which its experiments follow them.

Every map is the expected move of one of the toolkit's algorithms, divided by its rate: nothing is typed in by hand.
Settings are those of the experiments of Gemp & Mahadevan (arXiv 1808.01531).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from sympy import Expr, ImmutableMatrix, Rational, lambdify, symbols

import gan_sde as gs
from gan_sde.symbolic.distributions import Normal
from gan_sde.symbolic.training import state_bounds
from gan_sde.symbolic.update import ETA, batch_expectation

ALPHA, BETA, PENALTY = Rational(1, 200), Rational(1, 10), Rational(1, 10)
"""Step of the discriminator in F_alt and F_unr, weight of ``J^T F`` in F_con, weight of the penalty in F_reg."""

MAPS: dict[str, tuple[str, dict[str, object]]] = {
    "F": ("sgda", {}),
    "F_alt": ("sgda", {"order": "alternating"}),
    "F_unr": ("unrolled", {"rate": gs.algorithms.Fixed(ALPHA)}),
    "F_reg": ("gradient-regularised", {"weight": PENALTY}),
    "F_con": ("consensus", {"weight": BETA}),
    "F_eg": ("linear-family", {"alpha": 0, "beta": 0, "gamma": 1}),
    "F_cc": ("crossing-the-curl", {}),
}

W2, W1, A, B, MU, SIGMA = symbols("w2 w1 a b mu sigma")
EQUILIBRIUM = np.array([0.0, 0.0, 1.0, 0.0])
"""At mean 0 and variance 1, which all experiments have."""
CLOSE = 1e-4
"""Distance to the equilibrium at which a run ends."""

Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Run:
    """A followed map.

    Parameters
    ----------
    path
        ``(iterations + 1, 4)`` in the order w2, w1, a, b.
    times
        ``(iterations + 1,)``, sum of the steps so far.
    """

    path: np.ndarray
    times: np.ndarray

    @property
    def distance(self) -> np.ndarray:
        """Distance to the equilibrium, ``(iterations + 1,)``."""
        return np.linalg.norm(self.path - EQUILIBRIUM, axis=1)

    @property
    def iterations(self) -> int:
        """Iterations made."""
        return len(self.path) - 1

    @property
    def converged(self) -> bool:
        """Whether the run ended at the equilibrium and not with its budget."""
        return bool(self.distance[-1] <= CLOSE)


# -------------------------------------------------------------------- maps


@cache
def game(stage: str) -> gs.Game:
    """The LQ-GAN in one dimension, or one of its two stages.

    Parameters
    ----------
    stage
        ``"joint"``: all four parameters; ``"mean"``: (w1, b), w2 being held at 0; ``"variance"``: (w2, a) on centred
        data, w1 and b being held at 0.
    """
    if stage == "joint":
        return gs.games.get("lq-gan")
    real, latent = symbols("y z")
    mean = stage == "mean"
    return gs.Game.zero_sum(
        W1 * (real - A * latent - B) if mean else W2 * (real**2 - (A * latent) ** 2),
        maximiser={"discriminator": [W1 if mean else W2]},
        minimiser={"generator": [B if mean else A]},
        data={real: Normal(MU if mean else 0, SIGMA), latent: Normal(0, 1)},
        name=f"lq-gan-{stage}",
    )


@cache
def direction(name: str, stage: str = "joint") -> ImmutableMatrix:
    """Expected move of one iteration, ``-E[x' - x] / rate``, a column in the order of the game's parameters.

    An alternating iteration moves along F_alt with a discriminator step equal to its rate, here `ALPHA`; in the other
    maps the rate does not occur.
    """
    algorithm, options = MAPS[name]
    played = game(stage)
    update, batches = gs.Training(played, gs.algorithms.get(algorithm, **options)).map
    move = (ImmutableMatrix(played.parameters) - update) / ETA
    return batch_expectation(played, batches, [e.expand().subs(ETA, ALPHA) for e in move])


@cache
def function(name: str, stage: str = "joint") -> Function:
    """The map at mean 0 and variance 1, from and to arrays with the parameters first, ``(d, ...)``."""
    compiled = lambdify(game(stage).parameters, list(_standard(direction(name, stage))), modules="numpy", cse=True)
    return lambda x: np.array(compiled(*x))


def _standard(vector: ImmutableMatrix) -> ImmutableMatrix:
    values: dict[Expr, int] = {MU: 0, SIGMA: 1}
    return ImmutableMatrix(vector.subs(values))


def projection(minimum_scale: float) -> Function:
    """Projection to the bounds of the game: the generator's scale stays at or above ``minimum_scale``."""
    bounded = gs.games.get("lq-gan", minimum_scale=minimum_scale)
    low, high = np.array(state_bounds(bounded, bounded.parameters)).T
    return lambda x: np.minimum(np.maximum(x, low), high)


# -------------------------------------------------------------------- following a map


def euler(map_: Function, project: Function, start: np.ndarray, *, step: float, budget: int) -> Run:
    """``x <- P(x - step map(x))`` until the equilibrium or the end of the budget."""
    return _repeat(lambda x: project(x - step * map_(x)), start, step, budget)


def extragradient(map_: Function, project: Function, start: np.ndarray, *, step: float, budget: int) -> Run:
    """``x <- P(x - step map(P(x - step map(x))))``."""
    return _repeat(lambda x: project(x - step * map_(project(x - step * map_(x)))), start, step, budget)


def _apart(x: np.ndarray) -> bool:
    offset = x - EQUILIBRIUM
    return bool(offset @ offset > CLOSE**2)


def _repeat(iterate: Function, start: np.ndarray, step: float, budget: int) -> Run:
    path = [np.asarray(start, dtype=float)]
    while len(path) <= budget and _apart(path[-1]):
        path.append(iterate(path[-1]))
    return Run(np.array(path), step * np.arange(len(path)))


def heun_euler(
    map_: Function,
    project: Function,
    start: np.ndarray,
    *,
    step: float,
    budget: int,
    tolerance: float = 1e-5,
    longest: float = np.inf,
) -> Run:
    """Heun's method with a step that follows its error, two evaluations of the map an iteration.

    Every step is accepted. The next one is the present one times the smaller of ``sqrt(tolerance / e)``, where e is
    the largest entry of the difference between Heun's and Euler's point, and `phase_space_factor`; at most
    ``longest``. On a bound both points are the projection's, e is 0, and nothing but ``longest`` holds the step.
    """
    x, slope = np.asarray(start, dtype=float), map_(np.asarray(start, dtype=float))
    path, times = [x], [0.0]
    while len(path) <= budget and _apart(x):
        ahead = project(x - step * slope)
        mean = (slope + map_(ahead)) / 2
        arrived = project(x - step * mean)
        new = map_(arrived)
        error = np.abs(arrived - ahead).max()
        factor = phase_space_factor(mean, (slope + new) / 2)
        if error > 0:
            factor = min(factor, np.sqrt(tolerance / error))
        times.append(times[-1] + step)
        x, slope, step = arrived, new, min(factor * step, longest)
        path.append(x)
    return Run(np.array(path), np.array(times))


def phase_space_factor(used: np.ndarray, trapezoid: np.ndarray) -> float:
    """Factor of the step from how far the slope that was used is from the trapezoid rule's over the same step.

    Their relative difference in the largest entry: 1 % or less lets the step grow five-fold, 10 % keeps it, 70 % or
    more halves it, linear in between. It turns with the path, whatever the length of the slope.
    """
    size = np.abs(trapezoid).max()
    difference = np.abs(used - trapezoid).max()
    if size == 0:
        return 1.0 if difference == 0 else 0.5
    return float(np.interp(difference / size, [0.01, 0.1, 0.7], [5.0, 1.0, 0.5]))
