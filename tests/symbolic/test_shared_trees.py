"""Walks over shared subtrees: sympy's own results, in time that does not double with every level."""

import time

import numpy as np
import pytest
import sympy as sp
from sympy import symbols

from gan_sde.algorithms.adversarial import AdversarialTraining
from gan_sde.games.adversarial_regression import adversarial_regression
from gan_sde.symbolic.lowering import lower, lower_expressions
from gan_sde.symbolic.normal_form import NormalForm
from gan_sde.symbolic.shared_trees import TreeSize, common_subexpressions, substitute, symbols_of
from gan_sde.symbolic.training import Training

X, Y, Z = symbols("x y z", real=True)


def tower(levels):
    """Sums of copies: the leaves double with every level."""
    e = X + Y
    for _ in range(levels):
        e = sp.tanh(e) + e * Y
    return e


CASES = [
    [X + Y * Z, (X + Y * Z) ** 2 - 1, sp.exp(X + Y * Z)],
    [X * Y * Z + X * Y, X * Y - Z, sp.Float(2) * X * Y],
    [1 / (X + Y), (X + Y) ** -2 + sp.sqrt(X + Y), -X - Y],
    [sp.Piecewise((X + Y, X > 0), (sp.tanh(X + Y), True)), sp.Max(X + Y, 0), sp.Abs(X + Y)],
    [tower(6), sp.sin(tower(4)), X + Y + Z + 1, X + Y + Z],
    [X, sp.Integer(3), X + 1],
]


@pytest.mark.parametrize("expressions", CASES, ids=range(len(CASES)))
def test_results_are_those_of_sympy(expressions):
    names = lambda: sp.numbered_symbols("t", real=True)  # noqa: E731
    assert common_subexpressions(expressions, names()) == tuple(sp.cse(expressions, names(), order="canonical"))
    table = {X: Z, Y: X}
    assert substitute(expressions, table) == [e.xreplace(table) for e in expressions]
    assert symbols_of(expressions) == set().union(*(e.free_symbols for e in expressions))


def test_tree_size_counts_copies():
    assert TreeSize()(X + Y) == 3
    assert TreeSize()(polynomial_tower(20)) > 2**20
    assert TreeSize()(sp.Float(1.5)) == 0.5
    assert TreeSize().ordered([X * Y + 1, Z, X]) == [X, Z, X * Y + 1]


def test_names_in_use_are_left_out():
    t0 = sp.Symbol("t0", real=True)
    shared, _ = common_subexpressions([t0 * (X + Y), sp.exp(X + Y)], sp.numbered_symbols("t", real=True))
    assert [s.name for s, _ in shared] == ["t1"]


def test_towers_of_compositions_take_linear_time():
    """2^30 leaves: a walk over copies would take days."""
    start = time.process_time()
    program = lower_expressions([polynomial_tower(30)], {X: "x0", Y: "x1"})
    assert time.process_time() - start < 20
    values = {"x0": 0.3, "x1": -0.7, "sin": np.sin}
    for name, code in (*program.prologue, *program.body):
        values[name] = eval(code, values)
    expected = 0.3
    for _ in range(30):
        expected = np.sin(expected) * -0.7 + expected
    assert np.isclose(values["y0"], expected, rtol=1e-12)


def polynomial_tower(levels):
    e = X
    for _ in range(levels):
        e = sp.sin(e) * Y + e
    return e


def test_uniformity_is_that_of_the_free_symbols():
    u, v = symbols("u v", real=True)
    form = NormalForm({u, v}, "test")
    for e in (u, u + v, sp.tanh(u) * v, sp.Integer(2), X, u * X, sp.sin(v + X * u)):
        assert form._is_uniform(e) == (e.free_symbols <= {u, v})


def test_logistic_training_with_attacks_computes_the_loop_written_out():
    """Two ascents and one descent on three samples; 1e-12 against plain arithmetic."""
    points = np.array([(1.0, 0.5, 1), (0.3, 1.1, 1), (-0.9, 0.4, -1)])
    game = adversarial_regression("logistic", points).subs(penalty=0)
    recipe = Training(game, AdversarialTraining(2, 2.0)).recipe()
    program = lower(recipe)
    table, lr = recipe.draws.tables[0], 0.1
    theta = np.array([0.5, -0.5])
    delta, slopes = np.zeros(2), lambda x: -points[:, 2] / (1 + np.exp(points[:, 2] * (x @ theta)))
    weights = np.array([0.0, 1.0, 0.0])  # a batch of the second sample only
    for _ in range(2):
        delta = delta + 2 * lr * np.sum(weights * slopes(points[:, :2] + delta)) * theta
    expected = theta - lr * (weights * slopes(points[:, :2] + delta)) @ (points[:, :2] + delta)
    features = sp.lambdify(table.symbols, recipe.draws.features)(*table.values[1])
    values = {"x0": 0.0, "x1": 0.0, "x2": 0.5, "x3": -0.5, "rate": lr, "tanh": np.tanh}
    values |= {f"m0_{k}": f for k, f in enumerate(features)}
    for name, code in (*program.prologue, *program.body):
        values[name] = eval(code, values)
    np.testing.assert_allclose([values["y2"], values["y3"]], expected, rtol=1e-12)
