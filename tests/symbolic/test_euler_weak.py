"""Euler's scheme with signs for normals: weak order 1, and a law that is not Gaussian."""

import numpy as np
import pytest

import analysis
import gan_sde as gs
from tests.symbolic.test_integrators import one_step_errors

SAMPLES = ((-0.4, 0.9, 2.1, 0.2, -0.3), (1.2, 0.9, 0.7, -0.4, 0.2), (2.8, 0.9, -0.7, 0.1, 0.25))
START, LR, STEPS, BATCH_SIZE = (0.8, -0.5), 0.4, 3, 2
TRAINING = gs.Training(gs.games.get("quadratic", samples=SAMPLES), gs.algorithms.get("sgda"))
SDE = TRAINING.sde()


def simulate(process=SDE, **options):
    choices = {"x0": START, "lr": LR, "steps": STEPS, "batch_size": BATCH_SIZE, "integrator": "euler-weak"}
    return gs.simulate(process, **{**choices, **options})


@pytest.mark.parametrize("name", ["quadratic", "lq-gan"])
def test_one_step_is_right_to_order_1_exactly(name):
    first, second = np.transpose(one_step_errors(name, "euler-weak"))
    assert first.max() < 1e-12 < second.max()


def test_order_1_against_exact_moments():
    """Slope of the bias over 1, 2, 4, 8 sub-steps from 2^18 trajectories each: its 99.9 % interval holds 1."""
    exact = gs.MomentDynamics.of_sde(SDE).after(START, LR * STEPS, lr=LR, batch_size=BATCH_SIZE)[4]
    substeps, errors, ses = (1, 2, 4, 8), [], []
    for seed, r in enumerate(substeps):
        run = simulate(
            trajectories=2**18, seed=seed, substeps=r, record=("moments",), every=STEPS,
            observe={"product": "omega*theta"},
        )  # fmt: skip
        errors.append(run["observable_mean"].values[-1, 0] - exact)
        ses.append(run["observable_se"].values[-1, 0])
    low, high = analysis.weak_order(1 / np.array(substeps), errors, ses, level=0.999).interval
    assert low < 1 < high and high - low < 1


def test_a_step_is_not_gaussian_and_has_the_moments_of_one():
    """2^m next states after one step of m modes, all reached; mean and variance within 4.5 standard errors."""
    modes = SDE.diffusion.cols
    run = simulate(steps=1, substeps=1, trajectories=20_000, record=("final", "moments"))
    states = np.unique(run["final"].values.round(12), axis=0)
    assert len(states) == 2**modes
    gaussian = simulate(steps=1, substeps=1, trajectories=20_000, record=("moments",), integrator="euler", seed=1)
    for name in ("mean", "second_moment"):
        distance = run[name].values[-1] - gaussian[name].values[-1]
        assert (
            np.abs(distance) < 4.5 * np.hypot(run[f"{name}_se"].values[-1], gaussian[f"{name}_se"].values[-1])
        ).all()


def test_reference_agrees():
    fused, plain = (simulate(substeps=3, trajectories=65, backend=b)["final"].values for b in ("cpu", "reference"))
    np.testing.assert_allclose(fused, plain, rtol=1e-12)


def test_no_coupling():
    with pytest.raises(ValueError, match=r"^integrator: expected one with normal increments .*, got 'euler-weak'$"):
        simulate(trajectories=10, couple=True)


def test_said_in_the_attributes():
    assert simulate(trajectories=10).attrs["integrator"] == "euler-weak"
