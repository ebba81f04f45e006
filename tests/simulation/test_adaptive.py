"""Adaptive trainings against plain simulation, a hand-written loop, and exact moments."""

from copy import deepcopy

import numpy as np
import pytest

import analysis
import gan_sde as gs
from analysis.schedules import StationarityRule, YaidaRule
from gan_sde.simulation.adaptive import BLOCK, simulate_adaptive


class Never:
    """Leaves the rate alone and keeps what it saw."""

    rate, period = 1.0, 25

    def __init__(self):
        self.seen = []

    def observe(self, dissipation, fluctuation):
        self.seen.append((dissipation, fluctuation))
        return False


def training(name="sgda", game="linear-wgan", **options):
    return gs.Training(gs.games.get(game).with_defaults(), gs.algorithms.get(name, **options))


@pytest.mark.parametrize(
    ("name", "lr"), [("crossing-the-curl", 0.05), ("momentum", {"discriminator": 0.05, "generator": 0.02})]
)
def test_a_rule_that_never_acts_leaves_the_plain_simulation(name, lr):
    options = dict(lr=lr, steps=103, trajectories=BLOCK + 9, batch_size=4, seed=7)
    run = simulate_adaptive(training(name, "lq-gan"), Never(), every=3, **options)
    plain = gs.simulate(training(name, "lq-gan"), **options, progress=False)
    np.testing.assert_allclose(run["final"], plain["final"], rtol=1e-12)
    assert run["step"].values.tolist() == [75, 103] and np.all(run["rate"] == 0.05)


def test_results_do_not_depend_on_threads_or_backend():
    rule = YaidaRule(tolerance=0.9, reduction=0.5, period=10)
    options = dict(lr=0.1, steps=400, trajectories=BLOCK + 5, batch_size=2, seed=3, every=1)
    one = simulate_adaptive(training(), rule, threads=1, **options)
    two = simulate_adaptive(training(), rule, threads=2, **options)
    np.testing.assert_array_equal(one["final"], two["final"])
    assert len(np.unique(one["rate"][:, -1])) >= 3 and rule.drops == 0
    few = simulate_adaptive(training(), rule, **(options | {"trajectories": 3}), backend="reference")
    np.testing.assert_allclose(few["rate"], one["rate"][:3], rtol=1e-12)
    np.testing.assert_allclose(few["final"], one["final"][:3], rtol=1e-6)


@pytest.mark.parametrize("order", ["simultaneous", "alternating"])
def test_against_a_loop_over_plain_simulations(order):
    """Rates as recorded, replayed by `simulate`; both sides from its paths; decisions by the rule on its own."""
    process = training(order=order)
    rule, every, lr, steps = YaidaRule(tolerance=0.9, reduction=0.5, period=20), 2, 0.2, 800
    centre, options = np.array([0.3, 0.8]), dict(steps=steps, batch_size=8, seed=11)
    run = simulate_adaptive(process, rule, lr=lr, trajectories=4, every=every, centre=centre, **options)
    assert run["rate"].values.min() <= lr / 4
    for i in range(4):
        rates = np.repeat(run["rate"].values[i], rule.period * every)
        plain = gs.simulate(
            process, lr=rates, trajectories=4, every=1, record="paths", progress=False, **options
        )["path"].values[i]  # fmt: skip
        np.testing.assert_allclose(run["final"][i], plain[-1], rtol=1e-12)
        move, k = plain[:-1] - plain[1:], np.arange(every - 1, steps, every)
        work = (plain[:-1] - centre)[k] * move[k] / rates[k, None]
        square = move[k] ** 2 / (2 * rates[k, None])
        own = deepcopy(rule)
        for check, expected in enumerate(run["rate"].values[i]):
            assert lr * own.rate == pytest.approx(expected)
            window = slice(check * rule.period, (check + 1) * rule.period)
            np.testing.assert_allclose(run["dissipation"][i, check], work[window].mean(axis=0), rtol=1e-8)
            np.testing.assert_allclose(run["fluctuation"][i, check], square[window].mean(axis=0), rtol=1e-8)
            own.observe(work[window], square[window])


@pytest.mark.parametrize("order", ["simultaneous", "alternating"])
def test_both_sides_balance_at_stationarity(order):
    """The exact identity of both players, |z| < 4 over 512 runs; at a wrong rate the same test fails."""
    run = simulate_adaptive(
        training(order=order), Never(), lr=0.2, steps=3000, trajectories=512, batch_size=4, seed=5
    )  # fmt: skip
    left, right = (run[name].values[:, 10:].mean(axis=1) for name in ("dissipation", "fluctuation"))
    for wrong, holds in ((1.0, True), (1.1, False)):
        gap = left - wrong * right
        z = gap.mean(axis=0) / gap.std(axis=0, ddof=1) * np.sqrt(len(gap))
        assert np.all(np.abs(z) < 4) == holds


def test_fluctuation_is_the_exact_second_moment():
    """(lr / 2) E|F^B|^2 at stationarity, from the discrete Lyapunov equation, within 1 % (more than 5 s.e.)."""
    lr, batch, game = 0.2, 4, training().game
    run = simulate_adaptive(training(), Never(), lr=lr, steps=3000, trajectories=512, batch_size=batch, seed=6)
    jacobian, noise = (np.array(m, dtype=float) for m in (game.jacobian, game.noise_covariance))
    law = analysis.discrete_stationary_covariance(jacobian, noise, lr, batch)
    exact = lr / 2 * np.diag(jacobian @ law @ jacobian.T + noise / batch)
    np.testing.assert_allclose(run["fluctuation"][:, 10:].mean(("trajectory", "check")), exact, rtol=0.01)


def test_the_centre_changes_only_the_variance():
    """Without memory of the bucket: means agree, and a far centre is noisier by far."""
    options = dict(lr=0.1, steps=4000, trajectories=200, batch_size=8, seed=8)
    spread, mean = {}, {}
    for name, centre in {"own": None, "true": (0.0, 1.0), "far": (30.0, -30.0)}.items():
        sides = simulate_adaptive(training(), Never(), centre=centre, **options).isel(check=slice(40, None))
        gap = (sides["dissipation"] - sides["fluctuation"]).mean("check").values
        spread[name], mean[name] = gap.std(axis=0), gap.mean(axis=0)
    assert np.all(spread["own"] < 1.3 * spread["true"]) and np.all(spread["far"] > 5 * spread["true"])
    for name in spread:
        assert np.all(np.abs(mean[name]) < 4 * spread[name] / np.sqrt(200)), name


def test_games_in_array_form():
    game = gs.games.get("lq-gan", dim=4).with_defaults()
    process = gs.Training(game, gs.algorithms.get("consensus"))
    options = dict(lr=0.02, steps=60, trajectories=3, batch_size=8, seed=2)
    run = simulate_adaptive(process, Never(), every=5, **options)
    plain = gs.simulate(process, **options, progress=False)
    np.testing.assert_allclose(run["final"], plain["final"], rtol=1e-10)
    assert np.isfinite(run["dissipation"]).all()


def test_diverged_trajectories_are_nan_and_harm_no_other():
    options = dict(lr=2.05, steps=600, batch_size=1, seed=4, x0=np.array([[0.0, 1.0], [1e7, 1e7]]))
    run = simulate_adaptive(training(), StationarityRule(period=20), trajectories=2, target=(0.0, 1.0), **options)
    assert run["diverged"].values[1] > 0 and np.isnan(run["final"][1]).all()
    assert np.isnan(run["squared_distance"][1, -1])


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"lr": [0.1, 0.2]}, "lr"),
        ({"every": 0}, "every"),
        ({"centre": [1.0]}, "centre"),
        ({"target": "x"}, "target"),
        ({"rule": object()}, "rule"),
        ({"threads": 0}, "threads"),
        ({"training": 3}, "training"),
        ({"trajectories": 2**46}, "(trajectories|record)"),
    ],
)
def test_bad_input_is_named_in_one_line(change, name):
    arguments = {"training": training(), "rule": Never(), "lr": 0.1, "steps": 100, "trajectories": 2} | change
    with pytest.raises(ValueError, match=rf"^{name}: expected [^\n]*$"):
        simulate_adaptive(arguments.pop("training"), arguments.pop("rule"), **arguments)
