"""The mixture of Gaussians: its measures against closed forms, its rules against the registered ones, its verdicts."""

from itertools import permutations

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance
from torch import nn

import gan_sde as gs
from figures.papers.crossing_the_curl import mixture
from figures.papers.crossing_the_curl.mixture import Curves, checks_of, control_check, late, limit_check, paired
from figures.papers.crossing_the_curl.mixture_measures import mode_coverage, wasserstein
from figures.papers.crossing_the_curl.mixture_rules import CurlTerm, RootMeanSquare
from figures.papers.crossing_the_curl.mixture_training import (
    Arm,
    centres,
    curvature,
    payoff,
    perceptron,
    sample_mixture,
    train_on_mixture,
)
from gan_sde.neural import GameOptimizer, NetworkOracle, iterate

# -------------------------------------------------------------------- measures


def test_modes_of_points_placed_by_hand():
    """40 points: 30 on mode 0, 1 (exactly 1/40) on mode 3, 9 far away; then one of them moved out of reach."""
    points = np.full((40, 2), 9.0)
    points[:30], points[30] = centres()[0], centres()[3] + [0.0, 0.19]
    assert [float(v) for v in mode_coverage(points, centres(), 0.2)] == [2.0, 31 / 40]
    points[30] += [0.0, 0.02]
    assert [float(v) for v in mode_coverage(points, centres(), 0.2)] == [1.0, 30 / 40]
    both = mode_coverage(np.stack([points, np.full((40, 2), np.nan)]), centres(), 0.2)
    assert both[0].tolist() == [1, 0] and both[1].tolist() == [0.75, 0.0]


def test_real_samples_cover_all_modes():
    """Each of 8 modes gets 1/8 of 600 points: P(below 1/40) < 1e-12. P(|noise| > 4 std) = e^-8 in the plane."""
    points = sample_mixture(600, torch.Generator().manual_seed(0)).double().numpy()
    modes, near = mode_coverage(points, centres(), 4 * 0.05)
    assert modes == 8 and near >= 1 - 5 / 600  # five or more outside: chance 1e-5
    assert abs(np.linalg.norm(points, axis=1).mean() - 1) < 4 * 0.05 / np.sqrt(600) + 0.05**2


def test_wasserstein_of_a_shift_of_a_line_and_by_enumeration():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(60, 2))
    assert wasserstein(points, rng.permutation(points) + np.array([3.0, 4.0])) == pytest.approx(5.0)
    line = rng.normal(size=(2, 50, 1))
    assert wasserstein(*line) == pytest.approx(wasserstein_distance(line[0, :, 0], line[1, :, 0]))
    first, second = rng.normal(size=(2, 6, 2))
    best = min(np.linalg.norm(first - second[list(p)], axis=1).mean() for p in permutations(range(6)))
    assert wasserstein(first, second) == pytest.approx(best)
    assert wasserstein(first, second * np.nan) == np.inf
    with pytest.raises(ValueError, match=r"second: expected the shape of the first, \(m, D\), got \(6, 2\) and \(5"):
        wasserstein(first, second[:5])


# -------------------------------------------------------------------- rules


def oracle(replicas):
    torch.manual_seed(0)
    rng = torch.Generator().manual_seed(1)
    players = {"discriminator": perceptron(2, 1, 4).double(), "generator": perceptron(3, 2, 4).double()}

    def sample():
        real, z = (torch.randn(5, k, generator=rng, dtype=torch.float64) for k in (2, 3))
        return (real, z) if replicas is None else (real.repeat(replicas, 1, 1), z.repeat(replicas, 1, 1))

    return NetworkOracle(players, payoff, sample, replicas=replicas)


def end_of(rule, replicas, lr):
    game = oracle(replicas)
    x = game.layout.read() if replicas is None else game.layout.read().repeat(replicas, 1)
    return dict(iterate(rule, game, x, lr, 6))[6]


def test_weights_by_replica_are_those_of_the_linear_family():
    weights, rates = (torch.tensor(v, dtype=torch.float64)[:, None] for v in ([0.3, -0.2], [0.1, 0.2]))
    together = end_of(CurlTerm(weights), 2, rates)
    for k in range(2):
        alone = gs.algorithms.get("linear-family", alpha=1.0, beta=0.0, gamma=float(weights[k]))
        torch.testing.assert_close(together[k], end_of(alone, None, float(rates[k])), rtol=1e-10, atol=1e-12)
    assert not torch.allclose(together[0], end_of(CurlTerm(-weights), 2, rates)[0])


def test_root_mean_square_is_that_of_torch():
    game = oracle(None)
    optimizer = GameOptimizer(
        game.layout.modules, payoff, game.fresh, algorithm="sgda",
        through=lambda params: torch.optim.RMSprop(params, lr=0.01, alpha=0.99, eps=1e-8),
    )  # fmt: skip
    for _ in range(6):
        optimizer.step()
    expected = optimizer.oracle.layout.read()
    found = end_of(RootMeanSquare(gs.algorithms.get("sgda")), None, 0.01)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10)


def test_curvature_is_the_largest_eigenvalue_of_the_discriminators_block():
    game = oracle(2)
    x = torch.stack([game.layout.read(), 2 * game.layout.read()])
    real, z = game.fresh()
    block = game.layout.block("discriminator")

    def loss(own, k):
        values = dict(game.layout.modules["discriminator"].named_parameters())
        sizes = [v.numel() for v in values.values()]
        parts = dict(zip(values, own.split(sizes), strict=True))
        named = {name: part.view(values[name].shape) for name, part in parts.items()}
        fake = game.run("generator", x, z)[k]

        def discriminate(points):
            return torch.func.functional_call(game.layout.modules["discriminator"], named, points)

        return nn.functional.softplus(-discriminate(real[k])).mean() + nn.functional.softplus(discriminate(fake)).mean()

    found, _ = curvature(game, "discriminator", x, torch.ones_like(x), (real, z), iterations=400)
    for k in range(2):
        hessian = torch.autograd.functional.hessian(lambda own, k=k: loss(own, k), x[k, block])
        assert float(found[k]) == pytest.approx(float(torch.linalg.eigvalsh(hessian).abs().max()), rel=1e-6)


# -------------------------------------------------------------------- trainings and verdicts


def test_arms_are_paired_and_reproducible():
    arms = (Arm(0.0, 0.3), Arm(0.05, 0.3))
    first, again = (train_on_mixture(arms, (3, 4), steps=10, every=5, samples=7, finer=5) for _ in range(2))
    np.testing.assert_array_equal(first.samples, again.samples)
    assert first.samples.shape == (2, 2, 3, 7, 2) and first.curvature.shape == (2, 2, 11)
    np.testing.assert_array_equal(first.samples[0, :, 0], first.samples[1, :, 0])  # one start
    assert not np.allclose(first.samples[0, :, 2], first.samples[1, :, 2])
    assert not np.allclose(first.samples[0, 0], first.samples[0, 1])
    with pytest.raises(ValueError, match="arms: expected all through RMSProp or none, got both"):
        train_on_mixture((Arm(0.0, 0.3), Arm(0.0, 0.3, True)), (3,), steps=5, every=5, samples=2)


def made(modes, distance, limit=0.5, seeds=8):
    """Curves that rise or fall linearly to a value, with noise of 0.1."""
    rng, ramp = np.random.default_rng(0), np.linspace(0, 1, 11)
    noise = rng.normal(0, 0.1, (seeds, 11))
    distance = np.exp(np.log(0.4) * (1 - ramp) + np.log(distance) * ramp) * np.exp(0.1 * noise)
    limits = np.broadcast_to(np.linspace(0.1, 1, 51) * limit, (seeds, 51))
    return Curves(np.arange(11) * 100, 1 + (modes - 1) * ramp + noise, modes / 10 * ramp + noise / 10, distance,
                  np.arange(51) * 20, limits, np.zeros((seeds, 5, 2)))  # fmt: skip


def story(**changes):
    curves = {
        mixture.PLAIN: made(2, 0.38), mixture.SMALL: made(6, 0.27),
        mixture.LARGE: made(0, 10.0, limit=6.0), mixture.FAST: made(7, 0.2), mixture.FAST_TERM: made(1, 2.0),
    }  # fmt: skip
    return curves | {getattr(mixture, name): value for name, value in changes.items()}


def test_verdicts_follow_the_data():
    """Every verdict can fail: one change of the data each, and exactly the verdicts concerned change."""
    assert [check.passed for check in checks_of(story())] == [True] * 7
    no_help = [check.passed for check in checks_of(story(SMALL=made(2, 0.38)))]
    assert no_help == [False] * 2 + [True] * 5
    assert [c.passed for c in checks_of(story(SMALL=made(6, 4.0)))][3:6] == [False, True, False]
    assert not checks_of(story(LARGE=made(2, 0.4, limit=6.0)))[4].passed
    assert not checks_of(story(FAST_TERM=made(7, 0.2)))[6].passed
    halves = np.repeat([2.0, 5.0], 4)[:, None] + np.random.default_rng(2).normal(0, 0.1, (8, 11))
    assert not control_check(halves, 0.998).passed and control_check(halves[::-1], 0.998).passed


def test_breaking_below_the_limit_is_seen():
    assert limit_check(story()).passed
    assert not limit_check(story(LARGE=made(0, 10.0, limit=0.9))).passed
    assert not limit_check(story(LARGE=made(0, 0.4, limit=6.0))).passed  # nothing broke: nothing was shown
    late_crossing = made(0, 10.0, limit=1.01)
    assert (late_crossing.breaks < late_crossing.crosses).all()
    assert not limit_check(story(LARGE=late_crossing)).passed


def test_paired_interval_covers():
    """4000 experiments of 8 pairs: coverage of 95 % intervals within 1.5 points (4.3 standard errors)."""
    rng = np.random.default_rng(1)
    common = rng.normal(0, 5, (4000, 8))
    first, second = common + rng.normal(1, 1, (4000, 8)), common + rng.normal(0, 1, (4000, 8))
    covers = [paired(a, b, 0.95).contains(1.0) for a, b in zip(first, second, strict=True)]
    assert abs(np.mean(covers) - 0.95) < 0.015
    assert paired(np.arange(9.0), np.ones(8), 0.9).value == pytest.approx(2.5)  # the seeds that both have
    assert late(np.arange(11.0)[None]).tolist() == [9.0]


def test_wrong_weight_spoils_real_trainings():
    """Two seeds, 100 iterations: beyond gamma lambda = 1 from the start, the discriminator's loss is climbed."""
    arms = (Arm(0.0, 0.3), Arm(1.0, 0.3))
    trained = train_on_mixture(arms, (100, 101), steps=100, every=50, samples=mixture.SAMPLES)
    plain, large = mixture.measure(arms, trained, seed=5)
    assert np.isinf(plain.breaks).all() and np.isfinite(large.breaks).all()
    assert (large.crosses <= large.breaks).all() and (large.crosses == 0).all()
