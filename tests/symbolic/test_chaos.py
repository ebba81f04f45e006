"""Chaos expansions and batch moments against enumeration and quadrature."""

from itertools import product

import numpy as np
import pytest
from scipy import stats
from sympy import I, Integer, Rational, Symbol, exp, lambdify, nan, oo, sqrt, symbols, zoo

from gan_sde.symbolic.distributions import Bernoulli, Deterministic, Empirical, Normal, Uniform
from gan_sde.symbolic.expectation import chaos

x, y, z, p = symbols("x y z p")

EXPRESSIONS = [x * y**3 + 2 * y, y**2 - x * y + 1, x**2 + y**4]
LAWS = {
    Normal(0.3, 1.4): stats.norm(0.3, 1.4),
    Uniform(-0.5, 2): stats.uniform(-0.5, 2.5),
}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
def test_mean_and_covariance_by_quadrature(law):
    reference = LAWS[law]
    expansion = chaos(EXPRESSIONS, {y: law})
    at = {x: 0.7}
    functions = [lambdify(y, expression.subs(at)) for expression in EXPRESSIONS]
    mean = np.array([reference.expect(f) for f in functions])
    second = np.array([[reference.expect(lambda t, f=f, g=g: f(t) * g(t)) for g in functions] for f in functions])
    modes = np.array(expansion.modes.subs(at), dtype=float)
    np.testing.assert_allclose(np.array(expansion.mean.subs(at), dtype=float)[:, 0], mean, rtol=1e-8)
    np.testing.assert_allclose(modes @ modes.T, second - np.outer(mean, mean), rtol=1e-7, atol=1e-9)


def test_bernoulli_is_exact():
    expansion = chaos([x * y**3 + y], {y: Bernoulli(p)})
    assert (expansion.mean[0] - (x + 1) * p).expand() == 0
    assert ((expansion.modes * expansion.modes.T)[0] - (x + 1) ** 2 * p * (1 - p)).expand() == 0


def test_independent_sources_multiply():
    # Var(y z) = E y^2 E z^2 - (E y)^2 (E z)^2
    expansion = chaos([y * z], {y: Normal(2, 3), z: Normal(5, 7)})
    assert expansion.mean[0] == 10
    assert (expansion.modes * expansion.modes.T)[0] == (4 + 9) * (25 + 49) - 100
    assert len(expansion.functions) == 3


@pytest.mark.parametrize("expression", [x * y**2 * z + y, exp(x * y) + z], ids=["polynomial", "exponential"])
def test_empirical_rows_jointly(expression):
    rows = np.array([[0.1, 0.4], [1.0, -0.3], [0.5, 0.5], [-0.7, 1.2]])
    expansion = chaos([expression, y], {(y, z): Empirical(rows)})
    at = {x: 0.9}
    values = np.stack([lambdify((y, z), f.subs(at))(*rows.T) for f in (expression, y)])
    modes = np.array(expansion.modes.subs(at), dtype=float)
    np.testing.assert_allclose(np.array(expansion.mean.subs(at), dtype=float)[:, 0], values.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(modes @ modes.T, np.cov(values, bias=True), atol=1e-12)


def test_deterministic_data_brings_no_mode():
    expansion = chaos([exp(y) * x], {y: Deterministic(Integer(0))})
    assert expansion.mean[0] == x and expansion.modes.shape == (1, 0)


def test_rank_deficient_data_is_factored_exactly():
    # two rows cannot carry more than one mode, whatever the number of monomials
    expansion = chaos([x * y**3 + y**2, y], {y: Empirical([1.0, 3.0])})
    assert expansion.modes.cols == 1


@pytest.mark.parametrize("indices", [(0, 0), (0, 1), (0, 0, 1), (0, 0, 0), (0, 0, 1, 1), (0, 1, 1, 1)])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_batch_moments_by_enumerating_every_batch(indices, size):
    rows = np.array([0.1, 0.9, -1.3])
    expansion = chaos([x * y**2 + y], {y: Empirical(rows)})
    table = expansion.tables[0].values
    assert table.shape == (3, 2)
    total = np.mean(
        [np.prod([table[list(batch), k].mean() for k in indices]) for batch in product(range(3), repeat=size)]
    )
    assert float(expansion.batch_moment(indices, Integer(size))) == pytest.approx(total, abs=1e-12)


def test_batch_moments_of_normals_against_chi_square():
    # mean of (u^2 - 1)/sqrt 2 over a batch: third moment 8 / (2 sqrt 2) / B^2 from chi-square cumulants
    expansion = chaos([x * y**2 + y], {y: Normal(0, 1)})
    batch_size = symbols("B", positive=True)
    third = expansion.batch_moment((1, 1, 1), batch_size)
    assert float(third.subs(batch_size, 5)) == pytest.approx(8 / (2 * np.sqrt(2)) / 25)
    assert expansion.batch_moment((0, 0, 1), batch_size).subs(batch_size, 1) == expansion.moment((0, 0, 1))


def test_not_polynomial_in_normal_data_is_refused_by_name():
    with pytest.raises(ValueError, match="data: expected losses polynomial in the Normal data symbol y"):
        chaos([exp(x * y)], {y: Normal(0, 1)})


@pytest.mark.parametrize("law", [Normal(0, 1), Uniform(0, 1), Bernoulli(0.5)], ids=lambda law: type(law).__name__)
def test_the_refusal_shows_the_term_as_it_was_written(law):
    with pytest.raises(ValueError) as error:
        chaos([x + y, exp(x * y)], {y: law})
    name = type(law).__name__
    assert str(error.value) == (
        f"data: expected losses polynomial in the {name} data symbol y, got a term in exp(x*y); "
        "a small Empirical data set takes any loss"
    )
    points = np.array([[-1.0], [0.5], [2.0]])  # and so it does
    mean = chaos([exp(x * y)], {y: Empirical(points)}).mean[0]
    assert float(mean.subs(x, 0.3)) == pytest.approx(np.exp(0.3 * points).mean(), rel=1e-14)


@pytest.mark.parametrize("make", [
    lambda v: Normal(v, 1), lambda v: Normal(0, v), lambda v: Uniform(v, 1), lambda v: Uniform(0, v),
    lambda v: Bernoulli(v), lambda v: Deterministic(v),
])  # fmt: skip
@pytest.mark.parametrize(
    "value",
    [
        nan,
        oo,
        -oo,
        zoo,
        I,
        1 + 2j,
        float("nan"),
        np.inf,
        sqrt(-1),
        p * oo,
        p + I,
        Symbol("s", imaginary=True),
        True,
        "1",
    ],
    ids=str,
)
def test_constants_of_laws_must_be_finite_and_real(make, value):
    with pytest.raises(ValueError, match=r"^\w+ \w+: expected a (finite real )?number or a sympy expression, got "):
        make(value)


def test_a_constant_that_gets_lost_on_substitution_is_refused():
    with pytest.raises(ValueError, match=r"^Normal mean: expected a finite real number or a sympy expression, got zoo"):
        Normal(1 / p, 1).subs({p: Integer(0)})


@pytest.mark.parametrize(
    "value", [Rational(1, 3), sqrt(2) / 2, np.float64(0.25), np.int64(1), p, Symbol("s", positive=True)]
)
def test_real_constants_are_kept(value):
    assert Normal(value, value).mean == value and Bernoulli(value).p == value


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: Normal(0, -1), "Normal standard_deviation: expected a number >= 0, got -1"),
        (lambda: Uniform(2, 1), "Uniform: expected low <= high"),
        (lambda: Bernoulli(1.5), "Bernoulli p: expected a probability"),
        (lambda: Empirical([[1.0, np.nan]]), "Empirical values: expected finite numbers, got nan in row 0, column 1"),
        (lambda: Empirical([]), "Empirical values: expected shape"),
        (lambda: Normal("x**2", 1), "Normal mean: expected a number or a sympy expression, got 'x**2'"),
    ],
)
def test_bad_laws(make, words):
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value).startswith(words)


def test_free_constants_survive():
    assert chaos([x * y], {y: Normal(p, 2)}).mean[0] == p * x
