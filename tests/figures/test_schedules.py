"""The schedules' claim: its chain against a direct simulation, its test's error rates, a small comparison."""

from dataclasses import replace

import numpy as np
import pytest

from analysis import discrete_stationary_covariance
from figures.papers.coupled_sdes import schedules_runs
from figures.papers.coupled_sdes.schedules import calibration_checks, run
from figures.papers.coupled_sdes.schedules_chain import GramChain, observe
from figures.papers.coupled_sdes.schedules_runs import Curve, errors_at_drops, is_inside, log_ratio
from figures.papers.coupled_sdes.schedules_tests import LONG, SHORT, rejections
from figures.registry import Settings


def direct(chain, rng, x, lr, steps):
    """Parameters themselves, ``(runs, 2, m)``: both sides of the last step, and the inner products after it."""
    a, b = chain.curvature, chain.coupling
    for _ in range(steps):
        field = np.array([[a, b], [-b, a]]) @ x + np.sqrt(chain.variance) * rng.standard_normal(x.shape)
        work, square = (x * field).sum(axis=2), lr / 2 * (field**2).sum(axis=2)
        x = x - lr * field
    return x @ x.transpose(0, 2, 1), work, square


@pytest.mark.parametrize("m", [3, 7])
def test_chain_of_inner_products_is_the_game(m):
    """Moments of order 1 and 2 of five inner products and sides after 4 steps, 40,000 runs each, |z| < 5."""
    chain, lr, runs = GramChain(m, curvature=0.7, coupling=1.3, variance=2.0), 0.3, 40_000
    rng = np.random.default_rng(m)
    start = np.array([[1.5, -0.4], [-0.4, 0.8]])
    x = np.zeros((2, m))
    x[:, :2] = np.linalg.cholesky(start)
    gram, work, square = direct(chain, rng, np.tile(x, (runs, 1, 1)), lr, 4)
    found, left, right = observe(chain, rng, np.tile(start, (runs, 1, 1)), lr, 1, 4)

    def features(gram, work, square):
        rows = np.column_stack([gram[:, 0, 0], gram[:, 0, 1], gram[:, 1, 1], work, square])
        return np.column_stack([rows, *(rows[:, [i]] * rows[:, i:] for i in range(rows.shape[1]))])

    one, two = features(gram, work, square), features(found, left[:, 0], right[:, 0])
    z = (one.mean(axis=0) - two.mean(axis=0)) / np.sqrt((one.var(axis=0) + two.var(axis=0)) / runs)
    assert np.abs(z).max() < 5


def test_chain_starts_in_its_invariant_law():
    chain, lr = GramChain(5, curvature=0.7, coupling=1.3, variance=2.0), 0.3
    exact = discrete_stationary_covariance([[0.7, 1.3], [-1.3, 0.7]], 2 * np.eye(2), lr)
    assert chain.stationary_square(lr) == pytest.approx(exact[0, 0]) and abs(exact[0, 1]) < 1e-12
    rng = np.random.default_rng(0)
    start = chain.start(rng, lr, 40_000)
    np.testing.assert_allclose(start.mean(axis=0), 5 * exact, atol=5 * 5 * exact[0, 0] / 200)
    _, left, right = observe(chain, rng, start, lr, 1, 1)
    gap = (left - right)[:, 0]
    assert np.all(np.abs(gap.mean(axis=0) / gap.std(axis=0) * 200) < 4)


def test_error_rates_of_the_test():
    """4,096 replicates: 5 % ± 1 % under the null, power above 90 % right after the rate was halved."""
    assert rejections(SHORT, replicates=4096, seed=7).value == pytest.approx(0.05, abs=0.01)
    assert rejections(replace(SHORT, before=2.0), replicates=4096, seed=7).value > 0.9
    # controls: no power in low dimension, and none once the transient is over
    assert rejections(replace(SHORT, before=2.0, m=8), replicates=1024, seed=7).value < 0.2
    assert rejections(replace(LONG, before=2.0), replicates=512, seed=7).value < 0.1


@pytest.mark.slow
def test_all_checks_of_the_test():
    assert all(check.passed for check in calibration_checks(4096, 11))


@pytest.fixture(scope="module")
def comparison():
    problem = schedules_runs.real_data_problem(2500, None)
    return problem, schedules_runs.compare(problem, runs=64, seed=5)


def test_comparison_on_real_data(comparison):
    problem, curves = comparison
    assert set(curves) == {*schedules_runs.PLAIN, *schedules_runs.RULES}
    assert problem.relaxations == pytest.approx(2500 * 0.2 * 0.5)
    assert is_inside(problem, curves["constant"]) and not is_inside(problem, curves["start"])
    for curve in curves.values():
        assert curve.errors.shape == (64, len(curve.steps)) and curve.steps[-1] == 2500
        assert np.all(np.diff(curve.rates, axis=1) <= 0)
    floor = np.trace(
        discrete_stationary_covariance(
            np.kron([[1, 1], [-1, 0]], np.eye(4)), np.diag([2.0] * 4 + [0.0] * 4), problem.lr, problem.batch_size
        )
    )
    # one critic's noise: variance 1 of a standardised column and 1 of the latent (columns are correlated)
    late = curves["start"].errors[:, 40:].mean(axis=1)
    assert abs(late.mean() / floor - 1) < 4 * late.std() / late.mean() / 8
    for name in schedules_runs.RULES:
        ratio = log_ratio(curves[name], curves["start"], 0.999)
        assert ratio.interval[1] < 0
        assert errors_at_drops(problem, curves[name], 0.999).interval[0] < 1.2


def test_errors_at_drops_by_hand(comparison):
    problem, _ = comparison
    law = discrete_stationary_covariance(
        np.array(problem.training.game.jacobian, dtype=float),
        np.array(problem.training.game.noise_covariance.subs(schedules_runs._at(problem)), dtype=float), 0.1, 8,
    )  # fmt: skip
    rates = np.array([[0.1, 0.1, 0.05], [0.1, 0.05, 0.05], [0.1, 0.1, 0.1]])
    errors = np.trace(law) * np.array([[9.0, 2.0, 9.0], [4.0, 9.0, 9.0], [9.0, 9.0, 9.0]])
    assert errors_at_drops(problem, Curve("", np.arange(3), errors, rates), 0.9).value == pytest.approx(3)


def test_log_ratio_covers(comparison):
    """Independent exponential errors of ratio 2: 95 % intervals cover log 2 in 95 % ± 2 % of 2,000 replicates."""
    rng, hits = np.random.default_rng(1), 0
    for _ in range(2000):
        one, two = (Curve("", np.arange(1), s * rng.exponential(size=(200, 1)), np.ones((1, 1))) for s in (2, 1))
        hits += log_ratio(one, two, 0.95).contains(np.log(2))
    assert abs(hits / 2000 - 0.95) < 0.02


@pytest.mark.slow
def test_claim():
    outcome = run(Settings(seed=3))
    assert all(check.passed for check in outcome.checks), [c.name for c in outcome.checks if not c.passed]
    final, ratios = outcome.tables
    assert len(final.rows) == len(ratios.rows) == 12
    # the verdicts of the table are those of the checks
    assert {row[-1] for row in ratios.rows[6:]} == {"loses"} and {row[-1] for row in ratios.rows[:3]} == {"wins"}
