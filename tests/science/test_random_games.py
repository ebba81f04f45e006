"""Random polynomial games: no kernel differs from the plain reference beyond rounding, for any algorithm or SDE."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sympy import Rational, symbols

import gan_sde as gs
from gan_sde.symbolic.integrators import INTEGRATORS

THETA, OMEGA, PHI, Y, Z = symbols("theta omega phi y z")
MOST_COLUMNS = 6
ALGORITHMS = (
    ("sgda", {}), ("sgda", {"order": "alternating"}), ("sgda", {"batches": "independent"}), ("extragradient", {}),
    ("past-extragradient", {}), ("optimistic", {}), ("consensus", {"weight": 0.3}), ("crossing-the-curl", {}),
    ("hamiltonian", {"batches": "shared"}), ("symplectic-adjustment", {}), ("momentum", {"mu": 0.5}),
    ("gradient-regularised", {}), ("lola", {}), ("unrolled", {}), ("adam", {}), ("averaging", {}),
)  # fmt: skip


@st.composite
def payoffs(draw):
    """Two to six monomials of degree up to 2 in each parameter and up to 2 in the data."""
    total = 0
    for _ in range(draw(st.integers(2, 6))):
        powers = [draw(st.integers(0, 2)) for _ in range(5)]
        coefficient = Rational(draw(st.integers(-6, 6)), draw(st.integers(2, 7)))
        monomial = THETA ** powers[0] * OMEGA ** powers[1] * PHI ** powers[2] * Y ** powers[3] * Z ** powers[4]
        total += coefficient * monomial
    return total + THETA * OMEGA + PHI * OMEGA * Y


@st.composite
def trainings(draw):
    laws = draw(
        st.sampled_from(
            [
                {Y: gs.Normal(0.3, 1.2), Z: gs.Normal(0, 1)},
                {Y: gs.Normal(0, 1), Z: gs.Uniform(-1, 1)},
                {(Y, Z): gs.Empirical(np.linspace(-1, 1, 10).reshape(5, 2))},
            ]
        )
    )
    bounds = draw(st.sampled_from([{}, {THETA: (-0.2, 0.6)}]))
    game = gs.Game.zero_sum(
        draw(payoffs()), maximiser={"up": [OMEGA]}, minimiser={"down": [THETA, PHI]}, data=laws, bounds=bounds
    )
    name, options = draw(st.sampled_from(ALGORITHMS))
    return gs.Training(game, gs.algorithms.get(name, **options))


def check(training, kind, batch_size, antithetic, seed):
    process = training if kind == "training" else training.sde(1)
    # the update of a scheme of second order has derivatives of every pair of columns
    assume(kind in ("training", "euler", "euler-weak") or process.diffusion.cols <= MOST_COLUMNS)
    integrator = "weak2" if kind == "training" else kind
    # rows of a finite data set have no mirror image
    in_rows = kind == "training" and any(isinstance(law, gs.Empirical) for law in training.game.data.values())
    options = {
        "x0": [0.4, -0.15, 0.2], "lr": 0.02, "steps": 5, "trajectories": 40, "batch_size": batch_size, "seed": seed,
        "integrator": integrator, "substeps": None if kind == "training" else 2, "record": ("paths",),
        "every": 1, "progress": False, "antithetic": antithetic and not in_rows,
    }  # fmt: skip
    kernel = gs.simulate(process, **options, backend="cpu")
    plain = gs.simulate(process, **options, backend="reference")
    scale = 1 + np.nanmax(np.abs(plain["path"].values))
    np.testing.assert_allclose(kernel["path"].values, plain["path"].values, rtol=1e-9, atol=1e-11 * scale)
    assert (kernel["diverged"].values == plain["diverged"].values).all()


SETTINGS = {"deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}
GIVEN = (
    trainings(),
    st.sampled_from(["training", *INTEGRATORS]),
    st.sampled_from([1, 2, 3, 16]),
    st.booleans(),
    st.integers(0, 2**64 - 1),
)


@settings(max_examples=2, **SETTINGS)
@given(*GIVEN)
def test_a_few_games(training, kind, batch_size, antithetic, seed):
    check(training, kind, batch_size, antithetic, seed)


@pytest.mark.slow
@settings(max_examples=20, **SETTINGS)
@given(*GIVEN)
def test_many_games(training, kind, batch_size, antithetic, seed):
    check(training, kind, batch_size, antithetic, seed)
