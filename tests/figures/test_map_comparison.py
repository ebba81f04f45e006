"""The comparison of maps on the N-dimensional LQ-GAN: against loops by hand, one-dimensional maps and closed forms."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq

from figures.papers.crossing_the_curl import (
    map_comparison,
    map_comparison_arrivals,
    map_comparison_speeds,
    map_comparison_statistics,
    maps,
)
from figures.papers.crossing_the_curl.map_comparison_following import (
    CLOSE,
    MARK,
    Euler,
    HeunEuler,
    phase_space_factors,
)
from figures.papers.crossing_the_curl.map_comparison_panels import draw
from figures.papers.crossing_the_curl.map_comparison_runs import (
    MAP_NAMES,
    compare,
    distances,
    follow,
    follow_named,
    normal_divergence,
)
from figures.papers.crossing_the_curl.map_comparison_theory import Linearisation
from figures.papers.crossing_the_curl.map_comparison_trials import (
    Trials,
    batched_map,
    bounds,
    draw_trials,
    pack,
    scales,
)
from figures.registry import Settings

OPTIONS = {"step": 1e-4, "tolerance": 1e-3, "longest": 1e-2}


@pytest.fixture(scope="module")
def small():
    return compare((1, 2), 10, 2, seed=3, budget=1200)


def unit_trials(starts):
    """One-dimensional trials on N(0, 1) from the rows of ``starts``."""
    starts = np.asarray(starts, dtype=float)
    return Trials(np.ones((len(starts), 1, 1)), starts, np.arange(len(starts)))


# -------------------------------------------------------------------- by hand, N = 2


def field_by_hand(x, covariance):
    """F for N = 2, from the derivatives of ``<W, S - A A^T - b b^T> - w . b``; complex numbers pass through."""
    (p, q, r), w, (a, c, d), b = x[:3], x[3:5], x[5:8], x[8:]
    scale = np.array([[a, 0], [c, d]])
    mismatch = scale @ scale.T + np.outer(b, b) - covariance
    quadratic = np.array([[p, q], [q, r]])
    slope = -2 * quadratic @ scale
    upward = [mismatch[0, 0], 2 * mismatch[0, 1], mismatch[1, 1], *b]
    return np.array([*upward, slope[0, 0], slope[1, 0], slope[1, 1], *(-2 * quadratic @ b - w)])


def jacobian_by_hand(x, covariance):
    step = 1e-30
    columns = [field_by_hand(x + 1j * step * e, covariance).imag / step for e in np.eye(10)]
    return np.array(columns).T


def map_by_hand(name, x, covariance):
    field, jacobian = field_by_hand(x, covariance), jacobian_by_hand(x, covariance)
    if name == "F_cc":
        return (jacobian.T - jacobian) @ field / 2
    if name == "F_eg":
        return -jacobian @ field
    if name == "F_con":
        return field + 0.1 * jacobian.T @ field
    if name == "F_reg":
        penalty = 2 * jacobian[:5, 5:].T @ field[:5]
        return field + 0.1 * np.concatenate([np.zeros(5), penalty])
    return field


@pytest.mark.parametrize("name", ["F", "F_reg", "F_con", "F_eg", "F_cc"])
def test_maps_are_those_by_hand(name):
    trials = draw_trials(2, 4, 2, 11)
    x = np.random.default_rng(2).uniform(-3, 3, trials.starts.shape)
    found = batched_map(name, trials)(x)
    expected = [map_by_hand(name, row, s) for row, s in zip(x, trials.covariances, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-9)


def heun_by_hand(name, start, goal, covariance, budget):
    """Iterations and time to a thousandth of the first distance, with plain loops."""
    x, step, time = start, 1e-4, 0.0
    first = np.linalg.norm(x - goal)

    def project(y):
        return [max(v, 0.01) if i in (5, 7) else v for i, v in enumerate(y)]

    slope = map_by_hand(name, x, covariance)
    for k in range(1, budget + 1):
        ahead = np.array(project(x - step * slope))
        mean = (slope + map_by_hand(name, ahead, covariance)) / 2
        arrived = np.array(project(x - step * mean))
        new = map_by_hand(name, arrived, covariance)
        time += step
        difference = max(abs(mean - (slope + new) / 2)) / max(abs((slope + new) / 2))
        if difference <= 0.1:
            factor = 5 - 4 * (max(difference, 0.01) - 0.01) / 0.09
        else:
            factor = 1 - 0.5 * (min(difference, 0.7) - 0.1) / 0.6
        error = max(abs(arrived - ahead))
        step = min(0.01, step * min(factor, (1e-3 / error) ** 0.5))
        x, slope = arrived, new
        if np.linalg.norm(x - goal) <= 1e-3 * first:
            return k, time
    return budget, time


@pytest.mark.parametrize("name", ["F_cc", "F_con"])
def test_following_is_that_by_hand(name):
    trials = draw_trials(2, 3, 1, 0)
    runs = follow_named(name, trials, 300)
    for i in range(3):
        count, time = heun_by_hand(name, trials.starts[i], trials.equilibria[i], trials.covariances[i], 300)
        assert runs.iterations[i] == count
        assert runs.times[i] == pytest.approx(time, rel=1e-6)
    assert runs.arrived.any()


# -------------------------------------------------------------------- one dimension


@pytest.mark.parametrize("name", ["F", "F_reg", "F_con", "F_eg", "F_cc"])
def test_one_dimension_has_the_symbolic_maps(name):
    x = np.random.default_rng(4).uniform(0.1, 5, (6, 4))
    np.testing.assert_allclose(batched_map(name, unit_trials(x))(x), maps.function(name)(x.T).T, rtol=1e-11, atol=1e-11)


def arrival(path):
    """First iteration with at most a thousandth of the first distance."""
    distance = np.linalg.norm(path - maps.EQUILIBRIUM, axis=1)
    return int(np.argmax(distance <= CLOSE * distance[0]))


@pytest.mark.parametrize("name", ["F_cc", "F_eg", "F_con"])
def test_one_dimension_follows_the_single_run(name):
    starts = [[3.0, 0.0, 2.0, 0.0], [-4.0, 0.0, 7.0, 0.0], [0.5, 0.0, 0.3, 0.0]]
    runs = follow_named(name, unit_trials(starts), 3000)
    for i, start in enumerate(starts):
        single = maps.heun_euler(
            maps.function(name), maps.projection(1e-2), np.array(start), budget=3000, **OPTIONS
        )  # fmt: skip
        assert runs.iterations[i] == arrival(single.path)
        np.testing.assert_allclose(runs.ends[i], single.path[runs.iterations[i]], rtol=1e-8, atol=1e-9)
        assert runs.times[i] == pytest.approx(single.times[runs.iterations[i]])


def test_fixed_steps_follow_the_single_run():
    start = np.array([1.0, 0.5, 2.0, -0.3])
    trials, project = unit_trials([start]), maps.projection(1e-2)
    run = maps.extragradient(maps.function("F"), project, start, step=1e-3, budget=300)
    np.testing.assert_allclose(follow_named("EG", trials, 300).ends[0], run.path[-1], rtol=1e-10)
    run = maps.euler(maps.function("F_cc"), project, start, step=1e-3, budget=300)
    found = follow(batched_map("F_cc", trials), trials, Euler(1e-3), 300)
    np.testing.assert_allclose(found.ends[0], run.path[-1], rtol=1e-10)


def test_scaled_map_is_the_closed_form():
    x = np.array([[2.0, 0.0, 3.0, 0.0]])
    trials = replace(unit_trials(x), factors=np.array([[[0.7]]]))
    for name, second in (("F_cc", 3 - 0.49 / 3), ("F_eg", (9 - 0.49 - 2 * 4) / 3)):
        np.testing.assert_allclose(batched_map(name, trials, scaled=True)(x), [[4, 0, second, 0]], atol=1e-12)


# -------------------------------------------------------------------- batches, control of the step, laws


def test_a_trial_does_not_depend_on_its_batch():
    trials = draw_trials(2, 6, 1, 5)
    together = follow_named("F_cc", trials, 400)
    assert 0 < together.arrived.sum()
    for i in (0, 5):
        alone = follow_named(
            "F_cc", Trials(trials.factors[i : i + 1], trials.starts[i : i + 1], trials.laws[:1]), 400
        )  # fmt: skip
        assert alone.iterations[0] == together.iterations[i]
        for name in ("ends", "halfway", "mark_states"):
            np.testing.assert_allclose(getattr(alone, name)[0], getattr(together, name)[i], rtol=1e-6, atol=1e-9)


def test_marks_and_half_time():
    trials = draw_trials(1, 6, 1, 5)
    runs = follow_named("F_cc", trials, 400)
    assert runs.arrived.all()
    first = distances(trials, trials.starts)
    assert (distances(trials, runs.mark_states) <= MARK * first).all()
    assert (runs.mark_iterations < runs.iterations).all() and (runs.mark_times < runs.times).all()
    for i, k in enumerate(runs.mark_iterations):
        before = follow_named("F_cc", trials, k - 1)
        assert before.ratio[i] > MARK
        np.testing.assert_allclose(follow_named("F_cc", trials, k).ends[i], runs.mark_states[i], rtol=1e-12)
    half = follow_named("F_cc", trials, 200)
    np.testing.assert_array_equal(half.ends, runs.halfway)


def test_step_factors_are_those_of_one_run():
    rng = np.random.default_rng(8)
    trapezoid = rng.standard_normal((40, 3))
    used = trapezoid + rng.uniform(0, 0.8, (40, 1)) * rng.standard_normal((40, 3))
    used[:2], trapezoid[:2] = 0, 0
    used[1, 0] = 1
    expected = [maps.phase_space_factor(u, t) for u, t in zip(used, trapezoid, strict=True)]
    np.testing.assert_allclose(phase_space_factors(used, trapezoid), expected)
    assert len(set(expected)) > 10


def test_laws_and_starts():
    trials = draw_trials(4, 200, 3, 1)
    assert trials.starts.shape == (600, 28) and trials.covariances.shape == (600, 4, 4)
    assert (trials.laws == np.repeat(np.arange(200), 3)).all() and (trials.factors[0] == trials.factors[2]).all()
    np.testing.assert_array_equal(scales(trials.equilibria, 4), trials.factors)
    for factors in (trials.factors, scales(trials.starts, 4)):
        diagonal, below = factors[:, range(4), range(4)], factors[:, *np.tril_indices(4, -1)]
        assert diagonal.min() == 0.1 and 9.9 < diagonal.max() <= 10
        assert -5 <= below.min() < -4.9 and 4.9 < below.max() <= 5
        assert not factors[:, *np.triu_indices(4, 1)].any()
    assert 4.9 < np.abs(trials.starts[:, :10]).max() <= 5
    assert not trials.starts[:, 10:14].any() and not trials.starts[:, 24:].any()
    np.testing.assert_allclose(trials.condition, np.linalg.cond(trials.covariances), rtol=1e-6)
    assert not (draw_trials(4, 200, 3, 2).starts == trials.starts).all()


def test_bounds_are_those_of_the_diagonal():
    low, high = bounds(3)
    bounded = pack(np.zeros((1, 3, 3)), np.eye(3)[None])[0] == 1
    assert (low[bounded] == 1e-2).all() and (low[~bounded] == -np.inf).all() and (high == np.inf).all()


def test_divergence_of_normal_laws():
    trials = draw_trials(3, 5, 1, 3)
    states = trials.starts.copy()
    states[:, -3:] = np.random.default_rng(1).standard_normal((5, 3))
    for i, found in enumerate(normal_divergence(states, trials)):
        scale, shift, target = scales(states, 3)[i], states[i, -3:], trials.covariances[i]
        spread = scale @ scale.T
        expected = np.trace(np.linalg.solve(target, spread)) + shift @ np.linalg.solve(target, shift) - 3
        expected += np.linalg.slogdet(target)[1] - np.linalg.slogdet(spread)[1]
        assert found == pytest.approx(expected / 2, rel=1e-7)
    np.testing.assert_allclose(normal_divergence(trials.equilibria, trials), 0, atol=1e-12)


# -------------------------------------------------------------------- linearisation


def test_rates_are_the_eigenvalues_of_both_maps():
    trials = draw_trials(2, 3, 1, 6)
    rates = Linearisation(trials).rates
    for name in ("F_cc", "F_eg"):
        for i in range(3):
            one = Trials(trials.factors[[i] * 10], trials.starts[[i] * 10], np.arange(10))
            map_ = batched_map(name, one)
            jacobian = (map_(one.equilibria + 1e-5 * np.eye(10)) - map_(one.equilibria - 1e-5 * np.eye(10))).T / 2e-5
            moving = [0, 1, 2, 5, 6, 7]
            found = np.sort(np.linalg.eigvals(jacobian[np.ix_(moving, moving)]).real)
            np.testing.assert_allclose(found, np.sort(np.repeat(rates[i], 2)), rtol=1e-6, atol=1e-7)


def test_forecast_in_one_dimension():
    trials = replace(unit_trials(np.zeros((2, 4))), factors=np.array([[[0.5]], [[10.0]]]))
    found = Linearisation(trials)
    np.testing.assert_allclose(found.rates, [[1.0], [400.0]])
    np.testing.assert_allclose(found.forecast, [np.log(1000) / 0.01, np.log(1000) / 2])


def test_tail_times_solve_the_linear_flow(small):
    trials, runs = small.trials[2], small.runs[2]["F_cc"]
    times = Linearisation(trials).tail_times(runs)
    assert np.isnan(times[~runs.arrived]).all() and runs.arrived.sum() > 3
    for i in np.flatnonzero(runs.arrived)[:4]:
        matrix = Linearisation(trials).mismatch[i]
        (left, right), offset = (matrix @ matrix.T, matrix.T @ matrix), runs.mark_states[i] - trials.equilibria[i]
        parts = [(np.linalg.eigh(square), v) for square, v in ((left, offset[:3]), (right, offset[5:8]))]

        def distance(t, parts=parts):
            return np.sqrt(sum(((e.eigenvectors.T @ v) ** 2 * np.exp(-2 * e.eigenvalues * t)).sum() for e, v in parts))

        end = np.linalg.norm(runs.ends[i] - trials.equilibria[i])
        assert times[i] == pytest.approx(brentq(lambda t: distance(t) - end, 0, 1e3), rel=1e-6)  # noqa: B023


# -------------------------------------------------------------------- verdicts


def test_share_is_the_exact_interval():
    for successes, count in ((0, 25), (7, 25), (25, 25)):
        low, high = map_comparison_statistics.share(successes, count)
        assert low == pytest.approx(stats.beta.ppf(0.025, successes, count - successes + 1) if successes else 0)
        assert high == pytest.approx(
            stats.beta.ppf(0.975, successes + 1, count - successes) if successes < count else 1
        )


def test_median_is_between_order_statistics():
    values = np.random.default_rng(0).standard_normal(25)
    middle, interval = map_comparison_statistics.median(values)
    # P(Bin(25, 1/2) <= 7) = 0.0216: the 8th and the 18th smallest hold the median with 95.7 %
    assert middle == np.median(values) and interval == (np.sort(values)[7], np.sort(values)[17])


def test_verdicts_on_who_arrives(small):
    checks = map_comparison_arrivals
    across, plain = small.of("F_cc"), small.of("F")
    assert checks.never_check("F", plain, "").passed
    assert not checks.never_check("F_cc", across, "").passed
    assert checks.reach_check("F_cc", across[1]).passed
    beyond = replace(across[1], budget=1)  # with a budget of 1 every law is out of reach
    assert not checks.reach_check("F_cc", beyond).passed
    falling = [replace(runs, arrived=runs.trials.laws < 9 - 6 * k) for k, runs in enumerate(across)]
    assert checks.trend_check("F_cc", falling).passed
    assert not checks.trend_check("F_cc", [replace(runs, arrived=runs.trials.laws < 5) for runs in across]).passed
    assert checks.explanation_check(across).passed
    assert not checks.explanation_check(plain).passed
    assert checks.rival_check(small, "F", "F_cc").passed
    assert not checks.rival_check(small, "F_cc", "F").passed
    assert not checks.rival_check(small, "F_cc", "F_cc").passed
    assert checks.turned_check(small.trials[2], budget=500).passed
    assert not checks.turned_check(small.trials[2], sign=1.0, budget=500).passed


def test_consensus_misses_for_two_reasons(small):
    runs = small.runs[1]["F_con"]
    assert map_comparison_arrivals.consensus_check(runs).passed
    astray = replace(runs, ends=runs.ends + 1.0, arrived=np.zeros_like(runs.arrived))
    assert not map_comparison_arrivals.consensus_check(astray).passed


def test_verdicts_on_how_fast(small):
    checks = map_comparison_speeds
    assert checks.faster_check(small, "F_reg", (1, 2)).passed
    turned = replace(
        small, runs={n: {**runs, "F_cc": runs["F_reg"], "F_reg": runs["F_cc"]} for n, runs in small.runs.items()}
    )
    assert not checks.faster_check(turned, "F_reg", (1, 2)).passed
    assert not checks.paired_check(
        replace(small, runs={n: {**r, "F_eg": r["F_reg"]} for n, r in small.runs.items()})
    ).passed


def test_verdicts_on_the_forecast():
    checks, runs = map_comparison_speeds, follow_named("F_cc", draw_trials(2, 150, 1, 2), 5000)
    forecast = Linearisation(runs.trials).forecast
    assert checks.forecast_check([runs]).passed
    assert not checks.forecast_check([replace(runs, iterations=runs.iterations * 4)]).passed
    assert not checks.forecast_check([replace(runs, iterations=runs.iterations / 4)]).passed
    assert checks.order_check([runs]).passed
    assert checks.order_check([replace(runs, iterations=forecast**0.5)]).passed
    assert not checks.order_check([replace(runs, iterations=1 / forecast)]).passed
    assert not checks.order_check([replace(runs, iterations=1 + runs.trials.laws)]).passed
    assert checks.step_check([runs]).passed
    assert not checks.step_check([runs], shorter=2.0).passed


def test_verdicts_on_the_last_part(small):
    checks, across = map_comparison_speeds, small.of("F_cc")
    assert all(checks.tail_check("", [runs]).passed for runs in across)
    assert not checks.tail_check("", across[1:], slower=2.0).passed  # as if F_cc had no factor 1/2
    assert not checks.tail_check("", [small.runs[1]["F_reg"]]).passed


def test_verdicts_on_scaled_maps(small):
    runs = small.scaled["F_cc"]
    assert map_comparison_speeds.scaled_check("F_cc", runs).passed
    assert not map_comparison_speeds.scaled_check("F_cc", small.runs[1]["F_cc"]).passed
    # F_cc' in units of sigma does not know sigma: what differs is the start
    same = replace(unit_trials([[2.0, 0, 3.0, 0], [20.0, 0, 30.0, 0]]), factors=np.array([[[1.0]], [[10.0]]]))
    counts = follow(batched_map("F_cc", same, scaled=True), same, Euler(0.1), 100).iterations
    assert counts[0] == counts[1]


def test_verdicts_on_other_distances(small):
    across = small.of("F_cc")
    assert map_comparison_speeds.divergence_check(across).passed
    # generators ten times as far off at the same distance bound
    off = [replace(r, ends=r.trials.equilibria + 0.1 * (r.ends - r.trials.equilibria)) for r in across]
    for wrong, right in zip(off, across, strict=True):
        wrong.__dict__["divergence"] = right.divergence
    assert not map_comparison_speeds.divergence_check(off).passed
    assert map_comparison_speeds.field_check(across[1]).passed
    assert not map_comparison_speeds.field_check(small.runs[1]["F"]).passed


def test_extragradient_forecast():
    trials = replace(unit_trials(np.zeros((1, 4))), factors=np.array([[[10.0]]]))
    count = map_comparison_arrivals.extragradient_forecast(trials)
    # the same by running the linear iteration
    field, x = np.array([[0, -20.0], [20.0, 0]]), np.array([1.0, 0.0])
    step = np.eye(2) - 1e-3 * field @ (np.eye(2) - 1e-3 * field)
    assert np.linalg.norm(np.linalg.matrix_power(step, int(count)) @ x) == pytest.approx(CLOSE, rel=1e-3)


def test_figure(small):
    figure = draw(small)
    assert len(figure.axes) == 8 and all(axes.get_title(loc="left") for axes in figure.axes)


def test_names():
    assert set(MAP_NAMES) == {"F_cc", "F_eg", "F_reg", "F_con", "F", "EG"}
    assert HeunEuler() == HeunEuler(step=1e-4, tolerance=1e-3, longest=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_claim(seed):
    outcome = map_comparison.run(Settings(seed=seed))
    assert [check.name for check in outcome.checks if not check.passed] == []
