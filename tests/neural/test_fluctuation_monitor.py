"""The monitor against the exact identity of single steps, the exact stationary law, and hand-made loops."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

import analysis
from gan_sde.neural import GameOptimizer
from gan_sde.neural.fluctuation_monitor import FluctuationMonitor
from tests.neural.networks import draw, gan, modules, non_saturating, payoff

torch.set_num_threads(1)
C, SIGMA, MU, SIGMA_Z = 0.7, 0.8, 1.2, 0.6  # of the networks' linear WGAN


def squares(players):
    """|x_p|^2 of every player."""
    return np.array([sum(float((p.detach().double() ** 2).sum()) for p in m.parameters()) for m in players.values()])


def train(players, optimizers, batches, each, inner=None):
    """The usual loop of a GAN; ``each(k)`` after every iteration."""
    for k, batch in enumerate(batches):
        for name, optimizer in optimizers.items():
            for _ in range((inner or {}).get(name, 1)):
                loss = non_saturating(players, batch)[name]
                own = list(players[name].parameters())
                for parameter, gradient in zip(own, torch.autograd.grad(loss, own), strict=True):
                    parameter.grad = gradient
                optimizer.step()
        each(k)


def batches(number, seed=0):
    stream = torch.Generator().manual_seed(seed)
    return [draw(stream) for _ in range(number)]


@pytest.mark.parametrize("make", [partial(torch.optim.SGD, momentum=0.9), torch.optim.Adam, torch.optim.RMSprop])
@pytest.mark.parametrize("inner", [{}, {"discriminator": 3}])
def test_the_difference_of_both_sides_is_that_of_squared_norms(make, inner):
    """With c = 0: dissipation - fluctuation = (|x|^2 - |x'|^2) / 2 lr over the whole iteration, for any optimiser."""
    players, rates = gan(1), {"discriminator": 0.01, "generator": 0.003}
    optimizers = {name: make(module.parameters(), lr=rates[name]) for name, module in players.items()}
    monitor = FluctuationMonitor(players, optimizers, every=3, centre="origin")
    monitor.attach(optimizers, inner_steps=inner)
    norms = [squares(players)]
    train(players, optimizers, batches(12), lambda k: norms.append(squares(players)), inner)
    found = monitor.take()
    assert monitor.observations == len(found) == 4 and not len(monitor.take())
    for (work, square), end in zip(found, (3, 6, 9, 12), strict=True):
        exact = (norms[end - 1] - norms[end]) / (2 * np.array(list(rates.values())))
        np.testing.assert_allclose(work - square, exact, rtol=1e-8, atol=1e-10)
        assert np.all(square > 0)
    assert monitor.fluctuation == dict(zip(players, found[-1][1], strict=True))


def test_calls_around_the_step_and_hooks_agree():
    found = []
    for hooked in (False, True):
        players = gan(2)
        optimizers = {name: torch.optim.Adam(m.parameters(), lr=0.01) for name, m in players.items()}
        monitor = FluctuationMonitor(players, optimizers)
        if hooked:
            monitor.attach(optimizers)
            train(players, optimizers, batches(450), lambda k: None)
        else:
            for batch in batches(450):
                monitor.before()
                train(players, optimizers, [batch], lambda k: None)
                monitor.after()
        found.append(monitor.take())
    np.testing.assert_array_equal(*found)


def test_the_moving_centre_by_hand():
    """Windows of 100, 200, … observations; the first has the parameters at its beginning."""
    weight = nn.Parameter(torch.tensor([3.0], dtype=torch.float64))
    monitor = FluctuationMonitor({"p": [weight]}, 0.5)
    values = np.random.default_rng(0).normal(size=701)
    for k in range(700):
        with torch.no_grad():
            weight.fill_(values[k])
            monitor.before()
            weight.fill_(values[k + 1])
            monitor.after()
    seen = values[1:700:2]
    move = seen - values[2:701:2]
    centre = np.concatenate([np.full(100, seen[0]), np.full(200, seen[:100].mean()), np.full(50, seen[100:300].mean())])
    exact = np.stack([(seen - centre) * move / 0.5, move**2], axis=1)
    np.testing.assert_allclose(monitor.take()[..., 0], exact, rtol=1e-10)


def linear_wgan(lr, seed, through=None):
    """The linear WGAN on torch, 16 samples a batch, started at its equilibrium."""
    stream = torch.Generator().manual_seed(seed)

    def sample():
        y, z = torch.randn(2, 16, generator=stream, dtype=torch.float64)
        return {"y": MU + SIGMA * y, "z": SIGMA_Z * z}

    players = modules("linear-wgan")
    optimizer = GameOptimizer(players, payoff("linear-wgan"), sample, algorithm="sgda", lr=lr, through=through)
    optimizer.oracle.layout.write(torch.tensor([0.0, MU], dtype=torch.float64))
    return players, optimizer


@pytest.mark.filterwarnings("ignore:losses")  # the critic starts at 0
def test_stationary_means_of_the_linear_wgan():
    """Both sides against the discrete Lyapunov equation, |z| < 4 with batch-means errors; and the test is silent."""
    lr = 0.2
    players, optimizer = linear_wgan(lr, 0)
    monitor = FluctuationMonitor(players, optimizer).attach(optimizer)
    for _ in range(6000):
        optimizer.step()
    jacobian, noise = np.array([[C, 1.0], [-1.0, 0.0]]), np.diag([SIGMA**2 + SIGMA_Z**2, 0.0]) / 16
    law = analysis.discrete_stationary_covariance(jacobian, noise, lr)
    exact = lr / 2 * np.diag(jacobian @ law @ jacobian.T + noise)
    found = monitor.take()[500:]
    for side in (0, 1):
        z = (found[:, side].mean(axis=0) - exact) / analysis.batch_means_se(found[:, side], axis=0, batch_size=125)
        assert np.all(np.abs(z) < 4)
    test = monitor.test()
    assert test.balanced and np.all(test.half_width < 0.5)
    # negative control: fluctuation at twice the rate
    assert not analysis.schedules.batch_test(*_batches(found * [[1.0], [2.0]])).balanced


def _batches(found):
    return [found[-2400:, side].reshape(20, 120, -1).mean(axis=1) for side in (0, 1)]


def test_the_start_of_a_training_is_not_balanced():
    players, optimizer = linear_wgan(0.005, 1)
    optimizer.oracle.layout.write(torch.tensor([1.0, -3.0], dtype=torch.float64))
    monitor = FluctuationMonitor(players, optimizer, centre="origin").attach(optimizer)
    assert monitor.test() is None
    for _ in range(80):
        optimizer.step()
    assert not monitor.test().balanced
    monitor.restart()
    assert monitor.test() is None


def test_saving_and_restoring_in_the_middle():
    def setting():
        players = gan(3)
        optimizers = {name: torch.optim.SGD(m.parameters(), lr=0.02) for name, m in players.items()}
        return players, optimizers, FluctuationMonitor(players, optimizers).attach(optimizers)

    data = batches(700, 5)
    players, optimizers, whole = setting()
    train(players, optimizers, data[:351], lambda k: None)
    saved = [m.state_dict() for m in (*players.values(), *optimizers.values())]
    saved = [{k: (v.clone() if torch.is_tensor(v) else v) for k, v in s.items()} for s in saved]
    state = whole.state_dict()
    whole.take()
    train(players, optimizers, data[351:], lambda k: None)
    other, others, resumed = setting()
    for each, own in zip((*other.values(), *others.values()), saved, strict=True):
        each.load_state_dict(own)
    resumed.load_state_dict(state)
    train(other, others, data[351:], lambda k: None)
    np.testing.assert_array_equal(resumed.take(), whole.take())
    assert resumed.observations == whole.observations == 350


WEIGHT = nn.Parameter(torch.ones(1))


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: FluctuationMonitor({}, 0.1), "players"),
        (lambda: FluctuationMonitor({"p": [WEIGHT], "q": [WEIGHT]}, 0.1), r"players\['q'\]"),
        (lambda: FluctuationMonitor({"p": []}, 0.1), r"players\['p'\]"),
        (lambda: FluctuationMonitor({"p": [WEIGHT]}, -0.1), "lr"),
        (lambda: FluctuationMonitor({"p": [WEIGHT]}, {"q": 0.1}), "lr"),
        (lambda: FluctuationMonitor({"p": [WEIGHT]}, torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1)), "lr"),
        (lambda: FluctuationMonitor({"p": [WEIGHT]}, 0.1, every=1), "every"),
        (lambda: FluctuationMonitor({"p": [WEIGHT]}, 0.1, centre="end"), "centre"),
        (lambda: FluctuationMonitor({"p": [WEIGHT]}, 0.1).attach(3), "optimizers"),
        (lambda: FluctuationMonitor({"p": [WEIGHT]}, 0.1).attach(3, inner_steps={"q": 1}), "inner_steps"),
    ],
)
def test_bad_input_is_named_in_one_line(call, name):
    with pytest.raises(ValueError, match=rf"^{name}: expected [^\n]*$"):
        call()
