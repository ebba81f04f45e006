"""Iterating an algorithm: against a loop by hand, and what it refuses."""

import pytest
import torch

import gan_sde as gs
from gan_sde.neural import NetworkOracle, iterate
from tests.neural.networks import draw, gan, non_saturating


def oracle():
    rng = torch.Generator().manual_seed(0)
    return NetworkOracle(gan(0), non_saturating, lambda: draw(rng, 2), replicas=2)


def test_against_a_loop_and_rates_by_replica():
    """Heavy ball by hand on the same batches; replica 1 at twice the rate."""
    game, rates = oracle(), torch.tensor([[0.1], [0.2]], dtype=torch.float64)
    start = game.layout.read().repeat(2, 1)
    found = dict(iterate(gs.algorithms.get("momentum", mu=0.5), game, start, rates, 4, every=2))
    x, velocity, game = start, torch.zeros_like(start), oracle()
    expected = {0: start}
    for k in range(1, 5):
        velocity = 0.5 * velocity - game.F(x, game.fresh())
        x = x + rates * velocity
        expected[k] = x
    assert list(found) == [0, 2, 4]
    for k, states in found.items():
        torch.testing.assert_close(states, expected[k])
    assert not torch.allclose(found[4][0], found[4][1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 5, "every": 2}, "steps: expected a multiple of every = 2, got 5"),
        ({"steps": 5, "every": 0}, "every: expected an integer >= 1, got 0"),
        ({"steps": -1}, "steps: expected an integer >= 0, got -1"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(ValueError, match=message):
        next(iterate(gs.algorithms.get("sgda"), oracle(), torch.zeros(2, 53), 0.1, **options))


@pytest.mark.parametrize(
    ("x", "lr", "message"),
    [
        ([0.0], 0.1, r"^x: expected a floating tensor of states, got \[0.0\]$"),
        (torch.zeros(2, 53), -0.1, "^lr: expected a positive number, got -0.1$"),
        (torch.zeros(2, 53), "fast", "^lr: expected a positive number, got 'fast'$"),
    ],
)
def test_bad_states_and_rates(x, lr, message):
    with pytest.raises(ValueError, match=message):
        next(iterate("sgda", oracle(), x, lr, 1))
