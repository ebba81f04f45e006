"""Laws on a grid against closed forms: Gaussian laws by Lyapunov equations, exact densities in one dimension."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.linalg import expm
from scipy.stats import norm, wasserstein_distance

from analysis import stationary_covariance, transient_covariance
from analysis.density import Density
from analysis.fokker_planck import fokker_planck
from analysis.grid import Grid
from analysis.jump_rates import central_rates, fitted_rates
from analysis.lattice_decomposition import decompose
from analysis.refinement import richardson

ROTATING = np.array([[1.0, 2.0], [-2.0, 0.5]])
MILD = np.array([[1.0, 0.7], [-0.7, 0.8]])
CORRELATED = np.array([[2.0, 0.8], [0.8, 1.0]])


def linear(jacobian, noise, cells, deviations=6.5):
    """Ornstein-Uhlenbeck process on a box of so many standard deviations to each side."""
    width = deviations * np.sqrt(np.diag(stationary_covariance(jacobian, noise)))
    d = len(jacobian)
    grid = Grid.rectangle(-width, width, cells)
    return fokker_planck(lambda x: -x @ jacobian.T, lambda x: np.broadcast_to(noise, (len(x), d, d)), grid)


def scalar(drift, noise, low, high, cells):
    return fokker_planck(drift, lambda x: noise(x)[:, :, None], Grid.rectangle(low, high, cells))


def velocity(jacobian, noise):
    """Matrix V of the stationary current J = V x p."""
    return -jacobian + noise @ np.linalg.inv(stationary_covariance(jacobian, noise)) / 2


def orders(errors):
    return np.log2(np.array(errors[:-1]) / np.array(errors[1:]))


# -------------------------------------------------------------------- what holds on every grid


@pytest.mark.parametrize(
    "noise", [CORRELATED, np.diag([0.0, 1.0]), np.ones((2, 2)), np.array([[1.0, -0.99], [-0.99, 1]])]
)
def test_generator_conserves_mass_and_positivity(noise):
    """Also with noise of rank one, and with a covariance and a drift that depend on the state."""
    grid = Grid.rectangle([-2.0, -1.0], [2.0, 3.0], [17, 23])

    def covariance(x):
        return (1 + x[:, :1, None] ** 2) * noise

    process = fokker_planck(lambda x: np.stack([np.sin(5 * x[:, 1]) - x[:, 0], 20 * x[:, 0]], 1), covariance, grid)
    generator = process.generator
    rates = generator - generator.multiply(np.eye(grid.size))
    assert np.abs(generator.sum(axis=0)).max() < 1e-12 * np.abs(generator.diagonal()).max()
    assert rates.min() >= 0
    later = process.evolve(Density.point(grid, [0.3, 0.4]), [0.0, 0.1, 0.5])
    assert all(abs(law.mass - 1) < 1e-11 and law.values.min() > -1e-13 for law in later)
    np.testing.assert_allclose(later[0].mean, [0.3, 0.4], rtol=1e-12)


def test_decomposition_gives_the_covariance_with_weights_that_are_not_negative():
    raw = np.random.default_rng(0).normal(size=(3000, 2, 2))
    covariance = raw @ raw.transpose(0, 2, 1)
    steps, weights, excess = decompose(covariance)
    found = np.einsum("nk,nki,nkj->nij", weights, steps, steps)
    exact = excess == 0
    assert weights.min() >= 0 and exact.mean() > 0.9
    np.testing.assert_allclose(found[exact], covariance[exact], atol=1e-11)
    added = np.trace(found - covariance, axis1=1, axis2=2)
    np.testing.assert_allclose(added, excess * np.trace(covariance, axis1=1, axis2=2), atol=1e-11)
    assert np.linalg.eigvalsh(found - covariance).min() > -1e-11, "diffusion is only ever added"


def test_weights_are_continuous_in_the_covariance():
    """Where the steps change, the weight of those that change is 0."""
    angle = np.linspace(0, np.pi, 4001)
    axis = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    covariance = 0.1 * np.eye(2) + np.einsum("ni,nj->nij", axis, axis)
    steps, weights, _ = decompose(covariance)
    for step in np.unique(steps.reshape(-1, 2), axis=0):
        weight = np.sum(weights * np.all(steps == step, axis=2), axis=1)
        assert np.abs(np.diff(weight)).max() < 0.02


def test_rates_carry_drift_and_diffusion():
    """Forward minus back is the speed; their sum the diffusion, plus what positivity needs."""
    speed, diffusion = np.array([0.0, 0.3, -1.0, 2.0, -5.0, 1.0]), np.array([1.0, 1.0, 2.0, 2.0, 1e-4, 0.0])
    w = np.where(diffusion > 0, 2 * speed / np.where(diffusion > 0, diffusion, 1), np.inf)
    for rates, total in (
        (fitted_rates, np.where((w == 0) | np.isinf(w), 0, speed / np.tanh(np.where(w == 0, 1, w) / 2))),
        (central_rates, np.maximum(diffusion, np.abs(speed))),
    ):
        forward, backward = rates(speed, diffusion)
        total = np.where(w == 0, diffusion, np.where(np.isinf(w), np.abs(speed), total))
        np.testing.assert_allclose(forward - backward, speed, atol=1e-14)
        np.testing.assert_allclose(forward + backward, total, rtol=1e-12)
        assert min(forward.min(), backward.min()) >= 0


# -------------------------------------------------------------------- one dimension: exact densities


@pytest.mark.parametrize(
    ("drift", "noise", "low", "high", "exact"),
    [
        (lambda x: -x, lambda x: 2 + 0 * x, -7, 7, lambda x: np.exp(-(x**2) / 2)),
        (lambda x: x - x**3, lambda x: 0.3 + 0 * x, -2.5, 2.5, lambda x: np.exp((x**2 - x**4 / 2) / 0.3)),
        # D = 1 + x^2: p = exp(int 2b/D) / D = (1 + x^2)^-(1 + k) with b = -k x
        (lambda x: -10 * x, lambda x: 1 + x**2, -6, 6, lambda x: (1 + x**2) ** -11),
        # gamma law: b = 3 - x, D = x, p = x^5 exp(-2 x); the noise vanishes on the border
        (lambda x: 3 - x, lambda x: x, 0, 25, lambda x: x**5 * np.exp(-2 * x)),
    ],
    ids=["linear", "double well", "multiplicative", "gamma"],
)
def test_exact_densities_in_one_dimension_to_second_order(drift, noise, low, high, exact):
    scale = quad(exact, low, high, epsabs=0, epsrel=1e-11, limit=200)[0]
    centre = quad(lambda x: x * exact(x), low, high, limit=200)[0] / scale
    variance = quad(lambda x: (x - centre) ** 2 * exact(x), low, high, limit=200)[0] / scale
    errors, moments = [], []
    for cells in (100, 200, 400):
        law = scalar(drift, noise, low, high, cells).stationary()
        errors.append(law.total_variation(Density.of(law.grid, lambda x: exact(x[:, 0]))) + 1e-15)
        moments.append(abs(law.covariance[0, 0] - variance) + abs(law.mean[0] - centre))
    assert errors[-1] < 2e-3 and np.all((orders(errors) > 1.8) | (np.array(errors[1:]) < 1e-12))
    assert np.all(orders(moments) > 1.8)
    estimate = richardson(scalar(drift, noise, low, high, 100), lambda p: p.stationary().covariance[0, 0])
    assert abs(estimate.value - variance) < 0.05 * estimate.error and abs(estimate.fine - variance) < estimate.error


def test_no_current_and_no_entropy_production_in_detailed_balance():
    process = scalar(lambda x: x - x**3, lambda x: 0.3 + 0.1 * x**2, -3, 3, 200)
    law = process.stationary()
    assert np.abs(process.current(law)).max() < 1e-11
    assert process.entropy_production(law) < 1e-12
    assert process.residual(law) < 1e-12
    assert process.entropy_production(process.evolve(law, 0)[0]) < 1e-12


def test_double_well_gap_by_the_eyring_kramers_formula():
    """Deep wells, b = x - x^3, D: rate of the slowest mode 2 sqrt(U''(1) |U''(0)|) / (2 pi) exp(-2 (1/4) / D)."""
    errors = []
    for noise in (0.06, 0.03):
        gap = scalar(lambda x: x - x**3, lambda x, s=noise: s + 0 * x, -2, 2, 600).spectrum(1).gap
        errors.append(abs(gap / (2 * np.sqrt(2) / (2 * np.pi) * np.exp(-0.5 / noise)) - 1))
    assert errors[1] < errors[0] < 0.1 and errors[1] / errors[0] < 0.65


# -------------------------------------------------------------------- linear games: Gaussian laws


@pytest.mark.parametrize("noise", [np.diag([2.0, 1.0]), CORRELATED, np.array([[1.0, -0.9], [-0.9, 1.0]])])
def test_covariance_by_lyapunov_to_second_order(noise):
    exact = stationary_covariance(MILD, noise)
    errors = []
    for cells in (75, 150):
        law = linear(MILD, noise, cells).stationary()
        np.testing.assert_allclose(law.mean, 0, atol=1e-9)
        np.testing.assert_allclose(law.third_moment, 0, atol=1e-8)
        errors.append(np.abs(law.covariance - exact).max())
    assert errors[-1] < 0.005 and orders(errors)[0] > 1.8
    assert np.abs(law.covariance - stationary_covariance(MILD.T, noise)).max() > 10 * errors[-1]


def test_grid_estimate_covers_the_lyapunov_covariance():
    estimate = richardson(linear(ROTATING, CORRELATED, 72), lambda p: p.stationary().covariance)
    gap = np.abs(estimate.value - stationary_covariance(ROTATING, CORRELATED))
    assert np.all(gap <= estimate.error) and estimate.error.max() < 0.05


def test_three_grids_give_a_sharper_error_that_still_covers():
    process = linear(MILD, CORRELATED, 32)
    two, three = (richardson(process, lambda p: np.trace(p.stationary().covariance), grids=n) for n in (2, 3))
    exact = np.trace(stationary_covariance(MILD, CORRELATED))
    assert abs(three.value - exact) < three.error < 0.5 * two.error
    assert abs(three.value - exact) < 0.2 * abs(three.fine - exact)
    with pytest.raises(ValueError, match="grids: expected 2 or 3, got 4"):
        richardson(process, lambda p: 1.0, grids=4)


def test_current_and_entropy_production_of_a_rotating_process():
    """J = V x p and, in nats per time, 2 tr(V^T D^-1 V C)."""
    for noise in (np.diag([2.0, 1.0]), CORRELATED):
        process = linear(ROTATING, noise, 100)
        law = process.stationary()
        found, v = process.current(law), velocity(ROTATING, noise)
        exact = (law.grid.centres @ v.T).reshape(found.shape) * law.values[..., None]
        assert np.abs(found - exact).max() < 0.02 * np.abs(exact).max()
        rate = 2 * np.trace(v.T @ np.linalg.solve(noise, v) @ stationary_covariance(ROTATING, noise))
        assert abs(process.entropy_production(law) / rate - 1) < 0.02


def test_spectrum_of_a_rotating_process():
    """Sums of the eigenvalues of -J; the slowest eigenfunctions are linear."""
    process = linear(ROTATING, CORRELATED, 96, deviations=5)
    spectrum = process.spectrum(5)
    first = -np.linalg.eigvals(ROTATING)
    expected = np.array([*first, first.sum(), *(2 * first)])
    turning = np.lexsort((spectrum.eigenvalues.real, spectrum.eigenvalues.imag.round(1)))
    expected = expected[np.lexsort((expected.real, expected.imag.round(1)))]
    np.testing.assert_allclose(spectrum.eigenvalues[turning], expected, rtol=0.02)
    assert abs(spectrum.gap - 0.75) < 0.002 and spectrum.window > 2
    function, inner = spectrum.functions[0].ravel(), np.linalg.norm(process.grid.centres, axis=1) < 2
    fit, *_ = np.linalg.lstsq(process.grid.centres[inner], function[inner], rcond=None)
    assert np.abs(process.grid.centres[inner] @ fit - function[inner]).max() < 0.01 * np.abs(function[inner]).max()


def test_fast_turning_slow_mode_is_found():
    """Eigenvalues -0.5 +- 4i are further from 0 than -1, -2 and -3, but slower."""
    jacobian = np.array([[0.5, 4.0], [-4.0, 0.5]])
    spectrum = linear(jacobian, np.eye(2), 100, deviations=5).spectrum(3)
    assert abs(spectrum.gap - 0.5) < 0.02 and abs(abs(spectrum.eigenvalues[0].imag) - 4) < 0.02


def test_evolution_from_a_point_against_the_transient_gaussian():
    process, start = linear(ROTATING, CORRELATED, 100), np.array([0.8, -0.5])
    for time, law in zip((0.3, 1.0), process.evolve(Density.point(process.grid, start), [0.3, 1.0]), strict=True):
        np.testing.assert_allclose(law.mean, expm(-ROTATING * time) @ start, atol=2e-3)
        exact = transient_covariance(ROTATING, CORRELATED, time)
        np.testing.assert_allclose(law.covariance, exact, atol=0.015)


# -------------------------------------------------------------------- degenerate, and without a law


def langevin(damping, cells, width=5.0):
    """Linear Wasserstein GAN: dtheta = w dt, dw = (-theta - c w) dt + dB, only the critic being noisy."""
    jacobian, noise = np.array([[0.0, -1.0], [1.0, damping]]), np.diag([0.0, 1.0])
    grid = Grid.rectangle([-width] * 2, [width] * 2, cells)
    return fokker_planck(lambda x: -x @ jacobian.T, lambda x: np.broadcast_to(noise, (len(x), 2, 2)), grid)


def test_degenerate_noise_converges_to_first_order():
    exact = np.eye(2) / 2  # 1 / (2 c) for both
    errors = [np.abs(langevin(1.0, n).stationary().covariance - exact).max() for n in (40, 80, 160)]
    assert langevin(1.0, 20).order == 1 and np.all(np.abs(orders(errors) - 1) < 0.2)
    estimate = richardson(langevin(1.0, 80), lambda p: p.stationary().covariance)
    assert np.abs(estimate.value - exact).max() < 0.15 * estimate.error.max()
    process = langevin(1.0, 60)
    assert process.entropy_production(process.stationary()) == np.inf


def test_undamped_game_is_refused_in_every_box():
    """Without damping the mean square radius grows for ever: mass piles up at the border of any box."""
    for width in (5.0, 10.0):
        with pytest.raises(ValueError, match=r"grid: expected a box that holds the law, got .* border cells"):
            langevin(0.0, 60, width).stationary()
    inner = [langevin(0.0, 60, width).stationary(boundary_limit=1).covariance[0, 0] for width in (5.0, 10.0)]
    assert inner[1] > 3 * inner[0]


def test_two_laws_are_refused():
    """A wall of no noise at 0 with drift away from it: either side has a law of its own."""
    with pytest.raises(ValueError, match="drift: expected one stationary law, got several"):
        scalar(lambda x: x - x**3, lambda x: x**2, -3, 3, 60).stationary()


def test_bad_input_in_one_line():
    grid = Grid.rectangle([0.0, 0.0], [1.0, 1.0], 5)

    def ones(x):
        return np.ones((len(x), 2, 2))

    cases = [
        (lambda: Grid.rectangle(0.0, 1.0, 2), "cells: expected an integer >= 3, got 2"),
        (lambda: Grid.rectangle(0.0, 1.0, 5.0), "cells: expected an integer >= 3, got 5.0"),
        (lambda: Grid.rectangle(0.0, 1.0, [5.0]), "cells: expected an integer >= 3, got 5.0"),
        (lambda: Grid.rectangle(0.0, 1.0, None), "cells: expected an integer >= 3, got None"),
        (lambda: Grid.rectangle([0.0, 1.0], [1.0, 1.0], 9), "high: expected a corner above"),
        (lambda: Grid.rectangle([0.0] * 3, [1.0] * 3, 9), "low: expected corners of one dimension, 1 to 2"),
        (lambda: fokker_planck(lambda x: x[:, 0], lambda x: x, grid), "covariance: expected values of shape"),
        (lambda: fokker_planck(lambda x: x * np.nan, ones, grid), "drift: expected finite numbers"),
        (lambda: fokker_planck(lambda x: x, lambda x: -ones(x), grid), "covariance: expected a positive"),
        (lambda: fokker_planck(lambda x: 0 * x, lambda x: 0 * ones(x), grid).stationary(), "drift: expected a process"),
        (lambda: Density(grid, np.ones((5, 4))), "values: expected shape (5, 5), got shape (5, 4)"),
        (lambda: Density(grid, np.full((5, 5), np.nan)), "values: expected finite numbers, got 25 non-finite of 25"),
        (lambda: Density(grid, np.full((5, 5), -8.0)), "values: expected numbers >= 0, got -8"),
        (lambda: Density(grid, np.eye(5) * 5 - 1e-6), "values: expected numbers >= 0, got -1e-06"),
        (lambda: Density(grid, np.full((5, 5), 8.0)), "values: expected a total mass of 1, got 8"),
        (lambda: Density(grid, np.zeros((5, 5))), "values: expected a total mass of 1, got 0"),
        (lambda: Density.point(grid, [2.0, 0.5]), "point: expected one inside of the grid"),
        (lambda: langevin(1.0, 9).current(Density.point(grid, [0.5, 0.5])), "density: expected a density on the same"),
        (lambda: langevin(1.0, 9).spectrum(40), "modes: expected at most 26 on 81 cells, got 40"),
        (lambda: langevin(1.0, 9).evolve(Density.of(langevin(1.0, 9).grid, lambda x: x[:, 0] ** 2), -1), "times: "),
    ]  # fmt: skip
    for call, message in cases:
        with pytest.raises(ValueError) as caught:
            call()
        assert str(caught.value).startswith(message) and "\n" not in str(caught.value)


# -------------------------------------------------------------------- grids and densities


def test_counts_per_cell_match_numpy():
    grid = Grid.rectangle([-1.0, 0.0], [1.0, 3.0], [7, 4])
    points = np.random.default_rng(1).normal(size=(5000, 2)) * [0.6, 2.0]
    points[0] = np.nan
    expected, _, _ = np.histogram2d(*points[1:].T, bins=grid.edges)
    np.testing.assert_array_equal(grid.histogram(points), expected)
    assert grid.index(points)[0] == -1


def test_rounding_does_not_unmake_a_density():
    grid = Grid.rectangle([0.0, 0.0], [1.0, 1.0], 5)
    law = Density(grid, (np.eye(5) * 5 - 1e-16).tolist())
    assert isinstance(law.values, np.ndarray) and abs(law.mass - 1) < 1e-14


def test_density_moments_marginals_and_distances():
    grid = Grid.rectangle([-6.0, -5.0], [8.0, 7.0], [140, 120])
    law = Density.of(grid, lambda x: norm.pdf(x[:, 0], 1, 1.1) * norm.pdf(x[:, 1], 0.5, 0.9))
    other = Density.of(grid, lambda x: norm.pdf(x[:, 0], 1.4, 1.3) * norm.pdf(x[:, 1], 0.5, 0.9))
    np.testing.assert_allclose(law.covariance, np.diag([1.21, 0.81]), atol=1e-6)
    centred = grid.centres - law.mean
    third = np.einsum("n,ni,nj,nk->ijk", law.probabilities.ravel(), centred, centred, centred)
    np.testing.assert_allclose(law.third_moment, third, atol=1e-12)
    skewed = Density.of(Grid.rectangle(0.0, 30.0, 3000), lambda x: x[:, 0] * np.exp(-x[:, 0]))
    assert abs(skewed.third_moment[0, 0, 0] - 4) < 1e-3
    line = grid.axes[0]
    expected = wasserstein_distance(line, line, law.marginal(0).probabilities, other.marginal(0).probabilities)
    assert abs(law.wasserstein(other) - expected) < 5e-3 and law.wasserstein(other, 1) < 1e-12
    exact = quad(lambda x: abs(norm.pdf(x, 1, 1.1) - norm.pdf(x, 1.4, 1.3)), -6, 8, points=[0, 1, 2])[0] / 2
    assert abs(law.total_variation(other) - exact) < 1e-3
