"""Every example of the README runs as printed."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import gan_sde as gs
from gan_sde.cli import main

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


def test_python_examples(capsys):
    names = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
    printed = capsys.readouterr().out
    assert r"dX = b(X)\,dt" in printed and "discrete Lyapunov" in printed
    # what the example sets out to show: the chain's covariance is that of the Lyapunov equation
    end = names["run"].isel(step=-1)
    scores = (end["second_moment"].values - names["exact"]) / end["second_moment_se"].values
    assert np.abs(scores).max() < 4.5  # 3 entries, false alarm below 3e-5, fixed seed
    assert names["sde"].dim == 2
    assert names["losses"].keys() == {"critic", "generator"} and names["scheduled"].clock is not None
    mine, ours = (gs.Training(names["game"], a).sde(order=2).drift for a in
                  (names["Optimism"](), gs.algorithms.get("optimistic")))  # fmt: skip
    assert (mine - ours).expand() == ours * 0
    assert names["test"].p_value > 0.001 and names["warmup"].taken == 50
    assert names["adapted"]["rate"].sizes["trajectory"] == 100
    assert int(names["falling"]["n"][-1]) == 1000 and len(names["moments"]) == 6


def test_the_first_example_is_twenty_lines():
    code = [line for line in blocks("python")[0].splitlines() if line.strip()]
    assert len(code) <= 26


def test_the_game_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (game,) = blocks("toml")
    Path("game.toml").write_text(game, encoding="utf-8")
    np.savetxt("pairs.csv", np.random.default_rng(0).standard_normal((20, 2)), delimiter=",")
    for line in ("derive game.toml --set a=2", "simulate game.toml --lr 0.1 --steps 20 --trajectories 50"):
        assert main(line.split()) == 0
    assert "generator" in capsys.readouterr().out


COMMANDS = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("gan-sde")]


@pytest.mark.parametrize("line", [c for c in COMMANDS if "reproduce" not in c and "analyze" not in c])
def test_commands(line, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(line)[1:]) == 0
    assert capsys.readouterr().out
    if "run.zarr" in line:
        assert main(["analyze", "run.zarr"]) == 0


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for block in blocks("sh"):
        for targets in re.findall(r"^make ([\w -]+?)(?: {2,}|$)", block, flags=re.MULTILINE):
            for target in targets.split():
                assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_the_claims_are_those_of_the_registry():
    from figures.catalogue import claims

    for name in claims():
        assert f"`{name}`" in TEXT


def test_pictures_exist():
    for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", TEXT):
        assert (ROOT / path).is_file(), path
