"""Orders recovered from exact moments and from noise, and the calibration of their intervals."""

import numpy as np
import pytest

from analysis import weak_order

LRS = 2.0 ** -np.arange(2, 8)


def exact_errors(drift_correction):
    """Error of the SDE's mean against x' = (1 - lr h) x at T = 1, h = 1.3: exact, no sampling."""
    h = 1.3
    return (1 - LRS * h) ** (1 / LRS) - np.exp(-h * (1 + drift_correction * LRS * h / 2))


@pytest.mark.parametrize(("correction", "order"), [(0.0, 1.0), (1.0, 2.0), (-1.0, 1.0)])
def test_exact_moments_of_a_linear_game(correction, order):
    # With the wrong sign the drift correction must not buy an order.
    fit = weak_order(LRS[2:], exact_errors(correction)[2:], np.zeros(4))
    assert abs(fit.value - order) < 0.1
    assert abs(fit.local_slopes[0] - order) < 0.03
    assert np.isnan(fit.p_value) and not fit.norm_ses.any()


def test_pure_power_is_exact():
    fit = weak_order(LRS, -3 * LRS**1.7, np.zeros(6))
    assert np.isclose(fit.value, 1.7, rtol=1e-12) and np.isclose(fit.prefactor, 3, rtol=1e-10)
    assert np.allclose(fit.local_slopes, 1.7, rtol=1e-10) and fit.se < 1e-12


def test_order_of_points_does_not_matter():
    errors, ses = LRS**2 * [1.01, 0.98, 1.0, 1.03, 0.97, 1.0], 0.02 * LRS**2
    forward, backward = weak_order(LRS, errors, ses), weak_order(LRS[::-1], errors[::-1], ses[::-1])
    assert backward.lrs[0] == forward.lrs[0] == LRS[-1]
    assert forward.value == backward.value


def coverage(order, relative, replicates, components=None, resamples=200):
    """Share of intervals that cover, share of fits rejected at 5 %, and mean bias in standard errors."""
    rng = np.random.default_rng(3)
    truth = LRS[:5] ** order if components is None else LRS[:5, None] ** order * components
    ses = truth * np.reshape(relative, (-1, 1) if components is not None else -1)
    hits, rejected, shift = 0, 0, []
    for _ in range(replicates):
        fit = weak_order(LRS[:5], truth + ses * rng.normal(size=truth.shape), ses, resamples=resamples)
        hits += fit.interval[0] <= order <= fit.interval[1]
        rejected += fit.p_value < 0.05
        shift.append((fit.value - order) / fit.se)
    return hits / replicates, rejected / replicates, np.mean(shift)


@pytest.mark.parametrize("relative", [np.full(5, 0.02), np.full(5, 0.1), np.geomspace(0.01, 0.2, 5)])
def test_intervals_and_goodness_of_fit_are_calibrated(relative):
    # 1500 replicates: 95 +- 2 % and 5 +- 2 % hold with probability 0.9996 each, a bias of 0.15 se fails.
    covered, rejected, shift = coverage(1.0, relative, 1500)
    assert 0.93 < covered < 0.97
    assert 0.03 < rejected < 0.07
    assert abs(shift) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("components", [np.ones(3), np.array([1.0, 0.95, 0.9]), np.array([1.0, 0.5])])
def test_maximum_over_components_is_calibrated(components):
    # Tied components: conservative by construction, hence the upper bound; 1000 replicates, 5 sigma below 95 %.
    covered, _, shift = coverage(2.0, np.full(5, 0.05), 1000, components, 1000)
    assert 0.93 < covered < 0.99
    assert abs(shift) < 0.15


def test_covariance_of_components_is_used():
    errors = np.column_stack([LRS, LRS])
    perfectly_correlated = (0.05 * LRS)[:, None, None] ** 2 * np.ones((2, 2))
    together = weak_order(LRS, errors, perfectly_correlated)
    apart = weak_order(LRS, errors, 0.05 * errors)
    # One random number shifts both: there is no bias of the maximum. Two independent ones bias it by s / sqrt(pi).
    assert np.allclose(together.norms, LRS[::-1], rtol=5e-3)
    assert np.allclose(apart.norms, LRS[::-1] * (1 - 0.05 / np.sqrt(np.pi)), rtol=5e-3)


def test_wrong_power_is_excluded():
    rng = np.random.default_rng(5)
    fit = weak_order(LRS, LRS**2 * (1 + 0.05 * rng.normal(size=6)), 0.05 * LRS**2)
    low, high = fit.interval
    assert low < 2 < high and not low < 1 < high


def test_mixture_of_orders_fails_the_goodness_of_fit():
    mixture = 0.05 * LRS + LRS**2
    assert weak_order(LRS, mixture, 0.01 * mixture).p_value < 1e-6
    assert weak_order(LRS, LRS**2, 0.01 * LRS**2).p_value > 0.99


def test_refuses_noise_and_names_it():
    errors = LRS**2
    ses = np.full(6, errors[-1])
    message = r"^errors: .* got less at lr = 0.0078125 \(not distinguishable from 0"
    with pytest.raises(ValueError, match=message):
        weak_order(LRS, errors, ses)
    # Ten components give noise ten chances: the same point falls.
    wide = np.column_stack([2.2 * ses, *([0 * ses] * 9)])
    weak_order(LRS, 2.2 * ses, ses)
    with pytest.raises(ValueError, match=r"^errors: expected \|error\| > 2.81 standard errors"):
        weak_order(LRS, wide, np.tile(ses[:, None], 10))


@pytest.mark.parametrize(
    ("lrs", "errors", "ses", "message"),
    [
        ([0.1, 0.1], [1.0, 2.0], [0.1, 0.1], "lrs: expected different positive numbers"),
        ([0.1, -0.2], [1.0, 2.0], [0.1, 0.1], "lrs: expected different positive numbers"),
        ([0.1], [1.0], [0.1], "lrs: expected at least 2 learning rates, got 1"),
        ([0.1, 0.2], [1.0, 2.0], [0.0, 0.0], "lrs: expected at least 3 learning rates, got 2"),
        ([0.1, 0.2, 0.4], [1.0, 2.0], [0.1, 0.1], "errors: expected 3 rows, one a learning rate, got 2"),
        ([0.1, 0.2], [1.0, 2.0], [0.1], r"ses: expected the shape \(2,\) of errors, got \(1,\)"),
        ([0.1, 0.2], [1.0, 2.0], [0.1, -0.1], "ses: expected numbers >= 0, got -0.1"),
        ([0.1, 0.2], [1.0, 2.0], [0.1, 0.0], "ses: expected all points exact or none"),
        ([0.1, 0.2, 0.4], [1.0, 0.0, 1.0], [0.0] * 3, "errors: .* at lr = 0.2"),
    ],
)
def test_refuses(lrs, errors, ses, message):
    with pytest.raises(ValueError, match="^" + message):
        weak_order(lrs, errors, ses)
