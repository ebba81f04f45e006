"""Losses with kinks: the SDE that cannot be simulated says which part to write as Piecewise, and that then works."""

import pytest
from sympy import Abs, Heaviside, Max, Min, Piecewise, sign, symbols

import gan_sde as gs
from gan_sde.symbolic.kinks import KINKED, _pieces

w, t, y = symbols("w t y")
LOSSES = [Abs(w), Max(w, 0) ** 2, Min(w, 0) ** 2, w * sign(w), Heaviside(w) * w**2, Abs(w - t) ** 3, Max(w, t, 0)]


def training(loss):
    game = gs.Game.zero_sum(w * (t - y) - loss, maximiser={"u": [w]}, minimiser={"d": [t]}, data={y: gs.Normal(0, 1)})
    return gs.Training(game, gs.algorithms.get("sgda"))


def run(process):
    return gs.simulate(process, x0=[0.3, 0.2], lr=0.1, steps=2, trajectories=4, progress=False)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_the_payoff_is_named_and_the_offer_works(loss):
    for order in (1, 2):
        with pytest.raises(ValueError, match=r"^payoff: expected Piecewise\([^\n]* instead of [^\n]*; got [^\n]*$"):
            run(training(loss).sde(order))
        offered = loss.replace(lambda e: isinstance(e, KINKED), _pieces)
        assert offered.has(Piecewise) and not offered.has(*KINKED)
        assert not run(training(offered).sde(order))["final"].isnull().any()


@pytest.mark.parametrize("loss", [Abs(w), Max(w, 0) ** 2, Min(w, 0) ** 2], ids=str)
def test_the_offer_trains_alike(loss):
    offered = loss.replace(lambda e: isinstance(e, KINKED), _pieces)
    assert (run(training(offered))["final"].values == run(training(loss))["final"].values).all()


def test_for_torch_and_for_losses():
    game = gs.Game.general_sum({"p": w**2 + t * w, "q": Max(t, 0) ** 2}, parameters={"p": [w], "q": [t]})
    sde = gs.Training(game, gs.algorithms.get("sgda")).sde(2)
    with pytest.raises(
        ValueError, match=r"^losses\['q'\]: expected Piecewise\(\(0, t <= 0\), \(t, True\)\) \(in Python"
    ):
        sde.to_torchsde(lr=0.1)
