"""Algorithms with memory: published SDEs by formula, and weak orders by exact moments of maps written by hand.

The maps below act on ``(x, memory, 1)`` for each of three equally likely samples (batch size 1) and share no code with
the package; their exact moments come from the oracle. The SDE's moments follow from its derived coefficients.
"""

from itertools import product

import numpy as np
import pytest
from sympy import ImmutableMatrix, Matrix, Rational, expand, zeros

import gan_sde as gs
from gan_sde.symbolic.moments import MomentDynamics
from gan_sde.symbolic.update import ETA
from tests.oracles import AffineRecursion

DATA = np.array([(1.2, 0.9, 0.7, 0.2, -0.3), (0.7, 1.7, 1.2, -0.4, 0.2), (1.6, 0.5, 0.5, 0.1, 0.25)])
GAME = gs.games.get("quadratic", samples=DATA)
START = np.array([0.8, -0.5])  # omega, theta
TIME, LRS = 1.0, 2.0 ** -np.arange(7, 11)
C, MU, GAMMA, DELTA, WEIGHT = 2.0, 0.6, 1.7, 2.2, 1.5

A, LAM, CC, P, Q = DATA.T
FIELDS = [(np.array([[CC[s], -LAM[s]], [LAM[s], A[s]]]), np.array([-Q[s], P[s]])) for s in range(3)]
EYE, UP, DOWN = np.eye(2), np.diag([1.0, 0.0]), np.diag([0.0, 1.0])


def stack(rows):
    """Map on (x, m, 1) from rows of (coefficient of x, of m, constant)."""
    top = np.block([[a, b, np.reshape(c, (2, 1))] for a, b, c in rows])
    return np.vstack([top, np.eye(5)[4]])


def optimistic(eta, j, f):
    return stack([(EYE - 2 * eta * j, eta * EYE, -2 * eta * f), (j, 0 * EYE, f)])


def past_extragradient(eta, j, f):
    return stack([(EYE - eta * j, eta**2 * j, -eta * f), (j, -eta * j, f)])


def heavy_ball(eta, j, f):
    return stack([(EYE - eta * j, eta * MU * EYE, -eta * f), (-j, MU * EYE, -f)])


def damped(eta, j, f):
    keep = (1 - C * eta) * EYE
    return stack([(EYE - eta**2 * j, eta * keep, -(eta**2) * f), (-eta * j, keep, -eta * f)])


def averaging(eta, j, f):
    moved, w = EYE - eta * j, WEIGHT * eta
    return stack([(moved, 0 * EYE, -eta * f), (w * moved, (1 - w) * EYE, -w * eta * f)])


def alex(eta, first, second):
    """Theta moves on the first sample seeing omega extrapolated; omega on the second seeing theta extrapolated."""
    (j1, f1), (j2, f2) = first, second
    # move = DOWN (j1 (x - eta (DELTA - 1) m) + f1)
    move = (DOWN @ j1, -eta * (DELTA - 1) * DOWN @ j1, DOWN @ f1)
    reply = [UP @ j2 @ (e - eta * GAMMA * k) for e, k in zip((EYE, 0 * EYE), move[:2], strict=True)]
    reply.append(UP @ (f2 - eta * GAMMA * j2 @ move[2]))
    x = [e - eta * (k + r) for e, k, r in zip((EYE, 0 * EYE, np.zeros(2)), move, reply, strict=True)]
    return stack([tuple(x), tuple(reply)])


def get(name, **options):
    return gs.algorithms.get(name, **options)


CASES = {
    "optimistic": (get("optimistic"), optimistic),
    "past-extragradient": (get("past-extragradient"), past_extragradient),
    "heavy-ball": (get("momentum", mu=MU), heavy_ball),
    "damped": (get("momentum", damping=C), damped),
    "averaging": (get("averaging", weight=WEIGHT), averaging),
    "alex-gda": (get("alex-gda", gamma=GAMMA, delta=DELTA), alex),
}


def discrete(name, eta, steps):
    """Exact first and second moments of (x, memory) after some steps."""
    algorithm, build = CASES[name]
    if name == "alex-gda":
        maps = [build(eta, a, b) for a, b in product(FIELDS, FIELDS)]
    else:
        maps = [build(eta, j, f) for j, f in FIELDS]
    start = gs.Training(GAME, algorithm).start(START[None], eta)[0]
    recursion = AffineRecursion.from_maps(np.array(maps), np.full(len(maps), 1 / len(maps)))
    return recursion.moments(start, steps)


def errors(name, order, *, shift=True):
    """Largest error of first and second moments of the SDE's state at time 1, per learning rate."""
    training = gs.Training(GAME, CASES[name][0])
    sde = training.sde(order=order)
    kept = [training.state.index(s) for s in sde.parameters]
    dynamics, found = MomentDynamics.of_sde(sde), []
    for eta in LRS:
        exact = discrete(name, eta, round(TIME / eta))
        x0 = sde.start(START[None], eta)[0] if shift else training.start(START[None], eta)[0, kept]
        moments = dynamics.after(x0, TIME, lr=eta, batch_size=1)
        means = [dynamics.expectation(moments, s) for s in sde.parameters]
        second = [[dynamics.expectation(moments, s * t) for s in sde.parameters] for t in sde.parameters]
        gaps = [np.abs(means - exact.mean[kept]), np.abs(second - exact.second[np.ix_(kept, kept)])]
        found.append(max(g.max() for g in gaps))
    return np.polyfit(np.log(LRS), np.log(found), 1)[0]


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", CASES)
def test_weak_order(name, order):
    assert errors(name, order) == pytest.approx(order, abs=0.1)


@pytest.mark.parametrize("name", ["optimistic", "heavy-ball"])
def test_negative_control_the_start_has_to_be_shifted(name):
    """Without the displacement by the eliminated memory the order-2 SDE is off by O(lr): nowhere near slope 2."""
    assert errors(name, 2, shift=False) < 1.5


# ---------------------------------------------------------------- published formulas


@pytest.fixture(scope="module")
def symbols_():
    game = gs.games.get("quadratic")
    return game, game.field, game.jacobian


def drift(game, name, **options):
    return gs.Training(game, gs.algorithms.get(name, **options)).sde(order=2)


@pytest.mark.parametrize("name", ["optimistic", "past-extragradient"])
def test_optimistic_drift(symbols_, name):
    game, field, jacobian = symbols_
    sde = drift(game, name)
    assert expand(sde.drift - (-field + ETA / 2 * jacobian * field)) == zeros(2, 1)
    assert expand(sde.covariance - ETA / sde.batch_size * game.noise_covariance) == zeros(2, 2)


def test_heavy_ball_drift(symbols_):
    game, field, jacobian = symbols_
    mu = Rational(9, 10)
    sde = drift(game, "momentum", mu=mu)
    e, kappa = ETA / (1 - mu), (1 + mu) / (2 * (1 - mu))
    # on the clock k eta the drift is that on the clock k e, over 1 - mu
    assert expand((1 - mu) * sde.drift + field + e * kappa * jacobian * field) == zeros(2, 1)
    at_rest = {s: 0 for s in sde.training.state[2:]}
    assert expand(sde.shift.subs(at_rest) - mu / (1 - mu) ** 2 * field) == zeros(2, 1)


def test_damped_heavy_ball(symbols_):
    """dX = [V - (eta/2)(cV + F)] dt, dV = [-cV - F + (eta/2)(DF V - c^2 V - cF)] dt + noise."""
    game, field, jacobian = symbols_
    c = Rational(2)
    sde = drift(game, "momentum", damping=c)
    v = ImmutableMatrix(sde.parameters[2:])
    x_part = v - ETA / 2 * (c * v + field)
    v_part = -c * v - field + ETA / 2 * (jacobian * v - c**2 * v - c * field)
    assert expand(sde.drift - Matrix.vstack(x_part, v_part)) == zeros(4, 1)
    assert expand(sde.covariance[2:, 2:] - ETA / sde.batch_size * game.noise_covariance) == zeros(2, 2)
    assert sde.covariance[:2, :] == zeros(2, 4)


def test_stationary_correction_of_optimistic_descent(symbols_):
    """Diffusion (lr/B) [S - (lr/2)(A S + S A^T)] + O(lr^3)."""
    game, _, jacobian = symbols_
    sde = gs.Training(game, gs.algorithms.get("optimistic")).sde(order=2, diffusion_order=2)
    s = game.noise_covariance
    target = ETA / sde.batch_size * (s - ETA / 2 * (jacobian * s + s * jacobian.T))
    assert all(e.series(ETA, 0, 3).removeO() == 0 for e in expand(sde.covariance - target))


def test_alex_gda_contains_simultaneous_and_alternating(symbols_):
    game, _, _ = symbols_
    for gamma, options in ((0, {"batches": "independent"}), (1, {"order": "alternating", "first": "generator"})):
        alex_sde, sgda = drift(game, "alex-gda", gamma=gamma, delta=1), drift(game, "sgda", **options)
        assert expand(alex_sde.drift - sgda.drift) == zeros(2, 1)
        assert expand(alex_sde.covariance - sgda.covariance) == zeros(2, 2)


def test_adam_is_an_sde_of_state_and_both_means():
    """dm = c1 (F - m), dv = c2 (F^2 + Var F / B - v), dx = -m / (sqrt v + epsilon)."""
    game = gs.games.get("bilinear").subs(lam=1, sigma=Rational(1, 2))
    sde = gs.Training(game, gs.algorithms.get("adam", first=2, second=3, epsilon=Rational(1, 10))).sde(order=1)
    m, v = ImmutableMatrix(sde.parameters[2:4]), ImmutableMatrix(sde.parameters[4:])
    square = game.field.multiply_elementwise(game.field) + Matrix([Rational(1, 4), Rational(1, 4)]) / sde.batch_size
    move = Matrix([-a / (b ** Rational(1, 2) + Rational(1, 10)) for a, b in zip(m, v, strict=True)])
    expected = Matrix.vstack(move, 2 * (game.field - m), 3 * (square - v))
    assert (sde.drift - expected).applyfunc(expand) == zeros(6, 1)


def test_memory_that_fluctuates_nonlinearly_has_no_sde():
    fixed = gs.algorithms.Fixed(0.1)
    training = gs.Training(GAME, gs.algorithms.get("adam", first=fixed, second=fixed))
    with pytest.raises(ValueError, match="expected a fast memory that enters linearly"):
        training.sde()
    assert training.recipe().dim == 6  # the training itself runs


def test_average_is_recorded_on_demand():
    training = gs.Training(GAME, gs.algorithms.get("averaging", weight=0.5))
    data = gs.simulate(training, lr=0.1, steps=50, trajectories=400, record=("moments", "final", "memory"))
    assert list(data["param"].values) == ["omega", "theta", "average_omega", "average_theta"]
    spread = data["final"].std("trajectory").values
    assert (spread[2:] < spread[:2]).all()
    assert gs.simulate(training, lr=0.1, steps=5, trajectories=4)["final"].shape == (4, 2)
