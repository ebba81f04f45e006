"""Derived SDEs against the published block formulas, by hand and by enumeration of all batches."""

from itertools import product

import numpy as np
import pytest
from sympy import ImmutableMatrix, Matrix, Rational, diff, expand, hessian, simplify, symbols, zeros

import gan_sde as gs
from gan_sde.symbolic.update import ETA

omega, theta, y, sigma, mu = symbols("omega theta y sigma mu")
eta = ETA


def quartic_game(seed=0):
    """A payoff of degree four in the parameters with three equally likely data points."""
    rng = np.random.default_rng(seed)
    monomials = [omega**i * theta**j for i in range(4) for j in range(4) if 0 < i + j <= 4]
    cs = rng.integers(-3, 4, size=(2, len(monomials)))
    payoff = sum(Rational(int(c), 2) * m for c, m in zip(cs[0], monomials, strict=True))
    payoff += y * sum(Rational(int(c), 3) * m for c, m in zip(cs[1], monomials, strict=True))
    data = {y: gs.Normal(0, 1)}
    return gs.Game.zero_sum(payoff, maximiser={"d": [omega]}, minimiser={"g": [theta]}, data=data)


def blocks(game):
    """Expected payoff, its gradients and Hessian in (omega, theta)."""
    phi = game.payoff.subs(y, 0)
    return diff(phi, omega), diff(phi, theta), hessian(phi, (omega, theta))


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("scheme", ["shared", "independent", "alternating"])
def test_theory_of_two_players(seed, scheme):
    """Cao & Guo: b1 = -Db0 b0 / 2 for simultaneous play; alternating flips the sign of theta's cross term."""
    game = quartic_game(seed)
    g_o, g_t, h = blocks(game)
    algorithm = (
        gs.algorithms.get("sgda", order="alternating", first="d")
        if scheme == "alternating"
        else gs.algorithms.get("sgda", batches=scheme)
    )
    sde = gs.Training(game, algorithm).sde(order=2)
    b0 = Matrix([g_o, -g_t])
    sign = 1 if scheme == "alternating" else -1
    b1 = Matrix([(h[0, 1] * g_t - h[0, 0] * g_o) / 2, -(h[1, 1] * g_t + sign * h[1, 0] * g_o) / 2])
    assert expand(sde.drift - (b0 + eta * b1)) == zeros(2, 1)
    per_sample = diff(game.payoff, y)
    noise = Matrix([diff(per_sample, omega), -diff(per_sample, theta)])
    full = noise * noise.T
    if scheme != "shared":
        full[0, 1] = full[1, 0] = 0
    batch_size = sde.batch_size
    assert expand(sde.covariance - eta / batch_size * full) == zeros(2, 2)
    assert expand(sde.diffusion * sde.diffusion.T - sde.covariance) == zeros(2, 2)


def test_generator_first_flips_the_other_player():
    game = quartic_game()
    g_o, g_t, h = blocks(game)
    sde = gs.Training(game, gs.algorithms.get("sgda", order="alternating", first="g")).sde(order=2)
    b1 = Matrix([-(h[0, 1] * g_t + h[0, 0] * g_o) / 2, -(h[1, 1] * g_t - h[1, 0] * g_o) / 2])
    assert expand(sde.drift - (Matrix([g_o, -g_t]) + eta * b1)) == zeros(2, 1)


def test_inner_steps_and_unequal_rates():
    """Composition of sub-steps: K discriminator steps at rate u_o, then one generator step at rate u_t."""
    game = quartic_game()
    g_o, g_t, h = blocks(game)
    k, u_o, u_t = 3, Rational(1, 2), Rational(2)
    algorithm = gs.algorithms.get("sgda", order="alternating", inner_steps={"d": k}, rates={"d": u_o, "g": u_t})
    sde = gs.Training(game, algorithm).sde(order=2)
    b0 = Matrix([k * u_o * g_o, -u_t * g_t])
    extra = Matrix([Rational(k * (k - 1), 2) * u_o**2 * h[0, 0] * g_o, -k * u_t * u_o * h[1, 0] * g_o])
    b1 = -b0.jacobian([omega, theta]) * b0 / 2 + extra
    assert expand(sde.drift - (b0 + eta * b1)) == zeros(2, 1)
    per_sample = diff(game.payoff, y)
    full = Matrix([[k * u_o**2 * diff(per_sample, omega) ** 2, 0], [0, u_t**2 * diff(per_sample, theta) ** 2]])
    assert expand(sde.covariance - eta / sde.batch_size * full) == zeros(2, 2)


def test_extragradient_drift():
    """F(x - rho F(x)) on fresh batches: b1 = (rho/eta - 1/2) DF F; the midpoint factor 1/2 has no correction."""
    game = quartic_game()
    field, jacobian = game.field, game.jacobian
    for factor in (Rational(1, 2), Rational(1), Rational(3)):
        algorithm = gs.algorithms.get("extragradient", extrapolation=gs.algorithms.MultipleOfEta(factor))
        sde = gs.Training(game, algorithm).sde(order=2)
        expected = -field + eta * (factor - Rational(1, 2)) * jacobian * field
        assert expand(sde.drift - expected) == zeros(2, 1)


def test_fixed_extrapolation_enters_at_first_order():
    game = gs.games.get("quadratic").with_defaults()
    algorithm = gs.algorithms.get("extragradient", extrapolation=gs.algorithms.Fixed(Rational(1, 4)), batches="shared")
    sde = gs.Training(game, algorithm).sde(order=1)
    field, jacobian = game.field, game.jacobian
    assert expand(sde.drift - (-field + jacobian * field / 4)) == zeros(2, 1)
    # additive noise, same sample (Compagnoni et al.): factor (I - rho DF)
    factor = (ImmutableMatrix.eye(2) - jacobian / 4) * game.noise_modes
    assert expand(sde.covariance - eta / sde.batch_size * factor * factor.T) == zeros(2, 2)


@pytest.mark.parametrize("name", ["crossing-the-curl", "consensus"])
@pytest.mark.parametrize("batches", ["shared", "independent"])
@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("rows", [2, 3])
def test_first_two_moments_by_enumerating_every_batch(name, batches, size, rows):
    """Mean and covariance of one step, with their O(1/B) parts, over all batches of a small data set."""
    rows = np.array([(1.2, 0.9, 0.7, 0.2, -0.3), (0.7, 1.7, 1.2, -0.4, 0.2), (1.6, 0.5, 0.5, 0.1, 0.25)])[:rows]
    game = gs.games.get("quadratic", samples=rows)
    training = gs.Training(game, gs.algorithms.get(name, batches=batches))
    point = np.array([0.4, -1.1])
    at = dict(zip(game.parameters, point, strict=True))

    a, lam, c, p, q = rows.T
    jacobians = np.array([[[c[s], -lam[s]], [lam[s], a[s]]] for s in range(len(rows))])
    fields = jacobians @ point + np.stack([-q, p], axis=1)
    draws = list(product(range(len(rows)), repeat=size))
    pairs = [(i, i) for i in draws] if batches == "shared" else list(product(draws, draws))
    steps = []
    for first, second in pairs:
        f, j = fields[list(first)].mean(axis=0), jacobians[list(second)].mean(axis=0)
        steps.append(-(j.T @ f - j @ f) / 2 if name == "crossing-the-curl" else -(f + 0.1 * j.T @ f))
    sde = training.sde(order=1)
    values = {**at, sde.batch_size: size, sde.lr: 1}
    np.testing.assert_allclose(np.array(sde.drift.subs(values), dtype=float)[:, 0], np.mean(steps, axis=0), atol=1e-12)
    exact = np.cov(np.array(steps).T, bias=True)
    np.testing.assert_allclose(np.array(sde.covariance.subs(values), dtype=float), exact, atol=1e-12)
    factor = np.array(training.sde(order=1, noise="exact").diffusion.subs(values).evalf(), dtype=float)
    np.testing.assert_allclose(factor @ factor.T, exact, atol=1e-12)


def test_shared_batch_moves_the_equilibrium():
    """With independent batches the drift of Crossing-the-Curl vanishes at the equilibrium; shared, it does not."""
    game = gs.games.get("lq-gan")
    (point,) = game.equilibria()
    for batches, vanishes in (("independent", True), ("shared", False)):
        sde = gs.Training(game, gs.algorithms.get("crossing-the-curl", batches=batches)).sde(order=1)
        drift = sde.drift.subs(point).applyfunc(simplify)
        assert (drift == zeros(4, 1)) is vanishes


def test_exact_factor_with_symbolic_batch_size():
    sde = gs.Training(gs.games.get("lq-gan"), gs.algorithms.get("crossing-the-curl", batches="shared")).sde(
        order=1, noise="exact"
    )
    assert (sde.diffusion * sde.diffusion.T - sde.covariance).applyfunc(simplify) == zeros(4, 4)


def test_stationary_correction_of_simultaneous_descent():
    """Diffusion matrix (lr/B) [S - (lr/2)(J S + S J^T)] + O(lr^3), J = Db0."""
    game = gs.games.get("quadratic")
    plain = gs.Training(game, gs.algorithms.get("sgda")).sde(order=2)
    corrected = gs.Training(game, gs.algorithms.get("sgda")).sde(order=2, diffusion_order=2)
    s, j = game.noise_covariance, -game.jacobian
    target = eta / plain.batch_size * (s - eta / 2 * (j * s + s * j.T))
    difference = expand(corrected.covariance - target)
    assert all(e.series(eta, 0, 3).removeO() == 0 for e in difference)
    assert any(e != 0 for e in expand(corrected.covariance - plain.covariance))


@pytest.mark.parametrize(
    "options, words",
    [
        ({"order": 3}, "order: expected 1 or 2, got 3"),
        ({"noise": "none"}, "noise: expected 'leading' or 'exact', got 'none'"),
        ({"diffusion_order": 0}, "diffusion_order: expected 1 or 2, got 0"),
    ],
)
def test_bad_options(options, words):
    with pytest.raises(ValueError) as error:
        gs.Training(quartic_game(), gs.algorithms.get("sgda")).sde(**options)
    assert str(error.value) == words


def test_stationary_correction_needs_an_update_linear_in_the_batch():
    training = gs.Training(gs.games.get("lq-gan"), gs.algorithms.get("crossing-the-curl"))
    with pytest.raises(ValueError, match="diffusion_order: expected 1 for an update with products of batch means"):
        training.sde(diffusion_order=2)


def test_free_constants_are_named():
    sde = gs.Training(gs.games.get("lq-gan"), gs.algorithms.get("sgda")).sde()
    with pytest.raises(ValueError, match="got none for mu, sigma"):
        sde.to_torchsde(lr=0.1)


def test_latex_names_everything():
    text = gs.Training(gs.games.get("bilinear"), gs.algorithms.get("sgda")).sde(order=2).latex()
    for part in (r"\omega", r"\theta", r"\eta", "dW", "B"):
        assert part in text


@pytest.mark.parametrize("name", ["crossing-the-curl", "hamiltonian", "consensus"])
def test_exact_factor_of_symbolic_bernoulli_data(name):
    """Factor times its transpose against the covariance for every batch size, with p still a symbol when derived."""
    x, y, a, p = symbols("x y a p")
    game = gs.Game.zero_sum(
        x * (a - y) + a * x**2 / 2 + x * y**2 * a,
        maximiser={"up": [x]},
        minimiser={"down": [y]},
        data={a: gs.Bernoulli(p)},
    )
    sde = gs.Training(game, gs.algorithms.get(name, batches="shared")).sde(noise="exact")
    for probability, size in product((0.05, 0.3, 0.7), (1, 2, 3, 16)):
        values = {p: probability, x: 0.7, y: -0.4, sde.batch_size: size, sde.lr: 1}
        factor = np.array(sde.diffusion.subs(values).evalf(), dtype=float)
        exact = np.array(sde.covariance.subs(values).evalf(), dtype=float)
        np.testing.assert_allclose(factor @ factor.T, exact, rtol=1e-9, atol=1e-12)
