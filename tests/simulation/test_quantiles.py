"""The quantile summary: exact where it can be, within its own bound elsewhere, the same however it is cut."""

import numpy as np
import pytest

from gan_sde.simulation import quantiles
from gan_sde.simulation.quantiles import CAPACITY, QuantileSketch

PROBABILITIES = np.array([0.001, 0.05, 0.5, 0.9, 0.999])


def summary(values, block=1024, chunk=16):
    """Merged in blocks within chunks, as an ensemble is."""
    whole = QuantileSketch.empty(*values.shape[:2])
    n = values.shape[-1]
    for start in range(0, n, block * chunk):
        part = QuantileSketch.empty(*values.shape[:2])
        for first in range(start, min(start + block * chunk, n), block):
            part.merge(QuantileSketch.of_values(values[..., first : min(first + block, start + block * chunk)]))
        whole.merge(part)
    return whole


def worst_rank_error(values, sketch):
    """Largest distance, in trajectories, between the rank wanted and the nearest rank of the value found."""
    worst = 0
    for checkpoint, rows in enumerate(values):
        found = sketch.quantiles(PROBABILITIES)[checkpoint]
        for i, row in enumerate(rows):
            row = np.sort(row[~np.isnan(row)])
            for p, value in zip(PROBABILITIES, found[:, i], strict=True):
                wanted = max(np.ceil(p * len(row)), 1)
                low, high = np.searchsorted(row, value, "left") + 1, np.searchsorted(row, value, "right")
                assert high >= low  # it is one of the values
                worst = max(worst, low - wanted, wanted - high)
    return worst


def laws(rng, n):
    """A wide law, one far from 0 of small spread, one with many ties."""
    return np.stack([rng.standard_cauchy(n), 1e6 + 1e-3 * rng.normal(size=n), np.round(rng.normal(size=n))])[None]


@pytest.mark.parametrize("n", [1, 2, 777, CAPACITY])
def test_few_trajectories_are_exact(n):
    values = laws(np.random.default_rng(n), n)
    sketch = summary(values)
    assert sketch.rank_error == 0 and sketch.size == n
    expected = np.quantile(values, PROBABILITIES, axis=-1, method="inverted_cdf")
    np.testing.assert_array_equal(sketch.quantiles(PROBABILITIES)[0], expected[:, 0])


@pytest.mark.parametrize("n", [CAPACITY + 1, 2 * CAPACITY, 40_000, 300_001])
@pytest.mark.parametrize("order", ["random", "increasing", "decreasing"])
def test_ranks_are_within_the_stated_bound(n, order):
    values = laws(np.random.default_rng(n), n)
    if order != "random":
        values = np.sort(values)[..., :: 1 if order == "increasing" else -1]
    sketch = summary(values)
    assert sketch.size == n
    assert worst_rank_error(values, sketch) <= sketch.rank_error
    # the bound of the module's text
    assert sketch.rank_error <= (np.log2(n / CAPACITY) + 1) * n / (4 * CAPACITY) + n / CAPACITY
    assert sketch.rank_error / n < 0.004


def test_alternation_matters(monkeypatch):
    """Negative control: a summary that always keeps the even places is worse, and one that forgets a merge lies."""
    values = laws(np.random.default_rng(0), 300_001)
    honest = summary(values)
    worst = worst_rank_error(values, honest)
    assert worst > 0
    forgetful = QuantileSketch(honest.alive, honest.rest, honest.levels, honest.kept * 0)
    assert worst_rank_error(values, forgetful) > forgetful.rank_error
    original = QuantileSketch._push

    def biased(self, level, buffer):
        self._extend(20)
        self.kept[:] = 0
        original(self, level, buffer)

    monkeypatch.setattr(QuantileSketch, "_push", biased)
    assert worst_rank_error(values, summary(values)) > 2 * worst


def test_diverged_trajectories_leave():
    rng = np.random.default_rng(3)
    values = np.stack([rng.normal(size=(2, 30_000)), rng.normal(size=(2, 30_000))])
    values[1, :, rng.random(30_000) < 0.4] = np.nan
    sketch = summary(values)
    assert sketch.alive[0] == 30_000 and sketch.alive[1] == np.isfinite(values[1, 0]).sum()
    bound = sketch.probability_error()
    # among the finite values one bound, at the border to the diverged the sum of both signs' bounds
    np.testing.assert_allclose(bound * sketch.alive, [sketch.rank_error, 2 * sketch.rank_error])
    assert worst_rank_error(values, sketch) <= bound[1] * sketch.alive[1]
    gone = summary(np.full((1, 2, 3000), np.nan))
    assert np.isnan(gone.quantiles(PROBABILITIES)).all() and np.isnan(gone.probability_error()).all()


def test_size_grows_with_the_logarithm_of_the_number():
    """Values held: at most one buffer a level, however many trajectories."""
    rng, sizes = np.random.default_rng(4), []
    for n in (10_000, 100_000, 1_000_000):
        sketch = summary(rng.normal(size=(1, 1, n)))
        held = sum(array.size for array in sketch.arrays().values())
        assert held <= CAPACITY * (np.log2(n / CAPACITY) + 3)
        sizes.append(held)
    assert sizes[2] < 4 * sizes[0]
    assert sketch.rank_error / n < 0.004


def test_round_trip_of_arrays():
    sketch = summary(laws(np.random.default_rng(5), 50_000))
    again = QuantileSketch.from_arrays(sketch.arrays())
    np.testing.assert_array_equal(again.quantiles(PROBABILITIES), sketch.quantiles(PROBABILITIES))
    assert again.rank_error == sketch.rank_error and again.size == 50_000
    assert quantiles.CAPACITY == 1024  # the documented one
