"""The LQ-GAN's maps against closed forms, and the ways of following them against exact solutions."""

import numpy as np
import pytest
from sympy import Matrix, Rational, simplify, zeros

import gan_sde as gs
from figures.papers.crossing_the_curl.maps import (
    ALPHA,
    BETA,
    CLOSE,
    EQUILIBRIUM,
    MAPS,
    MU,
    SIGMA,
    W1,
    W2,
    A,
    B,
    direction,
    euler,
    extragradient,
    function,
    game,
    heun_euler,
    phase_space_factor,
    projection,
)
from gan_sde.symbolic.update import ETA

MISMATCH = A**2 - SIGMA**2
VARIANCE = {
    "F": [MISMATCH, -2 * W2 * A],
    "F_alt": [MISMATCH, -2 * W2 * A + 2 * ALPHA * A * MISMATCH],
    "F_unr": [MISMATCH, -2 * W2 * A + 4 * ALPHA * A * MISMATCH],
    "F_reg": [MISMATCH, -2 * W2 * A + Rational(2, 5) * A * MISMATCH],
    "F_con": [MISMATCH + 4 * BETA * W2 * A**2, -2 * W2 * A + BETA * (2 * A * MISMATCH + 4 * W2**2 * A)],
    "F_eg": [4 * W2 * A**2, 2 * A * MISMATCH - 4 * W2**2 * A],
    "F_cc": [4 * W2 * A**2, 2 * A * MISMATCH],
}
MEAN = {
    "F": [B - MU, -W1],
    "F_alt": [B - MU, -W1 + ALPHA * (B - MU)],
    "F_unr": [B - MU, -W1 + 2 * ALPHA * (B - MU)],
    "F_reg": [B - MU, -W1 + Rational(1, 5) * (B - MU)],
    "F_con": [B - MU + BETA * W1, -W1 + BETA * (B - MU)],
    "F_eg": [W1, B - MU],
    "F_cc": [W1, B - MU],
}
FREE = projection(1e-6)


def same(left, right):
    return (Matrix(left) - Matrix(right)).applyfunc(simplify) == zeros(len(left), 1)


# -------------------------------------------------------------------- maps


@pytest.mark.parametrize("name", MAPS)
def test_stages(name):
    assert same(direction(name, "variance"), VARIANCE[name])
    assert same(direction(name, "mean"), MEAN[name])


@pytest.mark.parametrize("name", MAPS)
def test_the_variance_stage_is_the_joint_map_on_centred_data(name):
    joint = direction(name).subs({W1: 0, B: 0, MU: 0})
    assert joint[1] == joint[3] == 0
    assert same(direction(name, "variance"), [joint[0], joint[2]])


def test_crossing_the_curl_is_orthogonal_to_the_field():
    assert simplify((direction("F").T * direction("F_cc"))[0]) == 0


@pytest.mark.parametrize("name", MAPS)
def test_functions_are_at_mean_0_and_variance_1(name):
    x = np.array([0.7, -0.4, 1.3, 0.2])
    at = dict(zip((W2, W1, A, B), x, strict=True)) | {MU: 0, SIGMA: 1}
    assert function(name)(x) == pytest.approx(np.array(direction(name).subs(at), dtype=float).ravel(), rel=1e-12)
    assert function(name)(EQUILIBRIUM) == pytest.approx(0, abs=1e-15)


# -------------------------------------------------------------------- following


def test_extragradient_is_the_algorithm_without_noise():
    update, batches = gs.Training(game("joint"), gs.algorithms.get("extragradient")).map
    x, step = np.array([0.3, 0.1, 1.2, -0.2]), 0.01
    at = {s: 0 for batch in batches for s in batch.means} | {ETA: step, MU: 0, SIGMA: 1}
    at |= dict(zip(game("joint").parameters, x, strict=True))
    expected = np.array(update.subs(at), dtype=float).ravel()
    assert extragradient(function("F"), FREE, x, step=step, budget=1).path[1] == pytest.approx(expected, rel=1e-12)
    assert euler(function("F"), FREE, x, step=step, budget=1).path[1] != pytest.approx(expected, rel=1e-6)


def test_runs_end_at_the_equilibrium_or_with_the_budget():
    start = np.array([1.0, 0, 1, 0])
    result = euler(lambda x: x - EQUILIBRIUM, FREE, start, step=0.5, budget=100)
    assert result.converged and result.iterations == 14  # 2^-14 < 1e-4 < 2^-13
    assert result.distance == pytest.approx(0.5 ** np.arange(15))
    assert result.times == pytest.approx(0.5 * np.arange(15))
    cut = euler(lambda x: x - EQUILIBRIUM, FREE, start, step=0.5, budget=13)
    assert not cut.converged and cut.iterations == 13
    assert euler(lambda x: x, FREE, EQUILIBRIUM + CLOSE / 3, step=0.5, budget=5).iterations == 0


@pytest.mark.parametrize("tolerance", [1e-4, 1e-6])
def test_heun_follows_the_flow(tolerance):
    """Rotation by time: the error of n second-order steps is far below the sum of the tolerances."""

    def turn(x):
        w2, _, a, _ = offset = x - EQUILIBRIUM
        return np.array([a, 0, -w2, 0]) + 0.1 * offset

    start = np.array([0.5, 0, 1, 0])
    result = heun_euler(turn, FREE, start, step=1e-3, budget=200, tolerance=tolerance)
    t = result.times
    exact = EQUILIBRIUM + 0.5 * np.exp(-0.1 * t)[:, None] * np.stack([np.cos(t), 0 * t, np.sin(t), 0 * t], axis=1)
    error = np.abs(result.path - exact).max()
    assert error < tolerance * result.iterations / 10
    first_order = euler(turn, FREE, start, step=float(t[-1] / result.iterations), budget=result.iterations)
    assert np.linalg.norm(first_order.path[-1] - exact[-1]) > 10 * error


def test_step_control():
    across = np.array([1.0, 0.0])
    factors = [phase_space_factor(np.array([1.0, r]), across) for r in (0, 0.01, 0.055, 0.1, 0.4, 0.7, 3)]
    assert factors == pytest.approx([5, 5, 3, 1, 0.75, 0.5, 0.5])
    assert phase_space_factor(across * 0, across * 0) == 1 and phase_space_factor(across, across * 0) == 0.5
    steady = heun_euler(lambda x: 0 * x + 1, FREE, EQUILIBRIUM + 9, step=1e-3, budget=4, tolerance=1e-9)
    # no entry of a constant map is ever wrong but for rounding: five-fold growth
    assert np.diff(steady.times)[:3] == pytest.approx([1e-3, 5e-3, 2.5e-2])
    capped = heun_euler(lambda x: 0 * x + 1, FREE, EQUILIBRIUM + 9, step=1e-3, budget=4, longest=2e-3)
    assert np.diff(capped.times) == pytest.approx([1e-3, 2e-3, 2e-3, 2e-3])


def test_projection_holds_the_scale_alone():
    assert projection(0.01)(np.array([-5.0, -5.0, -5.0, -5.0])).tolist() == [-5, -5, 0.01, -5]
