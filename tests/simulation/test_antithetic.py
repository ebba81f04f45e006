"""Antithetic pairs from end to end: order, exact moments, calibrated errors, measured gain, bits that never change."""

import sys

import numpy as np
import pytest
import xarray as xr
from sympy import symbols

import gan_sde as gs
from gan_sde.cli.summary import final_covariance, summarise
from gan_sde.simulation import chunks, ensemble
from gan_sde.simulation.simulate import plan_of

LIMIT = 4.5
"""Standard errors that an estimate may be off; one that is right is further off with probability 6.8e-6."""
X, Y, U, V, W = symbols("x y u v w")
START = {"x": 0.8, "y": -0.5}


def affine(noise=0.5):
    """Quadratic payoff with normal data: the field is affine, the noise multiplies the state and is added to it."""
    payoff = X * Y * (1 + noise * U) + (Y**2 - X**2) / 2 * (1 + noise * V) + X * W + Y * U
    return gs.Game.zero_sum(
        payoff, maximiser={"p": [X]}, minimiser={"q": [Y]}, data={s: gs.Normal(0, 1) for s in (U, V, W)}, x0=START
    )


TRAINING = gs.Training(affine(), gs.algorithms.get("sgda"))
QUIET = gs.Training(affine(noise=0), gs.algorithms.get("sgda"))
"""Additive noise only: the state is linear in it."""
LQ = gs.Training(gs.games.get("lq-gan").subs(mu=0.5, sigma=1.0), gs.algorithms.get("sgda"))
OPTIONS = {"lr": 0.1, "batch_size": 4, "steps": 10}


def simulate(process, trajectories, **options):
    return gs.simulate(process, **{**OPTIONS, "trajectories": trajectories, "antithetic": True, **options})


def same(left, right):
    assert set(left.data_vars) == set(right.data_vars)
    for name in left.variables:
        np.testing.assert_array_equal(left[name].values, right[name].values)
    return True


# ---------------------------------------------------------------- what lies where

PROCESSES = {
    "training": (LQ, {}),
    "one by one": (LQ, {"batch_size": 1}),
    "coupled training": (LQ, {"couple": True}),
    "vector training": (
        gs.Training(gs.games.get("lq-gan", dim=2).with_defaults(), gs.algorithms.get("sgda")), {"batch_size": 16}
    ),
    "momentum": (gs.Training(LQ.game, gs.algorithms.get("momentum")), {}),
    "weak2": (LQ.sde(order=2), {}),
    "coupled sde": (LQ.sde(order=2), {"couple": True}),
    "euler": (LQ.sde(), {"integrator": "euler", "substeps": 3}),
    "euler-weak": (LQ.sde(), {"integrator": "euler-weak", "substeps": 3}),
    "bounds": (gs.Training(gs.games.get("lq-gan", minimum_scale=0.9).subs(mu=0.5, sigma=1.0), LQ.algorithm), {}),
}  # fmt: skip


@pytest.mark.parametrize("name", PROCESSES)
def test_even_trajectories_are_those_of_the_run_without_to_the_bit(name):
    process, options = PROCESSES[name]
    choices = {**OPTIONS, "record": ("paths", "final"), **options}
    pairs = gs.simulate(process, trajectories=300, antithetic=True, **choices)
    plain = gs.simulate(process, trajectories=150, **choices)
    for variable in ("final", "path", "diverged"):
        np.testing.assert_array_equal(pairs[variable].values[::2], plain[variable].values)
    assert np.abs(pairs["final"].values[1::2] - plain["final"].values).max() > 1e-3
    assert pairs.attrs["antithetic"] == 1 and plain.attrs["antithetic"] == 0


@pytest.mark.parametrize("process", [LQ, LQ.sde(order=2)], ids=["training", "sde"])
def test_reference_agrees(process):
    fused, plain = (simulate(process, 130, backend=b)["final"].values for b in ("cpu", "reference"))
    np.testing.assert_allclose(fused, plain, rtol=1e-11, atol=1e-13)


def test_coupling_holds_for_paths_and_mirrors():
    """Coupled pairs: both mirrors are as near to one another as both paths, and nearer than a path to a mirror."""
    choices = {"lr": 0.02, "batch_size": 64, "steps": 50, "couple": True}
    training, sde = (simulate(p, 2000, **choices)["final"].values for p in (LQ, LQ.sde(order=2)))
    distance = np.sqrt(((training - sde) ** 2).mean(axis=0))
    own, mirrored = (np.sqrt(((training[h::2] - sde[h::2]) ** 2).mean(axis=0)) for h in (0, 1))
    crossed = np.sqrt(((training[::2] - sde[1::2]) ** 2).mean(axis=0))
    assert (mirrored < 1.5 * own).all() and (distance < crossed / 5).all()


def test_every_trajectory_has_its_own_start():
    starts = np.random.default_rng(1).standard_normal((40, 2))
    pairs = simulate(TRAINING, 40, x0=starts, record=("paths",), every=1)
    np.testing.assert_array_equal(pairs["path"].values[:, 0], starts)
    plain = gs.simulate(TRAINING, x0=starts[::2], trajectories=20, record=("paths",), every=1, **OPTIONS)
    np.testing.assert_array_equal(pairs["path"].values[::2], plain["path"].values)


def test_statistics_are_those_of_the_paths():
    run = simulate(
        TRAINING, 2600, record=("moments", "paths"), every=5, observe={"product": "x*y", "late": "x"},
        histogram={"x": [-0.5, 0.0, 0.5]}, quantiles=(0.25, 0.5),
        functionals={"top": gs.running_max("x"), "out": gs.exit_time("x - 1"), "mean": gs.time_average("y")},
    )  # fmt: skip
    path = run["path"].values
    assert (run["n"].values == 2600).all()
    pairs = path.reshape(1300, 2, -1, 2).mean(axis=1)
    np.testing.assert_allclose(run["mean"], path.mean(axis=0), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(run["mean_se"][1:], pairs[:, 1:].std(axis=0, ddof=1) / np.sqrt(1300), rtol=1e-9)
    products = path[..., :, None] * path[..., None, :]
    np.testing.assert_allclose(run["second_moment"], products.mean(axis=0), rtol=1e-12, atol=1e-14)
    paired = products.reshape(1300, 2, -1, 2, 2).mean(axis=1)[:, 1:]
    np.testing.assert_allclose(run["second_moment_se"][1:], paired.std(axis=0, ddof=1) / np.sqrt(1300), rtol=1e-9)
    values = np.stack([products[..., 0, 1], path[..., 0]]).reshape(2, 1300, 2, -1).mean(axis=2)
    for step in (1, 2):
        np.testing.assert_allclose(run["observable_cov"][step], np.cov(values[..., step]) / 1300, rtol=1e-9)
    np.testing.assert_allclose(run["observable_se"][1:] ** 2, np.diagonal(run["observable_cov"], axis1=1, axis2=2)[1:])
    counts = [np.histogram(x, [-np.inf, -0.5, 0.0, 0.5, np.inf])[0] for x in path[..., 0].T]
    np.testing.assert_array_equal(run["histogram_x"], counts)
    # three blocks are sketched: ranks may be off
    ranks = (path[:, -1, 0] <= run["quantiles"].values[-1, :, 0, None]).mean(axis=1)
    assert np.abs(ranks - [0.25, 0.5]).max() <= float(run["quantile_rank_error"][-1]) + 1e-3


def test_functionals_of_which_one_of_a_pair_is_missing():
    """Means over known values; errors as of ratios of sums over pairs."""
    run = simulate(TRAINING, 2000, functionals={"out": gs.exit_time("-x - 1/10"), "top": gs.running_max("x")})
    values = run["functional_value"].values
    known = ~np.isnan(values)
    half = known[::2, 0] != known[1::2, 0]
    assert 100 < half.sum()
    np.testing.assert_allclose(run["functional_mean"], np.nanmean(values, axis=0), rtol=1e-12)
    np.testing.assert_array_equal(run["functional_n"], known.sum(axis=0))
    whole = values[:, 1].reshape(-1, 2).mean(axis=1)
    assert np.isclose(run["functional_se"].values[1], whole.std(ddof=1) / np.sqrt(1000), rtol=1e-9)
    single = values[:, 0]
    deviation = np.where(known[:, 0], single - np.nanmean(single), 0).reshape(-1, 2).sum(axis=1)
    lanes = known[:, 0].reshape(-1, 2).any(axis=1).sum()
    expected = np.sqrt((deviation**2).sum() * lanes / (lanes - 1)) / known[:, 0].sum()
    assert np.isclose(run["functional_se"].values[0], expected, rtol=1e-9)


def test_a_pair_that_diverges_leaves_as_one():
    game = gs.Game.general_sum(
        losses={"p": X**2 / 2 - X**4 / 8 - X * U}, parameters={"p": [X]}, data={U: gs.Normal(0, 1)}, x0={"x": 1.2}
    )
    training = gs.Training(game, LQ.algorithm)
    run = simulate(training, 2000, batch_size=1, steps=40, every=1, record=("moments", "paths", "final"))
    diverged, final = run["diverged"].values, run["final"].values[:, 0]
    gone = diverged >= 0
    assert 100 < gone.sum() < 1900
    np.testing.assert_array_equal(diverged[::2], diverged[1::2])
    np.testing.assert_array_equal(np.isnan(final), gone)
    np.testing.assert_array_equal(run["n"], [(~np.isnan(p)).sum() for p in run["path"].values[..., 0].T])
    kept = final[~gone].reshape(-1, 2).mean(axis=1)
    assert np.isclose(run["mean_se"].values[-1, 0], kept.std(ddof=1) / np.sqrt(len(kept)), rtol=1e-9)


# ---------------------------------------------------------------- against exact moments


def scores(run, exact):
    """z-scores of two means and three second moments at the last step."""
    last, (row, column) = run.isel(step=-1), np.triu_indices(2)
    first = (last["mean"].values - exact[1:3]) / last["mean_se"].values
    second = (last["second_moment"].values - exact.take([3, 4, 5])[[[0, 1], [1, 2]]]) / last["second_moment_se"].values
    return np.concatenate([first, second[row, column]])


EXACT = {
    "training": (TRAINING, {}),
    "training of large batches": (TRAINING, {"batch_size": 32}),
    "samples one by one": (TRAINING, {"batch_size": 1}),
    "sde": (TRAINING.sde(order=2), {"substeps": 16}),
    "euler-weak": (TRAINING.sde(), {"integrator": "euler-weak", "substeps": 200, "trajectories": 2**14}),
}


@pytest.mark.parametrize("name", EXACT)
def test_exact_moments(name):
    """2^17 trajectories (2^14 of "euler-weak"); every mean and second moment within 4.5 standard errors."""
    process, options = EXACT[name]
    choices = {**OPTIONS, "every": 10, "record": ("moments",), "trajectories": 2**17, "seed": 3, **options}
    dynamics = gs.MomentDynamics
    dynamics = dynamics.of_sde(process) if hasattr(process, "drift") else dynamics.of_training(process)
    exact = dynamics.after(tuple(START.values()), 1.0, lr=0.1, batch_size=choices["batch_size"])
    run = gs.simulate(process, antithetic=True, **choices)
    assert np.abs(scores(run, exact)).max() < LIMIT
    # control: the same estimates are not those of a process with another batch
    other = dynamics.after(tuple(START.values()), 1.0, lr=0.1, batch_size=2 * choices["batch_size"])
    assert np.abs(scores(run, other)).max() > LIMIT


REPLICATES, TRAJECTORIES = 500, 256


def test_standard_errors_are_calibrated():
    """Nominal 95 % intervals hold the exact value in 92 to 98 % of 500 runs of 128 pairs (3 deviations of a share).

    Control: errors of independent trajectories, from the same finals, are wrong both ways: too large for means, whose
    two are opposed, and too small for second moments, whose two are alike.
    """
    exact = gs.MomentDynamics.of_training(TRAINING).after(tuple(START.values()), 1.0, lr=0.1, batch_size=4)
    inside, naive = np.zeros(5), np.zeros(5)
    for seed in range(REPLICATES):
        run = simulate(TRAINING, TRAJECTORIES, seed=seed, every=10)
        score = np.abs(scores(run, exact))
        inside += score < 1.98  # Student's quantile for 127 degrees of freedom
        final = run["final"].values
        values = np.stack([final[:, 0], final[:, 1], final[:, 0] ** 2, final[:, 0] * final[:, 1], final[:, 1] ** 2])
        claimed = values.std(axis=1, ddof=1) / np.sqrt(TRAJECTORIES)
        truth = np.concatenate([exact[1:3], exact[3:6]])
        naive += np.abs(values.mean(axis=1) - truth) < 1.97 * claimed
    assert (0.92 <= inside / REPLICATES).all() and (inside / REPLICATES <= 0.98).all(), inside / REPLICATES
    assert (naive[:2] / REPLICATES > 0.98).all() and (naive[[2, 4]] / REPLICATES < 0.92).any(), naive / REPLICATES


# ---------------------------------------------------------------- what it is for


@pytest.mark.parametrize("process", [QUIET, QUIET.sde(order=2), QUIET.sde()], ids=["training", "order 2", "order 1"])
def test_additive_noise_leaves_nothing_in_the_mean(process):
    run = simulate(process, 2000, every=10)
    path = gs.simulate(process, trajectories=1, noise=False, **OPTIONS)["final"].values[0]
    assert run["final"].values.std() > 0.1
    np.testing.assert_allclose(run["mean"].values[-1], path, atol=1e-14)
    assert run["mean_se"].values.max() < 1e-15


def test_variance_reduction():
    """Variance of the mean state against as many independent trajectories, 2^16 of each: at least 20 times less.

    What is left comes from products of two noises. The second moments lose, but never more than a half.
    """
    for process, least in ((TRAINING, 20), (TRAINING.sde(order=2), 20)):
        pairs, plain = (simulate(process, 2**16, antithetic=a, every=10) for a in (True, False))
        gain = (plain["mean_se"].values[-1] / pairs["mean_se"].values[-1]) ** 2
        loss = (plain["second_moment_se"].values[-1] / pairs["second_moment_se"].values[-1]) ** 2
        assert (gain > least).all(), gain
        assert (loss > 0.45).all(), loss


# ---------------------------------------------------------------- the same bits

EVERYTHING = {
    "trajectories": 5 * 1024 + 302, "record": ("moments", "final", "paths"), "every": 5, "seed": 5,
    "observe": {"product": "w1*a"}, "histogram": {"a": [0.5, 1.0]}, "quantiles": (0.5,),
    "functionals": {"top": gs.running_max("a")},
}  # fmt: skip


def test_threads_and_chunks_do_not_matter(monkeypatch):
    whole = gs.simulate(LQ, antithetic=True, **OPTIONS, **EVERYTHING)
    monkeypatch.setattr(ensemble, "cpu_count", lambda: 1)
    monkeypatch.setattr(chunks, "CHUNK", 1)
    assert same(gs.simulate(LQ, antithetic=True, **OPTIONS, **EVERYTHING), whole)


def test_resume_and_store(tmp_path, monkeypatch):
    whole = gs.simulate(LQ, antithetic=True, **OPTIONS, **EVERYTHING)
    monkeypatch.setattr(chunks, "CHUNK", 2)
    path, keep = tmp_path / "run.zarr", chunks.run_all

    def stopped(jobs, run, advance):
        def counted(pieces, progress):
            for number, part in enumerate(run(pieces, progress)):
                if number == 2:
                    raise KeyboardInterrupt
                yield part

        return keep(jobs, counted, advance)

    module = sys.modules["gan_sde.simulation.simulate"]
    monkeypatch.setattr(module, "run_all", stopped)
    with pytest.raises(KeyboardInterrupt):
        gs.simulate(LQ, antithetic=True, store=path, **OPTIONS, **EVERYTHING)
    monkeypatch.setattr(module, "run_all", keep)
    with pytest.raises(ValueError, match=r"^store: expected a store of this very simulation"):
        gs.simulate(LQ, store=path, resume=True, **OPTIONS, **EVERYTHING)
    assert same(gs.simulate(LQ, antithetic=True, store=path, resume=True, **OPTIONS, **EVERYTHING), whole)
    assert same(gs.simulate(LQ, antithetic=True, store=path, resume=True, **OPTIONS, **EVERYTHING), whole)
    with xr.open_zarr(path, consolidated=False) as stored:
        assert stored.attrs["antithetic"] == 1


def test_sweep_carries_it():
    grid = gs.sweep(LQ, {"batch_size": [4, 16]}, lr=0.1, steps=10, trajectories=100, antithetic=True)
    single = simulate(LQ, 100, batch_size=16, record=("moments",))
    np.testing.assert_array_equal(grid["mean_se"].sel(batch_size=16), single["mean_se"])


def test_small_ensembles():
    run = simulate(LQ, 2)
    assert np.isnan(run["mean_se"].values).all() and (run["n"] == 2).all()


# ---------------------------------------------------------------- the command line, and what cannot be


def test_summary_knows_pairs():
    """Variance of the final state: its printed error is that of pairs, not that of independent trajectories."""
    run = simulate(QUIET, 2**14, every=1, record=("moments", "final", "paths"))
    final = run["final"]
    pairs, naive = final_covariance(final, 2), final_covariance(final)
    np.testing.assert_allclose(pairs.value, np.cov(final.values.T), rtol=1e-9)
    deviation = final.values - final.values.mean(axis=0)
    products = (deviation[:, :, None] * deviation[:, None, :]).reshape(-1, 2, 2, 2).mean(axis=1)
    np.testing.assert_allclose(pairs.se, products.std(axis=0) / np.sqrt(2**13), rtol=1e-3)
    np.testing.assert_allclose(pairs.se / naive.se, np.sqrt(2), rtol=1e-2)
    text = summarise(run)
    assert "antithetic" in text
    assert "antithetic" not in summarise(simulate(QUIET, 100, antithetic=False))


SAMPLES = ((1.2, 0.9, 0.7, 0.2, -0.3), (0.7, 1.7, 1.2, -0.4, 0.2))
TABLES = gs.Training(gs.games.get("quadratic", samples=SAMPLES), LQ.algorithm)


MANY = gs.Training(gs.games.get("lq-gan", dim=30).with_defaults(), LQ.algorithm)


@pytest.mark.parametrize(
    ("process", "options", "words"),
    [
        (LQ, {"trajectories": 7}, "trajectories: expected an even number for antithetic pairs, got 7"),
        (LQ, {"antithetic": 1}, "antithetic: expected True or False, got 1"),
        (TABLES, {}, "antithetic: expected data with normals or uniforms, .*; got finite data sets alone"),
        (LQ, {"lr": {"discriminator": [0.1] * 10, "generator": 0.1}}, "antithetic: expected False for a schedule a"),
        (MANY, {}, "antithetic: expected False for a game in arr"),
    ],
)
def test_bad_input(process, options, words):
    with pytest.raises(ValueError, match=f"^{words}") as error:
        simulate(process, **{"trajectories": 10, **options})
    assert "\n" not in str(error.value)


def test_what_has_no_noise_or_an_sde_needs_no_normals():
    """Without noise a mirror is its path; the SDE of a finite data set has normals of its own."""
    still = simulate(TABLES, 10, noise=False)["final"].values
    np.testing.assert_array_equal(still[::2], still[1::2])
    assert simulate(TABLES.sde(), 10)["final"].values.std() > 0


def test_the_plan_knows():
    assert plan_of(LQ, lr=0.1, steps=1, trajectories=4, antithetic=True).paths == 2
    assert plan_of(LQ, lr=0.1, steps=1, trajectories=4).paths == 1
