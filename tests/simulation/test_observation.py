"""Observables, histograms and quantiles of `simulate`: against recorded paths, and the same bits however run."""

import json
import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
import xarray as xr

import gan_sde as gs
from gan_sde.simulation import ensemble
from gan_sde.simulation.chunks import chunks_of, run_here
from gan_sde.simulation.dataset import fingerprint
from gan_sde.simulation.expressions import NUMPY_FUNCTIONS, Evaluator
from gan_sde.simulation.functionals import exit_time, running_max, time_average
from gan_sde.simulation.observables import Observables
from gan_sde.simulation.parts import Part
from gan_sde.simulation.simulate import plan_of
from gan_sde.simulation.store import Store
from gan_sde.symbolic.lowering import FUNCTION_NAMES

OBSERVE = {"energy": "w1**2 + a*b", "gate": "sigmoid(3*w1) * Max(a, b)", "gap": "w2 - exp(-a)"}
EDGES = np.array([-0.1, 0.0, 0.05, 0.3])
EVERYTHING = {
    "observe": OBSERVE,
    "histogram": {"w1": EDGES, ("a", "b"): ([0.5, 0.9, 1.0], [0.0, 0.1])},
    "quantiles": (0.05, 0.5, 0.95),
    "functionals": {"mean": time_average("w1**2", 3), "out": exit_time("w1 - 0.1"), "top": running_max("a*b")},
}


@pytest.fixture(scope="module")
def training():
    game = gs.games.get("lq-gan").subs(mu=0.5, sigma=1.0)
    return gs.Training(game, gs.algorithms.get("sgda"))


def run(process, **options):
    choices = {"lr": 0.02, "steps": 20, "trajectories": 3000, "batch_size": 16, "seed": 7, "every": 8}
    return gs.simulate(process, **{**choices, **options})


def plan(process, **options):
    choices = {"lr": 0.02, "steps": 20, "trajectories": 3000, "batch_size": 16, "seed": 7, "every": 8}
    return plan_of(process, **{**choices, **options})


def same(a, b):
    """Bitwise equal variables and coordinates."""
    return set(a.variables) == set(b.variables) and all(a[v].identical(b[v]) for v in a.variables)


@pytest.fixture(scope="module")
def whole(training):
    return run(training, record=("moments", "final", "paths"), **EVERYTHING)


def by_hand(data):
    """Observables ``(trajectory, step, 3)`` of the recorded paths."""
    w2, w1, a, b = (data["path"].sel(param=name).values for name in ("w2", "w1", "a", "b"))
    return np.stack([w1**2 + a * b, np.maximum(a, b) / (1 + np.exp(-3 * w1)), w2 - np.exp(-a)], axis=-1)


# ---------------------------------------------------------------- observables


def test_observables_are_those_of_the_paths(whole):
    values = by_hand(whole)
    assert whole["observable_mean"].dims == ("step", "observable")
    assert list(whole["observable"].values) == list(OBSERVE) == list(whole["observable_"].values)
    np.testing.assert_allclose(whole["observable_mean"], values.mean(axis=0), rtol=1e-13)
    for step in range(1, 4):
        np.testing.assert_allclose(
            whole["observable_cov"][step], np.cov(values[:, step], rowvar=False) / 3000, rtol=1e-10, atol=1e-18
        )
    np.testing.assert_allclose(
        whole["observable_se"], values.std(axis=0, ddof=1) / math.sqrt(3000), rtol=1e-10, atol=1e-12
    )
    assert json.loads(whole.attrs["observables"])["energy"] == "a*b + w1**2"


def test_standard_error_of_a_difference(whole):
    """From the covariance of the means; without it, it would be wrong by more than a tenth."""
    values, last = by_hand(whole)[:, -1], whole.isel(step=-1)
    cov = last["observable_cov"].values
    direct = (values[:, 0] - values[:, 1]).std(ddof=1) / math.sqrt(3000)
    assert math.sqrt(cov[0, 0] + cov[1, 1] - 2 * cov[0, 1]) == pytest.approx(direct, rel=1e-9)
    assert abs(math.sqrt(cov[0, 0] + cov[1, 1]) / direct - 1) > 0.1


def test_sympy_expressions_count_by_name(training, whole):
    w2, w1, a, b = sp.symbols("w2 w1 a b", real=True)
    data = run(training, observe={"energy": w1**2 + a * b, "one": 1, "gap": w2 - sp.exp(-a)})
    np.testing.assert_array_equal(data["observable_mean"][:, 0], whole["observable_mean"][:, 0])
    np.testing.assert_allclose(data["observable_mean"][:, 2], whole["observable_mean"][:, 2], rtol=1e-14)
    assert (data["observable_mean"][:, 1] == 1).all() and (data["observable_se"][:, 1] == 0).all()


def test_memory_can_be_observed():
    game = gs.games.get("quadratic").with_defaults()
    training = gs.Training(game, gs.algorithms.get("momentum"))
    names = [s.name for s in training.state]
    options = {"observe": {"product": f"{names[0]}*{names[2]}"}}
    data = run(training, record=("moments", "memory"), **options)
    pair = {"param": names[0], "param_": names[2]}
    np.testing.assert_allclose(data["observable_mean"][:, 0], data["second_moment"].sel(**pair), rtol=1e-12)
    with pytest.raises(ValueError, match=r"observe\[product\]: .*record 'memory'"):
        run(training, **options)


def test_large_means_do_not_cancel():
    """Mean 1e8, spread 1, in blocks of unequal size; a plain sum of squares has no digit left."""
    values = 1e8 + np.random.default_rng(0).normal(size=(2, 5000))
    parts = Observables.empty(1, 2)
    for first, stop in ((0, 1000), (1000, 1000), (1000, 4000), (4000, 5000)):
        block = Observables.empty(1, 2)
        block.record(0, values[:, first:stop])
        parts.merge(block)
    np.testing.assert_allclose(parts.covariance_of_mean()[0], np.cov(values) / 5000, rtol=1e-6)
    np.testing.assert_allclose(parts.mean[0], values.mean(axis=1), rtol=1e-15)
    assert parts.count[0] == 5000
    naive = (values**2).mean(axis=1) - values.mean(axis=1) ** 2
    assert (np.abs(naive - 1) > 0.1).any()  # negative control


def test_standard_errors_are_calibrated(training):
    """95 % intervals of the energy's mean from 400 seeds' worth of 250 trajectories, against the mean of all 10^5.

    Hits are binomial: outside 360..395 of 400 with probability below 2e-4. Halved errors must fail.
    """
    data = run(training, steps=8, trajectories=100_000, record=("final",), observe=OBSERVE)
    _, w1, a, b = data["final"].values.T
    energy = (w1**2 + a * b).reshape(400, 250)
    plans = Observables.empty(400, 1)
    for i, values in enumerate(energy):
        plans.record(i, values[None])
    se = np.sqrt(plans.covariance_of_mean()[:, 0, 0])
    truth = float(data["observable_mean"][-1, 0])
    hits = [(np.abs(plans.mean[:, 0] - truth) < width * se).sum() for width in (1.97, 1.97 / 2)]
    assert 360 <= hits[0] <= 395 and hits[1] < 330


def test_outside_its_domain_an_observable_is_nan(training):
    data = run(training, observe={"root": "sqrt(w1 - 0.05)", "fine": "w1"}, record=("paths",))
    outside = (data["path"].sel(param="w1") < 0.05).any("trajectory").values
    assert outside.any() and not outside.all()
    np.testing.assert_array_equal(np.isnan(data["observable_mean"].sel(observable="root")), outside)
    np.testing.assert_array_equal(np.isnan(data["observable_cov"][:, 0, 1]), outside)
    assert np.isfinite(data["observable_cov"][:, 1, 1]).all()


def test_divergent_trajectories_leave():
    game = gs.games.get("bilinear").with_defaults()
    x0 = np.ones((3000, 2))
    x0[::3] = 1e-4  # these leave later
    names = [s.name for s in game.parameters]
    data = run(
        gs.Training(game, gs.algorithms.get("sgda")), lr=2.0, steps=26, every=1, x0=x0, batch_size=math.inf,
        record=("paths", "moments"), observe={"square": f"{names[0]}**2"}, histogram={names[0]: [-1e7, 0, 1e7]},
        quantiles=(0.5,),
    )  # fmt: skip
    path = data["path"].values
    alive = np.isfinite(path[..., 0])
    counts = alive.sum(axis=0)
    assert set(counts) == {3000, 1000} and (data["n"] == counts).all()
    np.testing.assert_allclose(data["observable_mean"][:, 0], np.nanmean(path[..., 0] ** 2, axis=0), rtol=1e-12)
    np.testing.assert_array_equal(data[f"histogram_{names[0]}"].sum(axis=1), counts)
    for step in range(27):
        row = np.sort(path[alive[:, step], step, 0])
        within = float(data["quantile_rank_error"][step]) * len(row)
        rank = np.searchsorted(row, float(data["quantiles"][step, 0, 0]), "right")
        assert rank >= len(row) / 2 - within


def test_evaluator_knows_every_function_of_the_lowering():
    """Values of all functions that lowered code may call, against sympy's own numbers."""
    assert set(NUMPY_FUNCTIONS) == set(FUNCTION_NAMES) and all(map(callable, NUMPY_FUNCTIONS.values()))
    x, y = sp.symbols("x y", real=True)
    expressions = [
        sp.exp(x), sp.log(1 + x**2), sp.tanh(x), sp.sin(x), sp.cos(x), sp.tan(x), sp.sinh(x), sp.cosh(x), sp.atan(x),
        sp.erf(x), sp.Abs(x), sp.sign(x), sp.Max(x, y), sp.Min(x, y), sp.Heaviside(x, sp.Rational(1, 2)),
        sp.sqrt(1 + x**2), (1 + x**2) ** y, sp.Piecewise((x, y > 0), (y, True)), 1 / (1 + sp.exp(-x)),
        sp.log(1 + sp.exp(x)), sp.pi * x,
    ]  # fmt: skip
    state = np.array([[0.7, -1.3, 2.1], [0.2, 0.9, -0.4]])
    values = pickle.loads(pickle.dumps(Evaluator([x, y], expressions)))(state)
    for row, e in zip(values, expressions, strict=True):
        exact = [float(e.subs({x: u, y: v}).evalf(30)) for u, v in state.T]
        np.testing.assert_allclose(row, exact, rtol=1e-14)
    wide = Evaluator([x], [sp.log(1 + sp.exp(x)), 1 / (1 + sp.exp(-x))])(np.array([[800.0, -800.0]]))
    assert wide.tolist() == [[800.0, 0.0], [1.0, 0.0]]


# ---------------------------------------------------------------- histograms, quantiles


def test_histograms_count_the_paths(whole):
    counts = whole["histogram_w1"]
    assert counts.dtype == np.int64 and counts.dims == ("step", "bin_w1") and counts.shape == (4, 5)
    assert whole["lower_w1"].values.tolist() == [-np.inf, *EDGES]
    paths = {name: whole["path"].sel(param=name).values for name in ("w1", "a", "b")}
    edges = [-np.inf, *EDGES, np.inf]
    for step in range(4):
        np.testing.assert_array_equal(counts[step], np.histogram(paths["w1"][:, step], edges)[0])
        pair = np.histogram2d(
            paths["a"][:, step], paths["b"][:, step], ([-1e9, 0.5, 0.9, 1.0, 1e9], [-1e9, 0.0, 0.1, 1e9])
        )[0]
        np.testing.assert_array_equal(whole["histogram_a_b"][step], pair)
    # w1 starts on an edge, which belongs to the bin above it
    assert counts[0].values.tolist() == [0, 0, 3000, 0, 0]
    assert (whole["histogram_a_b"].sum(["bin_a_b_0", "bin_a_b_1"]) == 3000).all()


def test_quantiles_are_those_of_final(whole):
    final = whole["final"].values
    assert whole["quantiles"].dims == ("step", "quantile", "param")
    bound = float(whole["quantile_rank_error"][-1]) * 3000
    assert 0 < bound <= 3
    for i in range(4):
        in_order = np.sort(final[:, i])
        for p, value in zip((0.05, 0.5, 0.95), whole["quantiles"][-1, :, i].values, strict=True):
            assert abs(np.searchsorted(in_order, value) + 1 - math.ceil(p * 3000)) <= bound
    few = np.quantile(final[:800], (0.05, 0.5, 0.95), axis=0, method="inverted_cdf")
    assert not np.array_equal(few, whole["quantiles"][-1])


def test_few_trajectories_have_exact_quantiles(training):
    data = run(training, trajectories=801, quantiles=[0.25, 0.5])
    exact = np.quantile(data["final"], (0.25, 0.5), axis=0, method="inverted_cdf")
    np.testing.assert_array_equal(data["quantiles"][-1], exact)
    assert (data["quantile_rank_error"] == 0).all()


# ---------------------------------------------------------------- the same bits


def test_same_bits_for_any_number_of_threads(training, monkeypatch):
    results = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(ensemble, "cpu_count", lambda n=threads: n)
        results.append(run(training, trajectories=20_000, **EVERYTHING))
    assert same(results[0], results[1]) and same(results[0], results[2])


def test_store_round_trip_and_resume(training, tmp_path, monkeypatch):
    """Interrupted after one of three chunks, resumed: bitwise the run without a store."""
    options = {"trajectories": 40_000, **EVERYTHING}
    plain, path, saved = run(training, **options), tmp_path / "run.zarr", Store.save

    def interrupted(self, chunk, result):
        if chunk == 1:
            raise KeyboardInterrupt
        saved(self, chunk, result)

    monkeypatch.setattr(Store, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(training, store=path, **options)
    monkeypatch.setattr(Store, "save", saved)
    assert same(run(training, store=path, resume=True, **options), plain)
    assert same(xr.open_zarr(path, consolidated=False).load(), plain)
    assert same(run(training, store=path, resume=True, **options), plain)


def left_behind(chosen):
    """Part of the whole ensemble."""
    return Part.joined(run_here(chunks_of(chosen), lambda _: None))


def test_result_round_trip(training):
    chosen = plan(training, record=("moments", "final", "paths"), **EVERYTHING)
    arrays = left_behind(chosen).arrays()
    again = Part.from_arrays(arrays)
    assert {k: v.tobytes() for k, v in again.arrays().items()} == {k: v.tobytes() for k, v in arrays.items()}
    with pytest.raises(KeyError):
        Part.from_arrays({name: array for name, array in arrays.items() if name != "diverged"})
    with pytest.raises(KeyError):
        Part.from_arrays({name: array for name, array in arrays.items() if name != "0.observables.products"})


CHANGED = [
    {"observe": OBSERVE | {"energy": "w1**2 - a*b"}},
    {"observe": {"renamed": OBSERVE["energy"], "gate": OBSERVE["gate"], "gap": OBSERVE["gap"]}},
    {"observe": None},
    {"histogram": {"w1": EDGES}},
    {"histogram": {"w1": EDGES + 1e-9, ("a", "b"): ([0.5, 0.9, 1.0], [0.0, 0.1])}},
    {"quantiles": (0.05, 0.5, 0.96)},
    {"functionals": EVERYTHING["functionals"] | {"mean": time_average("w1**2", 4)}},
    {"functionals": EVERYTHING["functionals"] | {"out": running_max("w1 - 0.1")}},
    {"functionals": {"out": exit_time("w1 - 0.1")}},
]


def test_the_fingerprint_knows_every_request(training, tmp_path):
    base = plan(training, **EVERYTHING)
    prints = [fingerprint(base), *(fingerprint(plan(training, **{**EVERYTHING, **change})) for change in CHANGED)]
    assert len(set(prints)) == 1 + len(CHANGED)
    assert fingerprint(plan(training, **EVERYTHING)) == prints[0]
    assert fingerprint(pickle.loads(pickle.dumps(replace(base)))) == prints[0]
    run(training, trajectories=10, store=tmp_path / "run", observe=OBSERVE)
    with pytest.raises(ValueError, match="store: expected a store of this very simulation"):
        run(training, trajectories=10, store=tmp_path / "run", observe={"energy": "a"}, resume=True)


def test_sizes_do_not_grow_with_steps(training):
    """Bytes of a result: the same for four times the steps; a fixed number of bytes for each trajectory more."""

    def size(steps, trajectories):
        chosen = plan(
            training, steps=steps, every=steps // 4, trajectories=trajectories, record=("moments",), **EVERYTHING
        )
        return {name: array.nbytes for name, array in left_behind(chosen).arrays().items()}

    small, long, wide = size(20, 2048), size(80, 2048), size(20, 4096)
    assert small == long
    rows = {"diverged": 8, "functional": 24}
    assert {name: wide[name] - small[name] for name in rows} == {name: 2048 * b for name, b in rows.items()}
    summaries = [sum(v for name, v in sizes.items() if name not in rows) for sizes in (small, wide)]
    assert summaries[1] - summaries[0] < 100  # two counters of one level more
    assert "final" not in small and "path" not in small


# ---------------------------------------------------------------- array form, float32, bad input


def test_array_form_is_observed():
    game = gs.games.get("lq-gan", dim=4).with_defaults()
    training = gs.Training(game, gs.algorithms.get("sgda"))
    data = run(training, trajectories=50, steps=3, every=1, observe={"first": "w_1**2"}, quantiles=(0.5,))
    np.testing.assert_allclose(
        data["observable_mean"][:, 0], data["second_moment"].sel(param="w_1", param_="w_1"), rtol=1e-12, atol=1e-15
    )
    with pytest.raises(ValueError, match="functionals: expected none for a game in array form"):
        run(training, trajectories=50, steps=3, functionals={"t": exit_time("w_1")})


def test_float32_is_observed_in_float64(training):
    data = run(training, dtype="float32", observe=OBSERVE, quantiles=(0.5,), record=("paths",), histogram={"a": [0, 1]})
    wide = by_hand(data.astype(np.float64))
    np.testing.assert_allclose(data["observable_mean"], wide.mean(axis=0), rtol=1e-13)
    assert data["observable_mean"].dtype == np.float64 and set(data["histogram_a"].sum(axis=1).values) == {3000}


@pytest.mark.parametrize(
    "options, words",
    [
        ({"observe": "w1"}, "observe: expected {name: expression}, got 'w1'"),
        ({"observe": {1: "w1"}}, "observe: expected names as text, got 1"),
        ({"observe": {"v": "w1 +"}}, "observe[v]: expected a number, a name or '('"),
        ({"observe": {"v": "q"}}, "observe[v]: expected a declared name, got 'q'"),
        ({"observe": {"v": "__import__('os')"}}, "observe[v]: expected"),
        ({"observe": {"v": sp.Symbol("q")}}, "observe[v]: expected only w2, w1, a, b, got q"),
        ({"observe": {"v": sp.I}}, "observe[v]: expected a real expression, got I"),
        ({"observe": {"v": sp.zeta(sp.Symbol("w1"))}}, "observe[v]: the function zeta has no numerical form"),
        ({"observe": {"v": sp.Symbol("w1") > 0}}, "observe[v]: expected a formula as text or sympy expression"),
        ({"observe": {"v": None}}, "observe[v]: expected a formula as text or sympy expression, got None"),
        ({"histogram": [1, 2]}, "histogram: expected {parameter: edges}"),
        ({"histogram": {"q": [1, 2]}}, "histogram: expected one or two of w2, w1, a, b, got 'q'"),
        ({"histogram": {("w1", "w1"): ([1, 2], [1, 2])}}, "histogram: expected one or two of"),
        ({"histogram": {("w1", "a"): [1, 2, 3]}}, "histogram[w1, a]: expected edges of each"),
        ({"histogram": {"w1": [2, 1]}}, "histogram[w1]: expected two or more increasing numbers"),
        ({"histogram": {"w1": [0, math.nan]}}, "histogram[w1]: expected increasing finite numbers"),
        ({"histogram": {"w1": "edges"}}, "histogram[w1]: expected increasing finite numbers"),
        ({"histogram": {("w1", "a"): ([0, 1], [0, 1]), ("w1", "a", "b"): ()}}, "histogram: expected one or two of"),
        ({"quantiles": (0.5, 0.1)}, "quantiles: expected increasing numbers between 0 and 1"),
        ({"quantiles": (0, 0.1)}, "quantiles: expected increasing numbers between 0 and 1"),
        ({"quantiles": "median"}, "quantiles: expected numbers between 0 and 1"),
        ({"functionals": exit_time("w1")}, "functionals: expected {name: functional}"),
        ({"functionals": {"t": "w1"}}, "functionals[t]: expected time_average, exit_time or running_max, got 'w1'"),
        ({"functionals": {"t": exit_time("q")}}, "functionals[t]: expected a declared name, got 'q'"),
        ({"functionals": {"t": time_average("w1", -1)}}, "functionals[t].burn_in: expected an integer >= 0, got -1"),
        ({"functionals": {"t": time_average("w1", 20)}}, "functionals[t].burn_in: expected an integer >= 0 and <= 19"),
        ({"functionals": {"t": exit_time("w1")}, "dtype": "float32"}, "functionals: expected dtype 'float64'"),
        ({"functionals": {"t": exit_time("sqrt(-w1**2 - 1)")}}, "functionals: expected real expressions"),
        ({"histogram": {("w1", "a"): (np.arange(1e6), np.arange(1e6))}}, "record: expected results within"),
    ],
)
def test_bad_input(training, options, words):
    with pytest.raises(ValueError) as error:
        run(training, **options)
    assert str(error.value).startswith(words)
    assert "\n" not in str(error.value)
