"""Compiled field and Jacobian products of the LQ-GAN against plain numpy formulas and finite differences."""

import numpy as np
import pytest

from gan_sde.games.lq_gan_arrays import LQGANArrays
from tests.games import lq_gan_formulas as plain

COUNTS = {1: 5, 2: 32, 3: 33}
"""Trajectories: fewer than a vector of lanes has, as many, and more; 40 in all other dimensions."""


def case(n, kind):
    """A game, states, vectors and a batch: sampled, expected, or expected with data of its own a trajectory."""
    rng, count = np.random.default_rng(n), COUNTS.get(n, 40)
    game = LQGANArrays(n, None, rng.normal(size=n), np.tril(rng.normal(size=(n, n))))
    batch = game.expected_batch(count)
    if kind == "sampled":
        batch = game.batch(rng.normal(size=(count, 3, 2 * n)), None)
    elif kind == "own data":
        batch = batch._replace(data_second=rng.normal(size=(count, 1, 1)) * batch.data_second)
    x, v, u = rng.normal(size=(3, count, game.dim))
    return game, x, v, u, batch


def close(result, expected):
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("kind", ["sampled", "expected", "own data"])
@pytest.mark.parametrize("n", range(1, 10))
def test_products_are_the_plain_formulas(n, kind):
    game, x, v, _, batch = case(n, kind)
    close(game.F(x, batch), plain.field(n, x, batch))
    close(game.jvp(x, v, batch), plain.jvp(n, x, v, batch))
    close(game.vjp(x, v, batch), plain.vjp(n, x, v, batch))


@pytest.mark.parametrize("kind", ["sampled", "expected"])
@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_vjp_is_the_adjoint_of_jvp(n, kind):
    game, x, v, u, batch = case(n, kind)
    left, right = np.sum(u * game.jvp(x, v, batch), axis=1), np.sum(game.vjp(x, u, batch) * v, axis=1)
    np.testing.assert_allclose(left, right, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("kind", ["sampled", "expected"])
@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_jvp_is_the_derivative_of_the_field(n, kind):
    """The field is a cubic of the state at most: a central difference of step 1e-4 is exact to about 1e-7."""
    game, x, v, _, batch = case(n, kind)
    slope = (game.F(x + 1e-4 * v, batch) - game.F(x - 1e-4 * v, batch)) / 2e-4
    np.testing.assert_allclose(game.jvp(x, v, batch), slope, rtol=0, atol=1e-7 * np.abs(slope).max())


@pytest.mark.parametrize("kind", ["sampled", "own data"])
def test_a_trajectory_has_the_same_bits_in_any_company(kind):
    game, x, v, _, batch = case(6, kind)
    together = game.jvp(x, v, batch)
    for i in (0, 31, 39):
        alone = game.jvp(x[i : i + 1], v[i : i + 1], type(batch)(*(m[i : i + 1] for m in batch)))
        assert np.array_equal(alone[0], together[i])


def test_layout_of_the_arrays_does_not_matter():
    game, x, v, _, batch = case(4, "sampled")
    expected = game.vjp(x, v, batch)
    assert np.array_equal(game.vjp(np.asfortranarray(x), np.repeat(v, 2, axis=1)[:, ::2], batch), expected)
    x.flags.writeable = False
    assert np.array_equal(game.vjp(x, v, batch), expected)


def test_shapes_that_do_not_match_are_refused():
    game, x, v, _, batch = case(3, "sampled")
    for bad in ((x[:, 1:], v), (x, v[1:]), (x[:5], v[:5]), (x[0], v[0])):
        with pytest.raises(ValueError, match=r"^x: expected states \(n, 18\), vectors of that shape and a batch for"):
            game.jvp(*bad, batch)
