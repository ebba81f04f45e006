"""Recipes name themselves the same in every process, and differently where the numbers differ."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from sympy import Float, Rational, Symbol, sin, symbols

from gan_sde.symbolic.recipe import BatchDraws, GaussianDraws, Recipe, Table
from gan_sde.symbolic.shared_trees import TreeDigest

X, Y, N = symbols("x y n")
HASH_SEEDS = ("0", "1", "2")
HEAD = """
import numpy as np
import gan_sde as gs
from gan_sde.algorithms.adversarial import AdversarialTraining, adversarial_sde
from gan_sde.games.adversarial_regression import adversarial_regression
from gan_sde.symbolic.integrators import euler, weak2

def show(*recipes):
    print(*(r.fingerprint for r in recipes))

POINTS = np.array([(1.0, 0.5, 1), (0.8, -0.3, 1), (1.4, 0.9, 1), (0.3, 1.1, 1)])
logistic = lambda count, steps: gs.Training(
    adversarial_regression("logistic", POINTS[-count:]).subs(penalty=0), AdversarialTraining(steps, 2.0))
"""
SHORT = """
# sums in which 1/2 and 0.5 come first, which sympy's sort keys cannot tell apart
from sympy import Rational, symbols, tanh
from gan_sde.symbolic.recipe import GaussianDraws, Recipe
x, y, n = symbols("x y n")
mixed = [half - half * tanh(k * x + y) ** p for k in (1, 2, 3) for p, half in ((1, Rational(1, 2)), (2, 0.5))]
show(Recipe((x,), (sum(m * n for m in mixed) + sum(m * y for m in mixed),), GaussianDraws((y, n))))
for game in ("lq-gan", "dirac-gan"):
    for algorithm in ("crossing-the-curl", "adam"):
        training = gs.Training(gs.games.get(game).with_defaults(), gs.algorithms.get(algorithm))
        show(training.recipe(), euler(training.sde(1)))
        if algorithm != "adam":
            show(euler(training.sde(2)), euler(training.sde(2, noise="exact")))
show(logistic(2, 2).recipe(), euler(adversarial_sde(logistic(2, 1))))
"""
LOGISTIC = """
training = logistic(3, 1)
show(weak2(training.sde(2)), euler(training.sde(2, noise="exact")))
show(logistic(4, 2).recipe(), weak2(adversarial_sde(logistic(4, 2))))
"""


def prints(code, hash_seed):
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize("code", [SHORT, pytest.param(LOGISTIC, marks=pytest.mark.slow)], ids=["short", "long"])
def test_fingerprints_do_not_depend_on_the_order_of_sets(code):
    first, *others = [prints(HEAD + code, seed) for seed in HASH_SEEDS]
    assert len(first) >= 3
    assert all(other == first for other in others)


def test_sets_do_come_in_other_orders():
    """Negative control: a process does see its hash seed."""
    assert len({tuple(prints("print(*{f'x{k}' for k in range(20)})", seed)) for seed in HASH_SEEDS}) > 1


TABLE = Table((Y,), np.array([[1.0], [2.0]]))
SDE_STEP = Recipe((X,), (X + N * Rational(1, 2),), GaussianDraws((N,)))
ITERATION = Recipe((X,), (X + N,), BatchDraws(((N,),), (Y,), tables=(TABLE,)), ((-1.0, 1.0),))


@pytest.mark.parametrize(
    "recipe, changes",
    [
        (SDE_STEP, {"update": (X + N * Rational(1, 3),)}),
        (SDE_STEP, {"update": (X + N * Float(0.5),)}),
        (SDE_STEP, {"update": (X - N * Rational(1, 2),)}),
        (SDE_STEP, {"state": (Symbol("x", real=True),)}),
        (SDE_STEP, {"draws": GaussianDraws((N,), (Y,))}),
        (SDE_STEP, {"draws": GaussianDraws((Y,))}),
        (SDE_STEP, {"draws": GaussianDraws((N,), (), (Y,))}),
        (ITERATION, {"bounds": ((-1.0, 2.0),)}),
        (ITERATION, {"draws": replace(ITERATION.draws, features=(2 * Y,))}),
        (ITERATION, {"draws": replace(ITERATION.draws, batches=((None,),))}),
        (ITERATION, {"draws": replace(ITERATION.draws, tables=(Table((Y,), np.array([[1.0], [3.0]])),))}),
    ],
)
def test_every_part_of_a_recipe_shows_in_its_fingerprint(recipe, changes):
    assert replace(recipe).fingerprint == recipe.fingerprint
    assert replace(recipe, **changes).fingerprint != recipe.fingerprint


def test_precision_of_an_equal_float_does_not_show():
    digest = TreeDigest()
    assert digest(X * Float(0.5, 15)) == TreeDigest()(X * Float(0.5, 30))
    assert digest(X * Float("0.1", 15)) != digest(X * Float("0.1", 30))


def test_digest_knows_values_heads_and_places():
    digest = TreeDigest()
    different = [X, Y, X + Y, X * Y, X**Y, Y**X, sin(X), Float(-0.5), Float(0.5), Float(0.25), Rational(1, 2), X / 2]
    assert len({digest(e) for e in different}) == len(different)


def test_fingerprint_takes_each_shared_subtree_once():
    """2^60 leaves when written out."""
    e = X
    for _ in range(60):
        e = sin(e) * N + e
    assert len(Recipe((X,), (e,), GaussianDraws((N,))).fingerprint) == 64
