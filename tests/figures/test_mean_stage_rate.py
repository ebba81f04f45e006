"""The mean stage's exact law and exponent, small, and what must be detected.

False alarms: every interval is at 99.9 % (joint over checkpoints), seeds are fixed.
"""

from dataclasses import replace

import numpy as np
import pytest
from sympy import Matrix

from figures.papers.crossing_the_curl.mean_stage_rate import (
    Stage,
    exact_law,
    fitted_exponent,
    law_check,
    mean_stage,
    rate_choices,
    run_stage,
)

STEPS, TRAJECTORIES = 2000, 2048


@pytest.fixture(scope="module")
def stages() -> dict[str, Stage]:
    choices = rate_choices(STEPS)
    return {name: run_stage(r, trajectories=TRAJECTORIES, seed=i) for i, (name, r) in enumerate(choices.items())}


def test_exact_law_is_one_over_k_plus_one():
    law = exact_law(rate_choices(50)["theorem"])
    np.testing.assert_allclose(law, 1.5625 / np.arange(1, 52), rtol=1e-13)


def test_map_is_the_identity_about_the_equilibrium():
    w1, b = mean_stage().game.parameters
    assert mean_stage().sde(order=1).drift == Matrix([-w1, 1 - b])


def test_runs_follow_the_exact_law_and_the_exponent(stages):
    assert all(law_check(name, stage).passed for name, stage in stages.items())
    exponent = fitted_exponent(stages["theorem"])
    assert exponent.contains(-1.0)
    assert exponent.interval[1] - exponent.interval[0] < 0.1


def test_wrong_exponents_are_detected(stages):
    for name in ("small", "constant"):
        assert not fitted_exponent(stages[name]).contains(-1.0)


def test_wrong_noise_and_wrong_rate_are_detected(stages):
    stage = stages["theorem"]
    assert not law_check("12 % too much noise", replace(stage, errors=1.12 * stage.errors)).passed
    late = run_stage(1 / (np.arange(1, STEPS + 1) + 3), trajectories=TRAJECTORIES, seed=5)
    assert not law_check("rates of another index", replace(stage, errors=late.errors)).passed
