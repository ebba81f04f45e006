"""Regression against an adversary: the registered protocol's facts, fields by hand, refusals."""

import numpy as np
import pytest
from sympy import Matrix, expand, lambdify, symbols, zeros

import gan_sde as gs
from gan_sde.games.adversarial_regression import adversarial_regression, perturbed, softplus

theta, delta, x, c = symbols("theta delta_x x penalty")


def test_gaussian_regression_by_hand():
    """E (theta - s) x + theta delta - e)^2 / 2 = ((theta - s)^2 sigma^2 + theta^2 delta^2 + noise^2) / 2."""
    game = adversarial_regression()
    s, sigma = symbols("slope sigma_x")
    assert game.parameters == (delta, theta)
    expected = Matrix([c * delta - theta**2 * delta, (theta - s) * sigma**2 + theta * delta**2])
    assert (game.field - expected).expand() == zeros(2, 1)
    assert {symbol.name for symbol in game.free_symbols} == set(game.defaults)
    assert game.x0 == (0.0, 0.0)
    bound = game.with_defaults()
    assert [float(point[theta]) for point in bound.equilibria()] == [1.0]
    covariance = bound.noise_modes * bound.noise_modes.T - bound.noise_covariance
    assert covariance.applyfunc(expand) == zeros(2, 2)


@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_field_is_the_gradient_of_the_mean_loss(loss):
    """Central differences of the loss written out over the rows, the perturbation added to the inputs."""
    rows = np.array([(1.0, 0.5, 1), (0.8, -0.3, -1), (-0.9, -0.4, -1), (0.2, 1.0, 1)])
    game = adversarial_regression(loss, rows).subs(penalty=0.3)
    assert [s.name for s in game.parameters] == ["delta_x_1", "delta_x_2", "theta_1", "theta_2"]

    def payoff(state):
        score = (rows[:, :2] + state[:2]) @ state[2:]
        each = (score - rows[:, 2]) ** 2 / 2 if loss == "squared" else np.log(1 + np.exp(-rows[:, 2] * score))
        return each.mean() - 0.3 * state[:2] @ state[:2] / 2

    at, h = np.array([0.2, -0.1, 0.4, -0.7]), 1e-5
    slope = np.array([(payoff(at + e) - payoff(at - e)) / (2 * h) for e in h * np.eye(4)])
    found = np.array(lambdify(game.parameters, list(game.field))(*at), dtype=float)
    np.testing.assert_allclose(found, slope * [-1, -1, 1, 1], atol=1e-9)


def test_softplus_is_a_number_and_differentiates():
    z = np.array([-800.0, -1.0, 0.0, 2.0, 800.0])
    np.testing.assert_allclose(lambdify(x, softplus(x))(z), np.logaddexp(0, z))
    np.testing.assert_allclose(lambdify(x, softplus(x).diff())(z[1:4]), 1 / (1 + np.exp(-z[1:4])))
    assert softplus(2 * x).diff(x).subs(x, 0) == 1


def test_any_loss_becomes_a_game():
    game = perturbed(theta**2 * x, model=[theta], inputs=[x], data={x: gs.Normal(1, 1)}, penalty=c, x0={"theta": 2.0})
    assert expand(game.payoff - theta**2 * (x + delta) + c * delta**2 / 2) == 0
    assert game.x0 == (0.0, 2.0)
    assert list(game.players) == ["adversary", "model"]


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: adversarial_regression("hinge"), r"^loss: expected 'squared' or 'logistic', got 'hinge'"),
        (
            lambda: adversarial_regression("logistic"),
            r"^data: expected rows \(x_1, ..., x_n, y\) for the logistic loss",
        ),
        (lambda: adversarial_regression(data=[1.0, 2.0]), r"^data: expected rows .* got an array of shape \(2,\)"),
        (
            lambda: adversarial_regression("logistic", [(1.0, 1), (2.0, 0)]),
            r"^data: expected labels y of 1 or -1, got 0 in row 1",
        ),
        (
            lambda: perturbed(theta * x, model=[theta], inputs=[c], data={x: gs.Normal(0, 1)}),
            r"^inputs: expected data symbols, got penalty",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
