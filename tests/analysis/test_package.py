"""The package stands alone and imports cheaply."""

import subprocess
import sys

import numpy as np
import pytest
import sympy

import analysis

HEAVY = ("torch", "gan_sde", "matplotlib", "numba", "sympy", "xarray", "arviz_stats", "pandas")


def test_import_is_light():
    code = f"import sys, analysis; print([name for name in {HEAVY!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_contract_names_exist():
    for name in (
        "stationary_covariance",
        "discrete_stationary_covariance",
        "weak_order",
        "invariant_measure",
        "fluctuation_dissipation",
        "fit_rate",
    ):
        assert callable(getattr(analysis, name)) and getattr(analysis, name).__doc__


def test_matrices_of_exact_numbers_are_read_and_symbols_are_not():
    matrix = sympy.ImmutableMatrix([[sympy.Rational(1, 2), 0], [0, sympy.sqrt(2)]])
    covariance = analysis.stationary_covariance(matrix, sympy.eye(2))
    np.testing.assert_allclose(covariance, np.diag([1.0, 1 / (2 * np.sqrt(2))]))
    with pytest.raises(ValueError, match="jacobian: expected an array of real numbers, got ImmutableDenseMatrix"):
        analysis.stationary_covariance(matrix.subs(sympy.sqrt(2), sympy.Symbol("a")), sympy.eye(2))
    with pytest.raises(ValueError, match="jacobian: expected an array of real numbers"):
        analysis.stationary_covariance(np.array([["1", "0"], ["0", "1"]], dtype=object), sympy.eye(2))
