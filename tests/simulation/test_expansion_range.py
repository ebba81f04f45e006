"""A warning where the learning rate is beyond the expansion of the SDE, and silence where it is not."""

import math
import warnings

import numpy as np
import pytest

import gan_sde as gs
from gan_sde.cli import main
from gan_sde.cli.summary import summarise
from gan_sde.simulation.expansion_range import doubt
from gan_sde.simulation.simulate import plan_of

ALGORITHMS = ("sgda", "extragradient", "optimistic", "consensus", "crossing-the-curl", "averaging", "adam")
SMALL = {"steps": 4, "trajectories": 4, "batch_size": 16}


def training(name="quadratic", algorithm="momentum", **options):
    return gs.Training(gs.games.get(name).with_defaults(), gs.algorithms.get(algorithm, **options))


def deterministic_end(process, lr, steps=20):
    """State at the end without noise."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gs.ExpansionWarning)
        return gs.simulate(process, lr=lr, steps=steps, trajectories=1, noise=False)["final"].values[0]


def reason(process, lr, **options):
    return doubt(plan_of(process, lr=lr, **{**SMALL, **options}))


@pytest.mark.parametrize("order", [1, 2])
def test_a_heavy_ball_beyond_its_expansion_warns_once_and_is_wrong(order):
    # mu = 0.9: lr / (1 - mu)^2 = 5 is no small number
    process = training()
    with pytest.warns(gs.ExpansionWarning, match=r"^lr: expected a rate .* got 0.05, where .*\n?$") as caught:
        gs.simulate(process.sde(order=order), lr=0.05, **SMALL)
    assert len(caught) == 1 and caught[0].filename == __file__
    truth = deterministic_end(process, 0.05)
    assert np.abs(deterministic_end(process.sde(order=order), 0.05) - truth).max() > 1


def test_where_it_is_silent_the_heavy_ball_follows_its_training():
    process, sde = training(), training().sde(order=2)
    assert reason(sde, 0.001) is None
    # 300 iterations: past the first ones, in which the velocity is still on its way; the quotient is 0.13
    truth, found = (deterministic_end(p, 0.001, steps=300) for p in (process, sde))
    assert np.abs(found - truth).max() < 0.05 * np.abs(truth - 1).max()


@pytest.mark.parametrize("name", ["quadratic", "lq-gan", "bilinear", "dirac-gan", "linear-wgan"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_usual_rates_are_silent(name, algorithm):
    process = training(name, algorithm)
    for order in (1, 2):
        assert reason(process.sde(order=order), 0.05) is None
    assert reason(process, 50.0) is None  # a training rests on no expansion


def test_the_quotient_is_that_of_the_formula():
    # gradient descent on F = J x with J^T J = (a^2 + c^2) 1: |lr b1| / |b0| = lr |J| / 2
    sde = training(algorithm="sgda").sde(order=2)
    edge = 2 * 0.5 / math.sqrt(2)
    assert reason(sde, 0.99 * edge, noise=False) is None
    assert "0.51 times the motion without it" in reason(sde, 1.01 * edge, noise=False)


def test_a_start_at_the_equilibrium_raises_no_false_alarm():
    # unrolling on shared batches has a bias of order lr / B, the only drift there
    for algorithm in ("sgda", "momentum", "consensus", "lola"):
        sde = training("lq-gan", algorithm).sde(order=2)
        point = {"w2": 0.0, "w1": 0.0, "a": 1.0, "b": 0.5}
        assert reason(sde, 0.02 if algorithm != "momentum" else 0.002, x0=point) is None


def test_many_starts_and_sweeps():
    sde = training().sde(order=2)
    starts = np.random.default_rng(0).normal(size=(4, 2))
    assert reason(sde, 0.003, x0=starts) is None and reason(sde, 0.05, x0=starts)
    with pytest.warns(gs.ExpansionWarning) as caught:
        gs.sweep(lambda mu: training(mu=mu).sde(order=2), {"mu": [0.5, 0.9], "lr": [0.003, 0.05]}, **SMALL)
    assert len(caught) == 1 and "got 0.05" in str(caught[0].message)


def test_the_command_line_says_it_in_one_line_and_labels_the_start(capsys):
    argv = "simulate quadratic --algorithm momentum --process sde --order 2 --steps 4 --trajectories 4 --lr".split()
    assert main([*argv, "0.05"]) == 0
    text, err = capsys.readouterr()
    assert [line[:40] for line in err.splitlines() if "warning" in line] == ["warning: --lr: expected a rate at which "]
    assert "SDE start" in text and "x0 shifted by the eliminated memory" in text
    assert main([*argv, "0.003"]) == 0
    assert "warning" not in capsys.readouterr().err
    plain = summarise(gs.simulate(training(algorithm="sgda").sde(order=2), lr=0.05, **SMALL))
    assert "SDE start" not in plain and "shifted" not in plain
