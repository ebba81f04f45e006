import numba
import numpy as np
import pytest
from scipy import stats

from gan_sde.kernels import normals
from gan_sde.kernels.philox import words

EXTREMES = [0, 1, 2**29 - 1, 2**29, 2**30, 2**31 - 1, 2**31, 3 * 2**30, 2**32 - 2**29, 2**32 - 2, 2**32 - 1]
# A million normals; each test below raises a false alarm with probability 1e-4 (over the choice of seed).
COUNT, ALARM = 1_000_000, 1e-4


@numba.njit
def lane_pairs(u, v, even, odd, pair):
    for i in range(u.size):
        even[i], odd[i] = pair(u[i], v[i])


@numba.njit
def lane_map(function, u, out):
    for i in range(u.size):
        out[i] = function(u[i])


def word_grid():
    random = np.random.default_rng(2).integers(0, 2**32, 20_000).tolist()
    u, v = np.meshgrid(EXTREMES, EXTREMES)
    return (
        np.array(u.ravel().tolist() + random, np.uint64),
        np.array(v.ravel().tolist() + random[::-1], np.uint64),
    )


@pytest.mark.parametrize(
    ("pair", "dtype", "tolerance"),
    [(normals.normal_pair_64, np.float64, 4e-15), (normals.normal_pair_32, np.float32, 4e-4)],
)
def test_lanes_agree_with_numpy(pair, dtype, tolerance):
    u, v = word_grid()
    even, odd = np.empty(u.size, dtype), np.empty(u.size, dtype)
    lane_pairs(u, v, even, odd, pair)
    expected = normals.normal_pairs(u, v)
    assert np.abs(even - expected[0]).max() < tolerance
    assert np.abs(odd - expected[1]).max() < tolerance
    # float32 loses digits of radii near zero only (a uniform within 1e-7 of 1).
    usual = u < 0.99 * 2**32
    assert np.abs(even - expected[0])[usual].max() < 8 * np.finfo(dtype).eps


def test_box_muller_against_its_definition():
    u, v = word_grid()
    radius, angle = np.sqrt(-2 * np.log((u + 0.5) / 2**32)), 2 * np.pi * v / 2**32
    even, odd = normals.normal_pairs(u, v)
    assert np.allclose(even, radius * np.cos(angle), rtol=0, atol=1e-14)
    assert np.allclose(odd, radius * np.sin(angle), rtol=0, atol=1e-14)
    assert 6.7 < np.abs(even).max() < 6.8


def test_uniforms_stay_inside_the_open_interval():
    u = np.array(EXTREMES, np.uint64)
    for function, dtype in ((normals.uniform_64, np.float64), (normals.uniform_32, np.float32)):
        out = np.empty(u.size, dtype)
        lane_map(function, u, out)
        assert np.array_equal(out, normals.uniforms(u, dtype))
        assert out.min() > 0 and out.max() < 1


def million(transform=normals.normal_pairs):
    drawn = words(12345, 0, np.arange(COUNT // 4), 3, 0, np.arange(4))
    return np.concatenate(transform(drawn[::2], drawn[1::2])).ravel()


def moments_are_normal(x):
    """Raw moments 1 to 6 against those of N(0, 1), each with its exact standard error."""
    exact = np.array([stats.norm.moment(k) for k in range(13)])
    limit = stats.norm.isf(ALARM / 2 / 6)
    z = [(np.mean(x**k) - exact[k]) / np.sqrt((exact[2 * k] - exact[k] ** 2) / x.size) for k in range(1, 7)]
    return np.max(np.abs(z)) < limit


def test_moments_of_a_million_normals():
    assert moments_are_normal(million())


def test_distribution_of_a_million_normals():
    assert stats.kstest(million(), "norm").pvalue > ALARM


def test_neighbours_are_uncorrelated():
    drawn = words(12345, 0, np.arange(COUNT // 4), 3, 0, np.arange(4))
    x = np.concatenate(normals.normal_pairs(drawn[::2], drawn[1::2]))
    for y in (x, x**2 - 1):
        z = np.corrcoef(y)[np.triu_indices(4, 1)] * np.sqrt(COUNT / 4)
        along = np.corrcoef(y[0, 1:], y[0, :-1])[0, 1] * np.sqrt(COUNT / 4)
        assert np.max(np.abs([*z, along])) < stats.norm.isf(ALARM / 2 / 7)


def test_a_wrong_radius_is_caught():
    def wrong(u, v):
        even, odd = normals.normal_pairs(u, v)
        return even * np.sqrt(0.97), odd * np.sqrt(0.97)

    assert not moments_are_normal(million(wrong))
    assert stats.kstest(million(wrong), "norm").pvalue < ALARM
