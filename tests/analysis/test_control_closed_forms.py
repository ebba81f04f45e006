"""Optimal rates in closed form against sympy, quadrature, brute force, hand-written loops and simulated chains.

Random schedules: 2,000 with fixed seeds, exact moments, so that nothing here is statistical but
`test_adversarial_coefficients_are_those_of_the_loop`: 400,000 chains, bound of 4.4 standard errors, two-sided false
alarm 1e-5.
"""

import math

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp
from scipy.optimize import minimize, minimize_scalar

from analysis.control import (
    DiscreteMoment,
    Extragradient,
    ScalarMoment,
    adversarial_moment,
    game_moment,
    optimal_rate,
    quadratic_moment,
)

A, LR, SIGMA, START, HORIZON = 2.0, 0.1, 4.0, 5.0, 3.0
MOMENT = quadratic_moment(A, SIGMA, LR)
BEST = optimal_rate(MOMENT, START)


# ------------------------------------------------------------ derivation


def test_moment_equations_follow_from_ito():
    """The generator applied to f and to |z|^2 / 2; any symbols."""
    a, b, lam, lr, s, u, x, y = sp.symbols("a b lam lr s u x y", real=True)
    loss = a * (x - b) ** 2 / 2
    generator = -u * sp.diff(loss, x) ** 2 + u**2 * lr * s / 2 * sp.diff(loss, x, 2)
    assert sp.simplify(generator - (-2 * a * u * loss + a * lr * s / 2 * u**2)) == 0
    half = (x**2 + y**2) / 2
    field = sp.Matrix([a * x + lam * y, a * y - lam * x])
    drift = -u * (sp.Matrix([half]).jacobian([x, y]) * field)[0]
    assert sp.simplify(drift + u**2 * lr * s / 2 * 2 - (-2 * a * u * half + lr * s * u**2)) == 0
    moment = quadratic_moment(0.7, 3.0, 0.2, batch_size=5)
    assert (moment.decay, moment.noise) == (0.7, pytest.approx(0.7 * 0.2 * 3.0 / 10))
    assert game_moment(0.7, 3.0, 0.2, batch_size=5).noise == pytest.approx(0.2 * 3.0 / 5)


def test_both_phases_solve_their_equations():
    a, q, m0, t, big = sp.symbols("a q m0 t U", positive=True)
    saturated = q * big / (2 * a) + (m0 - q * big / (2 * a)) * sp.exp(-2 * a * big * t)
    assert sp.simplify(sp.diff(saturated, t) + 2 * a * big * saturated - q * big**2) == 0
    switch = sp.log(2 * a * m0 / (q * big) - 1) / (2 * a * big)
    assert sp.simplify(saturated.subs(t, switch) - q * big / a) == 0
    rate = big / (1 + a * big * t)
    late = q * rate / a
    assert sp.simplify(sp.diff(late, t) + 2 * a * rate * late - q * rate**2) == 0
    numbers = {a: 2.0, q: 0.4, m0: 5.0, big: 1.0}
    assert BEST.switch_time == pytest.approx(float(switch.subs(numbers)))
    assert BEST.value(0.4) == pytest.approx(float(saturated.subs({**numbers, t: 0.4})))
    assert BEST.value(BEST.switch_time + 1) == pytest.approx(float(late.subs({**numbers, t: 1.0})))
    assert BEST.rate(BEST.switch_time + 1) == pytest.approx(1 / 3)


@pytest.mark.parametrize("start", [5.0, 0.21, 0.19, 0.01])
def test_value_solves_the_hjb_equation(start):
    """V(T - t, m) by finite differences: V_t + min_u m'(u) V_m = 0, the min by brute force over 2,001 rates."""
    left, h = 1.3, 1e-5

    def value(m, rest):
        return float(optimal_rate(MOMENT, m).value(rest))

    slope = (value(start + h, left) - value(start - h, left)) / (2 * h)
    in_time = -(value(start, left + h) - value(start, left - h)) / (2 * h)
    least = MOMENT.derivative(start, np.linspace(0, 1, 2001)).min()
    assert slope > 0
    assert in_time + least * slope == pytest.approx(0, abs=2e-6)


# ------------------------------------------------------------ optimality


def cost(rates, moment=MOMENT, start=START):
    return moment.evolve(start, rates, HORIZON / np.shape(rates)[-1])[..., -1]


def random_schedules(n, each, rng):
    """Constant, sorted, full-then-power, and perturbed optimal schedules."""
    time = (np.arange(n) + 0.5) * HORIZON / n
    late = np.maximum(time - rng.uniform(0, HORIZON, (each, 1)), 0)
    power = (1 + rng.uniform(0.3, 10, (each, 1)) * late) ** -rng.uniform(0.3, 2, (each, 1))
    near = np.clip(BEST.rate(time) * np.exp(0.05 * rng.normal(size=(each, n))), 0, 1)
    constant = np.repeat(rng.uniform(0, 1, (each, 1)), n, axis=1)
    return np.concatenate([constant, -np.sort(-rng.uniform(0, 1, (each, n)), axis=1), power, -np.sort(-near, axis=1)])


@pytest.mark.parametrize("n", [10, 300])
def test_no_random_schedule_beats_the_closed_form(n):
    rivals = random_schedules(n, 500, np.random.default_rng(n))
    best = float(BEST.value(HORIZON))
    assert rivals.shape == (2000, n)
    assert cost(rivals).min() > best * (1 - 1e-6)
    wrong = optimal_rate(ScalarMoment(A, 1.3 * MOMENT.noise), START)
    n_wrong = wrong.rate((np.arange(n) + 0.5) * HORIZON / n)
    assert cost(rivals).min() < cost(n_wrong)


def test_direct_optimisation_arrives_at_the_closed_form():
    best, gaps, misses = float(BEST.value(HORIZON)), [], []
    for n in (15, 60):
        found = minimize(cost, np.full(n, 0.5), bounds=[(0, 1)] * n, method="L-BFGS-B", options={"ftol": 1e-15})
        gaps.append(found.fun / best - 1)
        misses.append(np.abs(found.x - BEST.rate((np.arange(n) + 0.5) * HORIZON / n)).max())
    assert 0 < gaps[1] < gaps[0] / 8 < 2e-3
    assert misses[1] < 0.02


@pytest.mark.parametrize(("start", "largest"), [(5.0, 1.0), (0.05, 1.0), (5.0, 0.3), (0.2, 1.0)])
def test_path_is_that_of_the_feedback(start, largest):
    """An ODE solver under u = clip(a m / q), which knows no switch, against the formulas, in all cases of the start."""
    moment = quadratic_moment(A, SIGMA, LR, largest=largest)
    times = np.array([0.0, 0.2, 0.9, 1.5, 4.0])
    solved = solve_ivp(
        lambda t, m: moment.derivative(m, np.clip(A * m / 0.4, 0, largest)), (0, 4), [start], t_eval=times,
        rtol=1e-11, atol=1e-14, max_step=0.01,
    ).y[0]  # fmt: skip
    best = optimal_rate(moment, start)
    np.testing.assert_allclose(best.value(times), solved, rtol=1e-6)
    np.testing.assert_allclose(best.rate(times), np.clip(A * solved / 0.4, 0, largest), rtol=1e-6)


def test_start_below_the_balance_in_the_notation_of_the_paper():
    u0 = 2 * 0.05 / (LR * SIGMA)
    best = optimal_rate(MOMENT, 0.05)
    assert best.switch_time == 0
    np.testing.assert_allclose(best.rate([0.0, 1.0]), [u0, u0 / (1 + A * u0)])
    np.testing.assert_allclose(best.value(1.0), LR * SIGMA * u0 / (1 + A * u0) / 2)


def test_bang_bang_cases():
    hill = optimal_rate(quadratic_moment(-1.0, SIGMA, LR), -2.0)  # a loss without a minimum: full rate
    assert hill.switch_time == math.inf and hill.rate([0.0, 3.0]).tolist() == [1, 1]
    np.testing.assert_allclose(hill.value(0.5), 0.1 - 2.1 * math.e)  # m' = 2 m - 0.2
    assert optimal_rate(quadratic_moment(0.0, SIGMA, LR), 0.0).rate(1.0) == 1
    for curvature in (0.0, -0.5):  # a game that descent-ascent cannot contract: stay
        still = optimal_rate(game_moment(curvature, 1.0, LR), 2.0)
        assert still.rate(1.0) == 0 and still.value(9.0) == 2.0
    silent = optimal_rate(quadratic_moment(1.0, SIGMA, LR, batch_size=math.inf), 1.0)
    assert silent.switch_time == math.inf
    np.testing.assert_allclose(silent.value(1.5), math.exp(-3))


def test_evolve_against_an_ode_solver_and_at_rate_zero():
    rates = np.array([0.7, 0.0, 1.0, 1e-9])
    path = MOMENT.evolve(START, rates, [0.5, 0.3, 0.2, 0.4])
    m = START
    for k, (u, length) in enumerate(zip(rates, [0.5, 0.3, 0.2, 0.4], strict=True)):
        m = solve_ivp(lambda t, y, u=u: -4 * u * y + 0.4 * u**2, (0, length), [m], rtol=1e-12, atol=1e-14).y[0, -1]
        assert path[k + 1] == pytest.approx(m, rel=1e-9)


# ------------------------------------------------------------ schedules


def test_midpoints_are_an_order_better_than_beginnings():
    """Constant pieces against the continuous rate u(t), by exact moments: the error's slopes are 2 and 1.

    From a start of which u is not the optimum: there the loss is stationary in u and hides the first order.
    """
    start, horizon = 2.0, 1.6
    best = optimal_rate(MOMENT, 0.15)
    exact = solve_ivp(lambda t, m: MOMENT.derivative(m, best.rate(t)), (0, horizon), [start], rtol=1e-12, atol=1e-14).y[
        0, -1
    ]
    errors = []
    for steps in (32, 64):
        clock = horizon / steps
        rates = np.array([best.schedule(clock, steps) / clock, best.rate(np.arange(steps) * clock)])
        errors.append(np.abs(MOMENT.evolve(start, rates, clock)[:, -1] - exact))
    np.testing.assert_allclose(np.log2(errors[0] / errors[1]), [2, 1], atol=0.1)


def test_schedule_is_in_learning_rates():
    assert BEST.schedule(LR, 30).shape == (30,)
    np.testing.assert_allclose(BEST.schedule(LR, 30)[20], LR * BEST.rate(2.05))


# ------------------------------------------------------------ the iteration


@pytest.mark.parametrize(("coupling", "seed"), [(0.0, 0), (1.5, 1)])
def test_recursion_is_that_of_the_matrices(coupling, seed):
    """Second moments of z' = (I - lr u J) z + noise by matrices, on a pair of a game and (no coupling) a quadratic."""
    rng = np.random.default_rng(seed)
    a, s2, lr = 0.8, 1.7, 0.15
    jacobian = np.array([[a, coupling], [-coupling, a]])
    chain = DiscreteMoment(game_moment(a, s2, lr), a**2 + coupling**2, lr)
    second, rates = np.outer([1.0, 0.5], [1.0, 0.5]), lr * rng.uniform(0, 1, 12)
    path = chain.evolve(np.trace(second) / 2, rates)
    for k, rate in enumerate(rates):
        step = np.eye(2) - rate * jacobian
        second = step @ second @ step.T + rate**2 * s2 * np.eye(2)
        assert path[k + 1] == pytest.approx(np.trace(second) / 2, rel=1e-12)


@pytest.mark.parametrize("squared", [4.0, 9.0])
def test_exact_optimum_of_the_iteration(squared):
    """The greedy rates against a direct search over all rates together; the SDE's rates are worse, by O(lr^2)."""
    chain = DiscreteMoment(MOMENT, squared, LR)
    steps = 25
    best = chain.optimal_schedule(START, steps)
    found = minimize(
        lambda u: chain.evolve(START, LR * u)[-1], np.full(steps, 0.5), bounds=[(0, 1)] * steps, method="L-BFGS-B",
        options={"ftol": 1e-15, "gtol": 1e-12, "maxiter": 5000, "maxfun": 500_000},
    )  # fmt: skip
    value = chain.evolve(START, best)[-1]
    assert value == pytest.approx(found.fun, rel=1e-6) and value <= found.fun * (1 + 1e-12)
    np.testing.assert_allclose(best / LR, found.x, atol=2e-3)
    m = 0.13
    assert chain.feedback(m) == pytest.approx(A * m / (LR * squared * m + 0.4))
    assert chain.evolve(START, BEST.schedule(LR, steps))[-1] > value * 1.002


# ------------------------------------------------------------ adversarial training


def test_adversarial_coefficients_are_those_of_the_loop():
    lr, inner, steps, n = 0.1, 1.5, 2, 400_000
    moment = adversarial_moment(2.0, lr, inner, steps)
    chain = DiscreteMoment(moment, moment.decay**2, lr)
    rng = np.random.default_rng(0)
    theta, rates = np.full(n, 1.2), np.array([0.1, 0.08, 0.05])
    for rate in rates:
        x, delta = math.sqrt(2) * rng.normal(size=n), np.zeros(n)
        for _ in range(steps):
            delta += inner * lr * (-(theta - x - delta))  # ascent in delta of (theta - x - delta)^2 / 2
        theta -= rate * (theta - x - delta)
    halves = theta**2 / 2
    exact = chain.evolve(1.2**2 / 2, rates)[-1]
    assert abs(halves.mean() - exact) < 4.4 * halves.std() / math.sqrt(n)
    plain = adversarial_moment(2.0, lr, inner, 0)
    assert abs(halves.mean() - DiscreteMoment(plain, 1.0, lr).evolve(0.72, rates)[-1]) > 40 * halves.std() / n**0.5


def test_adversarial_training_lowers_the_rate():
    small, a = 1e-4, 1 + 3 * 0.5 * 1e-4
    moment = adversarial_moment(2.0, small, 0.5, 3)
    assert moment.decay == pytest.approx(a, abs=1e-8)
    assert moment.feedback(2e-5) == pytest.approx(2 * 2e-5 / (small * a * 2.0), rel=1e-7)


# ------------------------------------------------------------ extragradient


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(("a", "lam"), [(0.5, 2.0), (-0.5, 1.5), (1.5, 0.4), (0.0, 1.0)])
def test_extrapolation_is_best(a, lam, shared):
    game = Extragradient(a, lam, variance=1.3, lr=0.02, shared=shared)
    for m in (0.001, 0.02, 0.5):
        for formula, objective in (
            (game.extrapolation(m), lambda rho, m=m: game.derivative(m, rho)),
            (game.discrete_extrapolation(m), lambda rho, m=m: game.step(m, rho)),
        ):
            found = minimize_scalar(lambda rho, objective=objective: float(objective(rho)))
            assert objective(formula) <= found.fun + 1e-13
            assert formula == pytest.approx(found.x, rel=1e-3, abs=1e-3)
    rest = game.rest_extrapolation
    around = game.stationary(rest + np.array([-0.05, -0.01, 0.0, 0.01, 0.05]))
    assert np.argmin(around) == 2 and np.isfinite(around[2])
    assert game.extrapolation(around[2]) == pytest.approx(rest, rel=1e-9)
    if shared:
        assert rest == pytest.approx(1 / (a + lam))
        assert around[2] == pytest.approx(0.02 * 1.3 * lam / (a + lam) ** 2)


@pytest.mark.parametrize("shared", [True, False])
def test_extragradient_step_is_that_of_the_matrices(shared):
    a, lam, s2, lr, rho, z = 0.7, 1.2, 0.9, 0.05, 0.3, np.array([1.0, -0.4])
    jacobian = np.array([[a, lam], [-lam, a]])
    step = np.eye(2) - lr * jacobian + lr * rho * jacobian @ jacobian
    through = np.eye(2) - rho * jacobian if shared else np.zeros((2, 2))
    spread = through @ through.T if shared else np.eye(2) + rho**2 * jacobian @ jacobian.T
    second = step @ np.outer(z, z) @ step.T + lr**2 * s2 * spread
    found = Extragradient(a, lam, s2, lr, shared).step(z @ z / 2, rho)
    assert found == pytest.approx(np.trace(second) / 2, rel=1e-12)


def test_discrete_extrapolation_tends_to_that_of_the_sde():
    gaps = []
    for lr in (1e-2, 1e-3):
        game = Extragradient(0.5, 2.0, 1.0, lr)
        gaps.append(abs(game.discrete_extrapolation(3 * lr) / game.extrapolation(3 * lr) - 1))
    assert gaps[1] == pytest.approx(gaps[0] / 10, rel=0.2)


# ------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: quadratic_moment(1.0, -1.0, 0.1), "variance: expected a number >= 0, got -1"),
        (lambda: quadratic_moment(1.0, 1.0, 0.0), "lr: expected a positive number, got 0.0"),
        (lambda: quadratic_moment(1.0, 1.0, 0.1, largest=0), "largest: expected a positive number, got 0"),
        (lambda: quadratic_moment(math.nan, 1.0, 0.1), "decay: expected finite numbers"),
        (lambda: adversarial_moment(1.0, 0.1, 1.0, -1), "inner_steps: expected an integer >= 0, got -1"),
        (lambda: optimal_rate(MOMENT, -1.0), "start: expected a moment >= 0, got -1"),
        (lambda: optimal_rate(quadratic_moment(-1.0, 1.0, 0.1), 1.0), "start: expected a moment <= 0, got 1"),
        (lambda: BEST.rate([-1.0]), "time: expected numbers >= 0, got -1"),
        (lambda: BEST.schedule(0.1, 0), "steps: expected an integer >= 1, got 0"),
        (lambda: DiscreteMoment(MOMENT, 3.9, 0.1), r"squared: expected at least decay\^2 = 4, got 3.9"),
        (lambda: Extragradient(1.0, 0.0, 1.0, 0.1), "coupling: expected a number other than 0"),
        (lambda: Extragradient(-1.0, 1.0, 1.0, 0.1).rest_extrapolation, "curvature: expected a number other than"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match="^" + message):
        call()
