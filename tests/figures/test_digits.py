"""The digits: its measures against closed forms, its verdicts on made data."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from figures.papers.crossing_the_curl import digits
from figures.papers.crossing_the_curl.digits import ARMS, Curves, checks_of, difference
from figures.papers.crossing_the_curl.digits_measures import entropy, images, judge


def test_frechet_distance_of_a_shift_and_a_scale():
    """In feature space: |shift|^2, and (s - 1)^2 Tr C where all deviations are multiplied by s."""
    points, _ = images()
    pca = judge().features
    shift = 0.3 * pca.components_[2] - 0.1 * pca.components_[7]
    assert judge().frechet(points) == pytest.approx(0, abs=1e-9)
    assert judge().frechet(points + shift) == pytest.approx(0.09 + 0.01)
    scaled = points.mean(axis=0) + 1.5 * (points - points.mean(axis=0))
    assert judge().frechet(scaled) == pytest.approx(0.25 * np.trace(judge().covariance))
    assert judge().frechet(np.full((5, 64), np.nan)) == np.inf


def test_frechet_distance_by_the_matrix_square_root():
    """Against the formula with scipy's square root of the product, on noisy images."""
    rng = np.random.default_rng(0)
    samples = images()[0][:300] * 0.7 + rng.normal(0, 0.3, (300, 64))
    found = judge().features.transform(samples)
    mean, covariance = found.mean(axis=0), np.cov(found.T)
    root = sqrtm(covariance @ judge().covariance).real
    gap = mean - judge().mean
    expected = gap @ gap + np.trace(covariance + judge().covariance - 2 * root)
    assert judge().frechet(samples) == pytest.approx(expected, rel=1e-8)


def test_distance_of_real_images_is_small_beside_that_of_noise():
    rng = np.random.default_rng(1)
    assert judge().frechet(rng.uniform(-1, 1, (400, 64))) > 20 * digits.floor() > 0


def test_entropy_and_classifier():
    assert entropy(np.arange(10)) == pytest.approx(np.log(10))
    assert entropy(np.zeros(7)) == 0
    points, labels = images()
    assert np.mean(judge().classifier.predict(points) == labels) > 0.99
    assert judge().entropy(points) == pytest.approx(np.log(10), abs=1e-2)
    assert judge().entropy(points[labels == 3]) < 0.1
    assert judge().entropy(np.full((5, 64), np.inf)) == 0


def made(factor, spread=0.05, seeds=14):
    """A distance that falls from 10 to ``3 factor``, with noise from seed to seed."""
    rng = np.random.default_rng(round(1000 * factor))
    fall = np.exp(np.linspace(np.log(10), np.log(3), 11)) * factor
    noise = np.exp(rng.normal(0, spread, (seeds, 11)))
    return Curves(np.arange(11) * 25, fall * noise, np.full((seeds, 11), 2.0), np.zeros((400, 64)))


def story(small=0.97, wrong=1.05, large=2.0):
    plain, term, off, far = ARMS[0], *ARMS[1:]
    return {plain: made(1.0), term: made(small), off: made(wrong), far: made(large)}


def test_difference_is_the_mean_change_of_the_logarithm():
    curves = story()
    found = difference(curves[digits.TERM], curves[digits.PLAIN], 0.999)
    assert found.contains(np.log(0.97))
    assert not difference(curves[digits.LARGE], curves[digits.PLAIN], 0.999).contains(0.0)
    expected = np.log(curves[digits.TERM].distance / curves[digits.PLAIN].distance)[:, 1:].mean()
    assert found.value == pytest.approx(expected)


def test_verdicts_follow_the_data():
    """Each verdict fails where its statement is made false, and no other does."""
    assert [check.passed for check in checks_of(story())] == [True, True, True]
    assert [check.passed for check in checks_of(story(small=0.7))] == [False, True, True]
    assert [check.passed for check in checks_of(story(wrong=1.4))] == [True, False, True]
    assert [check.passed for check in checks_of(story(large=1.0))] == [True, True, False]


def test_trainings_are_paired_and_move_towards_the_data():
    """Two seeds, 25 iterations: one start for all arms, images in range, and nearer to the data than at the start."""
    trained = digits.train_on_digits(ARMS[:2], (5, 6), steps=25)
    assert trained.samples.shape == (2, 2, 2, digits.SAMPLES, 64) and np.abs(trained.samples).max() <= 1
    np.testing.assert_array_equal(trained.samples[0, :, 0], trained.samples[1, :, 0])
    assert not np.allclose(trained.samples[0, :, 1], trained.samples[1, :, 1])
    plain = digits.measure(trained, ARMS[:2])[ARMS[0]]
    assert (plain.distance[:, -1] < plain.distance[:, 0]).all()
