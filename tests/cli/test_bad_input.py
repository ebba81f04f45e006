"""Bad input: status 2, one line on standard error that names the argument, nothing left behind."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gan_sde
from gan_sde.cli import main

GAME = """
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

SMALL = ["--steps", "4", "--trajectories", "8"]


def refused(argv, capsys):
    """Run, and return the one line that a refusal prints."""
    status = main(argv)
    out, err = capsys.readouterr()
    assert status == 2, (status, out, err)
    assert out == "" and err.endswith("\n") and err.count("\n") == 1, (out, err)
    assert err.startswith("gan-sde: ") and "Traceback" not in err
    return err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ("", ["COMMAND", "expected"]),
        ("simulat lq-gan", ["COMMAND", "'simulat'", "did you mean 'simulate'"]),
        ("simulate", ["GAME", "expected a value, got none"]),
        ("simulate lq-gan extra", ["extra", "no further argument"]),
        ("simulate lq-gan --step 3", ["--step", "known option", "did you mean '--steps'"]),
        ("simulate lq-gan --steps", ["--steps", "expected one argument, got none"]),
        ("simulate lq-gan --set", ["--set", "expected at least one argument, got none"]),
        ("simulate lq-gan --lr -0.1", ["--lr", "positive number", "'-0.1'"]),
        ("simulate lq-gan --lr -1e-3", ["--lr", "positive number", "'-1e-3'"]),
        ("simulate lq-gan --lr 0", ["--lr", "positive number", "'0'"]),
        ("simulate lq-gan --lr nan", ["--lr", "positive number", "'nan'"]),
        ("simulate lq-gan --lr 0.1 0.2", ["--lr", "one number", "2 values"]),
        ("simulate lq-gan --lr generator=0.1", ["--lr", "discriminator, generator", "'generator': 0.1"]),
        ("simulate lq-gan --lr critic=0.1 generator=0.1", ["--lr", "discriminator, generator", "critic"]),
        ("simulate lq-gan --lr generator=-1", ["--lr", "positive number", "'-1'"]),
        ("simulate lq-gan --lr generator=1 generator=2", ["--lr", "'generator' twice"]),
        ("simulate lq-gan --trajectories 0", ["--trajectories", "integer >= 1", "'0'"]),
        ("simulate lq-gan --trajectories 1.5", ["--trajectories", "integer >= 1", "'1.5'"]),
        ("simulate lq-gan --steps ten", ["--steps", "integer >= 1", "'ten'"]),
        ("simulate lq-gan --steps 1e99", ["--steps", "integer >= 1", "'1e99'"]),
        ("simulate lq-gan --batch-size 0", ["--batch-size", "integer >= 1 or inf", "'0'"]),
        ("simulate lq-gan --batch-size 2.5", ["--batch-size", "integer >= 1 or inf", "'2.5'"]),
        ("simulate lq-gan --seed -1", ["--seed", "0 to 2^64 - 1", "'-1'"]),
        ("simulate lq-gan --seed 18446744073709551616", ["--seed", "0 to 2^64 - 1"]),
        ("simulate lq-gan --every 0", ["--every", "integer >= 1"]),
        ("simulate lq-gan --order 3", ["--order", "expected one of 1, 2", "'3'"]),
        ("simulate lq-gan --order x", ["--order", "expected"]),
        ("simulate lq-gan --order 2", ["--order", "--process sde"]),
        ("simulate lq-gan --substeps 2", ["--substeps", "--process sde"]),
        ("simulate lq-gan --process ode", ["--process", "training, sde", "'ode'"]),
        ("simulate lq-gan --dtype float16", ["--dtype", "float32, float64", "'float16'"]),
        ("simulate lq-gan --backend gpu9", ["--backend", "'gpu9'"]),
        ("simulate lq-gan --record path", ["--record", "'path'", "did you mean 'paths'"]),
        ("simulate lq-gna", ["GAME", "lq-gan", "'lq-gna'", "did you mean 'lq-gan'"]),
        ("derive lq-gna", ["GAME", "did you mean 'lq-gan'"]),
        ("simulate lq-gan --algorithm sgdaa", ["--algorithm", "'sgdaa'", "did you mean 'sgda'"]),
        ("derive lq-gan --algorithm krossing-the-curl", ["--algorithm", "did you mean 'crossing-the-curl'"]),
        ("simulate lq-gan --algorithm-options order=sideways", ["--algorithm-options", "order", "'sideways'"]),
        ("simulate lq-gan --algorithm-options oder=1", ["--algorithm-options", "'oder'"]),
        ("simulate lq-gan --algorithm-options rates=3", ["--algorithm-options", "rates"]),
        ("derive lq-gan --algorithm-options rates.critic=3", ["--algorithm-options", "rates", "'critic'"]),
        ("simulate lq-gan --game-options dim=0", ["--game-options", "dim", "0"]),
        ("simulate lq-gan --game-options dims=2", ["--game-options", "'dims'"]),
        ("simulate lq-gan --game-options dim", ["--game-options", "NAME=VALUE", "'dim'"]),
        ("simulate lq-gan --game-options data=none.csv", ["--game-options", "none.csv", "readable file"]),
        ("simulate quadratic --game-options covariance=[[1,2],[2,1]]", ["covariance", "positive semidefinite"]),
        ("simulate quadratic --game-options covariance=[[1,2]]", ["covariance", "2 x 2"]),
        ("simulate quadratic --game-options samples=[[1,2]]", ["samples", "(1, 2)"]),
        ("simulate lq-gan --set nu=1", ["--set", "mu, sigma", "'nu'"]),
        ("simulate lq-gan --set mu", ["--set", "NAME=NUMBER", "'mu'"]),
        ("simulate lq-gan --set mu=one", ["--set", "NAME=NUMBER", "'mu=one'"]),
        ("simulate lq-gan --set mu=inf", ["--set", "finite number", "'inf'"]),
        ("simulate lq-gan --set mu=1 --set mu=2", ["--set", "'mu' twice"]),
        ("simulate lq-gan --set sigma=-1", ["--set", "standard_deviation", "-1"]),
        ("simulate lq-gan --x0 w2=1 w1=1 a=1", ["--x0", "w2, w1, a, b", "nothing for b"]),
        ("simulate lq-gan --x0 w2=1 w1=1 a=1 b=0 c=1", ["--x0", "the unknown c"]),
        ("simulate lq-gan --x0 w2=0 w1=0 a=-5 b=0", ["x0", "[a]", "within the bounds", "got -5"]),
        ("simulate lq-gan --x0 1 2 3 4", ["--x0", "NAME=NUMBER", "'1'"]),
        ("simulate lq-gan --resume", ["--resume", "--out"]),
        ("simulate lq-gan --overwrite", ["--overwrite", "--out"]),
        ("simulate lq-gan --out r.zarr --resume --overwrite", ["--overwrite", "at most one of", "--resume"]),
        ("simulate lq-gan --out none/r.zarr", ["--out", "existing folder", "none/r.zarr"]),
        ("derive lq-gan --format yaml", ["--format", "text, latex, json", "'yaml'"]),
        ("derive lq-gan --steps 3", ["--steps", "known option"]),
        ("simulate absent.toml", ["absent.toml", "readable TOML file"]),
        ("simulate folder/absent", ["folder/absent", "readable TOML file"]),
        ("simulate game.toml", ["--set", "mu", "no default"]),
        ("simulate game.toml --set mu=0", ["--x0", "w, t", "no default start"]),
        ("simulate broken.toml", ["broken.toml", "payoff", "declared name", "'z'"]),
        ("simulate game.toml --game-options dim=2", ["--game-options", "game file", "dim"]),
        ("analyze absent.zarr", ["RUN.zarr", "nothing of that name"]),
        ("analyze game.toml", ["RUN.zarr", "something else"]),
        ("analyze other.zarr", ["RUN.zarr", "expected a"]),
        ("reproduce --data absent.csv", ["--data", "absent.csv", "readable file"]),
        ("reproduce --data game.toml", ["--data", "game.toml"]),
        ("reproduce --only real-data --data one.csv", ["--data", "one.csv", "at least 3 rows for 1 columns, got 1"]),
        (
            "reproduce --only mean-stage-rate --data i.csv",
            ["--data", "reads it, rate-schedules or real-data", "mean-s"],
        ),
        ("reproduce --out game.toml", ["--out", "folder", "game.toml"]),
        ("reproduce --seed -1", ["--seed", "integer from 0", "'-1'"]),
        ("figures --seed 1.5", ["--seed", "integer from 0", "'1.5'"]),
    ],
)
def test_refusals(argv, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "game.toml").write_text(GAME)
    (tmp_path / "broken.toml").write_text(GAME.replace("w**2/2", "z"))
    (tmp_path / "one.csv").write_text("1.5\n")
    (tmp_path / "i.csv").write_text("1\n2\n4\n")
    (tmp_path / "other.zarr").mkdir()
    (tmp_path / "other.zarr" / "zarr.json").write_text("{}")
    before = sorted(tmp_path.rglob("*"))
    line = refused(argv.split(), capsys)
    assert all(word in line for word in words), line
    assert sorted(tmp_path.rglob("*")) == before


def test_a_wrong_shape_of_data_is_refused(capsys, tmp_path):
    path = tmp_path / "y.npy"
    np.save(path, np.zeros((5, 3)))
    line = refused(["simulate", "lq-gan", "--game-options", f"data={path}", "dim=2"], capsys)
    assert "(rows, 2)" in line and "(5, 3)" in line


def test_text_with_line_breaks_is_answered_on_one_line(capsys):
    assert "COMMAND" in refused(["sim\nulate"], capsys)
    assert "GAME" in refused(["derive", "lq\n\tgan"], capsys)
    assert "--set" in refused(["derive", "lq-gan", "--set", "m\nu=\n1\n1"], capsys)


def test_an_existing_store_needs_a_word(capsys, tmp_path):
    out = str(tmp_path / "run.zarr")
    assert main(["simulate", "quadratic", *SMALL, "--out", out]) == 0
    capsys.readouterr()
    line = refused(["simulate", "quadratic", *SMALL, "--out", out], capsys)
    assert "--out" in line and "--resume" in line and "--overwrite" in line
    line = refused(["simulate", "quadratic", *SMALL, "--seed", "1", "--out", out, "--resume"], capsys)
    assert "--out" in line and "another one" in line
    assert [p.name for p in tmp_path.iterdir()] == ["run.zarr"]


def test_nothing_but_a_store_is_ever_overwritten(capsys, tmp_path):
    precious = tmp_path / "thesis"
    precious.mkdir()
    (precious / "chapter.tex").write_text("x")
    line = refused(["simulate", "quadratic", *SMALL, "--out", str(precious), "--overwrite"], capsys)
    assert "neither" in line and (precious / "chapter.tex").read_text() == "x"


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), 1, "No space left on device"),
        (MemoryError(), 1, "memory"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (RuntimeError("some\nbug"), 1, "RuntimeError: some bug"),
    ],
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_run_that_breaks_off_leaves_a_status_and_one_line(
    error, status, words, overwrite, capsys, tmp_path, monkeypatch
):
    import gan_sde.simulation.ensemble as ensemble

    def broken(*_, **__):
        raise error

    out = tmp_path / "run.zarr"
    argv = ["simulate", "quadratic", *SMALL, "--out", str(out)]
    if overwrite:
        assert main(argv) == 0
        argv.append("--overwrite")
    capsys.readouterr()
    monkeypatch.setattr(ensemble, "run_block", broken)
    assert main(argv) == status
    _, err = capsys.readouterr()
    last = [line for line in err.splitlines() if not line.startswith("assumed:")]
    assert len(last) == 1 and words in last[0] and "Traceback" not in err
    # the old store stays whole; of a new one there is nothing that could be taken for finished
    assert (out / "zarr.json").exists() == overwrite
    if overwrite:
        assert [p.name for p in tmp_path.iterdir()] == ["run.zarr"]
        assert main(["analyze", str(out)]) == 0


@pytest.mark.parametrize(
    ("module", "argv"),
    [
        ("analysis.py", "schedule linear-wgan"),
        ("analysis.py", "reproduce --only drift"),
        ("figures/__init__.py", "figures drift"),
        ("analysis.py", "simulate quadratic --lr rates.csv"),
        ("analysis.py", "simulate quadratic --record paths --steps 40 --trajectories 4"),
    ],
)
def test_a_module_of_the_users_that_shadows_the_projects_is_named_and_not_run(module, argv, tmp_path):
    (tmp_path / module).parent.mkdir(exist_ok=True)
    (tmp_path / module).write_text("open('ran', 'w').close()\n")
    root = str(Path(gan_sde.__file__).resolve().parents[1])
    done = subprocess.run(
        [sys.executable, "-m", "gan_sde.cli", *argv.split()],
        capture_output=True, text=True, check=False, cwd=tmp_path, env={**os.environ, "PYTHONPATH": root},
    )  # fmt: skip
    name = module.partition("/")[0].removesuffix(".py")
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1, done.stderr
    assert f" {name}: expected the package of this project, " in done.stderr
    assert str(tmp_path / module) in done.stderr and not (tmp_path / "ran").exists()


def test_a_shadow_does_not_disturb_what_does_without_the_package(tmp_path):
    (tmp_path / "analysis.py").write_text("open('ran', 'w').close()\n")
    root = str(Path(gan_sde.__file__).resolve().parents[1])
    done = subprocess.run(
        [sys.executable, "-m", "gan_sde.cli", "simulate", "quadratic", *SMALL],
        capture_output=True, text=True, check=False, cwd=tmp_path, env={**os.environ, "PYTHONPATH": root},
    )  # fmt: skip
    assert done.returncode == 0 and not (tmp_path / "ran").exists()


def test_the_program_itself_has_the_status(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "gan_sde.cli", "simulate", "lq-gan", "--lr", "-1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr == "gan-sde: --lr: expected a positive number, got '-1'\n"


def test_a_closed_pipe_is_no_traceback():
    done = subprocess.run(
        f"{sys.executable} -m gan_sde.cli derive lq-gan | head -c 10",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "lq-gan: di"
    assert "Traceback" not in done.stderr and "BrokenPipe" not in done.stderr
