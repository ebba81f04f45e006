import mpmath
import numba
import numpy as np
import pytest

from gan_sde.kernels.elementary import LANE_FUNCTIONS_32, LANE_FUNCTIONS_64
from gan_sde.symbolic.lowering import FUNCTION_NAMES


@numba.njit
def lane_map(function, x, out):
    for i in range(x.size):
        out[i] = function(x[i])


def evaluate(name, x, functions=LANE_FUNCTIONS_64):
    x = np.asarray(x)
    out = np.empty_like(x)
    lane_map(functions[name], x, out)
    return out


def both_signs(low, high, count=400):
    size = np.geomspace(low, high, count)
    return np.concatenate([-size, size])


EXACT = {
    "exp": (mpmath.exp, both_signs(1e-8, 700)),
    "log": (mpmath.log, np.concatenate([np.geomspace(5e-320, 1e300, 800), 1 + both_signs(1e-12, 0.3)])),
    "tanh": (mpmath.tanh, both_signs(1e-12, 40)),
    "sigmoid": (lambda x: 1 / (1 + mpmath.exp(-x)), both_signs(1e-8, 700)),
    "softplus": (lambda x: mpmath.log1p(mpmath.exp(x)), both_signs(1e-8, 700)),
}


def test_every_function_of_lowered_code_is_bound():
    assert set(FUNCTION_NAMES) <= set(LANE_FUNCTIONS_64) == set(LANE_FUNCTIONS_32)


@pytest.mark.parametrize("name", EXACT)
def test_relative_error_is_a_few_units_in_the_last_place(name):
    function, x = EXACT[name]
    with mpmath.workdps(60):
        expected = np.array([float(function(mpmath.mpf(float(v)))) for v in x])
    error = np.abs(evaluate(name, x) - expected) / np.abs(expected)
    assert error.max() < 6 * np.finfo(float).eps


@pytest.mark.parametrize("name", ["exp", "log", "tanh", "sigmoid", "softplus"])
def test_float32_is_rounded_from_float64(name):
    x = np.linspace(0.1, 5, 50, dtype=np.float32)
    out = evaluate(name, x, LANE_FUNCTIONS_32)
    assert out.dtype == np.float32
    assert np.allclose(out, evaluate(name, x.astype(float)), rtol=1.2e-7)


def test_special_values():
    inf, nan = np.inf, np.nan
    special = [0.0, inf, -inf, nan, 1e4, -1e4]
    expected = {
        "exp": [1, inf, 0, nan, inf, 0],
        "log": [-inf, inf, nan, nan, np.log(1e4), nan],
        "tanh": [0, 1, -1, nan, 1, -1],
        "sigmoid": [0.5, 1, 0, nan, 1, 0],
        "softplus": [np.log(2), inf, 0, nan, 1e4, 0],
        "sign": [0, 1, -1, nan, 1, -1],
        "heaviside": [0.5, 1, 0, nan, 1, 0],
        "sqrt": [0, inf, nan, nan, 100, nan],
    }
    for name, values in expected.items():
        assert np.allclose(evaluate(name, special), values, rtol=1e-15, equal_nan=True), name


def test_extrema_propagate_nan():
    @numba.njit
    def pairs(function, a, b):
        return function(a, b)

    for name, ufunc in (("maximum", np.maximum), ("minimum", np.minimum)):
        for a, b in ((1.0, 2.0), (2.0, 1.0), (np.nan, 1.0), (1.0, np.nan)):
            assert np.array_equal(pairs(LANE_FUNCTIONS_64[name], a, b), ufunc(a, b), equal_nan=True)
