"""The simulated order table: its integrator, its coupling and control variates, verdicts, and what must fail."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

import gan_sde as gs
from figures.papers.coupled_sdes import order_experiment, order_sampling
from figures.papers.coupled_sdes.algorithm_orders import BATCH_SIZE, CASES, START, order_check
from figures.papers.coupled_sdes.coupled_runs import (
    CoupledSDE,
    CoupledTraining,
    control_variates,
    controlled,
    mean_difference,
    moments,
)
from figures.papers.coupled_sdes.order_experiment import Experiment
from figures.papers.coupled_sdes.order_sampling import measured
from figures.papers.coupled_sdes.scheduled_orders import scheduled_order, without_rate_derivative
from figures.papers.coupled_sdes.simulated_cases import DIRAC_GAN, LQ_GAN, ROWS, falling
from figures.papers.coupled_sdes.simulated_orders import (
    PRECISION,
    first_order_controls,
    is_slow,
    run_noise_control,
    run_rows,
    table,
)
from figures.papers.coupled_sdes.small_noise import SmallNoiseIntegrator
from figures.papers.coupled_sdes.weak_order_panels import draw

COARSE = 0.05
"""Standard error of an order in these tests."""
BY_LABEL = {row.label: row for row in ROWS}


def test_every_algorithm_is_in_the_table():
    """Adversarial training needs an adversary among the players and has a table of its own."""
    assert {row.case.name for row in ROWS} == set(gs.algorithms.names()) - {"adversarial-training"}
    assert BY_LABEL["Adam"].orders == (1,)
    assert all(row.orders == (1, 2) for row in ROWS if row.label != "Adam")
    assert sum(is_slow(row) for row in ROWS) == 13


@pytest.mark.parametrize("label", ["descent, one batch", "alternating"])
def test_one_step_of_the_integrator_is_right_to_fourth_order(label):
    """Mean over Gauss-Hermite nodes against the exponential: a local error of lr^4, so lr^3 at a fixed time."""
    case = next(case for case in CASES if case.label == label)
    sde = case.training().sde(2)
    exact, points = gs.MomentDynamics.of_sde(sde), np.polynomial.hermite_e.hermegauss(5)
    nodes = np.array(list(product(points[0], repeat=sde.diffusion.cols))).T
    weights = np.prod(list(product(points[1] / points[1].sum(), repeat=sde.diffusion.cols)), axis=1)
    integrator, lrs, errors = SmallNoiseIntegrator(sde, BATCH_SIZE), 2.0 ** -np.arange(4, 8), []
    for lr in lrs:
        ended = integrator.step(np.repeat(np.array([START]).T, nodes.shape[1], axis=1), lr, nodes)
        one_step = exact.after(START, lr, lr=lr, batch_size=BATCH_SIZE)[1:]
        errors.append(np.abs(moments(ended) @ weights - one_step).max())
    assert np.polyfit(np.log(lrs), np.log(errors), 1)[0] > 3.8


@pytest.mark.parametrize(
    ("label", "scene"),
    [("Crossing-the-Curl, two batches", DIRAC_GAN), ("heavy ball, mu = 0.25", LQ_GAN)],
)
def test_runs_agree_with_simulate(label, scene):
    """Moments of training and SDE against `simulate`, 8192 trajectories each; at most 28 moments, |z| < 4.5."""
    training = BY_LABEL[label].case.training(scene.game)
    sde = training.sde(2, noise="exact")
    driven = CoupledTraining(training, 8)
    coupled = CoupledSDE(sde, training.sde(1).slots, driven.slots, 8)
    rng, x0 = np.random.default_rng(3), scene.starts[0]
    normals = rng.standard_normal((10, len(driven.slots), 8192))
    own = rng.standard_normal((10, coupled.own, 8192))
    pairs = (
        (driven.run(x0, np.full(10, 0.02), normals)[: scene.game.dim], training, {}),
        (coupled.run(x0, 0.02, normals, own), sde, {"integrator": "euler", "substeps": 8}),
    )
    for found, process, options in pairs:
        run = gs.simulate(
            process, x0=x0, lr=0.02, steps=10, trajectories=8192, batch_size=8, seed=5, backend="reference", **options
        )
        mine, other = moments(found), moments(run["final"].values.T)
        spread = np.sqrt((mine.var(axis=1) + other.var(axis=1)) / 8192)
        assert np.abs((mine.mean(axis=1) - other.mean(axis=1)) / spread).max() < 4.5


def test_batch_means_have_the_moments_of_batches():
    """Means of the chaos functions over batches of 8: mean 0, variance 1/8, uncorrelated; 50,000 draws, |z| < 4.5."""
    driven = CoupledTraining(BY_LABEL["alternating"].case.training(LQ_GAN.game), 8)
    means = np.array(driven._means(np.random.default_rng(0).standard_normal((len(driven.slots), 50_000))))
    assert np.abs(means.mean(axis=1) * np.sqrt(8 * 50_000)).max() < 4.5
    products = 8 * means[:, None] * means[None] - np.eye(len(means))[:, :, None]
    assert np.abs(products.mean(axis=2) / products.std(axis=2) * np.sqrt(50_000)).max() < 4.5


def test_an_interval_that_tells_nothing_is_no_fall_back():
    (right, wrong) = run_noise_control(DIRAC_GAN, COARSE, 0)
    assert wrong.found.fit is not None
    order = replace(wrong.found.fit.order, interval=(0.4, 2.6))
    vague = replace(wrong, found=replace(wrong.found, fit=replace(wrong.found.fit, order=order)))
    assert not vague.falls_back and not vague.passed and not right.falls_back


def test_control_variates_have_mean_zero_and_leave_the_mean_alone():
    """20,000 pairs: z-scores of 195 controls below 4.5; a mean of 0.3 is kept, and most of the variance goes."""
    rng = np.random.default_rng(0)
    shared, own = rng.standard_normal((12, 3, 20_000)), rng.standard_normal((12, 2, 20_000))
    controls = control_variates(shared, own)
    # with columns i < j: five sums of products and nine products of sums; with one column six of the latter
    assert len(controls) == 5 * 15 + 9 * 10 + 6 * 5
    assert np.abs(controls.mean(axis=1) / controls.std(axis=1) * np.sqrt(20_000)).max() < 4.5
    values = 0.3 + (controls[:1] - 2 * controls[7:8] + controls[-1:]) + 0.1 * rng.standard_normal((1, 20_000))
    rest = controlled(values, controls)
    assert rest.mean() == pytest.approx(0.3, abs=4.5 * 0.1 / np.sqrt(20_000))
    assert rest.std() == pytest.approx(0.1, rel=0.05)


def test_coupled_difference_is_the_uncoupled_one_with_less_variance():
    training = BY_LABEL["alternating"].case.training(DIRAC_GAN.game)
    driven = CoupledTraining(training, 4)
    coupled = CoupledSDE(training.sde(1), training.sde(1).slots, driven.slots, 4)
    rates = np.full(8, 0.25)
    (near,) = mean_difference(driven, [coupled], (1.5, 1.0), rates, 0.25, 1024, (0,))
    rng = np.random.default_rng(9)
    first = moments(
        coupled.run((1.5, 1.0), 0.25, rng.standard_normal((8, len(driven.slots), 40_000)), np.zeros((8, 0, 40_000)))
    )
    second = moments(driven.run((1.5, 1.0), rates, rng.standard_normal((8, len(driven.slots), 40_000))))
    far, spread = first.mean(axis=1) - second.mean(axis=1), np.sqrt((first.var(axis=1) + second.var(axis=1)) / 40_000)
    assert np.abs((near.error - far) / spread).max() < 4.5
    assert near.variance_reduction.min() > 100


@pytest.mark.parametrize("seed", [3, 17])
def test_rows_and_controls_on_the_dirac_gan(seed):
    lines = run_rows(DIRAC_GAN, [BY_LABEL["descent, one batch"], BY_LABEL["LOLA, two batches"]], COARSE, seed)
    lines += run_noise_control(DIRAC_GAN, COARSE, seed)
    assert [line.wrong for line in lines] == ["", "", "wrong sign", "", "", "", "no cross-covariance"]
    assert all(line.check().passed for line in lines), [str(line.check()) for line in lines]
    assert not any(line.passed for line in lines if line.wrong)
    assert not any(line.falls_back for line in lines if not line.wrong and line.order == 2)
    (control,) = first_order_controls(lines)
    assert control.passed and control.measured == "0"
    assert {row[-1] for row in table(lines, "").rows} == {"passed", "falls back"}
    assert len(draw({}, lines).axes) == 1


@pytest.mark.slow
def test_noise_control_on_the_lq_gan():
    right, wrong = run_noise_control(LQ_GAN, PRECISION, 5)
    assert right.check().passed and not wrong.passed
    assert wrong.check().passed


def test_an_error_that_noise_hides_is_no_pass(monkeypatch):
    for bound in ("FEWEST", "MOST"):
        monkeypatch.setattr(order_experiment, bound, 16)
    (line,) = run_rows(LQ_GAN, [replace(BY_LABEL["alternating, generator first"], orders=(2,))], COARSE, 0)
    assert line.found.fit is None and not line.check().passed


def test_rates_are_refined_and_work_is_shared_out_as_needed():
    """Optimistic descent has large corrections on the LQ-GAN; half the standard error costs four times the pairs."""
    plain = Experiment(BY_LABEL["descent, one batch"], LQ_GAN, ())
    refined = Experiment(BY_LABEL["optimistic"], LQ_GAN, ())
    assert plain.steps(plain.first_refinement()) == LQ_GAN.steps and refined.first_refinement() > 0
    steps = refined.steps(refined.first_refinement())
    few, coarse, fine = (np.array(refined.shares({1: p, 2: p}, steps, (0,))) for p in (1.0, 0.02, 0.01))
    assert np.all(few == order_experiment.FEWEST) and np.all(fine % order_experiment.CHUNK == 0)
    assert np.all(np.abs(fine - 4 * coarse) <= 4 * order_experiment.CHUNK) and fine.max() > 4 * order_experiment.CHUNK


def test_an_order_with_too_much_truncation_error_is_measured_again_at_smaller_rates(monkeypatch):
    """Noise-free errors leave little of it, those of a batch of 4 more; only the order that needs it is run again."""
    scene, row = replace(DIRAC_GAN, batch_size=4), BY_LABEL["descent, one batch"]
    once = measured(row, scene, COARSE, 0, 0.95)
    assert {found.steps for found in once.values()} == {scene.steps}
    allowed = (once[1].fit.truncation + once[2].fit.truncation) / 2
    monkeypatch.setattr(order_sampling, "TRUNCATION", allowed)
    again = measured(row, scene, COARSE, 0, 0.95)
    for order in (1, 2):
        if once[order].fit.truncation <= allowed:
            assert again[order].steps == scene.steps and again[order].fit.value == once[order].fit.value
        else:
            assert again[order].steps > scene.steps and again[order].fit.value != once[order].fit.value


def test_errors_for_infinite_batches_have_the_order_although_one_batch_has_a_bias():
    """Products of means of one batch bias its training by 1/B, which must not be taken for an error of the SDE."""
    experiment = Experiment(BY_LABEL["extragradient, one batch"], DIRAC_GAN, ())
    first, second = np.array([experiment.quiet_lengths(n) for n in (40, 80)]).T
    assert first[0] / first[1] == pytest.approx(2, rel=0.05) and second[0] / second[1] == pytest.approx(4, rel=0.05)
    assert experiment.first_refinement() == 0


def test_chunks_are_independent_parts_of_one_mean(monkeypatch):
    """Eight chunks of 128 pairs: the error bar is that of 1024 pairs, and the error agrees within 4.5 of them."""
    experiment = Experiment(BY_LABEL["LOLA, two batches"], DIRAC_GAN, ())
    whole = experiment.lengths((1, 2), 10, 1024, (0,))
    monkeypatch.setattr(order_experiment, "CHUNK", 128)
    parts = experiment.lengths((1, 2), 10, 1024, (1,))
    np.testing.assert_allclose(parts.se, whole.se, rtol=0.25)
    assert np.all(np.abs(parts.length - whole.length) < 4.5 * np.hypot(parts.se, whole.se))


def test_scheduled_rate_exactly():
    training = CASES[3].training()
    options = {"x0": START, "time": 1.0, "lrs": (1 / 32, 1 / 64, 1 / 128, 1 / 256), "batch_size": BATCH_SIZE}
    first, second = (training.sde(order, schedule=falling) for order in (1, 2))
    assert order_check("", 1, scheduled_order(training, first, **options)).passed
    assert order_check("", 2, scheduled_order(training, second, **options)).passed
    undifferentiated = scheduled_order(training, without_rate_derivative(second), **options)
    assert not order_check("", 2, undifferentiated).passed
    assert order_check("", 1, undifferentiated).passed
