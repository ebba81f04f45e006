"""The claim on conditions of invariant measures, in small, and its pieces against closed forms."""

import numpy as np
import pytest

from figures.papers.coupled_sdes import assumption_panels
from figures.papers.coupled_sdes.assumption_systems import DAMPED, DECAY, DIRAC, LQ_CC, PENALTY, SYSTEMS, UNDAMPED
from figures.papers.coupled_sdes.assumptions import (
    Study,
    behaviour_check,
    bound_check,
    control_checks,
    noise_rate_check,
    run,
    stationary,
    study,
    verdict_check,
)
from figures.registry import Settings


def test_stationary_law_of_the_damped_linear_gan():
    """lr s2 / (2 B c) in both directions, s2 = 1 + 1, c = 1."""
    np.testing.assert_allclose(stationary(DAMPED), 0.1 * 2 / (2 * 4) * np.eye(2), atol=1e-12)


@pytest.fixture(scope="module")
def found():
    """Evidence on every game, from one sample."""
    return {system.name: system.evidence(1) for system in SYSTEMS}


def test_verdicts(found):
    assert {name: each.verdict for name, each in found.items()} == {s.name: s.verdict for s in SYSTEMS}


@pytest.mark.parametrize("system", [PENALTY, DECAY, LQ_CC], ids=lambda s: s.name)
def test_verdicts_do_not_hang_on_the_sample(system):
    assert system.evidence(2).verdict == system.verdict


def test_words(found):
    assert found[UNDAMPED.name].summary.startswith(
        "no invariant measure: the linear part has eigenvalues ±1i (undamped)"
    )
    expected = "degenerate noise (rank 1 of 2), yet controllable and stable: ergodic"
    assert found[DAMPED.name].summary.startswith(expected)
    assert found[DECAY.name].summary.startswith("evidence for: dissipative")
    assert "not dissipative" in found[PENALTY.name].summary
    assert "reach 1 of 2" in found[LQ_CC.name].summary


def test_dirac_drift_has_no_radial_part_and_the_penalty_only_one_direction():
    x = np.random.default_rng(0).normal(size=(50, 2)) * 3
    assert np.allclose(np.sum(x * DIRAC.coefficients()[0](x), axis=1), 0)
    np.testing.assert_allclose(np.sum(x * PENALTY.coefficients()[0](x), axis=1), -0.5 * x[:, 0] ** 2, atol=1e-12)


def test_behaviour_is_told_from_the_second_moment(found):
    """2,000 made-up runs: exchangeable in time, or growing by 0.05 per unit of time."""

    def made_up(system, squares):
        return Study(system, found[system.name], np.linspace(0, 100, squares.shape[1]), squares)

    rng = np.random.default_rng(0)
    still = rng.exponential(0.05, size=(2_000, 21))
    growing = still * (1 + np.linspace(0, 100, 21))
    assert behaviour_check(made_up(DAMPED, still)).passed and not behaviour_check(made_up(DAMPED, growing)).passed
    assert behaviour_check(made_up(UNDAMPED, growing)).passed and not behaviour_check(made_up(UNDAMPED, still)).passed
    assert noise_rate_check(made_up(UNDAMPED, growing)).passed
    assert not noise_rate_check(made_up(UNDAMPED, 2 * growing)).passed
    assert not bound_check(made_up(DECAY, 100 * growing)).passed


def test_wrong_systems_fail():
    """The undamped game in the place of the damped one, and the other way round."""
    from dataclasses import replace

    liar = replace(UNDAMPED, verdict=DAMPED.verdict, settles=True)
    found = study(liar, 1_000, 5)
    assert not verdict_check(found).passed and not behaviour_check(found).passed
    liar = replace(DAMPED, verdict="none", settles=False)
    found = study(liar, 1_000, 5)
    assert not verdict_check(found).passed and not behaviour_check(found).passed


def test_controls():
    assert all(row.passed for row in control_checks())


def test_figure_without_simulation(found):
    still = np.random.default_rng(0).exponential(0.05, size=(200, 21))
    times = np.linspace(0, 100, 21)
    figure = assumption_panels.draw([Study(s, found[s.name], times, still) for s in SYSTEMS])
    words = " ".join(text.get_text() for axis in figure.axes for text in axis.texts)
    assert all(s.name in words for s in SYSTEMS) and "±1i (undamped)" in words


@pytest.mark.slow
def test_claim():
    assert all(row.passed for row in run(Settings(seed=13)).checks)
