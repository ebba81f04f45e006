"""The mirror of a step: the same expressions under negated normals, what is even in the noise left alone."""

import pytest
from sympy import Symbol, symbols

import gan_sde as gs
from gan_sde.symbolic.antithetic import (
    antithetic,
    is_mirrored_nowhere,
    mirrored_sde,
    mirrored_training,
    single_paths,
)
from gan_sde.symbolic.integrators import INTEGRATORS
from gan_sde.symbolic.recipe import BatchDraws, GaussianDraws, Recipe, Table
from tests.kernels.recipes import lq_sde, lq_training, mixed_training, sde_with_signs

NEGATED = {"euler": "normals", "weak2": "normals", "euler-weak": "signs", "weak2-three-point": "threes"}


def sde_of(name, order=2):
    game = gs.games.get(name).with_defaults()
    return gs.Training(game, gs.algorithms.get("sgda")).sde(order=order)


@pytest.mark.parametrize("name", ["lq-gan", "quadratic", "bilinear"])
@pytest.mark.parametrize("integrator", NEGATED)
def test_mirror_is_the_step_with_its_increments_negated(name, integrator):
    sde, step = sde_of(name), INTEGRATORS[integrator]
    plain, mirror = step(sde), step(mirrored_sde(sde))
    assert mirror.draws == plain.draws and mirror.state == plain.state and mirror.bounds == plain.bounds
    table = {s: -s for s in getattr(plain.draws, NEGATED[integrator])}
    for own, image in zip(plain.update, mirror.update, strict=True):
        assert (own.xreplace(table) - image).expand() == 0
        assert own.free_symbols == image.free_symbols


def test_the_mirror_is_another_step():
    """Negative control: with "weak2" the signs alone negated, or nothing, is something else."""
    sde = sde_of("lq-gan")
    plain, mirror = (INTEGRATORS["weak2"](each) for each in (sde, mirrored_sde(sde)))
    for negated in ((), plain.draws.signs, (*plain.draws.normals, *plain.draws.signs)):
        table = {s: -s for s in negated}
        assert any(
            (own.xreplace(table) - image).expand() != 0 for own, image in zip(plain.update, mirror.update, strict=True)
        )


def test_paths_lie_one_after_the_other_and_never_meet():
    recipe = lq_training()
    pair = antithetic(recipe, mirrored_training(recipe))
    assert pair.dim == 8 and pair.paths == 2 and [s.name for s in pair.state[4:]] == [
        "w2_mirror__", "w1_mirror__", "a_mirror__", "b_mirror__"
    ]  # fmt: skip
    first, second = single_paths(pair)
    assert first.fingerprint == recipe.fingerprint
    assert second.draws.batches == pair.draws.mirrors and second.state == pair.state[4:]
    for own, other in ((first, second), (second, first)):
        there = {s for e in own.update for s in e.free_symbols}
        assert not there & {*other.state, *(m for batch in other.draws.batches for m in batch)}


def test_a_recipe_of_one_path_is_its_only_path():
    assert single_paths(lq_sde())[0].fingerprint == lq_sde().fingerprint


def test_where_no_mirror_shows():
    p, u = symbols("p u")
    table = Table((p,), [[1.0], [-1.0]])
    mean, other = symbols("m n")
    assert is_mirrored_nowhere(BatchDraws(((mean,),), (p,), (), (), (table,)))
    assert not is_mirrored_nowhere(BatchDraws(((mean, other),), (p, p * u), (u,), (), (table,)))
    assert is_mirrored_nowhere(BatchDraws(((mean, None),), (p, p * u), (u,), (), (table,)))
    assert not is_mirrored_nowhere(BatchDraws((), ()))


KNOWN = {
    lq_sde: "8816be40314a9a833c03eac04c050686ca9b85b81e0bf4cd59a9b8ba84703c3a",
    lq_training: "75ee1678611d448914e2ac0e65639c46c2bf1b5982528276b45d186fabc78e22",
    sde_with_signs: "0d1652c1d4b6a598063caeb123b25b5bdfd8fe7090106d3e76a035b42b911c9b",
    mixed_training: "0a4c26733a568f1d6c39c2984137b23b8f08195317334d061b70b916e4a7b756",
}


@pytest.mark.parametrize("recipe", KNOWN)
def test_fingerprints_of_older_recipes_stay(recipe):
    """Stores of runs that know nothing of pairs can be resumed."""
    assert recipe().fingerprint == KNOWN[recipe]


def test_mirrors_and_paths_show_in_the_fingerprint():
    x, y = symbols("x y")
    m, n = symbols("m n")
    u = Symbol("u")
    draws = BatchDraws(((m,),), (u,), (u,))
    prints = [
        Recipe((x, y), (x + m, y + m), draws),
        Recipe((x, y), (x + m, y + m), BatchDraws(((m,),), (u,), (u,), mirrors=((n,),))),
        Recipe((x, y), (x + m, y + m), draws, paths=2),
        Recipe((x, y), (x, y), GaussianDraws(())),
        Recipe((x, y), (x, y), GaussianDraws(()), paths=2),
    ]
    assert len({recipe.fingerprint for recipe in prints}) == len(prints)
