"""The package stands alone and imports cheaply."""

import subprocess
import sys

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
