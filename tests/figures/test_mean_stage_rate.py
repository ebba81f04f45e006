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
    fit_table,
    fitted_exponent,
    law_check,
    law_table,
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


def test_tables_hold_every_rate_with_its_interval(stages):
    """The slope of a constant rate is that of its exact law: exp(2 log(1 - rho) k) above a plateau."""
    rows = {(row[0], row[1]): row for row in fit_table(stages).rows}
    assert len(rows) == 12 and {row[5] for row in rows.values()} == {str(TRAJECTORIES)}
    fitted = fitted_exponent(stages["theorem"])
    value, se, interval = rows["1/(k+1)", "power"][2:5]
    assert float(value) == pytest.approx(fitted.value, abs=fitted.se / 10)
    assert float(se) == pytest.approx(fitted.se, rel=0.06)
    half = (fitted.interval[1] - fitted.interval[0]) / 2 * 1.95996 / 3.29053  # from 99.9 % to 95 %
    low, high = (float(end) for end in interval.strip("[]").split(", "))
    assert (high - low) / 2 == pytest.approx(half, rel=0.05)
    best = [name for name in rows if name[0] == "0.02" and rows[name][6] == "0"]
    assert best == [("0.02", "exponential+plateau")]
    row = rows[best[0]]
    assert abs(float(row[2]) - 2 * np.log(1 - 0.02)) < 3.3 * float(row[3])
    laws = law_table(stages).rows
    assert len(laws) == sum(len(stage.k) for stage in stages.values())
    last = stages["constant"]
    assert laws[-1][1:3] == (str(last.k[-1]), str(TRAJECTORIES)) and float(laws[-1][3]) == pytest.approx(
        last.exact[-1], rel=1e-5
    )
