"""Closed-form laws of the minimax SDEs against integration, exact moments, Lyapunov equations and steps by hand."""

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp
from scipy.optimize import minimize_scalar
from scipy.special import expi

import analysis
import gan_sde as gs
from figures.papers.minimax_sdes import laws
from figures.papers.minimax_sdes.coupled_paths import distance_law
from figures.papers.minimax_sdes.laws import PairLaw, scaled_expi
from gan_sde.algorithms.rate import Fixed
from gan_sde.symbolic.moments import MomentDynamics

GAMES = ((3.0, 1.0), (-1.0, 2.0), (0.0, 2.0), (2.0, 1.0))


# -------------------------------------------------------------------- solutions in time


@pytest.mark.parametrize("gamma", [0, 0.5, 1])
@pytest.mark.parametrize("contraction", [0.0, 0.3, 0.5, 2.0, 20.0])
def test_solution_against_integration(gamma, contraction):
    law, lr, start, times = PairLaw(contraction, 1.0, 0.7), 0.01, 0.5, np.array([0.1, 1.0, 20.0])

    def slope(t, m):
        u = (t + 1) ** -gamma
        return -law.rate(lr) * u * m + lr * law.additive * u**2

    found = solve_ivp(slope, (0, 20), [start], method="LSODA", t_eval=times, rtol=1e-10, atol=1e-15)
    np.testing.assert_allclose(law.solve(times, start, lr, gamma), found.y[0], rtol=1e-7)


def test_published_forms_solve_the_equation():
    """The forms with Ei and powers as published, in symbols, and their values."""
    t, k, b, c = sp.symbols("t k b c", positive=True)
    root = sp.sqrt(t + 1)
    half = sp.exp(-2 * k * root) * (b * sp.exp(2 * k) + 2 * c * (sp.Ei(2 * k * root) - sp.Ei(2 * k)))
    whole = (t + 1) ** (-k - 1) * (b * (k - 1) * (t + 1) + c * ((t + 1) ** k - t - 1)) / (k - 1)
    for form, gamma in ((half, sp.Rational(1, 2)), (whole, sp.Integer(1))):
        u = (t + 1) ** -gamma
        assert sp.simplify(form.diff(t) + k * u * form - c * u**2) == 0
        assert sp.simplify(form.subs(t, 0) - b) == 0
        value = float(form.subs({t: 3.0, k: 4.0, b: 0.3, c: 0.02}))
        assert np.isclose(PairLaw(2.0, 1.0, 2.0).solve(3.0, 0.3, 0.01, float(gamma)), value, rtol=1e-12)


def test_exponential_integral_does_not_overflow():
    with np.errstate(over="ignore", invalid="ignore"):
        assert not np.isfinite(np.exp(-2000.0) * expi(2000.0))
    x = np.array([0.1, 5.0, 39.9, 40.1, 300.0])
    np.testing.assert_allclose(scaled_expi(x), np.exp(-x) * expi(x), rtol=1e-13)
    steep = PairLaw(200.0, 1.0, 1.0)
    # far behind the start m follows lr v u / k, with a relative correction of order 1 / k
    late = float(steep.solve(99.0, 1.0, 0.01, 0.5))
    assert late == pytest.approx(0.01 / 400 / 10, rel=1e-3)


def test_unknown_schedules_are_refused():
    with pytest.raises(ValueError, match=r"gamma: expected 0, 1/2 or 1, got 0\.7"):
        PairLaw(1.0, 1.0).solve(1.0, 1.0, 0.1, 0.7)
    with pytest.raises(ValueError, match="gamma: expected 0 with multiplicative noise, got 1"):
        PairLaw(1.0, 1.0, 0.0, 1.0).solve(1.0, 1.0, 0.1, 1)


# -------------------------------------------------------------------- against the toolkit's derivations, exactly


def trainings(a, lam, rho, batches):
    x, y, p, q = sp.symbols("x y p q")
    game = gs.Game.zero_sum(
        sp.nsimplify(a) * (x**2 - y**2) / 2 + sp.nsimplify(lam) * x * y + sp.Rational(1, 2) * (p * x + q * y),
        maximiser={"maximiser": [y]},
        minimiser={"minimiser": [x]},
        data={p: gs.Normal(0, 1), q: gs.Normal(0, 1)},
    )
    if rho is None:
        return gs.Training(game, gs.algorithms.get("hamiltonian"))
    return gs.Training(game, gs.algorithms.get("extragradient", extrapolation=Fixed(rho), batches=batches))


@pytest.mark.parametrize("a, lam", GAMES)
@pytest.mark.parametrize("rho, batches", [(0.3, "shared"), (-0.4, "independent"), (0.0, "shared"), (None, "shared")])
def test_laws_against_exact_moments(a, lam, rho, batches):
    training = trainings(a, lam, rho, batches)
    law = laws.hamiltonian(a, lam, 0.5) if rho is None else laws.extragradient(a, lam, 0.5, rho, batches)
    lr, start, steps = 0.02, (0.4, -0.2), 40
    energy = sum(v**2 for v in start) / 2
    for dynamics, exact in (
        (MomentDynamics.of_training(training), law.iterate(np.full(steps, lr), energy)[-1]),
        (MomentDynamics.of_sde(training.sde(1)), float(law.solve(steps * lr, energy, lr))),
    ):
        *_, yy, _, xx = dynamics.after(start, steps * lr, lr=lr, batch_size=1)
        assert (xx + yy) / 2 == pytest.approx(exact, rel=1e-10)


def test_floors_against_lyapunov():
    a, lam, rho, lr = 3.0, 1.0, 0.2, 0.01
    jacobian = np.array([[a, lam], [-lam, a]])
    mean, noise = jacobian - rho * jacobian @ jacobian, np.eye(2) - rho * jacobian
    law = laws.extragradient(a, lam, 0.1, rho)
    sigma = 0.01 * noise @ noise.T
    assert law.floor(lr) == pytest.approx(np.trace(analysis.stationary_covariance(mean, sigma, lr)) / 2, rel=1e-12)
    discrete = analysis.discrete_stationary_covariance(mean, sigma, lr)
    assert law.discrete_floor(lr) == pytest.approx(np.trace(discrete) / 2, rel=1e-12)
    assert laws.extragradient(-1, 2, 0.1, -1.0).floor(lr) == np.inf
    assert laws.extragradient(0, 2, 0.1, 0.0).discrete_floor(lr) == np.inf


def test_descent_ascent_grows():
    law = laws.extragradient(0, 2.0, 0.3, 0.0)
    assert law.rate(0.01) == 0
    assert law.factor(0.01) == pytest.approx(1 + 0.01**2 * 4)
    assert law.solve(7.0, 0.5, 0.01) == pytest.approx(0.5 + 0.01 * 0.09 * 7)


# -------------------------------------------------------------------- the extrapolation rate


@pytest.mark.parametrize("a, lam", [(3.0, 1.0), (-1.0, 2.0), (0.5, 2.0)])
def test_named_extrapolation_rates(a, lam):
    rho = laws.rho_of_hamiltonian_rate(a, lam)
    assert laws.extragradient(a, lam, 1, rho).rate(0.1) == pytest.approx(laws.hamiltonian(a, lam, 1).rate(0.1))
    least = laws.rho_of_least_variance(a, lam)
    for floor in ("floor", "discrete_floor"):
        found = minimize_scalar(
            lambda r, floor=floor: getattr(laws.extragradient(a, lam, 1, r), floor)(0.02),
            bounds=(0.8 * least, 1.2 * least),
            method="bounded",
            options={"xatol": 1e-9},
        )
        assert found.x == pytest.approx(least, abs=1e-6)
    assert laws.extragradient(a, lam, 1, least).floor(0.1) == pytest.approx(0.1 * lam / (a + lam) ** 2)


def test_two_samples_move_the_least_variance():
    floors = [laws.extragradient(3, 1, 1, rho, "independent").floor(0.01) for rho in (-0.115535, -0.11, -0.12, 0.25)]
    assert floors[0] == min(floors)
    assert floors[-1] > 5 * floors[0]


# -------------------------------------------------------------------- noise in the coupling, one step by hand


def gaussian_mean(expression, draws):
    """Expectation over independent standard normals of a polynomial."""
    poly = sp.Poly(sp.expand(expression), *draws)
    return sum(c * sp.prod(sp.factorial2(n - 1) if n % 2 == 0 else 0 for n in powers) for powers, c in poly.terms())


@pytest.mark.parametrize("common", [True, False], ids=["one draw for both players", "a draw a player"])
@pytest.mark.parametrize("method", ["extragradient", "hamiltonian"])
def test_noisy_factors_by_hand(common, method):
    x, y, lam, s, rho, h = sp.symbols("x y lam s rho h")
    draws = sp.symbols("r0:4")
    first = [lam + s * d for d in ((draws[0], draws[0]) if common else draws[:2])]
    second = [lam + s * d for d in ((draws[2], draws[2]) if common else draws[2:])]
    field = (first[0] * y, -first[1] * x)
    if method == "extragradient":
        ahead = (x - rho * field[0], y - rho * field[1])
        moved = (x - h * second[0] * ahead[1], y + h * second[1] * ahead[0])
        law = laws.noisy_extragradient(2.0, 0.7, 0.6)
    else:
        # J^T F with J = ((0, l), (-l, 0))
        moved = (x + h * second[1] * field[1], y - h * second[0] * field[0])
        law = laws.noisy_hamiltonian(2.0, 0.7)
    energy = gaussian_mean(moved[0] ** 2 + moved[1] ** 2, draws)
    factor = sp.simplify(energy / (x**2 + y**2))
    assert not factor.has(x)
    value = float(factor.subs({lam: 2, s: sp.Rational(7, 10), rho: sp.Rational(3, 5), h: sp.Rational(1, 10)}))
    assert float(law.factor(0.1)) == pytest.approx(value, rel=1e-12)


# -------------------------------------------------------------------- coupled runs


def test_distance_law_by_fine_increments():
    """Against the covariance of (z, Z) built from a fine grid inside each iteration."""
    from figures.papers.minimax_sdes import coupled_paths as paths

    rho, fine = -1.0, 4000
    pair = paths.law(rho)
    mu = complex(pair.contraction, pair.rotation)
    weights = np.exp(-np.conj(mu) * paths.LR * (np.arange(fine) + 0.5) / fine) / fine
    z = zz = cross = paths.ENERGY
    for _ in range(30):
        z = abs(1 - paths.LR * mu) ** 2 * z + paths.LR**2 * pair.additive
        zz = abs(np.exp(-paths.LR * mu)) ** 2 * zz + paths.LR**2 * pair.additive * (abs(weights) ** 2).sum() * fine
        cross = (1 - paths.LR * mu) * np.exp(-paths.LR * np.conj(mu)) * cross
        cross += paths.LR**2 * pair.additive * weights.sum()
    assert distance_law(rho)[30] == pytest.approx(z + zz - 2 * cross.real, rel=1e-5)


def test_distances_shrink_with_the_extrapolated_field():
    ends = [distance_law(rho)[-1] for rho in (-1.0, 0.01, 0.1, 0.33)]
    assert ends == sorted(ends, reverse=True)
    assert distance_law(-1.0)[0] == pytest.approx(0)
