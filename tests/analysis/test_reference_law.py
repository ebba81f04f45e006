"""Mean distances from a Gaussian and from a density on a grid, against quadrature and closed forms."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import chi, ncx2

from analysis import Density, GaussianLaw, Grid
from analysis.reference_law import reference


@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.parametrize("radius", [0.0, 0.7, 3.0, 12.0, 19.99, 20.01, 80.0])
def test_gaussian_mean_distance_is_that_of_a_noncentral_chi(d, radius):
    point = np.zeros((1, d))
    point[0, -1] = radius
    found = reference(GaussianLaw(np.zeros(d), np.eye(d))).mean_distance(point)[0]
    low, high = max(radius - 10, 0), radius + 10
    if radius:
        expected = low + quad(lambda r: ncx2.sf(r**2, d, radius**2), low, high, epsabs=1e-10, limit=200)[0]
    else:
        expected = chi.mean(d)
    assert np.isclose(found, expected, rtol=2e-6)


def test_gaussian_in_its_frame():
    covariance = np.array([[2.0, 0.9], [0.9, 0.7]])
    law = reference(GaussianLaw([1.0, -2.0], covariance))
    draws = np.random.default_rng(0).multivariate_normal([1.0, -2.0], covariance, size=100_000)
    np.testing.assert_allclose(np.cov(law.standardised(draws).T), np.eye(2), atol=0.02)
    assert np.isclose(law.own_distance, np.sqrt(np.pi)) and np.abs(law.standardised(draws).mean(axis=0)).max() < 0.02


def test_density_of_a_gaussian_is_the_gaussian():
    """Correlated, on cells longer than wide, so that a swapped axis shows."""
    covariance = np.array([[1.0, 0.6], [0.6, 0.8]])
    inverse = np.linalg.inv(covariance)
    grid = Grid.rectangle([-6.0, -4.0], [7.0, 6.0], [150, 90])
    centre = np.array([0.3, 0.6])

    def density(x):
        return np.exp(-0.5 * np.einsum("ni,ij,nj->n", x - centre, inverse, x - centre))

    found = reference(Density.of(grid, density))
    exact = reference(GaussianLaw(centre, covariance))
    points = np.random.default_rng(1).normal(size=(50, 2)) * 2
    np.testing.assert_allclose(found.standardised(points), exact.standardised(points), atol=1e-4)
    np.testing.assert_allclose(found.mean_distance(points), exact.mean_distance(points), atol=2e-3)
    assert np.isclose(found.own_distance, exact.own_distance, rtol=2e-3)


def test_density_of_laplace_in_one_dimension():
    """E|x - L| = |x| + b exp(-|x| / b), E|L - L'| = 3 b / 2; with b = 1 the frame divides by sqrt(2)."""
    law = reference(Density.of(Grid.rectangle(-25.0, 25.0, 1000), lambda x: np.exp(-np.abs(x[:, 0]))))
    points = np.linspace(-30, 30, 61)[:, None]
    found = law.mean_distance(law.standardised(points))
    expected = (np.abs(points[:, 0]) + np.exp(-np.abs(points[:, 0]))) / np.sqrt(2)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)
    assert np.isclose(law.own_distance, 1.5 / np.sqrt(2), rtol=1e-3)


def test_coarse_cells_are_refined():
    """A uniform law on three cells: midpoints alone would have own distance 8/27, not 1/3, of the width."""
    law = reference(Density.of(Grid.rectangle(0.0, 1.0, 3), lambda x: np.ones(len(x))))
    assert np.isclose(law.own_distance / law.whitening[0, 0], 1 / 3, rtol=1e-5)


def test_refuses():
    with pytest.raises(ValueError, match=r"^covariance: expected a positive definite covariance, got smallest eigen"):
        GaussianLaw([0.0, 0.0], [[1.0, 1.0], [1.0, 1.0]])
    with pytest.raises(ValueError, match=r"^covariance: expected a covariance of shape \(2, 2\), got shape \(1, 1\)"):
        GaussianLaw([0.0, 0.0], [[1.0]])
    with pytest.raises(ValueError, match=r"^law: expected a GaussianLaw or a Density, got str"):
        reference("normal")
