"""The ways of drawing a training's batches: the fused kernel against the plain reference."""

import pytest
from sympy import log, sqrt, symbols

from gan_sde.symbolic.recipe import BatchDraws, Recipe
from tests.kernels.recipes import LQ_START, assert_equal, he2, lq_training, means_only, mixed_training


@pytest.mark.parametrize("batch_size", [1, 2, 3, 16])
def test_batch_statistics(batch_size):
    assert_equal(lq_training(), LQ_START, batch_size=batch_size, statistics="always")


@pytest.mark.parametrize("batch_size", [1, 2, 7])
def test_explicit_sampling_of_pairs(batch_size):
    assert_equal(lq_training(), LQ_START, batch_size=batch_size, statistics="never")


@pytest.mark.parametrize(("normals", "batch_size"), [(0, 5), (3, 1), (3, 5), (6, 2)])
def test_explicit_sampling_of_normals_uniforms_and_tables(normals, batch_size):
    assert_equal(mixed_training(normals), (0.3, 0.2), batch_size=batch_size)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_explicit_sampling_without_tables(dtype):
    z, v = symbols("z v")
    recipe = means_only([z**3 / sqrt(15), log(v) + 1], [])
    draws = BatchDraws(recipe.draws.batches, recipe.draws.features, (z,), (v,))
    assert_equal(Recipe(recipe.state, recipe.update, draws), (0, 0), batch_size=3, dtype=dtype)


def test_float32_training():
    assert_equal(lq_training(), LQ_START, batch_size=8, dtype="float32")


@pytest.mark.parametrize("couple", [1, 5])
def test_coupled_training(couple):
    assert_equal(lq_training(), LQ_START, batch_size=16, couple=couple)


def test_unused_second_moment_alone():
    (z,) = symbols("z,")
    for batch_size in (1, 9):
        assert_equal(means_only([he2(z)], [z]), (0,), batch_size=batch_size, statistics="always")
