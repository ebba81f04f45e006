"""Recorded and compiled trainings of games in array form, against the algorithms' text run on plain arrays."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import gan_sde as gs
from gan_sde.games import lanes
from gan_sde.games.array_game import AbstractArrayGame
from gan_sde.games.lq_gan_arrays import LQGANArrays
from gan_sde.games.lq_gan_pieces import CURVATURE
from gan_sde.kernels.array import ArrayStepper
from gan_sde.kernels.array_program import record_program
from gan_sde.kernels.array_tape import GAME, Combination
from gan_sde.symbolic.algorithm import AbstractMemoryAlgorithm
from tests.games import lq_gan_formulas as plain


class PlainLQGAN(AbstractArrayGame):
    """The same game without compiled pieces, its products in numpy: the stepper then runs the text as it is."""

    is_zero_sum = True

    def __init__(self, game):
        self.game, self.dim, self.blocks = game, game.dim, game.blocks
        self.normals, self.rows = game.normals, game.rows

    def bind(self, values):
        return PlainLQGAN(self.game.bind(values))

    def expected_batch(self, n):
        return self.game.expected_batch(n)

    def batch(self, normals, rows):
        return self.game.batch(normals, rows)

    def F(self, x, batch):
        return plain.field(self.game.n, x, batch)

    def jvp(self, x, v, batch):
        return plain.jvp(self.game.n, x, v, batch)

    def vjp(self, x, v, batch):
        return plain.vjp(self.game.n, x, v, batch)


class Swap(AbstractMemoryAlgorithm):
    """Exchanges state and memory, so that each new block reads another block's old values."""

    slots = ("other",)

    def start(self, x):
        return (x * 2,)

    def step(self, oracle, x, memory, eta):
        return memory[0], (x - eta * oracle.F(x, oracle.fresh()),)


@pytest.fixture(scope="module")
def game():
    game = gs.games.get("lq-gan", dim=2).with_defaults()
    return replace(game, arrays=LQGANArrays(2))


def run(game, algorithm, *, form=None, rates=None, batch_size=3, players=None, calls=(slice(None),), n=40, spread=0.3):
    """Final state ``(D, n)`` and the iterations of divergence; ``calls`` are the columns of each call."""
    game = game if form is None else replace(game, arrays=form(game.arrays))
    training = gs.Training(game, algorithm, players or {})
    stepper = ArrayStepper(training, batch_size, 11, 0)
    rng = np.random.default_rng(7)
    start = np.array(game.x0) + spread * rng.normal(size=(n, game.dim))
    state = np.ascontiguousarray(training.start(start, 0.02).T)
    flags = np.full(n, -1)
    rates = np.full(4, 0.02) if rates is None else rates
    for columns in calls:
        part, marked = np.ascontiguousarray(state[:, columns]), flags[columns].copy()
        stepper.advance(part, marked, trajectory=columns.start or 0, step=3, rates=rates)
        state[:, columns], flags[columns] = part, marked
    return state, flags


@pytest.mark.parametrize("batch_size", [3, np.inf])
@pytest.mark.parametrize("name", gs.algorithms.names())
def test_compiled_tape_is_the_text(game, name, batch_size):
    algorithm = gs.algorithms.get(name)
    state, _ = run(game, algorithm, batch_size=batch_size)
    expected, _ = run(game, algorithm, form=PlainLQGAN, batch_size=batch_size)
    np.testing.assert_allclose(state, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("batch_size", [3, np.inf])
@pytest.mark.parametrize(
    "options",
    [
        {"algorithm": Swap()},
        {"algorithm": gs.algorithms.get("crossing-the-curl", batches="shared")},
        {"algorithm": gs.algorithms.get("sgda", order="alternating", inner_steps={"discriminator": 2})},
        {"algorithm": gs.algorithms.get("averaging", inner=gs.algorithms.get("consensus"))},
        {"algorithm": gs.algorithms.get("extragradient"), "players": {"discriminator": 0.5}},
        {"algorithm": gs.algorithms.get("momentum", damping=2.0), "rates": 0.02 / np.arange(1, 6)},
        {"algorithm": gs.algorithms.get("adam"), "rates": 0.02 / np.arange(1, 6)},
        {"algorithm": gs.algorithms.get("crossing-the-curl"), "rates": np.array([0.02, 0.0, 0.01])},
    ],
    ids=["swap", "shared", "alternating", "averaging", "players", "schedule", "adam-schedule", "zero-rate"],
)
def test_compiled_tape_is_the_text_with_options(game, options, batch_size):
    state, _ = run(game, **options, batch_size=batch_size)
    expected, _ = run(game, **options, form=PlainLQGAN, batch_size=batch_size)
    np.testing.assert_allclose(state, expected, rtol=1e-11, atol=1e-12)


def test_large_dimension(game):
    large = replace(gs.games.get("lq-gan", dim=11).with_defaults(), arrays=LQGANArrays(11))
    for batch_size in (3, np.inf):
        state, _ = run(large, gs.algorithms.get("crossing-the-curl"), batch_size=batch_size, n=5)
        expected, _ = run(large, gs.algorithms.get("crossing-the-curl"), form=PlainLQGAN, batch_size=batch_size, n=5)
        np.testing.assert_allclose(state, expected, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("batch_size", [3, 16, np.inf])
def test_bits_do_not_depend_on_the_calls(game, batch_size):
    """Columns split into calls of any width, and calls on two threads."""
    algorithm = gs.algorithms.get("linear-family", alpha=1.0, beta=0.3, gamma=0.2)
    expected, _ = run(game, algorithm, batch_size=batch_size)
    for cuts in ([0, 40], [0, 1, 40], [0, 7, 32, 33, 40]):
        calls = [slice(a, b) for a, b in pairwise(cuts)]
        assert np.array_equal(run(game, algorithm, batch_size=batch_size, calls=calls)[0], expected)
    with ThreadPoolExecutor(2) as pool:
        tasks = [pool.submit(run, game, algorithm, batch_size=batch_size) for _ in range(6)]
        assert all(np.array_equal(task.result()[0], expected) for task in tasks)


@pytest.mark.parametrize("batch_size", [3, 16, np.inf])
def test_bits_do_not_depend_on_where_a_run_is_cut(game, batch_size):
    stepper = ArrayStepper(gs.Training(game, gs.algorithms.get("crossing-the-curl")), batch_size, 5, 0)
    start = np.ascontiguousarray((np.array(game.x0) + 0.2 * np.random.default_rng(3).normal(size=(9, game.dim))).T)
    rates, flags = 0.02 / np.arange(1, 8), np.full(9, -1)
    whole, parts = start.copy(), start.copy()
    stepper.advance(whole, flags, trajectory=0, step=0, rates=rates)
    for first, stop in ((0, 1), (1, 5), (5, 7)):
        stepper.advance(parts, flags, trajectory=0, step=first, rates=rates[first:stop])
    assert np.array_equal(whole, parts)


def test_samples_are_drawn_in_parts_where_they_would_not_fit(game, monkeypatch):
    algorithm = gs.algorithms.get("crossing-the-curl")
    expected, _ = run(game, algorithm, n=100)
    moments, _ = run(game, algorithm, n=100, batch_size=16)
    monkeypatch.setattr("gan_sde.kernels.array_player.SAMPLE_MEMORY", 100)
    assert np.array_equal(run(game, algorithm, n=100)[0], expected)
    assert np.array_equal(run(game, algorithm, n=100, batch_size=16)[0], moments)


@pytest.mark.parametrize("batch_size", [3, np.inf])
def test_divergence_is_found_at_the_same_iteration(game, batch_size):
    """Rates so large that some trajectories leave the bound, at several iterations, and others do not."""
    options = {"rates": np.full(7, 0.2), "batch_size": batch_size, "n": 70, "spread": 1.0}
    algorithm = gs.algorithms.get("crossing-the-curl")
    state, flags = run(game, algorithm, **options)
    expected, expected_flags = run(game, algorithm, form=PlainLQGAN, **options)
    assert np.array_equal(flags, expected_flags)
    assert len(set(flags)) > 3 and -1 in flags
    assert np.array_equal(np.isnan(state).all(axis=0), flags >= 0)
    np.testing.assert_allclose(state, expected, rtol=1e-6)


def test_bounds_are_projected_on(game):
    state, _ = run(game, gs.algorithms.get("sgda"), rates=np.full(3, 0.3), spread=1.0)
    bound = [i for i, s in enumerate(game.parameters) if s in game.bounds]
    assert state[bound].min() == 0.01


def test_what_cancels_is_not_computed(game):
    """Crossing-the-Curl needs no curvature, ``M M^T phi`` and ``M^T m`` alone; consensus does."""

    def pieces(name):
        training = gs.Training(game, gs.algorithms.get(name))
        program = record_program(training, game.arrays.bind(game.values), np.array([0.1]), True)
        return [code - GAME for code in program.code[:, 0] if code >= GAME]

    assert CURVATURE not in pieces("crossing-the-curl") and len(pieces("crossing-the-curl")) == 4
    assert CURVATURE in pieces("consensus")


def test_arithmetic_of_combinations():
    v, w = Combination(({0: 1.0}, {})), Combination(({0: 2.0, 1: 1.0}, {2: 3.0}))
    rate = np.array([1.0, 4.0])
    assert (w - 2 * v).blocks == ({1: 1.0}, {2: 3.0})
    assert (-v / 4).blocks == ({0: -0.25}, {})
    assert (rate * v).blocks[0][0].tolist() == (v * rate).blocks[0][0].tolist() == [1.0, 4.0]
    for wrong in (lambda: v * w, lambda: v / w, lambda: v + 1.0, lambda: v - 1.0, lambda: 1.0 - v):
        with pytest.raises(TypeError):
            wrong()


class Squares:
    """A text that multiplies vectors by each other, which no tape records."""

    def step(self, oracle, x, eta):
        field = oracle.F(x, oracle.fresh())
        return x - eta * field - eta * field * field


@pytest.mark.parametrize("batch_size", [3, np.inf])
def test_other_texts_run_as_they_are(game, batch_size):
    """More trajectories than are held at once, split differently: the same numbers, and those of the plain form."""
    whole, _ = run(game, Squares(), batch_size=batch_size, n=70)
    plain, _ = run(game, Squares(), batch_size=batch_size, n=70, form=PlainLQGAN)
    np.testing.assert_allclose(whole, plain, rtol=1e-12)
    assert not np.allclose(whole, run(game, gs.algorithms.get("sgda"), batch_size=batch_size, n=70)[0])


@pytest.mark.parametrize("batch_size", [3, np.inf])
@pytest.mark.parametrize("name", ["crossing-the-curl", "consensus", "adam", "competitive"])
def test_nothing_is_read_before_it_is_written(game, name, batch_size, monkeypatch):
    """Scratch memory that begins as NaN makes no difference."""
    algorithm = gs.algorithms.get(name)
    expected, _ = run(game, algorithm, batch_size=batch_size)

    def poisoned(rows):
        memory = lanes.scratch(rows)
        memory[:] = np.nan
        return memory

    monkeypatch.setattr("gan_sde.kernels.array_player.scratch", poisoned)
    assert np.array_equal(run(game, algorithm, batch_size=batch_size)[0], expected)
