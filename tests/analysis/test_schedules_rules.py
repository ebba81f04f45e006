"""Rules that lower the rate: against hand-written loops, on stationary chains and on transients."""

import json
from copy import deepcopy

import numpy as np
import pytest

from analysis import discrete_stationary_covariance
from analysis.schedules import StationarityRule, YaidaRule
from tests.analysis.processes import linear_game

DIM = 24
LR = 0.1


def jacobian(dim):
    return np.kron([[1.0, 1.0], [-1.0, 1.0]], np.eye(dim))


def observations(seed, draws, *, every, start=None, lr=LR, runs=1, dim=DIM):
    """Both sides of two players of a quadratic game, ``(runs, n, 2)``; from its invariant law or a point."""
    rng = np.random.default_rng(seed)
    x, field = linear_game(rng, jacobian(dim), np.eye(2 * dim), lr, 1, runs, draws, start)
    work, square = x * field, lr / 2 * field**2
    sides = [np.stack([v[..., :dim].sum(-1), v[..., dim:].sum(-1)], axis=-1) for v in (work, square)]
    return [side[:, every - 1 :: every] for side in sides]


def test_yaida_against_a_loop_of_its_own():
    """Half-running means since the last drop, checked every 50 observations, both players within 10 %."""
    left, right = (side[0] for side in observations(0, 6000, every=1))
    rule = YaidaRule(tolerance=0.1, reduction=0.3, period=50)
    rate, first = 1.0, 0
    for k in range(50, 6001, 50):
        dropped = rule.observe(left[k - 50 : k], right[k - 50 : k])
        window = slice(k - (k - first) // 2, k)
        expected = bool(np.all(np.abs(left[window].mean(axis=0) / right[window].mean(axis=0) - 1) < 0.1))
        assert dropped == expected
        if expected:
            rate, first = rate * 0.7, k
        assert rule.rate == pytest.approx(rate)
    assert 3 < rule.drops < 120


@pytest.mark.parametrize("rule", [YaidaRule(tolerance=0.1, period=30), StationarityRule(period=40)])
def test_feeding_one_by_one_or_together_is_the_same(rule):
    left, right = (side[0] for side in observations(1, 4000, every=2))
    together, single = deepcopy(rule), deepcopy(rule)
    together.observe(left, right)
    falls = [single.observe(a, b) for a, b in zip(left, right, strict=True)]
    assert together.rate == single.rate and together.drops == single.drops == sum(falls) > 0
    resumed = deepcopy(rule)
    resumed.observe(left[:1111], right[:1111])
    copy = deepcopy(rule)
    copy.load_state_dict(json.loads(json.dumps(resumed.state_dict())))
    copy.observe(left[1111:], right[1111:])
    assert copy.state_dict() == together.state_dict()


@pytest.mark.parametrize("rule", [YaidaRule(tolerance=0.1, period=2), StationarityRule(period=2)])
@pytest.mark.parametrize("seen", [1, 2])  # in the midst of a period, and after a check, which may clear the record
def test_the_number_of_players_stays(rule, seen):
    rule = deepcopy(rule)
    rule.observe(np.ones((seen, 2)), np.ones((seen, 2)))
    resumed = deepcopy(rule)
    resumed.load_state_dict(json.loads(json.dumps(rule.state_dict())))
    for each in (rule, resumed):
        with pytest.raises(ValueError, match=r"^dissipation: expected shape \(n, 2\) as before, got \(4, 3\)$"):
            each.observe(np.ones((4, 3)), np.ones((4, 3)))
        each.observe(np.ones((4, 2)), np.ones((4, 2)))


def test_states_of_old_do_not_name_the_number_of_players():
    rule = YaidaRule(period=3)
    rule.observe(np.ones((2, 2)), np.ones((2, 2)))
    old = {name: value for name, value in rule.state_dict().items() if name != "players"}
    fresh = YaidaRule(period=3)
    fresh.load_state_dict(old)
    with pytest.raises(ValueError, match=r"^values: expected shape \(n, 2, 2\), got \(1, 2, 3\)$"):
        fresh.observe([1.0, 1.0, 1.0], [1.0, 1.0, 1.0])
    assert fresh.observe([1.0, 1.0], [1.0, 1.0])


def test_stationary_chains_drop_with_the_stated_probability():
    """One check at 1,000 observations, one step in five, of 2,000 chains: 95 % ± 1.5 % drop (3 standard deviations)."""
    left, right = observations(2, 5000, every=5, runs=2000, dim=3)
    dropped = [StationarityRule(period=1000).observe(a, b) for a, b in zip(left, right, strict=True)]
    assert abs(np.mean(dropped) - 0.95) < 0.015


def test_transients_do_not_drop():
    """From far away |x|^2 falls during the whole window; Yaida's rule as well sees it, at 1 % as at 10 %."""
    lr = 0.002
    left, right = observations(3, 400, every=2, start=np.full(2 * DIM, 3.0), lr=lr, runs=100)
    for rule in (StationarityRule(period=20), YaidaRule(tolerance=0.1, period=20), YaidaRule(period=20)):
        drops = [deepcopy(rule) for _ in left]
        assert not any(r.observe(a, b) for r, a, b in zip(drops, left, right, strict=True))


def test_early_noise_is_not_taken_for_stationarity():
    """Power: just after the rate was halved the law is too wide; without precision most short buckets pass."""
    lr = 0.005
    wide = discrete_stationary_covariance(jacobian(DIM), np.eye(2 * DIM), 2 * lr)
    starts = np.random.default_rng(4).multivariate_normal(np.zeros(2 * DIM), wide, size=200)
    passed = {0.5: 0, 1e6: 0}
    for seed, start in enumerate(starts):
        left, right = observations(5 + seed, 80, every=2, start=start, lr=lr)
        for precision in passed:
            rule = StationarityRule(period=40, precision=precision)
            passed[precision] += rule.observe(left[0], right[0])
    assert passed[0.5] <= 10 < 120 < passed[1e6]


def test_a_wrong_rate_is_not_balanced():
    """Negative control: fluctuation computed at 1.3 times the rate never looks stationary."""
    left, right = observations(6, 20_000, every=2, runs=20)
    assert not any(StationarityRule(period=500).observe(a, 1.3 * b) for a, b in zip(left, right, strict=True))
    assert all(StationarityRule(period=500).observe(a, b) for a, b in zip(left, right, strict=True))
