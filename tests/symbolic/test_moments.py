"""Exact moments: what they refuse, and a case by hand (independent oracles: tests/figures/test_weak_order.py)."""

import numpy as np
import pytest
from sympy import Abs, Rational, symbols

import gan_sde as gs

x, y, a = symbols("x y a")


def training(loss, **options):
    game = gs.Game.general_sum({"p": loss}, parameters={"p": [x]}, data={a: gs.Normal(0, 1)}, **options)
    return gs.Training(game, gs.algorithms.get("sgda"))


def test_one_iteration_by_hand():
    """x' = x - lr (x + mean a): mean (1 - lr) x, second moment (1 - lr)^2 x^2 + lr^2 / B."""
    dynamics = gs.MomentDynamics.of_training(training(x**2 / 2 + a * x))
    moments = dynamics.after((2.0,), time=0.1, lr=0.1, batch_size=4)
    np.testing.assert_allclose(moments, [1, 1.8, 1.8**2 + 0.01 / 4], rtol=1e-14)
    np.testing.assert_allclose(dynamics.stationary(lr=0.1, batch_size=4)[2], 0.01 / 4 / (1 - 0.81), rtol=1e-12)


@pytest.mark.parametrize(
    "loss",
    [
        -(x - 3) * Abs(x - 3) / 2 - 3 * x + a * x,
        10**6 * x**2 / 2 + Rational(1, 10**5) * x**4 / 4 + a * x,
        x**2 / 2 + a * x**3,
    ],
    ids=["kink", "weak quartic", "noise"],
)
def test_what_is_not_affine_is_refused(loss):
    made = training(loss)
    for dynamics in (gs.MomentDynamics.of_training, lambda t: gs.MomentDynamics.of_sde(t.sde())):
        with pytest.raises(ValueError, match="game: expected affine dynamics"):
            dynamics(made)


def test_bounds_are_refused():
    made = training(x**2 / 2 + a * x, bounds={x: (2, None)})
    for dynamics in (gs.MomentDynamics.of_training, lambda t: gs.MomentDynamics.of_sde(t.sde())):
        with pytest.raises(ValueError, match=r"game: expected no bounds .* got bounds of x"):
            dynamics(made)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"lr": -1.0}, "lr: expected a positive number, got -1.0"),
        ({"time": 0.14}, "time: expected a multiple of lr = 0.1 from 0 on, got 0.14"),
        ({"time": -0.1}, "time: expected a multiple of lr = 0.1 from 0 on, got -0.1"),
        ({"x0": (1.0, 2.0)}, "x0: expected shape"),
    ],
)
def test_bad_input(options, words):
    dynamics = gs.MomentDynamics.of_training(training(x**2 / 2 + a * x))
    with pytest.raises(ValueError, match=words):
        dynamics.after(**{"x0": (1.0,), "time": 0.1, "lr": 0.1, "batch_size": 1, **options})
