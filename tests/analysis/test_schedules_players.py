"""Rules of each player, two time scales, line searches and schedule files."""

import json

import numpy as np
import pytest

from analysis.schedules import (
    PerPlayer,
    StationarityRule,
    YaidaRule,
    armijo_warmup,
    line_search,
    power,
    read_schedule,
    two_time_scale,
    write_schedule,
)


def sides(gaps, n, seed=0):
    """Noisy sides of players with given relative gaps, ``(n, players)`` each."""
    noise = np.random.default_rng(seed).normal(scale=0.3, size=(n, len(gaps)))
    return 1 + np.array(gaps) + noise, np.ones((n, len(gaps)))


@pytest.mark.parametrize("rule", [YaidaRule(tolerance=0.1, reduction=0.5, period=100), StationarityRule(period=100)])
def test_every_player_decides_alone(rule):
    """Only the balanced one falls; a common rule waits for both; each does what it does on its own."""
    left, right = sides([0.0, 3.0], 1000)
    own = PerPlayer(rule, players=2)
    assert own.observe(left, right) and own.rate[0] < 1 == own.rate[1] and own.drops == own.rules[0].drops
    common = type(rule)(period=100)
    assert not common.observe(left, right)
    alone = PerPlayer([rule])
    alone.observe(left[:, [0]], right[:, [0]])
    assert alone.rate[0] == own.rate[0]
    assert rule.rate == 1  # copied


def test_rules_may_differ_and_are_saved():
    left, right = sides([0.0, 0.0], 400)
    rule = PerPlayer([YaidaRule(tolerance=0.1, reduction=0.5, period=50), YaidaRule(tolerance=1e-9, period=50)])
    rule.observe(left[:210], right[:210])
    copy = PerPlayer([YaidaRule(tolerance=0.1, reduction=0.5, period=50), YaidaRule(tolerance=1e-9, period=50)])
    copy.load_state_dict(json.loads(json.dumps(rule.state_dict())))
    for each in (rule, copy):
        each.observe(left[210:], right[210:])
    assert copy.state_dict() == rule.state_dict() and rule.rate[0] < 1 == rule.rate[1]


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: PerPlayer(YaidaRule()), "players"),
        (lambda: PerPlayer([YaidaRule(), 3]), "rule"),
        (lambda: PerPlayer([YaidaRule()], players=2), "players"),
        (lambda: PerPlayer([YaidaRule(period=3), YaidaRule(period=4)]), "rule"),
        (lambda: PerPlayer(YaidaRule(), players=2).observe(np.ones((5, 3)), np.ones((5, 3))), "dissipation"),
        (lambda: two_time_scale(0.1, 5, exponents={"p": 0.5, "q": 1.0}), "exponents"),
        (lambda: two_time_scale(0.1, 5, exponents={"p": 0.9, "q": 0.9}), "exponents"),
        (lambda: two_time_scale(0.1, 5, exponents={"p": 0.9, "q": 1.1}), "exponents"),
        (lambda: two_time_scale({"p": 0.1}, 5, exponents={"p": 0.9, "q": 1.0}), "lr"),
        (lambda: line_search(abs, 1.0, 1.0, first=-1), "first"),
        (lambda: armijo_warmup(lambda x: x, lambda x: np.eye(1), [1.0], lr=0.1, steps=5, smoothing=2), "smoothing"),
        (lambda: write_schedule("x.csv", {"p": [1.0], "q": [1.0, 2.0]}), "lr"),
        (lambda: write_schedule("x.csv", {}), "lr"),
        (lambda: read_schedule("/nowhere/x.csv"), "path"),
    ],
)
def test_bad_input_is_named_in_one_line(call, name):
    with pytest.raises(ValueError, match=rf"^{name}[\w\[\]]*: expected [^\n]*$"):
        call()


def test_two_time_scales():
    rates = two_time_scale({"p": 0.1, "q": 0.3}, 50, exponents={"p": 0.6, "q": 1.0}, offset=7)
    np.testing.assert_array_equal(rates["p"], power(0.1, 50, exponent=0.6, offset=7))
    np.testing.assert_array_equal(rates["q"], power(0.3, 50, exponent=1.0, offset=7))
    assert np.all(np.diff(rates["q"] / rates["p"]) < 0)  # the ratio of Borkar's condition goes to 0


# -------------------------------------------------------------------- line searches


def test_accepted_rates_lower_the_merit_enough_and_the_next_larger_does_not():
    rng = np.random.default_rng(0)
    for _ in range(50):
        curvature, gradient = rng.uniform(0.1, 10), rng.uniform(0.1, 3)

        def merit(rate, c=curvature, g=gradient):
            return 2 - rate * g + c * rate**2 / 2

        found = line_search(merit, 2.0, gradient, first=8.0, decrease=0.2)
        assert found.accepted and merit(found.rate) <= 2 - 0.2 * found.rate * gradient
        assert found.rate == 8.0 or merit(2 * found.rate) > 2 - 0.2 * 2 * found.rate * gradient
        assert found.rate >= min(8.0, 0.5 * 2 * (1 - 0.2) * gradient / curvature)  # the guaranteed rate


def test_nothing_is_accepted_without_descent():
    assert line_search(lambda rate: -rate, 0.0, 0.0, first=1.0).accepted is False
    assert line_search(lambda rate: rate, np.inf, 1.0, first=1.0).accepted is False  # rate < inf is no decrease
    assert line_search(lambda rate: rate, 0.0, 1.0, first=1.0, most=7).tries == 7


def test_warmup_of_a_quadratic_against_the_condition_by_hand():
    """H along F falls by |F|^2 (2 rate a - rate^2 (a^2 + b^2)) / 2 for a + i b: so large rates are accepted."""
    matrix = np.array([[0.5, 2.0], [-2.0, 0.5]])
    rates = armijo_warmup(
        lambda x: matrix @ x, lambda x: matrix, [1.0, 1.0], lr=1e-3, steps=200, smoothing=1.0, decrease=0.4
    )
    # 1 - 2 r a + r^2 (a^2 + b^2) <= 1 - 2 c r a: r <= 2 (1 - c) a / (a^2 + b^2)
    largest = 2 * 0.6 * 0.5 / 4.25
    assert largest / 2 < rates[-1] <= largest and np.all(rates <= largest)


def test_warmup_of_a_bilinear_game_accepts_nothing():
    matrix = np.array([[0.0, 1.0], [-1.0, 0.0]])
    rates = armijo_warmup(lambda x: matrix @ x, lambda x: matrix, [1.0, 1.0], lr=0.1, steps=20)
    assert np.all(rates == 0.1)


# -------------------------------------------------------------------- files


@pytest.mark.parametrize("suffix", ["csv", "json"])
@pytest.mark.parametrize("schedule", [np.geomspace(0.3, 1e-9, 40), {"p": np.linspace(0, 1 / 3, 7), "q": np.ones(7)}])
def test_files_give_back_every_bit(tmp_path, suffix, schedule):
    write_schedule(tmp_path / f"a.{suffix}", schedule)
    found = read_schedule(tmp_path / f"a.{suffix}")
    if isinstance(schedule, dict):
        assert list(found) == ["p", "q"]
        for player in schedule:
            np.testing.assert_array_equal(found[player], schedule[player])
    else:
        np.testing.assert_array_equal(found, schedule)


@pytest.mark.parametrize("suffix", ["csv", "json"])
@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ([0.1, -1.0], "lr: expected rates >= 0, got -1"),
        ({"p": [0.1], "q": [-0.5]}, "lr: expected rates >= 0, got -0.5"),
        ({"lr": [0.1]}, r"lr: expected players named otherwise than the columns, got \['lr'\]"),
        ({"step": [0.1]}, r"lr: expected players named otherwise than the columns, got \['step'\]"),
    ],
)
def test_nothing_is_written_that_would_not_come_back(tmp_path, suffix, schedule, message):
    file = tmp_path / f"a.{suffix}"
    with pytest.raises(ValueError, match=f"^{message}$"):
        write_schedule(file, schedule)
    assert not file.exists()
    write_schedule(file, {"lr": [0.0], "q": [0.5]})  # beside another player the name is no riddle
    assert list(read_schedule(file)) == ["lr", "q"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", ""),
        ("a.csv", "lr\n0.1\n"),
        ("a.csv", "step,lr\n1,0.1\n"),
        ("a.csv", "step,lr\n0,x\n"),
        ("a.csv", "step,lr\n0,-1\n"),
        ("a.csv", "step,p,q\n0,1\n"),
        ("a.csv", "step,lr\n0,nan\n"),
        ("a.json", "[1, 2"),
        ("a.json", "[1, 2]"),
        ("a.json", '{"p": [1], "q": [1, 2]}'),
        ("a.json", '{"p": "x"}'),
        ("a.json", "{}"),
    ],
)
def test_other_files_are_refused(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=r"^path: expected [^\n]*$"):
        read_schedule(tmp_path / name)
