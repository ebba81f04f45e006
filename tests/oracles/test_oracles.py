"""The oracles against what shares no code with them: enumeration, sampling, an ODE solver, closed forms."""

import itertools
import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import logm

from tests.oracles import (
    AffineRecursion,
    AffineSamples,
    alternating,
    derive_sde,
    discrete_moments,
    discrete_recursion,
    discrete_stationary,
    enumerate_batches,
    finite_sum_game,
    first_correction,
    largest_error,
    leading_drift,
    sde_moments,
    sde_stationary,
    simultaneous,
)

DATA = ((1.2, 0.9, 0.7, 0.2, -0.3), (0.7, 1.7, 1.2, -0.4, 0.2), (1.6, 0.5, 0.5, 0.1, 0.25))
GAME = finite_sum_game(DATA)  # state (omega, theta)
START = np.array([0.8, -0.5])
RATES = {"theta": 1.0, "omega": 2.5}

SCHEMES = {
    "simultaneous-shared": simultaneous(GAME),
    "simultaneous-independent": simultaneous(GAME, "independent"),
    "simultaneous-unequal": simultaneous(GAME, rates=RATES),
    "alternating": alternating(GAME, ("omega", "theta")),
    "alternating-theta-first": alternating(GAME, ("theta", "omega"), rates=RATES),
    "inner-steps": alternating(GAME, ("omega", "theta"), inner_steps={"omega": 2}),
}


def gradient(row, state):
    """Own field (omega, theta) of one sample, written out from the payoff."""
    a, l, c, p, q = row  # noqa: E741
    omega, theta = state[..., 0], state[..., 1]
    return np.stack([l * theta - c * omega + q, -(a * theta + l * omega + p)], axis=-1)


def enumerate_steps(scheme, lr, batch_size, steps, weights=(1 / 3, 1 / 3, 1 / 3)):
    """Follow every sequence of ordered batches from START; return all states and their probabilities."""
    batches = list(itertools.product(range(3), repeat=batch_size))
    states, probabilities = START[None], np.ones(1)
    for stage in scheme.stages * steps:
        increments, joint = np.zeros((1, *states.shape)), np.ones(1)
        for part in stage:
            fields = [part * np.mean([gradient(DATA[s], states) for s in batch], axis=0) for batch in batches]
            chances = np.array([math.prod(weights[s] for s in batch) for batch in batches])
            increments = (increments[:, None] + np.array(fields)).reshape(-1, *states.shape)
            joint = np.outer(joint, chances).ravel()
        states = (states + lr * increments).reshape(-1, 2)
        probabilities = np.outer(joint, probabilities).ravel()
    return states, probabilities


def weighted_moments(states, probabilities):
    return probabilities @ states, np.einsum("k,ki,kj->ij", probabilities, states, states)


@pytest.mark.parametrize("name", SCHEMES)
def test_recursion_equals_enumeration(name):
    mean, second = weighted_moments(*enumerate_steps(SCHEMES[name], 0.3, 2, 2))
    exact = discrete_moments(GAME, SCHEMES[name], lr=0.3, batch_size=2, steps=2, z0=START)
    np.testing.assert_allclose(exact.mean, mean, rtol=0, atol=1e-12)
    np.testing.assert_allclose(exact.second, second, rtol=0, atol=1e-12)


def test_three_steps_equal_enumeration():
    mean, second = weighted_moments(*enumerate_steps(SCHEMES["simultaneous-shared"], 0.3, 2, 3))
    exact = discrete_moments(GAME, SCHEMES["simultaneous-shared"], lr=0.3, batch_size=2, steps=3, z0=START)
    np.testing.assert_allclose(exact.mean, mean, rtol=0, atol=1e-12)
    np.testing.assert_allclose(exact.second, second, rtol=0, atol=1e-12)


def test_weighted_samples_equal_enumeration():
    weights = (0.5, 0.3, 0.2)
    game = AffineSamples(GAME.matrices, GAME.offsets, GAME.players, np.array(weights))
    scheme = alternating(game, ("omega", "theta"))
    mean, second = weighted_moments(*enumerate_steps(scheme, 0.3, 2, 2, weights))
    exact = discrete_moments(game, scheme, lr=0.3, batch_size=2, steps=2, z0=START)
    np.testing.assert_allclose(exact.mean, mean, rtol=0, atol=1e-12)
    np.testing.assert_allclose(exact.second, second, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("left", "right"), list(itertools.combinations(SCHEMES, 2)))
def test_enumeration_tells_the_schemes_apart(left, right):
    """Negative control: at the tolerance of the tests above no two schemes are the same."""
    moments = [discrete_moments(GAME, SCHEMES[name], lr=0.3, batch_size=2, steps=2, z0=START) for name in (left, right)]
    assert largest_error(*moments) > 1e-4


def test_checkpoints_and_single_steps_agree():
    recursion = discrete_recursion(GAME, SCHEMES["alternating"], lr=0.1, batch_size=2)
    together = recursion.moments(START, [0, 3, 7])
    np.testing.assert_allclose(together.mean[0], START, rtol=0, atol=0)
    np.testing.assert_allclose(together.second[2], recursion.moments(START, 7).second, rtol=0, atol=1e-13)


def test_maps_of_enumerated_batches_give_the_same_recursion():
    fields, probabilities = enumerate_batches(GAME, 3)
    assert probabilities.sum() == pytest.approx(1, abs=1e-14)
    maps = AffineRecursion.from_maps(np.eye(3) + 0.2 * fields, probabilities)
    known = discrete_recursion(GAME, SCHEMES["simultaneous-shared"], lr=0.2, batch_size=3)
    np.testing.assert_allclose(maps.operator, known.operator, rtol=0, atol=1e-14)


def test_state_order_only_permutes():
    swapped = finite_sum_game(DATA, order=("theta", "omega"))
    for make in (simultaneous, lambda game: alternating(game, ("omega", "theta"))):
        ours = discrete_moments(GAME, make(GAME), lr=0.1, batch_size=2, steps=5, z0=START)
        theirs = discrete_moments(swapped, make(swapped), lr=0.1, batch_size=2, steps=5, z0=START[::-1])
        np.testing.assert_allclose(theirs.second, ours.second[::-1, ::-1], rtol=0, atol=1e-14)


# -- sampling --


def sampled_moments(scheme, lr, batch_size, steps, trajectories, seed):
    """Five moments and their standard errors from independent trajectories."""
    rng = np.random.default_rng(seed)
    rows = np.asarray(DATA).T
    z = np.tile(START, (trajectories, 1))
    for stage in scheme.stages * steps:
        increments = []
        for part in stage:
            batch = rows[:, rng.integers(3, size=(trajectories, batch_size))]
            increments.append(part * gradient(batch, z[:, None]).mean(axis=1))
        z = z + lr * sum(increments)
    values = np.column_stack([z, z[:, 0] ** 2, z[:, 0] * z[:, 1], z[:, 1] ** 2])
    return values.mean(axis=0), values.std(axis=0, ddof=1) / math.sqrt(trajectories)


def z_scores(estimate, moments):
    value, se = estimate
    exact = [*moments.mean, moments.second[0, 0], moments.second[0, 1], moments.second[1, 1]]
    return np.abs(value - exact) / se


@pytest.mark.parametrize("name", ["simultaneous-shared", "simultaneous-independent", "alternating"])
def test_recursion_agrees_with_sampling(name):
    """100,000 trajectories, 20 steps, five moments within 4 se: false alarm below 5 * 6.3e-5 = 3.2e-4."""
    setting = {"lr": 0.1, "batch_size": 2, "steps": 20}
    estimate = sampled_moments(SCHEMES[name], **setting, trajectories=100_000, seed=20)
    for other, scheme in SCHEMES.items():
        worst = z_scores(estimate, discrete_moments(GAME, scheme, **setting, z0=START)).max()
        print(f"\n{name} sampled, {other} exact: largest deviation {worst:.1f} se")
        assert (worst < 4) == (other == name)


# -- the SDE --


def hand_drift(lr, scheme):
    """b0 + lr b1 from Hessian blocks of the mean payoff, coordinate by coordinate, as (matrix, vector)."""
    a, l, c, p, q = np.mean(DATA, axis=0)  # noqa: E741
    h_tt, h_to, h_oo = a, l, -c
    sign = {"simultaneous-shared": 1.0, "simultaneous-independent": 1.0, "alternating": -1.0}[scheme]
    # g_theta = a theta + l omega + p and g_omega = l theta - c omega + q as rows over (omega, theta, 1)
    g_theta, g_omega = np.array([l, a, p]), np.array([-c, l, q])
    theta = -g_theta - lr / 2 * (h_tt * g_theta - sign * h_to * g_omega)
    omega = g_omega + lr / 2 * (h_to * g_theta - h_oo * g_omega)
    return np.array([omega, theta])


def integrate_moments(drift, lr, batch_size, time, cross):
    """Moment equations dm = A m + a, dS = A S + S A' + a m' + m a' + (lr/B) E Cov, by solve_ivp."""
    fields = [np.array([[-c, l, q], [-l, -a, -p]]) for a, l, c, p, q in DATA]  # noqa: E741
    centred = [row - np.mean(fields, axis=0) for row in fields]
    matrix, vector = drift[:, :2], drift[:, 2]

    def rhs(_, packed):
        mean, second = packed[:2], packed[2:].reshape(2, 2)
        covariance = np.zeros((2, 2))
        for row in centred:
            n, k = row[:, :2], row[:, 2]
            shift = np.outer(n @ mean, k)
            covariance += (n @ second @ n.T + shift + shift.T + np.outer(k, k)) / len(centred)
        if not cross:
            covariance = np.diag(np.diag(covariance))
        forced = np.outer(vector, mean)
        growth = matrix @ second + second @ matrix.T + forced + forced.T + lr / batch_size * covariance
        return np.concatenate([matrix @ mean + vector, growth.ravel()])

    start = np.concatenate([START, np.outer(START, START).ravel()])
    end = solve_ivp(rhs, (0, time), start, method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
    return end[:2], end[2:].reshape(2, 2)


@pytest.mark.parametrize("name", ["simultaneous-shared", "simultaneous-independent", "alternating"])
def test_sde_moments_equal_integrated_moment_equations(name):
    lr, batch_size, time = 0.3, 2, 1.5
    cross = name == "simultaneous-shared"
    mean, second = integrate_moments(hand_drift(lr, name), lr, batch_size, time, cross)
    exact = sde_moments(GAME, SCHEMES[name], order=2, lr=lr, batch_size=batch_size, time=time, z0=START)
    np.testing.assert_allclose(exact.mean, mean, rtol=0, atol=1e-10)
    np.testing.assert_allclose(exact.second, second, rtol=0, atol=1e-10)
    # negative control: the other cross-covariance is far outside that tolerance
    _, wrong = integrate_moments(hand_drift(lr, name), lr, batch_size, time, not cross)
    assert np.abs(exact.second - wrong).max() > 1e-4


def test_noise_kinds_keep_the_variances_of_the_scheme():
    scheme, setting = SCHEMES["inner-steps"], {"order": 1, "lr": 0.1, "batch_size": 4}
    own, block, full = (derive_sde(GAME, scheme, noise=kind, **setting).noise for kind in ("own", "block", "full"))
    np.testing.assert_allclose(own, block, rtol=0, atol=1e-16)
    diagonal = [0, 4]  # the entries (omega, omega) and (theta, theta) of a 3 x 3 matrix
    np.testing.assert_allclose(full[diagonal], own[diagonal], rtol=0, atol=1e-16)
    assert np.abs(full - own).max() > 1e-3
    assert not derive_sde(GAME, scheme, order=1, lr=0.1, batch_size=math.inf).noise.any()


@pytest.mark.parametrize("name", SCHEMES)
def test_correction_is_the_next_term_of_the_logarithm(name):
    """log(mean step) / lr = b0 + lr b1 + O(lr^2): the remainder has slope 2, without b1 slope 1."""
    b0, b1 = leading_drift(GAME, SCHEMES[name]), first_correction(GAME, SCHEMES[name])
    remainders = {"b0": [], "b0+b1": []}
    lrs = [2.0**-k for k in range(6, 10)]
    for lr in lrs:
        step = np.eye(3)
        for stage in SCHEMES[name].stages:
            step = (np.eye(3) + lr * np.append(sum(stage), 0)[:, None] * GAME.mean) @ step
        exact = logm(step) / lr
        remainders["b0"].append(np.abs(exact - b0).max())
        remainders["b0+b1"].append(np.abs(exact - b0 - lr * b1).max())
    slopes = {key: np.polyfit(np.log2(lrs), np.log2(value), 1)[0] for key, value in remainders.items()}
    assert slopes == {"b0": pytest.approx(1, abs=0.1), "b0+b1": pytest.approx(2, abs=0.1)}


@pytest.mark.parametrize("inner", [1, 3])
def test_correction_of_inner_steps_in_closed_form(inner):
    """b1 = -1/2 Db0 b0 + (-K u_t u_o H_to g_o ; K (K-1)/2 u_o^2 H_oo g_o), minimiser's part first."""
    a, l, c, p, q = np.mean(DATA, axis=0)  # noqa: E741
    u_t, u_o = 0.8, 0.5
    scheme = alternating(GAME, ("omega", "theta"), inner_steps={"omega": inner}, rates={"theta": u_t, "omega": u_o})
    g_theta, g_omega = np.array([l, a, p]), np.array([-c, l, q])
    b0 = np.array([inner * u_o * g_omega, -u_t * g_theta])
    extra = np.array([inner * (inner - 1) / 2 * u_o**2 * -c * g_omega, -inner * u_t * u_o * l * g_omega])
    expected = -b0[:, :2] @ b0 / 2 + extra
    np.testing.assert_allclose(leading_drift(GAME, scheme)[:2], b0, rtol=0, atol=1e-15)
    np.testing.assert_allclose(first_correction(GAME, scheme)[:2], expected, rtol=0, atol=1e-14)


# -- invariant laws and conserved quantities --


def test_stationary_moments_are_the_limit_of_the_recursion():
    for scheme in SCHEMES.values():
        fixed = discrete_stationary(GAME, scheme, lr=0.05, batch_size=2)
        late = discrete_moments(GAME, scheme, lr=0.05, batch_size=2, steps=5000, z0=START)
        assert largest_error(fixed, late) < 1e-13


def test_stationary_variance_of_one_quadratic():
    """f = h theta^2/2 with gradient variance s2: closed forms of the chain and of its two SDEs."""
    h, lr, batch_size, s2 = 1.3, 0.2, 4, 0.81
    game = AffineSamples(np.full((2, 1, 1), -h), np.array([[0.9], [-0.9]]), {"theta": (0,)})
    scheme = simultaneous(game)
    setting = {"lr": lr, "batch_size": batch_size}
    unit = lr * s2 / batch_size
    assert discrete_stationary(game, scheme, **setting).second == pytest.approx(unit / (h * (2 - lr * h)))
    assert sde_stationary(game, scheme, order=1, **setting).second == pytest.approx(unit / (2 * h))
    assert sde_stationary(game, scheme, order=2, **setting).second == pytest.approx(unit / (2 * h * (1 + lr * h / 2)))


def test_invariant_covariance_of_the_quadratic_game():
    """Phi = a theta^2/2 + k theta omega - c omega^2/2, noise diag(s1, s2) for (theta, omega): closed form."""
    a, k, c, s1, s2, lr, batch_size = 1.2, 0.9, 0.7, 0.3, 0.5, 0.1, 3
    corners = itertools.product([-math.sqrt(s1), math.sqrt(s1)], [-math.sqrt(s2), math.sqrt(s2)])
    game = finite_sum_game([(a, k, c, p, q) for p, q in corners], order=("theta", "omega"))
    found = sde_stationary(game, simultaneous(game), order=1, lr=lr, batch_size=batch_size).covariance
    denominator = 2 * batch_size / lr * (a + c) * (a * c + k**2)
    c11 = s1 * (a * c + c**2 + k**2) + k**2 * s2
    c22 = s2 * (a**2 + a * c + k**2) + k**2 * s1
    c12 = k * (c * s1 - a * s2)
    np.testing.assert_allclose(found, np.array([[c11, c12], [c12, c22]]) / denominator, rtol=1e-12)


def test_invariant_law_of_the_linear_wgan():
    """Noise on omega alone, yet both coordinates have variance lr s2 / (2 B c); c = 0: no invariant law."""
    s2, c, lr, batch_size = 0.64, 0.5, 0.1, 4
    game = finite_sum_game([(0, -1, c, 0, q) for q in (-0.8, 0.8)])
    found = sde_stationary(game, simultaneous(game), order=1, lr=lr, batch_size=batch_size).covariance
    np.testing.assert_allclose(found, np.eye(2) * lr * s2 / (2 * batch_size * c), rtol=1e-12, atol=1e-16)
    free = finite_sum_game([(0, -1, 0, 0, q) for q in (-0.8, 0.8)])
    with pytest.raises(ValueError, match="mean-square stability"):
        sde_stationary(free, simultaneous(free), order=1, lr=lr, batch_size=batch_size)


def test_bilinear_game_conserves_under_alternation_and_grows_otherwise():
    """Phi = k theta omega, omega first: theta^2 + omega^2 + lr k theta omega stays; at once: 1 + lr^2 k^2."""
    k, lr, steps = 1.5, 0.2, [0, 7, 100]
    game = finite_sum_game([(0, k, 0, 0, 0)])
    alternate = alternating(game, ("omega", "theta"))
    second = discrete_moments(game, alternate, lr=lr, batch_size=1, steps=steps, z0=START).second
    conserved = second[:, 0, 0] + second[:, 1, 1] + lr * k * second[:, 0, 1]
    np.testing.assert_allclose(conserved, conserved[0], rtol=1e-12)
    second = discrete_moments(game, simultaneous(game), lr=lr, batch_size=1, steps=steps, z0=START).second
    growth = np.trace(second, axis1=1, axis2=2) / (START @ START)
    np.testing.assert_allclose(growth, (1 + lr**2 * k**2) ** np.array(steps), rtol=1e-12)
    with pytest.raises(ValueError, match="spectral radius"):
        discrete_stationary(game, simultaneous(game), lr=lr, batch_size=1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: AffineSamples(np.zeros((2, 1, 2)), np.zeros((2, 1)), {"p": (0,)}),
            "matrices: expected shape",
        ),
        (lambda: AffineSamples(np.zeros((1, 2, 2)), np.zeros((1, 2)), {"p": (0,)}), "players: expected each"),
        (
            lambda: AffineSamples(np.zeros((1, 1, 1)), np.zeros((1, 1)), {"p": (0,)}, [0.5]),
            "weights: expected",
        ),
        (lambda: simultaneous(GAME, "common"), "batches: expected"),
        (lambda: simultaneous(GAME, rates={"phi": 1.0}), "rates: expected"),
        (lambda: alternating(GAME, ("phi",)), "order, inner_steps: expected"),
        (lambda: derive_sde(GAME, simultaneous(GAME), order=3, lr=0.1, batch_size=1), "order: expected"),
        (
            lambda: derive_sde(GAME, simultaneous(GAME), order=1, lr=0.1, batch_size=1, noise="x"),
            "noise: expected",
        ),
        (
            lambda: sde_moments(GAME, simultaneous(GAME), order=1, lr=1, batch_size=1, time=1, z0=[0]),
            "z0: expected",
        ),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
