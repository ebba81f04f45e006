"""Plain decays, the record of recent observations, and the test of balance on batch means."""

import numpy as np
import pytest
from scipy import stats

from analysis import schedules
from analysis.schedules import Record, batch_test

LEVELS = (0.95, 0.8)


def test_decays_at_a_few_iterations():
    np.testing.assert_allclose(schedules.inverse_time(0.4, 100, offset=20)[[0, 20, 80]], [0.4, 0.2, 0.08])
    np.testing.assert_allclose(schedules.power(0.4, 9, exponent=0.5)[[0, 3, 8]], [0.4, 0.2, 0.4 / 3])
    np.testing.assert_allclose(schedules.step_decay(0.8, 7, period=3, factor=0.25), [0.8] * 3 + [0.2] * 3 + [0.05])
    wave = schedules.cosine(0.4, 1000, warmup=100, last=0.1)
    assert wave[:100] == pytest.approx(0.4 * (np.arange(100) + 0.5) / 100)
    assert np.all(np.diff(wave[100:]) < 0) and wave[-1] == pytest.approx(0.1, rel=1e-4)
    assert wave[100:].mean() == pytest.approx(0.25)  # of a half wave: the middle between its ends
    assert schedules.cosine(0.4, 3, warmup=3) == pytest.approx([0.4 / 6, 0.2, 1 / 3])


def test_stable_rate_is_a_fraction_of_the_edge():
    """At the edge itself the factor of one iteration is 1: by the eigenvalues, and for second moments."""
    jacobian = np.array([[0.5, 2.0], [-1.0, 1.0]])
    edge = schedules.stable_rate(jacobian, fraction=1.0)
    assert np.abs(np.linalg.eigvals(np.eye(2) - edge * jacobian)).max() == pytest.approx(1)
    assert schedules.stable_rate(jacobian, fraction=0.3) == pytest.approx(0.3 * edge)
    samples = np.array([jacobian + s * np.array([[1.0, 0.0], [0.5, -1.0]]) for s in (-1, 1)])
    for batch, rate in ((b, schedules.stable_rate(samples, fraction=1.0, batch_size=b)) for b in (1, 4)):
        mean = np.eye(2) - rate * jacobian
        spread = np.kron(samples[0] - jacobian, samples[0] - jacobian)
        assert np.abs(np.linalg.eigvals(np.kron(mean, mean) + rate**2 / batch * spread)).max() == pytest.approx(1)
        assert rate < edge


def test_record_keeps_the_recent_fraction():
    """Against slices of the whole series, while blocks do not merge yet."""
    series = np.random.default_rng(0).normal(size=(700, 2))
    record = Record(keep=0.25)
    for first in range(0, 700, 7):
        record.add(series[first : first + 7])
        stop = first + 7
        kept = len(record)
        assert kept == int(np.ceil(0.25 * stop))
        np.testing.assert_allclose(record.mean, series[stop - kept : stop].mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(record.batches(5), series[525:].reshape(5, 35, 2).mean(axis=1))


def test_record_is_bounded_and_does_not_depend_on_how_it_is_fed():
    series = np.random.default_rng(1).normal(size=(30_000, 3))
    pieces = []
    for size in (1, 977, 30_000):
        record = Record(keep=0.5, capacity=64)
        for first in range(0, len(series), size):
            record.add(series[first : first + size])
        kept = len(record)
        assert 0.45 * len(series) <= kept <= 0.51 * len(series)
        # merging blocks loses the place of at most one block at the recent end
        direct = series[-kept:].mean(axis=0)
        np.testing.assert_allclose(record.mean, direct, atol=0.02)
        assert record.batches(64) is not None and record.batches(129) is None
        pieces.append(record)
    clone = Record(keep=0.5, capacity=64)
    clone.load_state_dict(pieces[0].state_dict())
    for each in (clone, pieces[0]):
        each.add(series[:555])
    np.testing.assert_array_equal(clone.mean, pieces[0].mean)


@pytest.mark.parametrize("level", LEVELS)
def test_batch_test_against_scipy(level):
    rng = np.random.default_rng(2)
    left, right = 1.5 + rng.normal(size=(20, 2)), 1.2 + rng.normal(size=(20, 2)) / 5
    found = batch_test(left, right, level=level)
    share = 1 - (1 - level) / 4  # two players, two tests each
    expected = True
    for player in range(2):
        difference = left[:, player] - right[:, player]
        interval = stats.ttest_1samp(difference, 0).confidence_interval(share)
        half = (interval.high - interval.low) / 2 / right[:, player].mean()
        assert found.half_width[player] == pytest.approx(half)
        assert found.gap[player] == pytest.approx(left[:, player].mean() / right[:, player].mean() - 1)
        halves = stats.ttest_ind(difference[:10], difference[10:]).pvalue
        expected &= bool(interval.low <= 0 <= interval.high) and halves >= 1 - share
    assert bool(found.balanced) == expected


@pytest.mark.parametrize("players", [1, 2, 3])
def test_false_alarm_rate_on_white_noise(players):
    """40,000 replicates: 5 % less the overlap of independent tests, to within 0.4 % (more than 3.5 s.d.)."""
    noise = np.random.default_rng(3).normal(size=(40_000, 20, players))
    rejected = 1 - batch_test(1 + noise, np.ones_like(noise)).balanced.mean()
    exact = 1 - (1 - 0.05 / (2 * players)) ** (2 * players)
    assert abs(rejected - exact) < 0.004


def test_each_half_of_the_test_finds_what_it_is_for():
    noise = np.random.default_rng(4).normal(size=(2000, 20, 1))
    crossing = np.linspace(-3, 3, 20)[:, None]  # mean 0 over the whole
    for signal in (1.3 * np.ones((20, 1)), crossing):
        assert batch_test(1 + noise + signal, np.ones_like(noise)).balanced.mean() < 0.02


def test_telescoping_observations_silence_the_test():
    """Differences of a stationary series average to nearly nothing, and batch means do not see it: no alarm ever."""
    walk = np.random.default_rng(5).normal(size=(4000, 401, 1))
    gap = np.diff(walk, axis=1).reshape(4000, 20, 20, 1).mean(axis=2)
    assert batch_test(1 + gap, np.ones_like(gap)).balanced.mean() > 0.99


def test_noiseless_balance():
    zero = np.zeros((4, 1))
    assert batch_test(zero, zero).balanced and batch_test(zero, zero).precise(0.1)
    assert not batch_test(zero + 1, zero).balanced


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: schedules.constant(-1.0, 5), "lr"),
        (lambda: schedules.constant(0.1, 0), "steps"),
        (lambda: schedules.power(0.1, 5, exponent=np.nan), "exponent"),
        (lambda: schedules.inverse_time(0.1, 5, offset=0), "offset"),
        (lambda: schedules.cosine(0.1, 5, warmup=6), "warmup"),
        (lambda: schedules.cosine(0.1, 5, last=0.2), "last"),
        (lambda: schedules.step_decay(0.1, 5, period=0), "period"),
        (lambda: schedules.stable_rate([[0.0, 1.0], [-1.0, 0.0]]), "jacobian"),
        (lambda: schedules.stable_rate([[1.0]], fraction=1.5), "fraction"),
        (lambda: schedules.YaidaRule(reduction=1.0), "reduction"),
        (lambda: schedules.StationarityRule(precision=0), "precision"),
        (lambda: schedules.StationarityRule(factor=2), "factor"),
        (lambda: schedules.YaidaRule().observe([1.0], [1.0, 2.0]), "fluctuation"),
        (lambda: schedules.YaidaRule().observe([np.nan], [1.0]), "dissipation"),
        (lambda: batch_test(np.ones((5, 1)), np.ones((5, 1))), "dissipation"),
    ],
)
def test_bad_input_is_named_in_one_line(call, name):
    with pytest.raises(ValueError, match=rf"^{name}: expected .*, got [^\n]*$"):
        call()
