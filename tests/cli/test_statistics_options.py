"""Observables, quantiles and functionals on the command line."""

import numpy as np
import pytest
import xarray as xr

import gan_sde as gs
from gan_sde.cli import analyze, main, parser
from gan_sde.cli.statistics_options import add_statistics_options, describe_statistics
from gan_sde.simulation.functionals import exit_time, running_max, time_average

RUN = ["simulate", "lq-gan", "--steps", "20", "--trajectories", "200", "--every", "5"]
STATISTICS = [
    "--observe", "energy=w1**2 + a*b", "gap=w2 - a", "--quantiles", "0.1", "0.5",
    "--functional", "out=exit_time(w1 - 0.1)", "late=time_average(Max(w1, a), burn_in=5)", "top=running_max(-b)",
]  # fmt: skip


@pytest.fixture(autouse=True)
def with_options(monkeypatch):
    """The options, whether or not the parser of the command has them already."""
    declare = parser._simulate

    def simulate(options):
        declare(options)
        if "--observe" not in options._option_string_actions:
            add_statistics_options(options)

    monkeypatch.setattr(parser, "_simulate", simulate)


def test_statistics_are_run_printed_and_stored(tmp_path, capsys):
    path = tmp_path / "run.zarr"
    assert main([*RUN, *STATISTICS, "--out", str(path)]) == 0
    out = capsys.readouterr().out
    for words in ("observables at step 20", "energy", "quantiles at step 20", "functionals", "late"):
        assert words in out
    stored = xr.open_zarr(path, consolidated=False).load()
    game = gs.games.get("lq-gan").with_defaults()
    direct = gs.simulate(
        gs.Training(game, gs.algorithms.get("sgda")), lr=stored.attrs["lr"], steps=20, trajectories=200, every=5,
        batch_size=int(stored.attrs["batch_size"]), observe={"energy": "w1**2 + a*b", "gap": "w2 - a"},
        quantiles=(0.1, 0.5),
        functionals={
            "out": exit_time("w1 - 0.1"), "late": time_average("Max(w1, a)", 5), "top": running_max("-b"),
        },
    )  # fmt: skip
    for name in ("observable_mean", "observable_cov", "quantiles", "functional_value", "final"):
        np.testing.assert_array_equal(stored[name], direct[name])
    assert stored.attrs["recipe"] == direct.attrs["recipe"]
    assert describe_statistics(stored) in out
    assert main(["analyze", str(path)]) == 0
    assert "energy" in capsys.readouterr().out  # in the heading at least
    assert analyze.analyze is not None


def test_a_run_without_statistics_says_nothing_of_them(capsys):
    assert main(RUN) == 0
    assert "observables" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--observe", "w1"], "--observe: expected NAME=EXPR, got 'w1'"),
        (["--observe", "v=w1", "v=a"], "--observe: expected each name once, got 'v' twice"),
        (["--observe", "v=q + 1"], "--observe[v]: expected a declared name, got 'q' at character 1"),
        (["--observe", "v=__import__('os')"], "--observe[v]: expected"),
        (["--observe"], "--observe: expected at least one"),
        (["--quantiles", "0.5", "0.1"], "--quantiles: expected increasing numbers between 0 and 1"),
        (["--quantiles", "half"], "--quantiles: expected a finite number, got 'half'"),
        (["--functional", "t=leave(w1)"], "--functional[t]: expected time_average(EXPR[, burn_in=N])"),
        (["--functional", "t=exit_time(q)"], "--functional[t]: expected a declared name, got 'q'"),
        (["--functional", "t=exit_time(w1"], "--functional[t]: expected time_average"),
        (
            ["--functional", "t=time_average(w1, burn_in=20)"],
            "--functional[t].burn_in: expected an integer >= 0 and <=",
        ),
        (["--functional", "t=exit_time(w1)", "--dtype", "float32"], "--functional: expected dtype 'float64'"),
    ],
)
def test_bad_input_is_one_line_that_names_the_option(options, words, capsys):
    assert main([*RUN, *options]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert err.startswith(f"gan-sde: {words}"), err
