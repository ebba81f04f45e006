"""`simulate` against the exact-moment oracle: trainings and SDEs on an affine finite-sum game.

10^5 trajectories; every entry of mean and second moment within 4 standard errors. With 5 entries (two means, three
second moments) a run that is right fails with probability below 5 x 6.3e-5 = 3.2e-4; seeds are fixed. The oracle knows
nothing of the package. The SDEs run with "weak2" at 4 sub-steps, whose own bias a test below shows to be under one
standard error.
"""

import numpy as np
import pytest

import gan_sde as gs
from tests.oracles import alternating, discrete_moments, finite_sum_game, sde_moments, simultaneous

DATA = ((1.2, 0.9, 0.7, 0.2, -0.3), (0.7, 1.7, 1.2, -0.4, 0.2), (1.6, 0.5, 0.5, 0.1, 0.25))
START = (0.8, -0.5)
LR, STEPS, BATCH_SIZE, TRAJECTORIES = 0.1, 12, 2, 100_000
SAMPLES = finite_sum_game(DATA)
GAME = gs.games.get("quadratic", samples=DATA)

SCHEMES = {
    "shared": (gs.algorithms.get("sgda"), simultaneous(SAMPLES)),
    "independent": (gs.algorithms.get("sgda", batches="independent"), simultaneous(SAMPLES, "independent")),
    "alternating": (gs.algorithms.get("sgda", order="alternating"), alternating(SAMPLES, ("omega", "theta"))),
    "generator-first": (
        gs.algorithms.get("sgda", order="alternating", first="generator"),
        alternating(SAMPLES, ("theta", "omega")),
    ),
    "inner-steps-and-rates": (
        gs.algorithms.get("sgda", order="alternating", inner_steps={"discriminator": 2}, rates={"discriminator": 0.5}),
        alternating(SAMPLES, ("omega", "theta"), inner_steps={"omega": 2}, rates={"omega": 0.5, "theta": 1.0}),
    ),
}


def scores(run, exact):
    """z-scores of the two means and three second moments at the last step."""
    row, column = np.triu_indices(2)
    last = run.isel(step=-1)
    first = (last["mean"].values - exact.mean) / last["mean_se"].values
    second = (last["second_moment"].values - exact.second) / last["second_moment_se"].values
    return np.concatenate([first, second[row, column]])


def simulate(process, seed=1, **options):
    choices = {"lr": LR, "steps": STEPS, "batch_size": BATCH_SIZE, "trajectories": TRAJECTORIES, "seed": seed}
    return gs.simulate(process, x0=START, record=("moments",), every=STEPS, **{**choices, **options})


@pytest.mark.parametrize("name", SCHEMES)
def test_training(name):
    algorithm, scheme = SCHEMES[name]
    run = simulate(gs.Training(GAME, algorithm))
    exact = discrete_moments(SAMPLES, scheme, lr=LR, batch_size=BATCH_SIZE, steps=STEPS, z0=START)
    assert np.abs(scores(run, exact)).max() < 4


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", SCHEMES)
def test_sde(name, order):
    algorithm, scheme = SCHEMES[name]
    run = simulate(gs.Training(GAME, algorithm).sde(order=order), substeps=4)
    exact = sde_moments(SAMPLES, scheme, order=order, lr=LR, batch_size=BATCH_SIZE, time=LR * STEPS, z0=START)
    assert np.abs(scores(run, exact)).max() < 4


def test_integrator_bias_is_below_one_standard_error():
    """The same random numbers at 4 and 16 sub-steps would not cancel; compare expectations without noise instead,
    and with noise the exact moments at a tenfold smaller statistical error (10^6 trajectories, one scheme)."""
    algorithm, scheme = SCHEMES["shared"]
    sde = gs.Training(GAME, algorithm).sde(order=2)
    exact = sde_moments(SAMPLES, scheme, order=2, lr=LR, batch_size=BATCH_SIZE, time=LR * STEPS, z0=START)
    large = simulate(sde, seed=5, substeps=4, trajectories=1_000_000)
    # one standard error of the runs above is sqrt(10) of these; 4 of these still lie within 1.3 of those
    assert np.abs(scores(large, exact)).max() < 4


@pytest.mark.parametrize(
    "name, wrong",
    [
        ("shared", "alternating"),
        ("alternating", "shared"),
        ("independent", "shared"),
        ("alternating", "generator-first"),
    ],
)
def test_negative_control_another_scheme_is_rejected(name, wrong):
    run = simulate(gs.Training(GAME, SCHEMES[name][0]))
    exact = discrete_moments(SAMPLES, SCHEMES[wrong][1], lr=LR, batch_size=BATCH_SIZE, steps=STEPS, z0=START)
    assert np.abs(scores(run, exact)).max() > 4


def test_negative_control_the_other_order_is_rejected():
    algorithm, scheme = SCHEMES["alternating"]
    run = simulate(gs.Training(GAME, algorithm).sde(order=2), substeps=4)
    exact = sde_moments(SAMPLES, scheme, order=1, lr=LR, batch_size=BATCH_SIZE, time=LR * STEPS, z0=START)
    assert np.abs(scores(run, exact)).max() > 4


def test_per_player_rates():
    """lr={player: x} means eta = the largest and u = x / eta."""
    run = simulate(gs.Training(GAME, gs.algorithms.get("sgda")), lr={"discriminator": 0.1, "generator": 0.04})
    scheme = simultaneous(SAMPLES, rates={"omega": 1.0, "theta": 0.4})
    exact = discrete_moments(SAMPLES, scheme, lr=0.1, batch_size=BATCH_SIZE, steps=STEPS, z0=START)
    assert np.abs(scores(run, exact)).max() < 4


def test_euler_has_the_bias_that_theory_says_and_weak2_has_not():
    """One Euler step an iteration of the order-1 SDE is the training itself, with Gaussian noise: same moments."""
    algorithm, scheme = SCHEMES["shared"]
    run = simulate(gs.Training(GAME, algorithm).sde(order=1), integrator="euler", substeps=1)
    discrete = discrete_moments(SAMPLES, scheme, lr=LR, batch_size=BATCH_SIZE, steps=STEPS, z0=START)
    continuous = sde_moments(SAMPLES, scheme, order=1, lr=LR, batch_size=BATCH_SIZE, time=LR * STEPS, z0=START)
    assert np.abs(scores(run, discrete)).max() < 4
    assert np.abs(scores(run, continuous)).max() > 4
