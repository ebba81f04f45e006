"""`gan-sde schedule`: what is derived, printed and stored, and what is refused in one line."""

import itertools
import json
import re

import numpy as np
import pytest
import xarray as xr

import gan_sde as gs
from analysis.schedules import cosine, read_schedule
from gan_sde.cli import main
from gan_sde.cli.parser import SCHEDULE_RULES
from gan_sde.cli.schedule import _by_iteration, _edges, _ratio

SMALL = ["--steps", "200", "--trajectories", "64", "--lr", "0.3"]


def run(argv, capsys):
    status = main(argv)
    out, err = capsys.readouterr()
    assert status == 0, err
    return out, err


@pytest.mark.parametrize("rule", SCHEDULE_RULES)
def test_every_rule_prints_schedule_basis_and_trial(rule, capsys):
    out, err = run(["schedule", "linear-wgan", "--rule", rule, *SMALL], capsys)
    assert "assumed: --algorithm sgda --batch-size 16 --seed 0" in err and "--x0 omega=0 theta=0" in err
    assert "equilibrium omega = 0, theta = 1" in out and "stability limit lr < 1," in out
    assert re.search(r"^iterations +", out, re.M) and re.search(r"^constant 0\.3 ", out, re.M)
    assert re.search(r"^ratio ", out, re.M) and max(map(len, out.splitlines())) <= 120


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_stored_schedules_are_what_simulate_takes(suffix, capsys, tmp_path):
    """Read back, replayed by `simulate`, the final error is the printed one (same random numbers)."""
    file = tmp_path / f"rates.{suffix}"
    argv = ["schedule", "linear-wgan", "--rule", "cosine", *SMALL, "--out", str(file)]
    out, _ = run(argv, capsys)
    rates = read_schedule(file)
    np.testing.assert_allclose(rates, cosine(0.3, 200), rtol=1e-15)
    process = gs.Training(gs.games.get("linear-wgan").with_defaults(), gs.algorithms.get("sgda"))
    final = gs.simulate(process, lr=rates, steps=200, trajectories=64, batch_size=16, progress=False)["final"].values
    printed = float(re.search(r"^cosine +([\d.e-]+)", out, re.M)[1])
    assert printed == pytest.approx(((final - [0, 1]) ** 2).sum(axis=1).mean(), rel=0.02)


def test_exact_column_is_within_the_interval(capsys):
    """At 20,000 trajectories, both rows; 2.5 half-widths of 95 % are 5 standard errors."""
    argv = ["schedule", "linear-wgan", "--steps", "100", "--trajectories", "20000", "--lr", "0.3"]
    out, _ = run(argv, capsys)
    rows = re.findall(r"^(?:constant 0\.3|optimal) +([\d.]+) +([\d.]+) +([\d.]+) +0$", out, re.M)
    assert len(rows) == 2
    for mean, half, exact in np.array(rows, dtype=float):
        assert abs(mean - exact) < 2.5 * half


def test_csv_on_standard_output_and_json(capsys, tmp_path):
    argv = ["schedule", "linear-wgan", "--rule", "two-time-scale", *SMALL]
    out, _ = run([*argv, "--format", "csv"], capsys)
    (tmp_path / "a.csv").write_text(out)
    rates = read_schedule(tmp_path / "a.csv")
    assert list(rates) == ["discriminator", "generator"] and rates["generator"][-1] < rates["discriminator"][-1]
    document = json.loads(run([*argv, "--format", "json"], capsys)[0])
    np.testing.assert_array_equal(document["lr"]["generator"], rates["generator"])
    assert (
        document["stability_limit"] == pytest.approx(1) and document["final_squared_distance"]["constant"]["mean"] > 0
    )


def test_adaptive_rules_print_quartiles_by_player(capsys):
    argv = ["schedule", "linear-wgan", "--rule", "yaida", "--per-player", *SMALL, "--rule-options", "period=10"]
    out, _ = run(argv, capsys)
    assert "discriminator: median" in out and "generator: median" in out and "quartiles" in out
    assert "tolerance=0.1 reduction=0.5 period=10" in out


def test_without_a_stable_rate_the_command_says_so(capsys):
    out, _ = run(["schedule", "bilinear", "--rule", "cosine", *SMALL], capsys)
    assert "expected stability at small learning rates" in out and "ratio" in out


def test_array_games_are_scheduled_without_a_trial(capsys):
    argv = ["schedule", "lq-gan", "--game-options", "dim=4", "--algorithm", "consensus", "--rule", "cosine"]
    out, _ = run([*argv, "--lr", "0.01", "--steps", "50", "--trajectories", "2"], capsys)
    assert "array form" in out and "not tried" in out


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ("schedule linear-wgan --rule magic", ["--rule", "expected one of optimal", "'magic'"]),
        ("schedule linear-wgan --lr generator=0.1", ["--lr", "discriminator, generator"]),
        ("schedule bilinear", ["--lr", "expected a rate", "stability"]),
        ("schedule bilinear --rule optimal --lr 0.1", ["--lr", "stability"]),
        ("schedule linear-wgan --out rates.txt", ["--out", ".csv or .json"]),
        ("schedule linear-wgan --out /nowhere/rates.csv", ["--out", "folder"]),
        ("schedule linear-wgan --per-player", ["--per-player", "yaida or stationarity"]),
        ("schedule linear-wgan --rule yaida --rule-options magic=3", ["--rule-options", "tolerance", "'magic'"]),
        ("schedule linear-wgan --rule yaida --rule-options period=0", ["--rule-options", "period"]),
        ("schedule linear-wgan --rule two-time-scale --rule-options fast=critic", ["--rule-options", "discriminator"]),
        ("schedule linear-wgan --rule stable --rule-options fraction=2", ["--rule-options", "fraction"]),
        ("schedule linear-wgan --rule inverse --lr 5", ["--lr", "stable rate"]),
        ("schedule linear-wgan --rule armijo --lr generator=0.1 discriminator=0.1", ["--lr", "armijo"]),
        ("schedule linear-wgan --steps 0", ["--steps", "integer >= 1"]),
        ("schedule linear-wgan --order 2", ["--order", "known option"]),
    ],
)
def test_bad_input_is_one_line(argv, words, capsys):
    assert main(argv.split()) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("gan-sde: "), err
    assert all(word in err for word in words), err


def test_ranges_cover_every_iteration():
    for column in (np.ones(7), np.repeat([1.0, 0.5], 50), np.linspace(1, 0, 1000), np.linspace(1, 0, 11), np.ones(1)):
        edges = _edges({"lr": column})
        assert edges[0][0] == 0 and edges[-1][1] == len(column) and len(edges) <= 11
        assert all(a[1] == b[0] for a, b in itertools.pairwise(edges))


def test_interval_of_the_ratio_covers():
    """Correlated exponentials of ratio 1/2: 95 % +- 2 % of 1,000 intervals (3 standard deviations) hold it."""
    rng, held = np.random.default_rng(0), 0
    for _ in range(1000):
        common, own = rng.exponential(size=400), rng.exponential(size=400)
        ratio, half = _ratio((0.8 * common + 0.2 * own) / 2, common)
        held += abs(ratio - 0.5) < half
    assert abs(held / 1000 - 0.95) < 0.021


def test_adaptive_rates_by_iteration():
    """Three trajectories, checks after 3 and 5 iterations: each rate lasts up to its check."""
    rate = np.array([[0.4, 0.4], [0.4, 0.2], [0.4, 0.1]])
    run = xr.Dataset({"rate": (("trajectory", "check"), rate)}, {"step": ("check", [3, 5])})
    median, quartiles = _by_iteration(run, ("p", "q"))
    assert median.tolist() == [0.4, 0.4, 0.4, 0.2, 0.2]
    np.testing.assert_allclose(quartiles, [[0.4, 0.4, 0.4, 0.15, 0.15], [0.4, 0.4, 0.4, 0.3, 0.3]])


def test_no_ratio_over_survivors(capsys):
    """Where trainings diverge, the mean of the others says nothing about which schedule is better."""
    argv = ["schedule", "quadratic", "--rule", "constant", "--steps", "200", "--trajectories", "20", "--lr", "40"]
    out, _ = run(argv, capsys)
    assert "no ratio: 20 trajectories diverged under the schedule, 20 at the constant rate" in out
    assert "better" not in out
    found = json.loads(run([*argv, "--format", "json"], capsys)[0], parse_constant=pytest.fail)
    assert found["final_squared_distance"]["schedule"] == {"mean": None, "diverged": 20}


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--x0", "omega=0", "theta=0", "--batch-size", "inf"], "the constant rate ends at the equilibrium exactly"),
        (["--trajectories", "1"], "expected at least two trajectories"),
    ],
)
def test_no_ratio_says_why(argv, words, capsys):
    out, _ = run(["schedule", "quadratic", "--steps", "10", "--trajectories", "20", *argv], capsys)
    assert f"no ratio: {words}" in out
    json.loads(
        run(["schedule", "quadratic", "--steps", "10", "--trajectories", "20", *argv, "--format", "json"], capsys)[0],
        parse_constant=pytest.fail,
    )


def test_options_of_rules_are_numbers(capsys):
    assert main(["schedule", "quadratic", "--rule", "stable", "--rule-options", "fraction=abc"]) == 2
    assert "expected a number for fraction, got 'abc'" in capsys.readouterr().err


BOUNDED = """
name = "bounded"
payoff = "w*(y-t)-w**2/2"
[maximiser]
up = ["w"]
[minimiser]
down = ["t"]
[data]
y = {normal = [0, 1]}
[x0]
w = 1
t = 1
"""


@pytest.mark.parametrize("bounds", ["", "[bounds]\nt = [0.0, inf]\n"])
def test_exactness_is_claimed_only_without_bounds(bounds, capsys, tmp_path):
    file = tmp_path / "g.toml"
    file.write_text(BOUNDED + bounds)
    argv = ["schedule", str(file), "--rule", "cosine", "--steps", "100", "--trajectories", "20", "--batch-size", "1"]
    out, _ = run(argv, capsys)
    said = "the bounds of t are taken to be out of reach" in out
    assert said == bool(bounds) and ("(exact moments: the iteration is affine)" in out) == (not bounds)
    assert (re.search(r"^rate .* exact ", out, re.M) is None) == bool(bounds)
    assert max(map(len, out.splitlines())) <= 120
