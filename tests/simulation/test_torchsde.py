"""The second opinion: `to_torchsde` under torchsde's own integrator against `simulate`."""

import numpy as np
import pytest
import torch
import torchsde
from sympy import lambdify

import gan_sde as gs

LR, BATCH_SIZE, STEPS, TRAJECTORIES = 0.1, 4, 10, 20_000


@pytest.fixture(scope="module")
def training():
    return gs.Training(gs.games.get("lq-gan").subs(mu=0.5, sigma=1.0), gs.algorithms.get("sgda"))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_functions_equal_the_symbols(training, dtype):
    sde = training.sde(order=2)
    numeric = sde.to_torchsde(lr=LR, batch_size=BATCH_SIZE)
    y = torch.tensor(np.random.default_rng(0).normal(size=(5, 4)), dtype=dtype)
    drift, diffusion = (lambdify(sde.parameters, m) for m in sde.at(LR, BATCH_SIZE))
    f, g = numeric.f(0.0, y), numeric.g(0.0, y)
    assert f.dtype == g.dtype == dtype and f.shape == (5, 4) and g.shape == (5, 4, numeric.brownian_size)
    tolerance = 1e-12 if dtype == torch.float64 else 1e-5
    for k in range(5):
        np.testing.assert_allclose(f[k], drift(*y[k].tolist())[:, 0], rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(g[k], diffusion(*y[k].tolist()), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("order", [1, 2])
def test_torchsde_agrees_with_simulate(training, order):
    """Both by Euler with 4 sub-steps, 20 000 trajectories: 4 means and 10 second moments within 4 joint se.

    False-alarm rate below 14 x 6.3e-5 = 9e-4 at a fixed seed. The other order must be rejected.
    """
    scores = {}
    for other in (1, 2):
        run = gs.simulate(
            training.sde(order=other), lr=LR, batch_size=BATCH_SIZE, steps=STEPS, trajectories=TRAJECTORIES,
            integrator="euler", substeps=4, seed=3,
        )  # fmt: skip
        scores[other] = run["final"].values
    sde = training.sde(order=order).to_torchsde(lr=LR, batch_size=BATCH_SIZE)
    assert (sde.noise_type, sde.sde_type) == ("general", "ito")
    torch.manual_seed(0)
    start = torch.tensor([training.game.x0], dtype=torch.float64).repeat(TRAJECTORIES, 1)
    brownian = torchsde.BrownianInterval(
        0.0, LR * STEPS, size=(TRAJECTORIES, sde.brownian_size), dtype=torch.float64, entropy=1, dt=LR / 4
    )
    end = torchsde.sdeint(sde, start, torch.tensor([0.0, LR * STEPS]), bm=brownian, dt=LR / 4, method="euler")
    theirs = end[-1].numpy()
    assert largest_score(scores[order], theirs) < 4
    assert largest_score(scores[3 - order], theirs) > 4


def largest_score(left, right):
    row, column = np.triu_indices(4)
    values = []
    for sample in (left, right):
        values.append(np.concatenate([sample, sample[:, row] * sample[:, column]], axis=1))
    difference = values[0].mean(axis=0) - values[1].mean(axis=0)
    return np.abs(difference / np.sqrt(sum(v.var(axis=0) / len(v) for v in values))).max()


def test_a_game_without_noise_runs_too():
    sde = gs.Training(gs.games.get("dirac-gan"), gs.algorithms.get("sgda")).sde(order=2)
    numeric = sde.to_torchsde(lr=0.1)
    end = torchsde.sdeint(numeric, torch.ones(2, 2), torch.tensor([0.0, 1.0]), dt=0.05, method="euler")
    assert torch.isfinite(end).all() and numeric.brownian_size == 1


@pytest.mark.parametrize(
    "options, words",
    [
        ({"lr": -0.1}, "lr: expected a positive number, got -0.1"),
        ({"lr": 0.1, "batch_size": 0}, "batch_size: expected an integer >= 1 or math.inf, got 0"),
    ],
)
def test_bad_input(training, options, words):
    with pytest.raises(ValueError) as error:
        training.sde().to_torchsde(**options)
    assert str(error.value) == words
