"""The random numbers as kernels deliver them: law at 10^8 draws, independence of all that has an address of its own."""

import numpy as np
import pytest
from scipy import stats
from sympy import symbols

from gan_sde.kernels import cpu_stepper
from gan_sde.symbolic.recipe import GaussianDraws, Recipe

# Each test raises a false alarm with probability at most 1e-4 over the choice of seed.
ALARM = 1e-4
CELLS = 4096
EDGES = stats.norm.ppf(np.arange(1, CELLS) / CELLS)
X, N = symbols("x0:4"), symbols("n0:4")


def drawn(count, *, seed=7, stream=0, trajectory=0, step=0, substep=0, dtype="float64", update=N):
    """Normals of one iteration, ``(4, count)``: a process whose next state is what it drew."""
    recipe = Recipe(X, tuple(update), GaussianDraws(N))
    stepper = cpu_stepper(recipe, batch_size=1, seed=seed, stream=stream, dtype=dtype, substeps=substep + 1)
    state, diverged = np.zeros((4, count), dtype), np.full(count, -1, np.int64)
    stepper.advance(state, diverged, trajectory=trajectory, step=step, rates=np.ones(1))
    return state


def counts_of(dtype="float64", steps=25, width=1_000_000, update=N):
    """Draws in each of 4096 cells of equal probability; ``4 steps width`` draws."""
    counts = np.zeros(CELLS, np.int64)
    for step in range(steps):
        x = drawn(width, step=step, dtype=dtype, update=update)
        counts += np.bincount(np.searchsorted(EDGES, x.ravel()), minlength=CELLS)
    return counts


def is_normal(counts):
    """Kolmogorov-Smirnov at the edges of the cells, and chi-square over the cells; half the level each.

    The first is conservative, since the largest distance may lie between two edges.
    """
    n = counts.sum()
    distance = np.abs(np.cumsum(counts) / n - np.arange(1, CELLS + 1) / CELLS).max()
    spread = ((counts - n / CELLS) ** 2).sum() / (n / CELLS)
    level = ALARM / 2
    return distance * np.sqrt(n) < stats.kstwobign.isf(level) and stats.chi2.sf(spread, CELLS - 1) > level


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_law_of_a_hundred_million_draws(dtype):
    assert is_normal(counts_of(dtype))


@pytest.mark.slow
def test_a_deviation_of_one_in_five_hundred_is_caught():
    assert not is_normal(counts_of(update=[1.002 * n for n in N]))


def correlated(x, y):
    """Largest z-score of the correlations between rows of x and y: of the numbers, of their squares, and crosswise.

    Squares too, since two normals of Box and Muller share a radius.
    """
    scores = []
    for a in (x, x**2 - 1):
        for b in (y, y**2 - 1):
            a1, b1 = a / np.sqrt((a**2).mean(axis=1))[:, None], b / np.sqrt((b**2).mean(axis=1))[:, None]
            scores.append(a1 @ b1.T / np.sqrt(x.shape[1]))
    return np.abs(scores).max()


LIMIT = stats.norm.isf(ALARM / 2 / 64)
"""Of 4 x 16 scores, by Bonferroni."""
OTHERS = {
    "the next step": {"step": 1},
    "a step beyond 2^31": {"step": 2**31},
    "another stream": {"stream": 1},
    "the last stream": {"stream": 255},
    "the next seed": {"seed": 8},
    "a seed that differs in its high word": {"seed": 7 + 2**32},
    "the next trajectory": {"trajectory": 1},
    "trajectories beyond 2^32": {"trajectory": 2**32},
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_numbers_of_another_address_are_independent(other):
    """400,000 draws against those of an address that differs in one part."""
    x, y = drawn(100_000), drawn(100_000, **other)
    assert correlated(x, y) < LIMIT


def test_substeps_are_independent():
    """The last of two sub-steps against the only one of the same iteration, which is its first."""
    assert correlated(drawn(100_000), drawn(100_000, substep=1)) < LIMIT


def test_the_normals_of_a_step_are_independent():
    x = drawn(400_000)
    for i in range(4):
        for j in range(i):
            assert correlated(x[[i]], x[[j]]) < LIMIT


def test_shared_numbers_are_caught():
    """Controls: one normal in ten thousand parts shared, the squares alone shared, an address shifted by one."""
    x, y = drawn(400_000), drawn(400_000, step=1)
    assert correlated(x, np.sqrt(1 - 1e-4) * y + 1e-2 * x) > LIMIT
    signs = np.where(drawn(400_000, step=2) > 0, 1, -1)
    assert correlated(x, np.abs(x) * signs) > LIMIT
    assert correlated(x[:, 1:], drawn(399_999, trajectory=1)) > LIMIT
