"""Adaptive trainings against plain simulation, a hand-written loop, and exact moments."""

from copy import deepcopy

import numpy as np
import pytest
from sympy import symbols

import analysis
import gan_sde as gs
from analysis.schedules import PerPlayer, StationarityRule, YaidaRule
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
    ("name", "lr"), [("crossing-the-curl", 0.05), ("momentum", {"discriminator": 0.005, "generator": 0.002})]
)
def test_a_rule_that_never_acts_leaves_the_plain_simulation(name, lr):
    options = dict(lr=lr, steps=103, trajectories=BLOCK + 9, batch_size=4, seed=7)
    run = simulate_adaptive(training(name, "lq-gan"), Never(), every=3, **options)
    plain = gs.simulate(training(name, "lq-gan"), **options, progress=False)
    np.testing.assert_array_equal(run["final"], plain["final"])
    assert run["step"].values.tolist() == [75, 103] and np.all(run["rate"] == (lr if lr == 0.05 else 0.005))
    assert np.isfinite(run["final"]).all()


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


# -------------------------------------------------------------------- a rate for each player


class Fixed(Never):
    """Multiples as given, from the start."""

    def __init__(self, *rate):
        super().__init__()
        self.rate = np.array(rate)


@pytest.mark.parametrize("name", ["sgda", "extragradient", "momentum", "crossing-the-curl"])
def test_rates_a_player_that_never_change_are_those_of_the_plain_simulation(name):
    process = gs.Training(gs.games.get("quadratic").with_defaults(), gs.algorithms.get(name))
    options = dict(steps=103, trajectories=BLOCK + 9, batch_size=4, seed=7)
    run = simulate_adaptive(process, Fixed(1.0, 1.0), lr=0.02, every=3, **options)
    plain = gs.simulate(process, lr=0.02, **options, progress=False)["final"]
    np.testing.assert_allclose(run["final"], plain, rtol=1e-10, atol=1e-13)
    apart = simulate_adaptive(process, Fixed(0.5, 1.0), lr=0.02, every=3, **options)
    first, second = process.game.players
    plain = gs.simulate(process, lr={first: 0.01, second: 0.02}, **options, progress=False)["final"]
    np.testing.assert_allclose(apart["final"], plain, rtol=1e-10, atol=1e-13)
    assert apart["rate"].dims == ("trajectory", "check", "player")
    assert np.array_equal(apart["rate"][5, -1], [0.01, 0.02]) and np.abs(run["final"] - plain).max() > 1e-3


class Keeper:
    """Never acts; what all its copies saw, in the order of checks and trajectories."""

    rate, seen = 1.0, []

    def __init__(self, period):
        self.period = period
        Keeper.seen.clear()

    def observe(self, dissipation, fluctuation):
        Keeper.seen.append((dissipation, fluctuation))
        return False


@pytest.mark.parametrize("order", ["simultaneous", "alternating"])
def test_rates_a_player_against_a_loop(order):
    """Rates as recorded, replayed as schedules; decisions by the rule on its own."""
    process, lr, every = training(order=order), 0.2, 2
    rule = PerPlayer(YaidaRule(tolerance=0.9, reduction=0.5, period=20), players=2)
    options = dict(steps=400, batch_size=8, seed=11, trajectories=3)
    run = simulate_adaptive(process, rule, lr=lr, every=every, centre=(0.3, 0.8), **options)
    rates = run["rate"].values
    assert len(np.unique(rates[:, -1])) > 1 and (rates[:, -1, 0] != rates[:, -1, 1]).any() and rule.drops == 0
    for i in range(3):
        schedule = {p: np.repeat(rates[i, :, k], 20 * every) for k, p in enumerate(process.game.players)}
        kept = Keeper(period=20)
        again = simulate_adaptive(process, kept, lr=schedule, every=every, centre=(0.3, 0.8), **options)
        np.testing.assert_allclose(run["final"][i], again["final"][i], rtol=1e-12)
        own = deepcopy(rule)
        for check, (work, square) in enumerate(Keeper.seen[i::3]):
            np.testing.assert_allclose(lr * own.rate, rates[i, check])
            own.observe(work, square)


@pytest.mark.parametrize("multiples", [(1.0, 1.0), (0.5, 0.8)])
def test_schedules_against_hand_written_descent(multiples):
    """Two time scales on a deterministic game, states and both sides computed here; a number and a schedule mix."""
    process = training()
    steps, k = 60, np.arange(60)
    fast, slow = 0.3 * (1 + k) ** -0.6, 0.2 * (1 + k) ** -0.9
    jacobian = np.array(process.game.jacobian, dtype=float)
    offset = np.array(process.game.field.subs(dict.fromkeys(process.game.parameters, 0)), dtype=float)[:, 0]
    centre, options = np.array([0.1, 0.2]), dict(steps=steps, trajectories=2, noise=False, x0=[0.4, -0.7])
    for schedule in ((fast, slow), (fast, 0.05)):
        rates = np.transpose(np.broadcast_arrays(*schedule)) * multiples
        x, sides = np.array([0.4, -0.7]), []
        for row in rates:
            field = jacobian @ x + offset
            sides.append([(x - centre) * field, row * field**2 / 2])
            x = x - row * field
        lr = dict(zip(process.game.players, schedule, strict=True))
        run = simulate_adaptive(process, Fixed(*multiples), lr=lr, centre=centre, **options)
        np.testing.assert_allclose(run["final"], [x, x], rtol=1e-10)
        expected = np.array(sides)[1:50:2].mean(axis=0)  # one iteration in two, up to the first check
        for name, side in zip(("dissipation", "fluctuation"), expected, strict=True):
            np.testing.assert_allclose(run[name][0, 0], side, rtol=1e-10)
        np.testing.assert_allclose(run["rate"][1], rates[[49, 59]], rtol=1e-14)
    common = simulate_adaptive(process, Never(), lr=slow, **options)
    np.testing.assert_allclose(common["final"], gs.simulate(process, lr=slow, **options, progress=False)["final"])


def test_a_rule_of_one_player_is_the_rule():
    """One player: the same decisions and the same states as with one common rate."""
    x, y = symbols("x y")
    game = gs.Game.general_sum({"p": (x - y) ** 2 / 2}, parameters={"p": [x]}, data={y: gs.Normal(0, 1)}, x0={x: 3})
    process, rule = gs.Training(game, gs.algorithms.get("sgda")), YaidaRule(tolerance=0.3, reduction=0.5, period=20)
    options = dict(lr=0.2, steps=1000, trajectories=50, batch_size=4, seed=1, every=1)
    common = simulate_adaptive(process, rule, **options)
    own = simulate_adaptive(process, PerPlayer(rule, players=1), **options)
    np.testing.assert_allclose(own["rate"].values[..., 0], common["rate"], rtol=1e-12)
    np.testing.assert_allclose(own["final"], common["final"], rtol=1e-9)
    assert common["rate"][:, -1].max() < 0.2


def test_the_player_that_is_stationary_earlier_falls_earlier():
    """Two uncoupled players of relaxation times 2 and 100 iterations: median iteration of the first fall."""
    x, y, u, v = symbols("x y u v")
    losses = {"quick": (x - u) ** 2, "late": (y - v) ** 2 / 50}
    game = gs.Game.general_sum(
        losses, parameters={"quick": [x], "late": [y]}, data={u: gs.Normal(0, 1), v: gs.Normal(0, 1)}, x0={x: 30, y: 30}
    )  # fmt: skip
    rule = PerPlayer(StationarityRule(period=50, precision=0.5), players=2)
    run = simulate_adaptive(
        gs.Training(game, gs.algorithms.get("sgda")), rule, lr=0.25, steps=12_000, trajectories=30, seed=2
    )  # fmt: skip
    steps, rate = run["step"].values, run["rate"].values
    first = [np.median([_first_fall(steps, row) for row in rate[:, :, k]]) for k in range(2)]
    assert 3 * first[0] < first[1] < np.inf
    together = simulate_adaptive(
        gs.Training(game, gs.algorithms.get("sgda")), rule.rules[0], lr=0.25, steps=12_000, trajectories=30, seed=2
    )["rate"].values
    assert np.median([_first_fall(steps, row) for row in together]) > 3 * first[0]  # the common rate has to wait


def _first_fall(steps, rates):
    fallen = np.flatnonzero(rates < rates[0])
    return steps[fallen[0]] if len(fallen) else np.inf


def test_sides_of_players_with_their_own_rates_balance():
    """The exact identities at unequal rates, |z| < 4 over 512 runs; with one rate for both the test fails."""
    run = simulate_adaptive(
        training(), Fixed(1.0, 0.5), lr=0.2, steps=2000, trajectories=512, batch_size=4, seed=5
    )  # fmt: skip
    left, right = (run[name].values[:, 10:].mean(axis=1) for name in ("dissipation", "fluctuation"))
    for factor, holds in ((1.0, True), (1.1, False)):
        gap = left - factor * right
        z = gap.mean(axis=0) / gap.std(axis=0, ddof=1) * np.sqrt(len(gap))
        assert np.all(np.abs(z) < 4) == holds


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
        ({"lr": {"generator": [0.1] * 100}}, "lr"),
        ({"lr": {"generator": [0.1] * 99, "discriminator": 0.1}}, r"lr\[generator\]"),
        ({"rule": Fixed(1.0, 1.0, 1.0)}, r"rule\.rate"),
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
