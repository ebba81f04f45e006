"""The densities claim: derived coefficients by hand, tests that reject, and the laws that do not exist."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.density import Density
from analysis.fokker_planck import fokker_planck
from analysis.grid import Grid
from figures.papers.coupled_sdes.densities import LEVEL, frozen_check, no_law_checks, run
from figures.papers.coupled_sdes.densities_averages import average_checks, time_average
from figures.papers.coupled_sdes.densities_systems import DIRAC, LQ_GAN
from figures.papers.coupled_sdes.densities_tests import (
    blocks,
    cell_z,
    density_moments,
    law,
    mode_rate,
    moment_z,
    p_value,
)
from figures.registry import Settings

POINTS = np.random.default_rng(0).normal(size=(50, 2))


def test_dirac_coefficients_by_hand():
    drift, covariance = DIRAC.coefficients()
    psi, theta = POINTS.T
    pull = 1 / (1 + np.exp(psi * theta))
    np.testing.assert_allclose(drift(POINTS), np.stack([theta * pull - 0.5 * psi, -psi * pull - 0.2 * theta], 1))
    np.testing.assert_allclose(covariance(POINTS), np.tile(0.1 / 2 * 9 * np.eye(2), (50, 1, 1)))


def test_lq_coefficients_by_hand():
    """F plus the curl's direction; noise of w2 at w2 = a = 0: that of the data alone, lr Var(y^2) / B."""
    drift, covariance = LQ_GAN.coefficients()
    w2, a = POINTS.T
    expected = [1 - a**2 - 4 * a**2 * w2, 2 * a * w2 + 2 * a - 2 * a**3]
    np.testing.assert_allclose(drift(POINTS), np.stack(expected, 1), atol=1e-12)
    np.testing.assert_allclose(covariance(np.zeros((1, 2)))[0], [[0.02 / 4 * 2, 0], [0, 0]], atol=1e-15)
    assert np.linalg.eigvalsh(covariance(POINTS)).min() > -1e-12


def test_covariance_of_the_gaussian_prediction_for_the_dirac_gan():
    """Linearised: J = [[1/2, -1/2], [1/2, 1/5]], whose law solves the Lyapunov equation with noise 0.45."""
    _, found = DIRAC.gaussian()
    jacobian = np.array([[0.5, -0.5], [0.5, 0.2]])
    np.testing.assert_allclose(jacobian @ found + found @ jacobian.T, 0.45 * np.eye(2), atol=1e-8)


@pytest.fixture(scope="module")
def dirac():
    return law(DIRAC.problem())


def draws(density, n, seed):
    """Independent draws from a density that is constant on cells."""
    rng = np.random.default_rng(seed)
    cells = rng.choice(density.grid.size, size=n, p=density.probabilities.ravel() / density.mass)
    return density.grid.centres[cells] + (rng.random((n, 2)) - 0.5) * density.grid.spacing


def test_right_law_passes_and_wrong_noise_does_not(dirac):
    """20 000 draws; each right test fails with probability 0.001, seeds fixed."""
    samples = draws(dirac.density, 20_000, 1)
    assert p_value(cell_z(samples, dirac)) > LEVEL
    assert p_value(moment_z(samples, dirac.moments)) > LEVEL
    more_noise = law(DIRAC.problem(lambda d: 1.1 * d))
    assert p_value(cell_z(samples, more_noise)) < LEVEL
    assert p_value(moment_z(samples, more_noise.moments)) < LEVEL


def test_diverged_draws_are_refused(dirac):
    """One in 20 000 hardly moves a count, and turns every moment into NaN: neither may pass."""
    samples = draws(dirac.density, 20_000, 1)
    broken = np.where(np.arange(20_000)[:, None] == 7, np.nan, samples)
    message = "^samples: expected finite states, got 1 diverged trajectories of 20000"
    for scores in (
        lambda: moment_z(broken, dirac.moments),
        lambda: cell_z(broken, dirac),
        lambda: mode_rate(samples, broken, 1.0, None, dirac.density.grid),
    ):
        with pytest.raises(ValueError, match=message):
            scores()


def test_moment_scores_are_calibrated(dirac):
    """Mean square of 200 x 9 scores: 1 within 0.2, five standard errors or so."""
    exact = replace(dirac.moments, value=density_moments(dirac.density), error=0.0 * dirac.moments.error)
    scores = [moment_z(draws(dirac.density, 4_000, seed), exact) for seed in range(200)]
    square = np.mean(np.square(scores), axis=0)
    cell = dirac.density.grid.spacing**2 / 12 / np.diag(dirac.density.covariance)
    assert cell.max() < 0.003 and np.abs(square - 1).max() < 0.5 and abs(square.mean() - 1) < 0.2


def test_cell_scores_are_calibrated(dirac):
    exact = replace(
        dirac, cells=replace(dirac.cells, value=blocks(dirac.density.probabilities), error=np.zeros((8, 8)))
    )
    rejected = [p_value(cell_z(draws(dirac.density, 4_000, seed), exact)) < 0.05 for seed in range(200)]
    assert np.mean(rejected) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)


def test_slowest_mode_of_a_linear_process():
    """Exact transitions of an Ornstein-Uhlenbeck process with eigenvalues -1 +- 2i."""
    drift = np.array([[-1.0, 2.0], [-2.0, -1.0]])
    grid = Grid.rectangle([-6.0, -6.0], [6.0, 6.0], 96)
    spectrum = fokker_planck(lambda x: x @ drift.T, lambda x: np.tile(2 * np.eye(2), (len(x), 1, 1)), grid).spectrum(3)
    rng, n, lapse = np.random.default_rng(0), 400, 0.5
    angle, shrink = 2 * lapse, np.exp(-lapse)
    turn = shrink * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    rates, errors = [], []
    for _ in range(200):
        early = np.array([2.0, 0.0]) + 2 * rng.normal(size=(n, 2))
        late = early @ turn.T + np.sqrt(1 - shrink**2) * rng.normal(size=(n, 2))
        rate, error = mode_rate(early, late, lapse, spectrum, grid)
        rates.append((rate.real, abs(rate.imag)))
        errors.append((error.real, error.imag))
    spread, error = np.std(rates, axis=0), np.mean(errors, axis=0)
    np.testing.assert_allclose(np.mean(rates, axis=0), [-1, 2], atol=0.03)
    np.testing.assert_allclose(spread / error, 1, atol=0.25)  # five standard errors of a deviation from 200


def test_time_averages_follow_the_density_and_no_other(dirac):
    """Four runs of 4000 draws: false alarm below 0.1 %, seed fixed; 1.3 times the noise is rejected."""
    samples = time_average(DIRAC, 5)
    rows = average_checks(DIRAC, dirac.density, samples, LEVEL, 0)
    assert samples.shape == (4, 4000, 2) and len(rows) == 3 and all(row.passed for row in rows)
    more_noise = law(DIRAC.problem(lambda d: 1.3 * d)).density
    assert not average_checks(DIRAC, more_noise, samples, LEVEL, 0)[0].passed


def test_laws_that_do_not_exist():
    assert all(check.passed for check in no_law_checks()) and frozen_check().passed


def test_point_of_start_and_equilibrium_lie_in_the_box():
    for system in (DIRAC, LQ_GAN):
        grid = system.problem().grid
        for place in (system.start, system.equilibrium):
            assert np.allclose(Density.point(grid, place).mean, place)


@pytest.mark.slow
def test_claim():
    assert all(row.passed for row in run(Settings(seed=11)).checks)
