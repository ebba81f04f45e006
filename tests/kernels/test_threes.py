"""Numbers -1, 0, 1 with probabilities 1/6, 2/3, 1/6: their words, their law, their independence, their order."""

import numpy as np
import pytest
from scipy import stats
from sympy import symbols

from gan_sde.kernels import cpu_stepper, reference_stepper
from gan_sde.kernels.normals import threes
from gan_sde.kernels.philox import words
from gan_sde.symbolic.recipe import GaussianDraws, Recipe
from tests.kernels.recipes import run, sde_with_signs

ALARM = 1e-4
"""False-alarm rate of each test that looks at random numbers; seeds are fixed."""
SHARE = np.array([1, 4, 1]) / 6
T = symbols("t0:4")
LARGEST = 2**32 - 1


def drawn(n, *, draws=None, seed=7, trajectory=0, step=0, stream=0, substeps=1, dtype="float64", make=cpu_stepper):
    """The four threes of n trajectories, ``(4, n)``: those of the last sub-step."""
    recipe = Recipe(symbols("x0:4"), T, draws or GaussianDraws((), (), T))
    stepper = make(recipe, batch_size=1, seed=seed, stream=stream, substeps=substeps, dtype=dtype)
    return run(stepper, (0.0,) * 4, trajectories=n, steps=1, trajectory=trajectory, step=step)[0]


def test_digits_of_a_word():
    """First digits change at multiples of 2^32 / 6, second ones at those of 2^32 / 36; every pair is as likely."""
    edges = [-(-k * 2**32 // 36) for k in range(37)]
    for k in range(36):
        for word in (edges[k], edges[k + 1] - 1):
            first, second = (int(value[0]) for value in threes(np.array([word], dtype=np.uint64)))
            assert (first, second) == tuple({0: -1, 5: 1}.get(d, 0) for d in divmod(k, 6))
    assert max(np.diff(edges)) - min(np.diff(edges)) == 1 and edges[-1] == LARGEST + 1


@pytest.mark.parametrize("make", [cpu_stepper, reference_stepper])
def test_two_threes_a_word_after_all_else(make):
    """Three normals fill four words, one sign a fifth: threes begin with word 5."""
    n, s = symbols("n0:3"), symbols("s0:1")
    found = drawn(50, draws=GaussianDraws(n, s, T), make=make)
    own = words(7, 0, np.arange(50), 0, 0, [5, 6])
    assert np.array_equal(found, np.concatenate([threes(word) for word in own]))


def test_normals_and_signs_keep_their_words():
    """Streams of older recipes do not move: the same numbers with threes behind them."""
    recipe, (t,) = sde_with_signs(), symbols("t0:1")
    longer = Recipe(recipe.state, recipe.update, GaussianDraws(recipe.draws.normals, recipe.draws.signs, (t,)))
    found, expected = (run(cpu_stepper(r, batch_size=4, seed=1), (0.3, -0.4))[0] for r in (longer, recipe))
    assert np.array_equal(found, expected)


def fits(counts, shares):
    return stats.chisquare(counts, counts.sum() * shares).pvalue > ALARM


def cells(values):
    """Counts of the joint values of several threes."""
    code = ((values.astype(int) + 1) * 3 ** np.arange(len(values))[:, None]).sum(axis=0)
    return np.bincount(code, minlength=3 ** len(values))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_frequencies(dtype):
    """Chi-square of all 81 joint values of four threes, of 10^6 trajectories: two of a word, two of another."""
    values = drawn(1_000_000, dtype=dtype)
    assert set(np.unique(values)) == {-1.0, 0.0, 1.0}
    joint = SHARE
    for _ in range(3):
        joint = np.multiply.outer(joint, SHARE).ravel()
    assert fits(cells(values), joint)


def test_wrong_frequencies_are_caught():
    """Controls: one value in a hundred moved, and two threes that are one in a fiftieth of the trajectories."""
    values = drawn(1_000_000)
    joint = np.multiply.outer(SHARE, SHARE).ravel()
    moved = np.where(np.arange(1_000_000) % 100 == 0, 0.0, values[0])
    shared = np.where(np.arange(1_000_000) % 50 == 0, values[0], values[1])
    assert fits(cells(values[:2]), joint)
    assert not fits(cells(np.stack([moved, values[1]])), joint)
    assert not fits(cells(np.stack([values[0], shared])), joint)


OTHERS = {
    "the next step": {"step": 1},
    "another stream": {"stream": 1},
    "the next seed": {"seed": 8},
    "the next trajectory": {"trajectory": 1},
    "the next sub-step": {"substeps": 2},
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_numbers_of_another_address_are_independent(other):
    """Joint values of the first three here and there, of 200,000 trajectories."""
    pairs = np.stack([drawn(200_000)[0], drawn(200_000, **other)[0]])
    assert fits(cells(pairs), np.multiply.outer(SHARE, SHARE).ravel())
