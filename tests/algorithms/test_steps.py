"""Every algorithm by pen and paper: one step on a game whose numbers a person can follow."""

import math

import numpy as np
import pytest
from sympy import I, ImmutableMatrix, Integer, Matrix, Rational, Symbol, expand, oo, simplify, symbols, zeros

import gan_sde as gs
from gan_sde.symbolic.algorithm import slots_of
from gan_sde.symbolic.jet import ETA_JET, Jet
from gan_sde.symbolic.oracle import AbstractOracle, RatedOracle
from gan_sde.symbolic.update import ETA, derive_map

omega, theta, y = symbols("omega theta y")


class Bilinear(AbstractOracle):
    """V = omega theta + noise: F = (-theta, omega) plus the batch's own number; J = [[0, -1], [1, 0]] plus it, too.

    Batch number n adds n to every entry of F and n to J[0, 0], so that every use of a batch leaves a trace.
    """

    players = ("up", "down")
    is_zero_sum = True

    def __init__(self):
        self.drawn = 0

    def fresh(self):
        self.drawn += 1
        return self.drawn - 1

    def F(self, x, batch):
        return np.array([-x[1] + batch, x[0] + batch])

    def jvp(self, x, v, batch):
        return np.array([[batch, -1.0], [1.0, 0.0]]) @ v

    def vjp(self, x, v, batch):
        return np.array([[batch, -1.0], [1.0, 0.0]]).T @ v

    def only(self, player, v):
        return v * (np.array([1, 0]) if player == "up" else np.array([0, 1]))


START = np.array([1.0, 2.0])
# F on batch 0 at (1, 2) is (-2, 1); batch n adds (n, n)
CASES = [
    ("sgda", {}, (1 - 0.1 * -2, 2 - 0.1 * 1), 1),
    ("sgda", {"batches": "independent"}, (1 - 0.1 * -2, 2 - 0.1 * (1 + 1)), 2),
    ("sgda", {"rates": {"down": 3}}, (1.2, 2 - 0.3 * 1), 1),
    # up moves to 1.2 on batch 0, then down sees 1.2 on batch 1
    ("sgda", {"order": "alternating"}, (1.2, 2 - 0.1 * (1.2 + 1)), 2),
    # down moves to 1.9 on batch 0, then up sees 1.9 on batch 1
    ("sgda", {"order": "alternating", "first": "down"}, (1 - 0.1 * (-1.9 + 1), 1.9), 2),
    # up: 1 -> 1.2 on batch 0, -> 1.2 - 0.1 (-2 + 1) = 1.3 on batch 1; down on batch 2
    ("sgda", {"order": "alternating", "inner_steps": {"up": 2}}, (1.3, 2 - 0.1 * (1.3 + 2)), 3),
    # look-ahead (1.2, 1.9) on batch 0, then F there on batch 1 is (-0.9, 2.2)
    ("extragradient", {}, (1.09, 1.78), 2),
    ("extragradient", {"batches": "shared"}, (1.19, 1.88), 1),
    # look-ahead by a fixed 0.5: (2, 1.5), F on batch 1 is (-0.5, 3)
    ("extragradient", {"extrapolation": gs.algorithms.Fixed(0.5)}, (1.05, 1.7), 2),
    # J^T F with J on batch 1: [[1, 1], [-1, 0]] (-2, 1) = (-1, 2)
    ("consensus", {"weight": 0.5}, (1 - 0.1 * (-2 - 0.5), 2 - 0.1 * (1 + 1)), 2),
    # shared: J^T F on batch 0: [[0, 1], [-1, 0]] (-2, 1) = (1, 2)
    ("consensus", {"weight": 0.5, "batches": "shared"}, (1 - 0.1 * (-2 + 0.5), 2 - 0.1 * (1 + 1)), 1),
    # (J^T F - J F)/2 with J on batch 1: J F = [[1, -1], [1, 0]] (-2, 1) = (-3, -2); ((-1, 2) - (-3, -2))/2 = (1, 2)
    ("crossing-the-curl", {}, (1 - 0.1 * 1, 2 - 0.1 * 2), 2),
    ("crossing-the-curl", {"batches": "shared"}, (0.9, 1.8), 1),
    # J^T F = (-1, 2) and J F = (-3, -2) with J on batch 1, as above
    ("hamiltonian", {}, (1.1, 1.8), 2),
    ("linear-family", {"alpha": 1, "beta": 2, "gamma": 3}, (1 - 0.1 * (-2 - 2 + 9), 2 - 0.1 * (1 + 4 + 6)), 2),
    ("symplectic-adjustment", {"weight": 2}, (1 - 0.1 * (-2 + 2), 2 - 0.1 * (1 + 4)), 2),
    # 2 J^T (F_up, 0) = 2 [[1, 1], [-1, 0]] (-2, 0) = (-4, 4), the lower block is 4
    ("gradient-regularised", {"weight": 0.5}, (1.2, 2 - 0.1 * (1 + 0.5 * 4)), 2),
    # off-diagonal J^T F = [[0, 1], [-1, 0]] (-2, 1) = (1, 2)
    ("lola", {"rate": gs.algorithms.Fixed(0.5)}, (1 - 0.1 * (-2 + 0.5), 2 - 0.1 * (1 + 1)), 2),
    # d = -0.1 (F + J_off d): (0.2, -0.1), then -0.1 ((-2, 1) + (0.1, 0.2)) = (0.19, -0.12)
    ("competitive", {"iterations": 1}, (1.19, 1.88), 2),
    # look-ahead of up on batch 1: F_up = -2 + 1, to 1 + 0.1; there F_down on batch 2 is 1.1 + 2, and
    # lambda = -F_up on batch 3 = -(-2 + 3) = -1; J (lambda, 0) on batch 4 = (-4, -1): down's block -1
    ("unrolled", {}, (1.2, 2 - 0.1 * (3.1 + 0.1 * -1)), 5),
]


@pytest.mark.parametrize("name, options, expected, batches", CASES, ids=lambda v: str(v))
def test_one_step_by_hand(name, options, expected, batches):
    oracle = Bilinear()
    result = gs.algorithms.get(name, **options).step(oracle, START.copy(), 0.1)
    np.testing.assert_allclose(result, expected, atol=1e-12)
    assert oracle.drawn == batches


@pytest.fixture(scope="module")
def game():
    payoff = omega**2 * theta / 2 - theta**3 / 3 + y * (omega * theta + omega)
    return gs.Game.zero_sum(payoff, maximiser={"d": [omega]}, minimiser={"g": [theta]}, data={y: gs.Normal(1, 2)})


@pytest.mark.parametrize("name", [n for n in gs.algorithms.names() if slots_of(gs.algorithms.get(n))])
def test_protocol_of_algorithms_with_memory(name, game):
    """No move of the parameters at rate 0; each carried vector is of the state's shape."""
    algorithm = gs.algorithms.get(name)
    update, _ = derive_map(game, algorithm)
    assert update.shape == (2 * (1 + len(slots_of(algorithm))), 1)
    assert update[:2, :].subs(ETA, 0) == ImmutableMatrix([omega, theta])


@pytest.mark.parametrize("name", [n for n in gs.algorithms.names() if not slots_of(gs.algorithms.get(n))])
def test_protocol(name, game):
    """No move at rate 0; series and full map agree; a step is of the state's shape."""
    weighted = name in ("consensus", "gradient-regularised")
    exact = {"weight": Rational(1, 10)} if weighted else {}  # 0.1 is not 1/10
    algorithm = gs.algorithms.get(name, **exact)
    update, _ = derive_map(game, algorithm)
    assert update.subs(ETA, 0) == ImmutableMatrix([omega, theta])
    terms = gs.Training(game, algorithm).update.terms
    for order, term in enumerate(terms):
        derivative = update.diff(ETA, order + 1).subs(ETA, 0) / (order + 1)
        assert expand(derivative - term) == zeros(2, 1)


def test_crossing_the_curl_is_orthogonal_to_the_field(game):
    at = {omega: Rational(1, 3), theta: Rational(-2, 5)}
    field, jacobian = game.field.subs(at), game.jacobian.subs(at)
    direction = (jacobian.T - jacobian) * field / 2
    assert (field.T * direction)[0] == 0
    update, batches = derive_map(game, gs.algorithms.get("crossing-the-curl"))
    still = {s: 0 for batch in batches for s in batch.means}
    assert (update.subs(still).subs(at) - Matrix([at[omega], at[theta]]) + ETA * direction).expand() == zeros(2, 1)


def test_rates_scale_the_field_and_its_jacobian(game):
    plain, rated = Bilinear(), RatedOracle(Bilinear(), {"up": 2.0})
    u, v = np.diag([2.0, 1.0]), np.array([0.3, -0.7])
    np.testing.assert_allclose(rated.F(START, 1), u @ plain.F(START, 1))
    np.testing.assert_allclose(rated.jvp(START, v, 1), u @ plain.jvp(START, v, 1))
    np.testing.assert_allclose(rated.vjp(START, v, 1), plain.vjp(START, u @ v, 1))
    by_training = gs.Training(game, gs.algorithms.get("sgda"), rates={"g": 3}).sde(order=2)
    by_algorithm = gs.Training(game, gs.algorithms.get("sgda", rates={"g": 3})).sde(order=2)
    assert expand(by_training.drift - by_algorithm.drift) == zeros(2, 1)
    assert expand(by_training.covariance - by_algorithm.covariance) == zeros(2, 2)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda g: gs.algorithms.get("sgd"), "algorithm: expected one of "),
        (lambda g: gs.algorithms.get("sgda", speed=1), "algorithm sgda: expected options order"),
        (lambda g: gs.algorithms.get("sgda", order="both"), "order: expected 'simultaneous' or 'alternating'"),
        (lambda g: gs.algorithms.get("sgda", first="d"), "order: expected 'alternating' with first"),
        (lambda g: gs.algorithms.get("sgda", order="alternating", inner_steps={"d": 0}), "inner_steps['d']: expected"),
        (lambda g: gs.algorithms.get("sgda", rates=3), "rates: expected {player: number}, got 3"),
        (lambda g: gs.algorithms.get("extragradient", extrapolation="far"), "extrapolation: expected a number"),
        (lambda g: gs.algorithms.get("extragradient", extrapolation=float("nan")), "extrapolation: expected a number"),
        (lambda g: gs.algorithms.get("lola", rate=True), "rate: expected a number"),
        (lambda g: gs.algorithms.get("unrolled", rate=1j), "rate: expected a number"),
        (lambda g: gs.algorithms.get("unrolled", inner_steps=1.5), "inner_steps: expected an integer >= 1, got 1.5"),
        (lambda g: gs.algorithms.Fixed("1"), "Fixed value: expected a finite real number, got '1'"),
        (lambda g: gs.algorithms.Fixed(float("inf")), "Fixed value: expected a finite real number, got inf"),
        (lambda g: gs.algorithms.MultipleOfEta(None), "MultipleOfEta factor: expected a finite real number, got None"),
        (lambda g: gs.algorithms.get("consensus", weight="a"), "weight: expected a finite real number, got 'a'"),
        (lambda g: gs.algorithms.get("consensus", weight=np.nan), "weight: expected a finite real number, got nan"),
        (lambda g: gs.algorithms.get("gradient-regularised", weight=[1]), "weight: expected a finite real number"),
        (
            lambda g: gs.algorithms.get("symplectic-adjustment", weight=I),
            "weight: expected a finite real number, got I",
        ),
        (lambda g: gs.algorithms.get("linear-family", alpha="1"), "alpha: expected a finite real number, got '1'"),
        (lambda g: gs.algorithms.get("linear-family", beta=oo), "beta: expected a finite real number, got oo"),
        (lambda g: gs.algorithms.get("linear-family", gamma=None), "gamma: expected a finite real number, got None"),
        (lambda g: gs.algorithms.get("sgda", rates={"g": "2"}), "rates['g']: expected a positive number, got '2'"),
        (lambda g: gs.algorithms.get("sgda", rates={"g": 0}), "rates['g']: expected a positive number, got 0"),
        (lambda g: gs.algorithms.get("sgda", rates={"g": -1.5}), "rates['g']: expected a positive number, got -1.5"),
        (lambda g: gs.algorithms.get("sgda", rates={"g": math.inf}), "rates['g']: expected a positive number, got inf"),
        (
            lambda g: gs.algorithms.get("sgda", order="alternating", inner_steps={"d": np.float64(2)}),
            "inner_steps['d']: expected an integer >= 1, got",
        ),
        (
            lambda g: gs.Training(g, gs.algorithms.get("sgda", order="alternating", first="x")).sde(),
            "first: expected one of the players d, g; got 'x'".replace(";", ","),
        ),
        (lambda g: gs.Training(g, gs.algorithms.get("sgda"), rates={"x": 2}).sde(), "rates: expected players d, g"),
        (lambda g: gs.Training(g, "sgda"), "algorithm: expected an object with step"),
        (lambda g: gs.Training("lq-gan", gs.algorithms.get("sgda")), "game: expected a Game, got 'lq-gan'"),
    ],
)
def test_bad_input(make, words, game):
    with pytest.raises(ValueError) as error:
        make(game)
    assert str(error.value).startswith(words)
    assert "\n" not in str(error.value)


def test_numbers_of_numpy_and_symbols_are_accepted(game):
    by_int = gs.algorithms.get("sgda", order="alternating", inner_steps={"d": 2}, rates={"g": 2})
    by_numpy = gs.algorithms.get(
        "sgda", order="alternating", inner_steps={"d": np.int64(2)}, rates={"g": np.float64(2)}
    )
    drifts = [gs.Training(game, a).sde(order=2).drift for a in (by_int, by_numpy)]
    assert expand(drifts[0] - drifts[1]) == zeros(2, 1)
    beta = Symbol("beta")
    symbolic = gs.Training(game, gs.algorithms.get("consensus", weight=beta)).sde(order=1).drift
    numeric = gs.Training(game, gs.algorithms.get("consensus", weight=Rational(1, 3))).sde(order=1).drift
    assert expand(symbolic.subs(beta, Rational(1, 3)) - numeric) == zeros(2, 1)
    assert expand(symbolic - numeric) != zeros(2, 1)
    ahead = gs.Training(game, gs.algorithms.get("extragradient", extrapolation=beta)).sde(order=2).drift
    assert beta in ahead.free_symbols


class Damped:
    """Uses the learning rate in every way that a series allows."""

    def step(self, oracle, x, eta):
        ahead = x - eta / (1 + 2 * eta) * oracle.F(x, oracle.fresh())
        x = x - (1 - (1 + eta) ** 2) / (3 - eta) * -1 * oracle.F(ahead, oracle.fresh())
        return x + (eta**2 / 5 - eta**3 + eta**0 * eta / (2 + eta)) * oracle.F(x, oracle.fresh())


def test_powers_and_quotients_of_the_learning_rate(game):
    """The series against derivatives of the full map at 0; quotients are expanded exactly, not to floats."""
    algorithm = Damped()
    update, _ = derive_map(game, algorithm)
    terms = gs.Training(game, algorithm).update.terms
    for order, term in enumerate(terms):
        derivative = update.diff(ETA, order + 1).subs(ETA, 0) / math.factorial(order + 1)
        assert expand(derivative - term) == zeros(2, 1)
        assert term != zeros(2, 1)


@pytest.mark.parametrize(
    "make, expected",
    [
        (lambda eta: eta**2, (0, 0, 1)),
        (lambda eta: eta**3, (0, 0, 0)),
        (lambda eta: (2 + eta) ** np.int64(3), (8, 12, 6)),
        (lambda eta: (2 + eta) ** Integer(0), (1, 0, 0)),
        (lambda eta: 1 / (1 + eta), (1, -1, 1)),
        (lambda eta: eta / (2 + eta), (0, Rational(1, 2), Rational(-1, 4))),
        (lambda eta: (1 + eta) / (1 - 3 * eta + eta**2), (1, 4, 11)),
        (lambda eta: omega / (omega - eta), (1, 1 / omega, 1 / omega**2)),
        (lambda eta: Jet.constant(1) / 3, (Rational(1, 3), 0, 0)),
    ],
)
def test_series_by_hand(make, expected):
    assert [simplify(a - b) for a, b in zip(make(ETA_JET).coefficients, expected, strict=True)] == [0, 0, 0]


@pytest.mark.parametrize(
    "step, words",
    [
        (lambda x, f, eta: x - f / eta, "algorithm: expected divisors that are not 0 at learning rate 0"),
        (lambda x, f, eta: x - eta / f, "algorithm: expected a division by a number or a series of numbers"),
        (
            lambda x, f, eta: x - eta**0.5 * f,
            "algorithm: expected powers of numbers by integers >= 0, got 0.5 on a num",
        ),
        (lambda x, f, eta: x - eta**-1 * f, "algorithm: expected powers of numbers by integers >= 0, got -1 on a numb"),
        (lambda x, f, eta: x - f**2, "algorithm: expected powers of numbers by integers >= 0, got 2 on a vector"),
    ],
)
def test_what_a_series_cannot_do_is_refused(step, words, game):
    class Own:
        def step(self, oracle, x, eta):
            return step(x, oracle.F(x, oracle.fresh()), eta)

    with pytest.raises(ValueError) as error:
        gs.Training(game, Own()).sde()
    assert str(error.value).startswith(words)


def test_ones_own_algorithm(game):
    class Half:
        """Descends at half the rate."""

        def step(self, oracle, x, eta):
            return x - eta * oracle.F(x, oracle.fresh()) / 2

    sde = gs.Training(game, Half()).sde(order=2)
    assert expand(sde.drift.subs(ETA, 0) + game.field / 2) == zeros(2, 1)


def test_an_update_that_does_not_stand_still_is_refused(game):
    class Jump:
        """Moves at learning rate 0."""

        def step(self, oracle, x, eta):
            return x - oracle.F(x, oracle.fresh())

    with pytest.raises(ValueError, match="identity at learning rate 0"):
        gs.Training(game, Jump()).sde()
