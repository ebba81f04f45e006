"""Functionals inside the kernel: against loops over recorded paths, and against closed forms of known processes."""

import math

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import quad

import gan_sde as gs
from gan_sde.simulation.functionals import exit_time, running_max, time_average

NOISE = 1.5
LEVEL = 0.35
BURN_IN = 100
IN_VALLEY = {
    "exit": exit_time(f"x**2 - {LEVEL}**2"),
    "square": time_average("x**2", BURN_IN),
    "cold": time_average("x**2"),
    "top": running_max("Abs(x)"),
}


@pytest.fixture(scope="module")
def training():
    game = gs.games.get("lq-gan").subs(mu=0.5, sigma=1.0)
    return gs.Training(game, gs.algorithms.get("sgda"))


@pytest.fixture(scope="module")
def valley():
    """One player, loss ``(x - y)^2 / 2``: the training is an autoregression, its SDE an Ornstein-Uhlenbeck process."""
    x, y = sp.symbols("x y")
    game = gs.Game.general_sum(
        losses={"p": (x - y) ** 2 / 2}, parameters={"p": [x]}, data={y: gs.Normal(0, NOISE)}, x0={"x": 0.0}
    )
    return gs.Training(game, gs.algorithms.get("sgda"))


# ---------------------------------------------------------------- against loops

FUNCTIONALS = {
    "average": time_average("w1**2 * a"),
    "late": time_average("w1**2 * a", burn_in=7),
    "out": exit_time("w1 - 0.22"),
    "at once": exit_time("w2"),
    "never": exit_time("-1 - w1**2"),
    "top": running_max("b*w1 - a"),
    "held": time_average("a", burn_in=1),
}


def loops(paths, burn_in, skipped):
    """The same, one trajectory and one state at a time."""
    results = []
    for path in paths:
        total, late, held, out, top = 0.0, 0.0, 0.0, math.nan, -math.inf
        for k, (_, w1, a, b) in enumerate(path):
            if k > 0:
                total += w1**2 * a
            if k > burn_in:
                late += w1**2 * a
            if k > skipped:
                held += a
            if math.isnan(out) and w1 - 0.22 > 0:
                out = k
            top = max(top, b * w1 - a)
        last = len(path) - 1
        results.append([total / last, late / (last - burn_in), out, 0.0, math.nan, top, held / (last - skipped)])
    return np.array(results)


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_training_against_loops(training, backend):
    data = gs.simulate(
        training, lr=0.02, steps=25, trajectories=300, batch_size=16, every=1, record=("paths",), backend=backend,
        functionals=FUNCTIONALS,
    )  # fmt: skip
    expected = loops(data["path"].values, 7, 1)
    np.testing.assert_allclose(data["functional_value"], expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(data["functional_value"][:, 2], expected[:, 2])
    left = np.isfinite(expected[:, 2])
    assert 50 < left.sum() < 300
    out = data.sel(functional="out")
    assert int(out["functional_n"]) == left.sum() and int(data.sel(functional="never")["functional_n"]) == 0
    assert float(out["functional_mean"]) == pytest.approx(expected[left, 2].mean())
    assert float(out["functional_se"]) == pytest.approx(expected[left, 2].std(ddof=1) / math.sqrt(left.sum()))
    # negative control: the average over 26 states, start included, is another number
    with_start = (data["path"][..., 1] ** 2 * data["path"][..., 2]).mean("step")
    assert not np.allclose(with_start, data["functional_value"][:, 0], rtol=1e-6)


def test_sde_is_looked_at_after_every_substep(training):
    """Sub-steps of a run are the iterations of one at a third of the rate: same noise, so the same path."""
    sde = training.sde(order=1)
    options = {"trajectories": 200, "batch_size": 16, "noise": False, "functionals": FUNCTIONALS, "integrator": "euler"}
    coarse = gs.simulate(sde, lr=0.06, steps=8, substeps=3, record=("final",), **options)
    fine = gs.simulate(sde, lr=0.02, steps=24, substeps=1, every=1, record=("paths",), **options)
    expected = loops(fine["path"].values, 21, 3)
    expected[:, 2] /= 3
    np.testing.assert_allclose(coarse["functional_value"], expected, rtol=1e-11)
    again = gs.simulate(sde, lr=0.06, steps=8, substeps=3, every=3, **options)
    assert again["functional_value"].identical(coarse["functional_value"])
    assert math.isfinite(expected[0, 2]) and expected[0, 2] % 1 != 0


def test_trajectories_stay_what_they_are(training):
    """With functionals the trajectories agree to rounding, and so they do for other checkpoints, bit for bit."""
    options = {"lr": 0.02, "steps": 12, "trajectories": 1500, "batch_size": 16}
    plain = gs.simulate(training, **options)
    one, other = (gs.simulate(training, every=e, functionals=FUNCTIONALS, **options) for e in (1, 5))
    np.testing.assert_allclose(one["final"], plain["final"], rtol=1e-10)
    assert one["final"].identical(other["final"]) and one["functional_value"].identical(other["functional_value"])


def test_large_or_undefined_values_do_not_touch_the_process(training):
    """Beyond the bound 1e8 of states, beyond all numbers and outside the domain: the trajectories go on."""
    functionals = {
        "large": running_max("1e60 + w1"),
        "growing": time_average("exp(200*w2)"),
        "lost": time_average("log(-w1**2)"),
        "overflow": running_max("exp(1000*a)"),
        "later": exit_time("sqrt(w1 - 0.1)"),
        "inverse": time_average("1/w1"),
        "after": time_average("1/w1", 3),
    }
    data = gs.simulate(
        training, lr=0.02, steps=30, trajectories=500, batch_size=16, every=1, record=("paths",),
        functionals=functionals,
    )  # fmt: skip
    assert (data["diverged"] == -1).all() and np.isfinite(data["path"]).all()
    value = data["functional_value"]
    np.testing.assert_allclose(value.sel(functional="large"), 1e60, rtol=1e-12)
    exact = np.exp(200 * data["path"][:, 1:, 0]).mean("step")
    assert exact.max() > 1e40
    np.testing.assert_allclose(value.sel(functional="growing"), exact, rtol=1e-9)
    assert np.isnan(value.sel(functional=["lost", "overflow"])).all()
    w1 = data["path"].values[..., 1]
    # infinite at the start, which does not count
    assert (w1[:, 0] == 0).all()
    np.testing.assert_allclose(value.sel(functional="inverse"), (1 / w1[:, 1:]).mean(axis=1), rtol=1e-9)
    np.testing.assert_allclose(value.sel(functional="after"), (1 / w1[:, 4:]).mean(axis=1), rtol=1e-9)
    first = np.where((w1 > 0.1).any(axis=1), (w1 > 0.1).argmax(axis=1), np.nan)
    np.testing.assert_array_equal(value.sel(functional="later"), first)


def test_diverged_trajectories_have_no_value():
    game = gs.games.get("bilinear").with_defaults()
    name = game.parameters[0].name
    functionals = {"out": exit_time(f"{name}**2 - 4"), "top": running_max(name), "mean": time_average(name)}
    process = gs.Training(game, gs.algorithms.get("sgda"))
    data = gs.simulate(process, lr=2.0, steps=60, trajectories=20, functionals=functionals)
    assert (data["diverged"] > 0).all() and np.isnan(data["functional_value"]).all()
    assert (data["functional_n"] == 0).all() and np.isnan(data["functional_mean"]).all()


def test_bounds_are_seen(training):
    """The state is looked at after its projection: a is held at 0.01."""
    start = {"w2": -50.0, "w1": 0.0, "a": 0.05, "b": 0.0}
    options = {"lr": 0.02, "x0": start, "steps": 8, "trajectories": 2, "batch_size": 16, "functionals": FUNCTIONALS}
    data = gs.simulate(training, every=1, record=("paths",), **options)
    assert (data["path"][:, 2:, 2] == 0.01).all()
    np.testing.assert_allclose(data["functional_value"].sel(functional="held"), 0.01, rtol=1e-14)


def test_memory_of_an_algorithm(training):
    game = gs.games.get("quadratic").with_defaults()
    momentum = gs.Training(game, gs.algorithms.get("momentum"))
    carried = momentum.state[2].name
    options = {"lr": 0.02, "steps": 15, "trajectories": 64, "batch_size": 4, "every": 1}
    data = gs.simulate(momentum, record=("paths", "memory"), functionals={"v": running_max(f"{carried}**2")}, **options)
    expected = (data["path"].sel(param=carried) ** 2).max("step")
    np.testing.assert_allclose(data["functional_value"][:, 0], expected, rtol=1e-14)


# ---------------------------------------------------------------- against closed forms


def chain(lr, batch_size, substeps=0):
    """Coefficient and noise of ``x' = r x + s n``: the training, or a weak2 sub-step of its SDE."""
    scale = NOISE * math.sqrt(lr / batch_size)
    if substeps == 0:
        return 1 - lr, math.sqrt(lr) * scale
    h = lr / substeps
    return 1 - h + h**2 / 2, scale * math.sqrt(h) * (1 - h / 2)


def mean_exit_of_chain(r, s, level, nodes=400):
    """Mean number of steps from 0 until ``|x| > level``: ``m(x) = 1 + int p(y | x) m(y) dy`` by Gauss-Legendre."""
    y, weights = np.polynomial.legendre.leggauss(nodes)
    y, weights = level * y, level * weights

    def density(x):
        return weights * np.exp(-((y - r * x) ** 2) / (2 * s**2)) / (s * math.sqrt(2 * math.pi))

    kernel = np.array([density(x) for x in y])
    m = np.linalg.solve(np.eye(nodes) - kernel, np.ones(nodes))
    return float(1 + density(0.0) @ m)


def mean_exit_of_diffusion(scale, level):
    """Of ``dX = -X dt + scale dW`` from 0 out of ``(-level, level)``, in units of time."""

    def inner(u):
        return math.exp(u**2 / scale**2) * quad(lambda v: math.exp(-(v**2) / scale**2), 0, u)[0]

    return 2 / scale**2 * quad(inner, 0, level)[0]


@pytest.mark.parametrize("substeps", [0, 4], ids=["training", "sde"])
def test_mean_exit_time_of_an_ornstein_uhlenbeck_process(valley, substeps):
    """Mean over 4000 trajectories within 4 standard errors (false alarm 6e-5) of the chain's integral equation.

    Controls that must fail: a level 3 % higher, and the continuous process, which exits earlier than its chain.
    """
    lr, batch_size = 0.1, 4
    process, options = (valley.sde(order=1), {"substeps": substeps}) if substeps else (valley, {})
    data = gs.simulate(
        process, lr=lr, steps=4000, trajectories=4000, batch_size=batch_size, record=("moments",), every=4000,
        functionals=IN_VALLEY, **options,
    )  # fmt: skip
    data = data.sel(functional="exit")
    assert int(data["functional_n"]) == 4000  # nothing is censored
    per_iteration = max(substeps, 1)
    r, s = chain(lr, batch_size, substeps)
    mean, se = float(data["functional_mean"]), float(data["functional_se"])
    assert se < 0.02 * mean
    assert abs(mean - mean_exit_of_chain(r, s, LEVEL) / per_iteration) < 4 * se
    assert abs(mean - mean_exit_of_chain(r, s, 1.03 * LEVEL) / per_iteration) > 4 * se
    # in time units; between looks the continuous path has left and come back: the level seems 0.5826 s sqrt(h) higher
    scale = NOISE * math.sqrt(lr / batch_size)
    step = lr / per_iteration
    assert mean * lr - mean_exit_of_diffusion(scale, LEVEL) > 4 * se * lr
    if substeps:
        shifted = mean_exit_of_diffusion(scale, LEVEL + 0.5826 * scale * math.sqrt(step))
        assert mean * lr == pytest.approx(shifted, rel=0.05)


def test_time_averages_against_the_stationary_moment(valley):
    """Mean and spread of time averages of x^2 over 1000 trajectories.

    The mean within 4 standard errors of the chain's stationary variance (false alarm 6e-5), where 5 % more must fail;
    the standard error that batch means of single paths predict is that over trajectories, to 10 %.
    """
    lr, batch_size, steps, trajectories = 0.2, 4, 4100, 1000
    r, s = chain(lr, batch_size)
    variance = s**2 / (1 - r**2)
    options = {"lr": lr, "batch_size": batch_size, "steps": steps}
    data = gs.simulate(
        valley, trajectories=trajectories, record=("moments",), every=steps,
        functionals=IN_VALLEY, **options,
    )  # fmt: skip
    mean, se = (data[f"functional_{c}"].sel(functional=["square", "cold"]).values for c in ("mean", "se"))
    assert abs(mean[0] - variance) < 4 * se[0]
    assert abs(mean[0] - 1.05 * variance) > 4 * se[0]
    # without burn-in the start at 0 lowers the average by a known amount
    powers = r ** (2 * np.arange(1, steps + 1))
    assert abs(mean[1] - variance * (1 - powers.mean())) < 4 * se[1]
    again = {"trajectories": 64, "seed": 1, "record": ("paths",), "every": 1, "functionals": IN_VALLEY}
    paths = gs.simulate(valley, **again, **options)["path"].values
    batches = (paths[:, BURN_IN + 1 :, 0] ** 2).reshape(64, 40, 100).mean(axis=2)
    within = batches.var(axis=1, ddof=1).mean() / 40
    assert math.sqrt(within / trajectories) == pytest.approx(se[0], rel=0.1)


def test_running_maximum_has_the_law_of_the_chain(valley):
    """P(max |x| <= c) over n steps, from the chain's killed kernel: 5000 trajectories, 4 binomial errors (6e-5)."""
    lr, batch_size, level, steps, nodes = 0.2, 4, 0.6, 130, 300
    r, s = chain(lr, batch_size)
    y, weights = np.polynomial.legendre.leggauss(nodes)
    y, weights = level * y, level * weights
    kernel = weights * np.exp(-((y - r * y[:, None]) ** 2) / (2 * s**2)) / (s * math.sqrt(2 * math.pi))
    stay = np.ones(nodes)
    for _ in range(steps - 1):
        stay = kernel @ stay
    start = weights * np.exp(-(y**2) / (2 * s**2)) / (s * math.sqrt(2 * math.pi))
    exact = float(start @ stay)
    data = gs.simulate(valley, lr=lr, batch_size=batch_size, steps=steps, trajectories=5000, functionals=IN_VALLEY)
    found = float((data["functional_value"].sel(functional="top") <= level).mean())
    assert 0.2 < exact < 0.8
    assert abs(found - exact) < 4 * math.sqrt(exact * (1 - exact) / 5000)
    # negative control: the final state alone
    assert float((np.abs(data["final"]) <= level).mean()) - exact > 4 * math.sqrt(exact * (1 - exact) / 5000)
