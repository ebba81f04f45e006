"""The commands on good input: what they print, what they store, what they assume aloud."""

from __future__ import annotations

import io
import json
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import sympy
import xarray as xr

import gan_sde as gs
from figures import report
from gan_sde.cli import main
from gan_sde.cli.summary import final_covariance, summarise

GAME = """
name = "toy"
payoff = "w*(y - t) - w**2/2"
symbols = ["mu", "sigma"]
[maximiser]
discriminator = ["w"]
[minimiser]
generator = ["t"]
[data]
y = {normal = ["mu", "sigma"]}
[defaults]
sigma = 1
"""


def run(argv, capsys):
    status = main(argv)
    out, err = capsys.readouterr()
    assert status == 0, err
    return out, err


@pytest.mark.parametrize(("command", "module"), [("games", gs.games), ("algorithms", gs.algorithms)])
def test_lists_name_everything_registered(command, module, capsys):
    out, err = run([command], capsys)
    assert err == ""
    names = [line.split()[0] for line in out.splitlines()[2:]]
    assert names == module.names()


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from gan_sde.cli import main; status = main(['--help']);"
        "heavy = {'numpy', 'sympy', 'torch', 'numba', 'xarray', 'matplotlib'} & set(sys.modules);"
        "assert not heavy, heavy; sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for command in ("games", "algorithms", "derive", "simulate", "analyze", "schedule", "figures", "reproduce"):
        assert command in done.stdout


@pytest.mark.parametrize("command", ["derive", "simulate", "analyze", "schedule", "figures", "reproduce"])
def test_every_command_has_help(command, capsys):
    out, _ = run([command, "--help"], capsys)
    assert out.startswith(f"usage: gan-sde {command}")


@pytest.mark.parametrize("command", ["figures", "reproduce"])
def test_claims_take_a_seed(command, monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(report, command, lambda **options: seen.append(options["seed"]) or 0)
    for argv in ([], ["--seed", "7"]):
        assert main([command, "--out", str(tmp_path), *argv]) == 0
    assert seen == [0, 7]


def read_back(rows, names):
    table = {name: sympy.Symbol(name) for name in names}
    return sympy.Matrix([[sympy.sympify(e, locals=table) for e in row] for row in rows])


@pytest.mark.parametrize("order", ["1", "2"])
def test_derive_json_reads_back_as_the_derivation(order, capsys):
    out, err = run(["derive", "lq-gan", "--algorithm", "sgda", "--order", order, "--format", "json"], capsys)
    assert err == ""
    got = json.loads(out)
    game = gs.games.get("lq-gan")
    sde = gs.Training(game, gs.algorithms.get("sgda")).sde(order=int(order))
    assert got["parameters"] == ["w2", "w1", "a", "b"]
    expected = {
        "field": game.field,
        "jacobian": game.jacobian,
        "noise_covariance": game.noise_covariance,
        "noise_modes": game.noise_modes,
    }
    derived = {"drift": sde.drift, "diffusion": sde.diffusion, "covariance": sde.covariance}
    plain = {sde.lr: sympy.Symbol(sde.lr.name), sde.batch_size: sympy.Symbol(sde.batch_size.name)}
    point = {s: sympy.Rational(k + 2, 7) for k, s in enumerate(map(sympy.Symbol, got["symbols"]))}
    for where, matrices in ((got, expected), (got["sde"], derived)):
        for name, matrix in matrices.items():
            assert got["shapes"][name] == list(matrix.shape)
            difference = read_back(where[name], got["symbols"]) - matrix.xreplace(plain)
            assert all(abs(e.xreplace(point).evalf(30)) < 1e-20 for e in difference), name
    assert got["sde"]["order"] == int(order)


def test_derive_assumes_aloud_and_sets_constants(capsys):
    out, err = run(["derive", "lq-gan", "--set", "mu=0", "sigma=2", "--format", "json"], capsys)
    assert err == "assumed: --algorithm sgda --order 1\n"
    got = json.loads(out)
    assert not {"mu", "sigma"} & set(got["symbols"])


@pytest.mark.parametrize("game", ["lq-gan", "bilinear", "quadratic"])
def test_derive_text_and_latex(game, capsys):
    text, _ = run(["derive", game], capsys)
    for title in ("field F", "Jacobian DF", "noise covariance", "noise modes", "drift", "diffusion"):
        assert title in text
    latex, _ = run(["derive", game, "--format", "latex"], capsys)
    assert latex.count(r"\begin{align*}") == latex.count(r"\end{align*}") == 1


def test_derive_takes_options_of_game_and_algorithm(capsys):
    options = ["order=alternating", "first=generator", "inner_steps.discriminator=2"]
    argv = "derive bilinear --game-options dim=2 noise=false --algorithm sgda --order 2 --format json".split()
    out, _ = run([*argv, "--algorithm-options", *options], capsys)
    got = json.loads(out)
    assert got["parameters"] == ["omega_1", "omega_2", "theta_1", "theta_2"]
    assert got["shapes"]["noise_modes"] == [4, 0]


def test_a_game_file_is_simulated_from_its_start(capsys, tmp_path):
    path = tmp_path / "toy.toml"
    path.write_text(GAME + "[x0]\nw = 0.25\nt = 1\n")
    out = tmp_path / "run.zarr"
    argv = ["simulate", str(path), "--set", "mu=0.5", "--lr", "0.1", "--steps", "20", "--trajectories", "50"]
    text, err = run([*argv, "--seed", "3", "--batch-size", "4", "--out", str(out)], capsys)
    assert "--set sigma=1 (defaults of toy)" in err and "--x0 w=0.25 t=1 (defaults of toy)" in err
    assert "--algorithm sgda --process training" in err and "--lr" not in err
    assert "diverged: 0 of 50 trajectories" in text and f"stored in {out}" in text
    game = gs.Game.from_file(path).subs(mu=0.5, sigma=1)
    training = gs.Training(game, gs.algorithms.get("sgda"))
    expected = gs.simulate(training, lr=0.1, batch_size=4, steps=20, trajectories=50, seed=3)
    with xr.open_zarr(out, consolidated=False) as stored:
        for name in ("mean", "second_moment", "final", "diverged"):
            assert np.array_equal(stored[name].values, expected[name].values)
        assert stored.attrs["seed"] == "3"
    again, _ = run(["analyze", str(out)], capsys)
    assert again.strip() == text.partition("\nstored in")[0].strip()


def test_simulate_an_sde_with_every_option(capsys):
    argv = "simulate quadratic --process sde --order 2 --lr discriminator=0.1 generator=0.05 --batch-size 8"
    argv += " --steps 1e1 --trajectories 20 --seed 7 --every 5 --substeps 3 --integrator euler --backend auto"
    argv += " --dtype float32 --record moments --x0 omega=-1e-1 theta=.5 --algorithm sgda"
    argv += " --set a=1 lam=1 c=1 sigma_omega=1 sigma_theta=1"
    text, err = run(argv.split(), capsys)
    assert err == ""
    assert "sde of order 2" in text and "euler" in text and "second moment" in text


@pytest.mark.parametrize("columns", ["60", "100", "15"])
def test_rates_of_players_are_printed_whole(columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", columns)
    argv = "simulate quadratic --steps 4 --trajectories 4 --lr discriminator=0.1 generator=0.03".split()
    text, _ = run(argv, capsys)
    heading = text.partition("\n\n")[0]
    assert "lr by player  discriminator=0.1, generator=0.03" in " ".join(heading.split()).replace("player ", "player  ")
    assert "rates={'discriminator': 1.0, 'generator': 0.3}" in " ".join(heading.split())
    assert not any(line.startswith("lr  ") for line in heading.splitlines())
    assert columns == "15" or max(map(len, heading.splitlines())) <= int(columns)
    plain, _ = run([*argv[:-3], "--lr", "0.1"], capsys)
    assert "by player" not in plain and re.search(r"^lr +0\.1$", plain, re.M)


def test_schedules_of_players_are_said_from_end_to_end():
    training = gs.Training(gs.games.get("quadratic").with_defaults(), gs.algorithms.get("sgda"))
    lr = {"discriminator": np.array([0.1, 0.1, 0.1]), "generator": np.array([0.1, 0.2, 0.05])}
    run_ = gs.simulate(training, lr=lr, steps=3, trajectories=2)
    assert run_.attrs["lr_by_player"] == "discriminator=0.1, generator=0.1 to 0.05"
    assert "lr_by_player" not in gs.simulate(training, lr=0.1, steps=3, trajectories=2).attrs


def test_resume_starts_anew_where_there_is_nothing_and_overwrite_replaces(capsys, tmp_path):
    out = tmp_path / "run.zarr"
    argv = ["simulate", "quadratic", "--steps", "4", "--trajectories", "8", "--out", str(out)]
    first, _ = run([*argv, "--resume"], capsys)
    second, _ = run([*argv, "--resume"], capsys)
    assert first == second
    run([*argv, "--seed", "1", "--overwrite"], capsys)
    with xr.open_zarr(out, consolidated=False) as stored:
        assert stored.attrs["seed"] == "1"
    assert [p.name for p in tmp_path.iterdir()] == ["run.zarr"]


def test_without_noise_there_is_no_spread(capsys):
    text, _ = run("simulate quadratic --no-noise --steps 5 --trajectories 4".split(), capsys)
    assert "0 ± 0" in text


def test_pairs_on_the_command_line(capsys):
    command = ["simulate", "lq-gan", "--steps", "20", "--antithetic", "--trajectories"]
    assert main([*command, "100"]) == 0
    assert re.search(r"^antithetic +1$", capsys.readouterr().out, re.M)
    assert main([*command, "101"]) == 2
    expected = "--trajectories: expected an even number for antithetic pairs, got 101"
    assert capsys.readouterr().err.strip().endswith(expected)


def test_paths_are_judged_by_effective_sample_size(capsys):
    text, _ = run("simulate quadratic --record paths --steps 400 --trajectories 40 --lr 0.1".split(), capsys)
    assert "ESS" in text and "R-hat" in text


# -------------------------------------------------------------------- the pieces


def test_final_covariance_agrees_with_numpy_and_its_error_with_theory():
    # n = 200 000 correlated Gaussians: se(c_ij) = sqrt((c_ii c_jj + c_ij^2) / n) to about 1 %
    generator = np.random.default_rng(5)
    factor = np.array([[1.0, 0.0], [-0.7, 0.4]])
    values = generator.normal(size=(200_000, 2)) @ factor.T + 1e3
    values[7] = np.nan
    got = final_covariance(xr.DataArray(values, dims=("trajectory", "param")))
    finite = np.delete(values, 7, axis=0)
    assert got.n == 199_999
    np.testing.assert_allclose(got.value, np.cov(finite.T), rtol=1e-9)
    true = factor @ factor.T
    theory = np.sqrt((np.outer(np.diag(true), np.diag(true)) + true**2) / got.n)
    np.testing.assert_allclose(got.se, theory, rtol=0.03)
    # negative control: an error that forgot the fourth moments would be told apart
    assert not np.allclose(got.se, np.sqrt(np.outer(np.diag(true), np.diag(true)) / got.n), rtol=0.03)


def test_a_run_where_all_diverged_is_summarised(capsys):
    game = gs.games.get("quadratic").with_defaults()
    training = gs.Training(game, gs.algorithms.get("sgda"))
    run_ = gs.simulate(training, lr=50.0, steps=40, trajectories=5, batch_size=1)
    text = summarise(run_)
    assert "diverged: 5 of 5 trajectories, the first at step" in text


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.slow
def test_an_interrupted_run_is_resumed_to_the_same_numbers(capsys, tmp_path):
    out = tmp_path / "run.zarr"
    argv = ["simulate", "quadratic", "--steps", "4000", "--trajectories", "100000", "--out", str(out)]
    command = [sys.executable, "-m", "gan_sde.cli", *argv]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 120
        while not (tmp_path / "run.zarr.partial" / "chunk-000000.npz").exists():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate()
    assert process.returncode == 130 and stdout == "" and not out.exists()
    assert stderr.splitlines()[-1] == f"gan-sde: interrupted; --resume continues {out}"
    assert main(argv) == 2  # an unfinished run needs a word as well
    assert "--resume" in capsys.readouterr().err
    run([*argv, "--resume"], capsys)
    assert [p.name for p in tmp_path.iterdir()] == ["run.zarr"]
    whole = tmp_path / "whole.zarr"
    run([*argv[:-1], str(whole)], capsys)
    with xr.open_zarr(out, consolidated=False) as resumed, xr.open_zarr(whole, consolidated=False) as expected:
        assert set(resumed.variables) == set(expected.variables)
        for name in expected.variables:
            assert np.array_equal(resumed[name].values, expected[name].values), name


def test_derive_shows_the_slow_memory_of_an_algorithm(capsys):
    options = ["--algorithm", "momentum", "--algorithm-options", "damping=2", "--order", "1"]
    assert main(["derive", "bilinear", *options]) == 0
    assert "velocity_omega  lam*theta - 2*velocity_omega" in capsys.readouterr().out
    assert main(["derive", "bilinear", *options, "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["sde"]["state"] == ["omega", "theta", "velocity_omega", "velocity_theta"]
    assert document["shapes"]["drift"] == [4, 1]
