"""Problems whose mean loss obeys one exact recursion, and the learning rates that compete on them.

Two are simulated: the quadratic ``f = x^2`` with gradient variance 4, started at a mean loss of 5, and descent-ascent
on the game ``x^2 / 2 + 2 x y - y^2 / 2`` with half the mean squared distance in place of the loss. A third,
adversarial training of a mean, is written out as a loop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import sympy as sp
from scipy.optimize import minimize_scalar

import gan_sde as gs
from analysis.control import (
    DiscreteMoment,
    OptimalRate,
    ScalarMoment,
    adversarial_moment,
    game_moment,
    optimal_rate,
    quadratic_moment,
)

LR = 0.1


@dataclass(frozen=True)
class Problem:
    """A training whose mean loss obeys one exact recursion.

    Parameters
    ----------
    name
        In tables.
    make
        Coefficients of the SDE's moment equation at a learning rate.
    squared
        |J z|^2 / |z|^2.
    start
        Moment before the first iteration.
    horizon
        Physical time of the training.
    training
        What is simulated; ``weight`` times its mean |z|^2 is the moment.
    """

    name: str
    make: Callable[[float], ScalarMoment]
    squared: float
    start: float
    horizon: float
    weight: float
    training: Callable[[], gs.Training]

    def steps(self, lr: float = LR) -> int:
        """Iterations of the training."""
        return round(self.horizon / lr)

    def best(self, lr: float = LR) -> OptimalRate:
        """The SDE's optimum in closed form."""
        return optimal_rate(self.make(lr), self.start)

    def chain(self, lr: float = LR) -> DiscreteMoment:
        """The exact recursion."""
        return DiscreteMoment(self.make(lr), self.squared, lr)

    def exact(self, rates: np.ndarray, lr: float = LR) -> np.ndarray:
        """Exact moment before and after each iteration, under learning rates ``(..., steps)``."""
        return self.chain(lr).evolve(self.start, rates)


def quadratic_training() -> gs.Training:
    """Gradient descent on ``x^2`` with gradient noise of variance 4, from mean loss 5."""
    x, p = sp.symbols("x p")
    game = gs.Game.general_sum(
        losses={"learner": x**2 + 2 * p * x},
        parameters={"learner": [x]},
        data={p: gs.Normal(0, 1)},
        x0={"x": float(np.sqrt(5))},
    )
    return gs.Training(game, gs.algorithms.get("sgda"))


def game_training() -> gs.Training:
    """Descent-ascent on the registered quadratic game with coupling 2 and unit gradient noise a player."""
    game = gs.games.get("quadratic").subs(a=1.0, c=1.0, lam=2.0, sigma_omega=1.0, sigma_theta=1.0)
    return gs.Training(game, gs.algorithms.get("sgda"))


QUADRATIC = Problem(
    "quadratic", lambda lr: quadratic_moment(2.0, 4.0, lr), 4.0, 5.0, 3.0, 1.0, quadratic_training
)  # fmt: skip
GAME = Problem("game", lambda lr: game_moment(1.0, 1.0, lr), 5.0, 1.0, 5.0, 0.5, game_training)


INNER_RATE, INNER_STEPS, ADVERSARIAL_START = 1.0, 4, 5.0


def adversarial_problem(inner_steps: int) -> Problem:
    """Estimation of the mean of N(0, 4) from adversarially moved data, as a problem."""
    slope = (1 + INNER_RATE * LR) ** inner_steps  # as trained at LR
    return Problem(
        f"adversarial, K = {inner_steps}", lambda lr: adversarial_moment(4.0, lr, INNER_RATE, inner_steps), slope**2,
        ADVERSARIAL_START, 3.0, 0.5, quadratic_training,
    )  # fmt: skip


# -------------------------------------------------------------------- schedules


def fitted(problem: Problem, shape: np.ndarray) -> np.ndarray:
    """Learning rates of a shape in [0, 1], ``(steps,)``, at the peak that is best for the exact moment."""
    found = minimize_scalar(
        lambda peak: problem.exact(LR * peak * shape)[-1], bounds=(0, 1), method="bounded", options={"xatol": 1e-8}
    )
    return LR * found.x * shape


def competitors(problem: Problem) -> dict[str, np.ndarray]:
    """The SDE's optimum, the exact one, and usual schedules at their best peaks, in learning rates by iteration."""
    n = problem.steps()
    middle = (np.arange(n) + 0.5) / n
    return {
        "optimal": problem.best().schedule(LR, n),
        "exact optimum": problem.chain().optimal_schedule(problem.start, n),
        "linear": fitted(problem, 1 - middle),
        "cosine": fitted(problem, (1 + np.cos(np.pi * middle)) / 2),
        "constant": fitted(problem, np.ones(n)),
    }


def random_schedules(steps: int, each: int, seed: int) -> np.ndarray:
    """Rates u in [0, 1] that are constant or fall, ``(4 each, steps)``: four families, told apart by blocks.

    Constants; sorted uniform numbers; full rate with one to three drops; full rate, then a power of time.
    """
    rng = np.random.default_rng(seed)
    time = (np.arange(steps) + 0.5) / steps
    constant = np.repeat(rng.uniform(0, 1, (each, 1)), steps, axis=1)
    falling = -np.sort(-rng.uniform(0, 1, (each, steps)), axis=1)
    drops = np.ones((each, steps))
    for number in range(3):
        wanted = rng.uniform(size=(each, 1)) < 1 / (1 + number)
        after = time > rng.uniform(0, 1, (each, 1))
        drops = np.where(wanted & after, drops * rng.uniform(0.05, 1, (each, 1)), drops)
    speed, power = np.exp(rng.uniform(-1, 4, (each, 1))), rng.uniform(0.3, 2, (each, 1))
    late = np.maximum(time - rng.uniform(0, 1, (each, 1)), 0)
    return np.concatenate([constant, falling, drops, (1 + speed * late) ** -power])
