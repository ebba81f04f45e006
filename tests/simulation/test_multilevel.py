"""Multilevel Monte Carlo against exact moments of an affine game: values, stated errors, and cost in integrator steps.

Error bars: ``|value - exact| <= 2 se + bias`` holds with probability 0.95 at least where the bias is rightly estimated.
"""

import math

import numpy as np
import pytest

import gan_sde as gs
from gan_sde.simulation.multilevel import multilevel

SAMPLES = ((1.2, 0.9, 0.7, 0.2, -0.3), (0.7, 1.7, 1.2, -0.4, 0.2), (1.6, 0.5, 0.5, 0.1, 0.25))
START, LR, STEPS, BATCH_SIZE = (0.8, -0.5), 0.1, 12, 2
GAME = gs.games.get("quadratic", samples=SAMPLES)
TRAINING = gs.Training(GAME, gs.algorithms.get("sgda"))
SDE = TRAINING.sde(order=2)
ARGUMENTS = {"lr": LR, "steps": STEPS, "batch_size": BATCH_SIZE, "x0": START}


def exact(sde=SDE):
    """Two means and three second moments, in the order of the default observables."""
    return gs.MomentDynamics.of_sde(sde).after(START, LR * STEPS, lr=LR, batch_size=BATCH_SIZE)[1:]


def covered(runs, truth):
    """Share of all values within ``2 se + bias`` of the truth."""
    return np.mean([np.abs(run.value - truth) <= 2 * run.se + run.bias for run in runs])


@pytest.mark.parametrize("integrator", ["euler", pytest.param("weak2", marks=pytest.mark.slow)])
def test_default_observables_are_the_moments(integrator):
    """Five values within 4 errors: a right run fails with probability below 3.2e-4."""
    run = multilevel(SDE, **ARGUMENTS, tolerance=0.002, integrator=integrator)
    assert run.observables == ("omega", "theta", "omega*omega", "omega*theta", "theta*theta")
    assert run.reached and (run.error <= 0.002).all()
    assert (np.abs(run.value - exact()) < 4 * run.error).all()


@pytest.mark.slow
def test_coverage_over_replicates():
    """200 replicates of five values. Their mean coverage is at least 0.95 in truth; the replicates are independent,
    the values of one are not, so that its standard deviation is at most sqrt(0.05 0.95 / 200) = 0.0154: below 0.89
    with probability 1e-4 (normal approximation). The error is a bound on the root-mean-square one: the ratio of the
    latter, over replicates, to the tolerance has standard error below 0.05 sqrt(5).
    """
    runs = [multilevel(SDE, **ARGUMENTS, tolerance=0.004, coarsest=4, seed=seed) for seed in range(200)]
    truth = exact()
    assert covered(runs, truth) > 0.89
    rms = np.sqrt(np.mean([(run.value - truth) ** 2 for run in runs], axis=0))
    assert (rms < 0.004 * 1.1).all()
    # the moments of another SDE, whose drift lacks the terms of order lr, are not covered
    assert covered(runs, exact(TRAINING.sde(order=1))) < 0.5


def test_standard_errors_are_those_of_replicates():
    """Scatter of 40 values against the stated error: the ratio of variances is chi-square of 39 degrees, in 0.41 to
    1.98 with probability 1 - 1e-3 (for each of two observables; variances are estimated, which the margin holds)."""
    budget = {"budget": 2e5, "coarsest": 8, "observe": {"mean": "theta", "energy": "theta**2"}}
    runs = [multilevel(SDE, **ARGUMENTS, **budget, seed=seed) for seed in range(40)]
    ratios = np.var([run.value for run in runs], axis=0, ddof=1) / np.mean([run.se**2 for run in runs], axis=0)
    assert (ratios > 0.35).all() and (ratios < 2.2).all()


def test_fewer_steps_than_plain_monte_carlo_at_the_same_errors():
    """Steps, no time: `simulate` at the finest step size needs ``variance / se^2`` trajectories of ``finest`` steps."""
    run = multilevel(SDE, **ARGUMENTS, observe={"mean": "theta", "energy": "omega**2"}, tolerance=1e-4)
    finest = run.levels[-1].steps
    plain = gs.simulate(
        SDE, **ARGUMENTS, trajectories=1024, integrator="euler", substeps=max(1, finest // STEPS), every=STEPS,
        record=("moments",), observe={"mean": "theta", "energy": "omega**2"},
    )  # fmt: skip
    variance = 1024 * plain["observable_se"].values[-1] ** 2
    np.testing.assert_allclose(run.levels[-1].fine_variance, variance, rtol=0.3)
    cost = np.max(variance / run.se**2 * finest)
    assert cost > 10 * run.cost
    # the share of levels: variances fall, and with them the numbers of samples
    assert all(a.samples >= b.samples for a, b in zip(run.levels, run.levels[1:], strict=False))


def test_budget_is_kept():
    run = multilevel(SDE, **ARGUMENTS, budget=3e6)
    assert run.reached and 1e6 < run.cost <= 3e6
    assert (np.abs(run.value - exact()) < 4 * run.error).all()


def test_result_depends_on_the_seed_only():
    first, again, other = (multilevel(SDE, **ARGUMENTS, tolerance=0.01, seed=seed) for seed in (1, 1, 2))
    assert first.value.tolist() == again.value.tolist() != other.value.tolist()


def test_reference_kernel_agrees():
    options = {**ARGUMENTS, "tolerance": 0.05, "coarsest": 2}
    fused, plain = (multilevel(SDE, **options, backend=backend) for backend in ("cpu", "reference"))
    np.testing.assert_allclose(fused.value, plain.value, rtol=1e-9)
    np.testing.assert_allclose(fused.se, plain.se, rtol=1e-9)


def test_divergence_at_coarse_steps_is_avoided():
    """The cubic drift of the LQ-GAN over a long time blows up at few steps: no level is taken there."""
    sde = gs.Training(gs.games.get("lq-gan").subs(mu=0.5, sigma=1.0), gs.algorithms.get("sgda")).sde()
    run = multilevel(sde, lr=0.05, steps=100, batch_size=16, observe={"b": "b"}, tolerance=0.02)
    assert run.levels[0].steps > 1 and all(level.diverged == 0 for level in run.levels)


@pytest.mark.parametrize(
    "name, options",
    [
        ("process", {"process": TRAINING}),
        ("tolerance", {}),
        ("tolerance", {"tolerance": 0.1, "budget": 1e5}),
        ("tolerance", {"tolerance": -1.0}),
        ("tolerance", {"tolerance": {"x": 0.1}}),
        ("budget", {"budget": 0}),
        ("integrator", {"tolerance": 0.1, "integrator": "heun"}),
        ("coarsest", {"tolerance": 0.1, "coarsest": 0}),
        ("lr", {"tolerance": 0.1, "lr": lambda k: 0.1 / (k + 1)}),
        ("backend", {"tolerance": 0.1, "backend": "gpu"}),
        ("batch_size", {"tolerance": 0.1, "batch_size": math.inf}),
        ("observe", {"tolerance": 0.1, "observe": {}}),
    ],
)
def test_bad_input(name, options):
    with pytest.raises(ValueError, match=rf"^{name}: expected .*[,;] got .*$"):
        multilevel(**{"process": SDE, **ARGUMENTS, **options})


def test_an_expression_outside_its_domain_is_named():
    with pytest.raises(ValueError, match=r"^observe\[log\]: expected an expression that is defined along all paths"):
        multilevel(SDE, **ARGUMENTS, tolerance=0.1, observe={"mean": "theta", "log": "log(omega - 1)"})
    with pytest.raises(ValueError, match=r"^coarsest: "):
        multilevel(SDE, **ARGUMENTS, tolerance=0.1, coarsest=2**31)
