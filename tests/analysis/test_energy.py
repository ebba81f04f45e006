"""Energy distances against scipy in one dimension, against all pairs at once, and in little memory."""

import tracemalloc

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist

from analysis import energy, energy_distance
from analysis.energy import mean_distances, mean_distances_to


@pytest.mark.parametrize("seed", range(3))
def test_one_dimension_against_scipy(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=200), rng.laplace(0.2, 0.9, size=150)
    assert np.isclose(energy_distance(x, y), stats.energy_distance(x, y), rtol=1e-9)
    assert np.isclose(energy_distance(x[:, None], y[:, None]), stats.energy_distance(x, y), rtol=1e-9)
    assert energy_distance(x, x) < 1e-7


def test_groups_and_blocks_against_all_pairs(monkeypatch):
    rng = np.random.default_rng(0)
    first, second = ([rng.normal(size=(n, 3)) for n in sizes] for sizes in ((4, 7, 1), (5, 2)))
    expected = [[cdist(x, y).mean() for y in second] for x in first]
    weights = np.array([0.2, 0.5, 0.1, 0.1, 0.1])
    to = cdist(first[1], second[0]) @ weights
    for block in (1, 20, 10**6):
        monkeypatch.setattr(energy, "_BLOCK", block)
        np.testing.assert_allclose(mean_distances(first, second), expected)
        np.testing.assert_allclose(mean_distances_to(first[1], second[0], weights), to)


def test_memory_does_not_grow_with_the_pairs():
    points = np.random.default_rng(0).normal(size=(6_000, 2))
    tracemalloc.start()
    mean_distances([points], [points])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6 < 8 * len(points) ** 2


def test_refuses():
    with pytest.raises(ValueError, match=r"^samples2: expected 2 coordinates like samples1, got 1"):
        energy_distance(np.zeros((3, 2)), np.zeros(3))
    with pytest.raises(ValueError, match=r"^samples1: expected finite numbers, got 1 non-finite of 2"):
        energy_distance([0.0, np.nan], [0.0])
