"""The contract of `simulate`: reproducibility, labels, divergence, schedules, stores, bad input."""

import math
import os
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy.integrate import solve_ivp
from sympy import lambdify

import gan_sde as gs
from gan_sde.simulation import ensemble
from gan_sde.simulation.plan import make_plan
from gan_sde.simulation.statistics import Moments, unpack
from gan_sde.simulation.store import Store


@pytest.fixture(scope="module")
def training():
    game = gs.games.get("lq-gan").subs(mu=0.5, sigma=1.0)
    return gs.Training(game, gs.algorithms.get("sgda"))


def run(process, **options):
    choices = {"lr": 0.02, "steps": 20, "trajectories": 3000, "batch_size": 16, "seed": 7}
    return gs.simulate(process, **{**choices, **options})


def same(a, b):
    """Bitwise equal variables."""
    return set(a) == set(b) and all(np.array_equal(a[v], b[v], equal_nan=True) for v in a)


def test_labels(training):
    data = run(training, record=("moments", "final", "paths"), every=8)
    assert dict(data.sizes) == {"trajectory": 3000, "step": 4, "param": 4, "param_": 4}
    assert list(data["step"].values) == [0, 8, 16, 20]
    np.testing.assert_allclose(data["time"], 0.02 * data["step"])
    assert list(data["param"].values) == ["w2", "w1", "a", "b"]
    assert data["path"].dims == ("trajectory", "step", "param")
    np.testing.assert_array_equal(data["path"].isel(step=-1), data["final"])
    np.testing.assert_allclose(data["mean"], data["path"].mean("trajectory"), rtol=1e-12, atol=1e-14)
    products = data["path"].values[..., :, None] * data["path"].values[..., None, :]
    np.testing.assert_allclose(data["second_moment"], products.mean(axis=0), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(
        data["second_moment_se"].values[1:], products.std(axis=0, ddof=1)[1:] / math.sqrt(3000), rtol=1e-10
    )
    assert (data["n"] == 3000).all() and (data["diverged"] == -1).all()
    assert {"seed", "recipe", "versions", "backend", "substeps", "wall_time_seconds"} <= set(data.attrs)


def test_every_defaults_to_about_100_checkpoints(training):
    assert run(training, steps=1050, trajectories=2).sizes["step"] == 106


@pytest.mark.parametrize("kind", ["training", "sde"])
def test_same_numbers_for_any_number_of_threads(training, kind, monkeypatch):
    process = training if kind == "training" else training.sde(order=2)
    results = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(ensemble, "cpu_count", lambda n=threads: n)
        results.append(run(process))
    assert same(results[0], results[1]) and same(results[0], results[2])


@pytest.mark.parametrize("kind", ["training", "sde"])
def test_same_trajectories_however_they_are_split(training, kind):
    process = training if kind == "training" else training.sde(order=2)
    whole = run(process)
    part = run(process, trajectories=1500)
    np.testing.assert_array_equal(part["final"], whole["final"][:1500])
    coarse = run(process, every=20)
    np.testing.assert_array_equal(coarse["final"], whole["final"])


def test_another_seed_is_another_sample(training):
    assert not np.array_equal(run(training)["final"], run(training, seed=8)["final"])


def test_training_and_sde_use_independent_streams_unless_coupled(training):
    """Correlation of the end points: none within 5/sqrt(n) (false alarm 6e-7), above 0.9 when coupled."""
    sde = training.sde(order=2)
    for couple, low, high in ((False, -5 / math.sqrt(3000), 5 / math.sqrt(3000)), (True, 0.9, 1.0)):
        a, b = (run(p, couple=couple)["final"].values[:, 1] for p in (training, sde))
        assert low < np.corrcoef(a, b)[0, 1] <= high


# two kernels are compared here, at rates at which the heavy ball is far from its SDE
@pytest.mark.filterwarnings("ignore::gan_sde.ExpansionWarning")
@pytest.mark.parametrize("name", gs.algorithms.names())
@pytest.mark.parametrize("kind", ["training", "sde"])
def test_kernel_equals_plain_reference(name, kind):
    game = gs.games.get("lq-gan").subs(mu=0.5, sigma=1.0)
    training = gs.Training(game, gs.algorithms.get(name))
    process = training if kind == "training" else training.sde(order=1)
    # the order-2 integrator has tests of its own, and compiles for long
    options = {"steps": 4, "trajectories": 70, "batch_size": 3, "integrator": "euler", "record": ("final", "memory")}
    fused, plain = run(process, **options), run(process, backend="reference", **options)
    np.testing.assert_allclose(fused["final"], plain["final"], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["sgda", "crossing-the-curl"])
@pytest.mark.parametrize("order, integrator", [(1, "weak2"), (2, "euler")])
def test_noise_off_makes_an_sde_the_flow(name, order, integrator):
    """Multiplicative noise and drift terms in 1/B are gone, whatever B: Ito corrections of the scheme, too."""
    game = gs.games.get("lq-gan").subs(mu=0.5, sigma=1.0)
    shared = {"batches": "shared"}
    for noise in ("leading", "exact"):
        sde = gs.Training(game, gs.algorithms.get(name, **shared)).sde(order=order, noise=noise)
        options = {"integrator": integrator, "substeps": 8, "trajectories": 2, "steps": 10}
        quiet = [run(sde, **options, noise=False, batch_size=b)["final"].values[0] for b in (1, 8)]
        limit = run(sde, **options, batch_size=math.inf)["final"].values[0]
        np.testing.assert_array_equal(quiet[0], limit)
        np.testing.assert_array_equal(quiet[1], limit)
        drift = lambdify(sde.parameters, list(sde.at(0.02, math.inf)[0]))
        flow = solve_ivp(lambda t, x, b=drift: b(*x), (0, 0.2), game.x0, rtol=1e-10, atol=1e-12).y[:, -1]
        np.testing.assert_allclose(limit, flow, rtol=2e-2 if integrator == "euler" else 1e-4, atol=1e-6)


@pytest.mark.parametrize("name", gs.games.names())
def test_every_game_runs_at_its_defaults(name):
    game = gs.games.get(name).with_defaults()
    training = gs.Training(game, gs.algorithms.get("sgda"))
    for process in (training, training.sde(order=2)):
        data = run(process, batch_size=1, trajectories=10, steps=5)
        assert np.isfinite(data["final"]).all()


@pytest.mark.parametrize("couple", [False, True])
def test_games_without_noise_run(couple):
    game = gs.games.get("bilinear", noise=False).with_defaults()
    training = gs.Training(game, gs.algorithms.get("sgda"))
    finals = [run(training, couple=couple, backend=b, trajectories=1)["final"].values for b in ("cpu", "reference")]
    np.testing.assert_allclose(finals[0], finals[1])
    # |x| grows by exactly sqrt(1 + lr^2) a step
    assert np.linalg.norm(finals[0]) == pytest.approx(np.sqrt(2) * (1 + 0.02**2) ** 10)


def test_cost_does_not_grow_with_the_batch(training):
    """10^9 samples a batch by statistics: 2 means and 2 chi-squares a step; z-scores against the SDE-free moments."""
    data = run(training, batch_size=10**9, trajectories=2000, steps=5)
    quiet = run(training, batch_size=math.inf, trajectories=1, steps=5)
    spread = data["final"].std("trajectory").values
    assert (spread < 1e-4).all() and (spread > 0).all()
    np.testing.assert_allclose(data["final"].mean("trajectory"), quiet["final"][0], atol=5e-6)


def test_euler_refuses_what_it_could_never_resolve(training):
    with pytest.raises(ValueError, match="integrator: expected 'weak2' at so small a learning rate"):
        run(training.sde(order=2), integrator="euler", lr=1e-6)


def test_per_player_rates_of_an_edited_sde_are_refused(training):
    sde = training.sde(order=1)
    same = {"discriminator": 0.02, "generator": 0.02}
    edited = replace(sde, drift=sde.drift * 0)
    np.testing.assert_array_equal(run(edited, lr=same, noise=False)["final"], run(edited, noise=False)["final"])
    with pytest.raises(ValueError, match="lr: expected one rate for an SDE that was not derived"):
        run(edited, lr={"discriminator": 0.02, "generator": 0.01})


def test_noise_off_is_the_deterministic_limit(training):
    game = training.game
    for quiet in ({"noise": False}, {"batch_size": math.inf}):
        data = run(training, trajectories=2, steps=3, **quiet)
        x = np.array(game.x0)
        for _ in range(3):
            field = np.array(game.field.subs(dict(zip(game.parameters, x, strict=True))), dtype=float)[:, 0]
            x = x - 0.02 * field
        np.testing.assert_allclose(data["final"], np.tile(x, (2, 1)), rtol=1e-12)


def test_bounds_are_projected(training):
    data = run(training, x0={"w2": -50.0, "w1": 0.0, "a": 0.05, "b": 0.0}, steps=3, batch_size=math.inf)
    assert (data["final"].sel(param="a") == 0.01).all()


def test_divergence_is_flagged_never_silent():
    game = gs.games.get("bilinear").with_defaults()
    data = run(gs.Training(game, gs.algorithms.get("sgda")), lr=2.0, steps=60, trajectories=50)
    assert (data["diverged"] > 0).all()
    assert np.isnan(data["final"]).all() and np.isnan(data["mean"].isel(step=-1)).all()
    assert data["n"][0] == 50 and data["n"][-1] == 0
    # |x| grows by sqrt(1 + lr^2) = sqrt 5 a step from about 1, so the bound 1e8 falls near step 23
    assert 18 < data["diverged"].median() < 26


def test_schedule_as_array_and_as_function(training):
    rates = 0.02 / (1 + np.arange(20) / 5)
    by_array = run(training, lr=rates, every=5)
    by_function = run(training, lr=lambda k: 0.02 / (1 + k / 5), every=5)
    assert same(by_array, by_function)
    np.testing.assert_allclose(by_array["time"], [0, *np.cumsum(rates)[[4, 9, 14, 19]]])


def test_starts_one_row_a_trajectory(training):
    starts = np.random.default_rng(0).normal(size=(3000, 4)) * 0.1 + 1
    data = run(training, x0=starts, steps=1, record=("paths",))
    np.testing.assert_array_equal(data["path"].isel(step=0), starts)


def test_float32(training):
    exact, short = run(training, batch_size=math.inf), run(training, batch_size=math.inf, dtype="float32")
    assert short["final"].dtype == np.float32 and short["mean"].dtype == np.float64
    np.testing.assert_allclose(short["final"], exact["final"], rtol=1e-5)


def test_array_form_runs_through_simulate():
    data = np.random.default_rng(0).normal(size=(60, 4))
    game = gs.games.get("lq-gan", data=data)
    training = gs.Training(game, gs.algorithms.get("crossing-the-curl"))
    results = [run(training, lr=0.02, steps=6, trajectories=100, batch_size=8, every=e) for e in (2, 3)]
    np.testing.assert_array_equal(results[0]["final"], results[1]["final"])
    assert results[0].attrs["backend"] == "array"
    part = run(training, lr=0.02, steps=6, trajectories=30, batch_size=8)
    np.testing.assert_array_equal(part["final"], results[0]["final"][:30])


# ---------------------------------------------------------------- statistics


def test_moments_do_not_cancel():
    """Mean 1e8 and spread 1: plain sums of squares would lose every digit."""
    rng = np.random.default_rng(0)
    state = 1e8 + rng.normal(size=(2, 4000))
    whole, parts = Moments.empty(1, 2), Moments.empty(1, 2)
    whole.record(0, state)
    for first in range(0, 4000, 1000):
        block = Moments.empty(1, 2)
        block.record(0, np.ascontiguousarray(state[:, first : first + 1000]))
        parts.merge(block)
    spread = whole.standard_error()[0, :2] * math.sqrt(4000)
    np.testing.assert_allclose(spread, state.std(axis=1, ddof=1), rtol=1e-6)
    np.testing.assert_allclose(parts.standard_error(), whole.standard_error(), rtol=1e-6)
    first, second = unpack(parts.mean, 2)
    np.testing.assert_allclose(first[0], state.mean(axis=1), rtol=1e-15)
    np.testing.assert_allclose(second[0], state @ state.T / 4000, rtol=1e-12)


def test_standard_errors_are_calibrated(training):
    """Coverage of 95 % intervals for E w1 over 400 blocks of 250 trajectories, against all 10^5.

    The count of hits is binomial; outside 360..395 of 400 with probability below 2e-4.
    """
    data = run(training, trajectories=100_000)
    values = data["final"].sel(param="w1").values.reshape(400, 250)
    mean, se = values.mean(axis=1), values.std(axis=1, ddof=1) / math.sqrt(250)
    hits = (np.abs(mean - values.mean()) < 1.97 * se).sum()
    assert 360 <= hits <= 395
    assert data["mean_se"].isel(step=-1).sel(param="w1") == pytest.approx(values.std() / math.sqrt(1e5), rel=1e-3)


# ---------------------------------------------------------------- store


def test_store_round_trip_and_resume(training, tmp_path):
    path = tmp_path / "run.zarr"
    plain = run(training)
    stored = run(training, store=path)
    assert same(plain, stored)
    assert same(xr.open_zarr(path, consolidated=False).load(), plain)
    assert [p.name for p in tmp_path.iterdir()] == ["run.zarr"]
    assert same(run(training, store=path, resume=True), plain)
    with pytest.raises(ValueError, match="store: expected a path that is not taken"):
        run(training, store=path)
    with pytest.raises(ValueError, match="store: expected a store of this very simulation"):
        run(training, store=path, resume=True, seed=8)


def test_resume_redoes_missing_and_damaged_chunks(training, tmp_path, monkeypatch):
    path, size = tmp_path / "run.zarr", 40_000
    whole = run(training, trajectories=size)
    saved = Store.save

    def interrupted(self, chunk, result):
        if chunk == 2:
            raise KeyboardInterrupt
        saved(self, chunk, result)

    monkeypatch.setattr(Store, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(training, trajectories=size, store=path)
    monkeypatch.setattr(Store, "save", saved)
    partial = tmp_path / "run.zarr.partial"
    assert not path.exists() and sorted(p.name for p in partial.glob("*.npz")) == [
        "chunk-000000.npz",
        "chunk-000001.npz",
    ]
    content = (partial / "chunk-000001.npz").read_bytes()
    (partial / "chunk-000001.npz").write_bytes(content[: len(content) // 2])
    resumed = run(training, trajectories=size, store=path, resume=True)
    assert same(resumed, whole)
    assert not partial.exists()


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    "options, words",
    [
        ({"lr": -0.1}, "lr: expected a positive number, got -0.1"),
        ({"lr": "fast"}, "lr: expected a positive number, got 'fast'"),
        ({"lr": [0.1, 0.2]}, "lr: expected one rate a step, shape (20,), got shape (2,)"),
        ({"lr": {"discriminator": 0.1}}, "lr: expected a rate for each of discriminator, generator"),
        ({"lr": {"discriminator": 0.1, "generator": 0}}, "lr[generator]: expected a positive number, got 0"),
        ({"steps": 0}, "steps: expected an integer >= 1, got 0"),
        ({"trajectories": 0}, "trajectories: expected an integer >= 1, got 0"),
        ({"trajectories": 10.0}, "trajectories: expected an integer >= 1, got 10.0"),
        ({"batch_size": 0}, "batch_size: expected an integer >= 1 or math.inf, got 0"),
        ({"batch_size": 2.5}, "batch_size: expected an integer >= 1 or math.inf, got 2.5"),
        ({"seed": -1}, "seed: expected an integer >= 0"),
        ({"x0": [1, 2, 3]}, "x0: expected shape (4,) or (3000, 4) in the order w2, w1, a, b, got (3,)"),
        ({"x0": {"w2": 1.0}}, "x0: expected a value for each of w2, w1, a, b; got nothing for w1, a, b"),
        ({"x0": [0, 0, -5, 0]}, "x0[a]: expected a start within the bounds [0.01, inf], got -5"),
        ({"x0": [[0, 0, 1, 0]] * 2999 + [[0, 0, -5, 0]]}, "x0[a]: expected a start within the bounds [0.01, inf]"),
        ({"x0": [1, 2, 3, math.nan]}, "x0: expected finite numbers of type float64"),
        ({"x0": [1, 2, 3, 1e300], "dtype": "float32"}, "x0: expected finite numbers of type float32"),
        ({"lr": lambda k: None}, "lr: expected a function of the iteration that returns a number"),
        ({"lr": ["a"] * 20}, "lr: expected numbers, got"),
        ({"batch_size": 1e300}, "batch_size: expected an integer >= 1"),
        ({"steps": 10**12}, "steps: expected an integer >= 1 and <= 4294967295"),
        ({"trajectories": 10**13}, "record: expected results within"),
        ({"resume": "x"}, "resume: expected True or False, got 'x'"),
        ({"progress": "x"}, "progress: expected True or False, got 'x'"),
        ({"record": None}, "record: expected"),
        ({"record": ("everything",)}, "record: expected"),
        ({"every": 0}, "every: expected an integer >= 1, got 0"),
        ({"substeps": 2}, "substeps: expected none for a training that is not coupled, got 2"),
        ({"integrator": "rk4"}, "integrator: expected"),
        ({"backend": "quantum"}, "backend: expected"),
        ({"dtype": "int8"}, "dtype: expected"),
        ({"couple": 1}, "couple: expected True or False, got 1"),
    ],
)
def test_bad_input(training, options, words):
    with pytest.raises(ValueError) as error:
        run(training, **options)
    assert str(error.value).startswith(words)
    assert "\n" not in str(error.value)


def test_free_constants_and_missing_start_are_named():
    from sympy import symbols

    x, y = symbols("x y")
    with pytest.raises(ValueError, match="got none for mu, sigma"):
        run(gs.Training(gs.games.get("lq-gan"), gs.algorithms.get("sgda")))
    game = gs.Game.zero_sum(x * y, maximiser={"p": [x]}, minimiser={"q": [y]})
    with pytest.raises(ValueError, match=r"x0: expected a start for x, y, got none"):
        run(gs.Training(game, gs.algorithms.get("sgda")))
    with pytest.raises(ValueError, match="process: expected a Training"):
        run(game)


def test_bad_input_leaves_no_store(training, tmp_path):
    with pytest.raises(ValueError):
        run(training, lr=-1, store=tmp_path / "run.zarr")
    assert not any(tmp_path.iterdir())


def test_unwritable_store_is_an_error_of_the_system(training, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(OSError):
        run(training, store=os.path.join(blocked, "run.zarr"))


def test_memory_does_not_grow_with_steps_times_trajectories(training):
    """A plan holds rates and checkpoints only: nothing of size steps x trajectories exists to be allocated."""
    plan = make_plan(
        training, x0=None, lr=0.01, steps=10_000, trajectories=10**6, batch_size=16, seed=0, record=("moments",),
        every=None, substeps=None, integrator="weak2", couple=False, noise=True, backend="auto", dtype="float64",
    )  # fmt: skip
    assert plan.start(0, 1024).nbytes == 4 * 1024 * 8
    assert Moments.empty(len(plan.checkpoints), 4).mean.nbytes == 101 * 14 * 8


class Branching:
    """A text that runs on numbers and on no symbols."""

    def __init__(self, factor):
        self.factor = factor

    def step(self, oracle, x, eta):
        rate = eta if eta > 0.01 else 2 * eta
        return x - rate * np.tanh(self.factor * oracle.F(x, oracle.fresh()))


def test_texts_that_run_on_numbers_only(tmp_path):
    """In array form the text may be anything: it runs to the end, and its store knows it from another."""
    game = gs.games.get("lq-gan", dim=4).with_defaults()
    options = {"lr": 0.005, "steps": 3, "trajectories": 5, "batch_size": 2, "store": tmp_path / "run"}
    run = gs.simulate(gs.Training(game, Branching(1.0)), **options)
    assert np.isfinite(run["final"].values).all()
    with pytest.raises(ValueError, match="store: expected a store of this very simulation"):
        gs.simulate(gs.Training(game, Branching(2.0)), **options, resume=True)
