"""Players' rates from a table: against constant rates a player, and whatever the calls are split into."""

import itertools

import numpy as np
import pytest

import gan_sde as gs
from gan_sde.kernels.cpu import cpu_stepper
from gan_sde.simulation.player_rates import PlayerRateStepper, carrying, multiple_symbols, split_rates


def stepper(process, multiples):
    symbols = multiple_symbols(tuple(process.game.players))
    recipe = carrying(process.with_rates(symbols).recipe(), tuple(symbols.values()))
    return PlayerRateStepper(cpu_stepper(recipe, batch_size=4, seed=5), multiples)


@pytest.mark.parametrize("order", ["simultaneous", "alternating"])
def test_a_table_of_constants_is_rates_a_player(order):
    process = gs.Training(gs.games.get("linear-wgan").with_defaults(), gs.algorithms.get("sgda", order=order))
    rates, multiples = split_rates({"generator": 0.02, "discriminator": np.full(50, 0.01)}, process.game.players, 50)
    plain = gs.simulate(
        process, lr={"generator": 0.02, "discriminator": 0.01}, steps=50, trajectories=9, batch_size=4, seed=5,
        progress=False,
    )["final"]  # fmt: skip
    state, diverged = np.tile(np.array(process.game.x0)[:, None], 9), np.full(9, -1)
    stepper(process, multiples).advance(state, diverged, trajectory=0, step=0, rates=rates)
    np.testing.assert_allclose(state.T, plain, rtol=1e-12, atol=1e-14)


def test_calls_may_be_split_anywhere():
    process = gs.Training(gs.games.get("quadratic").with_defaults(), gs.algorithms.get("sgda"))
    rng = np.random.default_rng(0)
    lr = {p: np.repeat(rng.uniform(0, 0.3, 10), 5) for p in process.game.players}
    rates, multiples = split_rates(lr, process.game.players, 50)
    found = []
    for cuts in ([0, 50], [0, 3, 17, 49, 50]):
        state, diverged = np.tile(np.array(process.game.x0)[:, None], 4), np.full(4, -1)
        made = stepper(process, multiples)
        for a, b in itertools.pairwise(cuts):
            made.advance(state, diverged, trajectory=0, step=a, rates=rates[a:b])
        found.append(state)
    np.testing.assert_array_equal(*found)


def test_split_rates():
    rates, multiples = split_rates({"a": [0.0, 0.2], "b": [0.0, 0.1]}, ("a", "b"), 2)
    assert rates.tolist() == [0.0, 0.2] and multiples.tolist() == [[0.0, 1.0], [0.0, 0.5]]
    for lr, name in (
        ({"a": 1.0}, "lr"),
        ({"a": -1.0, "b": 1.0}, r"lr\[a\]"),
        ({"a": [1.0], "b": 1.0}, r"lr\[a\]"),
        ({"a": [1.0, -1.0], "b": 1.0}, r"lr\[a\]"),
        ({"a": ["x", 1.0], "b": 1.0}, r"lr\[a\]"),
    ):
        with pytest.raises(ValueError, match=rf"^{name}: expected [^\n]*$"):
            split_rates(lr, ("a", "b"), 2)


def test_a_schedule_a_player_in_simulate():
    """For a training the numbers of `simulate_adaptive`'s way; constant arrays agree with constant rates."""
    game = gs.games.get("lq-gan").with_defaults()
    training = gs.Training(game, gs.algorithms.get("sgda", order="alternating"))
    first, second = game.players
    options = {"steps": 12, "trajectories": 60, "batch_size": 8, "every": 4, "progress": False}
    falling = np.linspace(0.05, 0.01, 12)
    for process in (training, training.sde(2)):
        run = gs.simulate(process, lr={first: falling, second: 0.02}, **options)
        moved = gs.simulate(process, lr={first: np.full(12, 0.05), second: 0.02}, **options)
        constant = gs.simulate(process, lr={first: 0.05, second: 0.02}, **options)
        np.testing.assert_allclose(moved["final"], constant["final"], rtol=1e-10, atol=1e-12)
        assert np.abs(run["final"].values - constant["final"].values).max() > 1e-3
        assert run.attrs["recipe"] != moved.attrs["recipe"]
    for bad in ({first: falling}, {first: falling, second: falling[:3]}, {first: -falling, second: 0.1}):
        with pytest.raises(ValueError, match=r"^lr(\[\w+\])?: expected"):
            gs.simulate(training, lr=bad, **options)
