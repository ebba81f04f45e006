"""One text, two backends: every algorithm on tensors against its symbolic update on the same batches."""

import numpy as np
import pytest
import torch
from sympy import lambdify, symbols

import gan_sde as gs
from gan_sde.neural import TensorOracle
from gan_sde.symbolic.algorithm import run_step
from gan_sde.symbolic.update import ETA, derive_map

SAMPLES = ((1.2, 0.9, 0.7, 0.2, -0.3), (0.7, 1.7, 1.2, -0.4, 0.2), (1.6, 0.5, 0.5, 0.1, 0.25))


def mixed():
    """A game with data of every kind."""
    x, y, n, u, p, d, e = symbols("x y n u p d e")
    return gs.Game.general_sum(
        {"a": x**2 * n - x * y * u + p * x, "b": y**2 * d + x * y * n * u + e * y**3},
        parameters={"a": [x], "b": [y]},
        data={
            n: gs.Normal(1, 0.5), u: gs.Uniform(-1, 2), p: gs.Bernoulli(0.3), d: gs.Deterministic(2),
            e: gs.Empirical([0.1, 0.4, -0.3]),
        },
        x0={"x": 0.5, "y": 0.3},
    )  # fmt: skip


GAMES = {
    "lq-gan": lambda: gs.games.get("lq-gan").subs(mu=0.5, sigma=1.5),
    "quadratic": lambda: gs.games.get("quadratic", samples=SAMPLES),
    "dirac-gan": lambda: gs.games.get("dirac-gan"),
    "mixed": mixed,
}


class Recording(TensorOracle):
    """Keeps the batches that it hands out."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.drawn = []

    def fresh(self):
        self.drawn.append(super().fresh())
        return self.drawn[-1]


def chaos_means(game, batch):
    """Batch means of the chaos functions, computed from the raw data by least squares on the sample field.

    The batch field is F + M means for every state, so that its values at many states determine the means.
    """
    states = np.random.default_rng(5).normal(size=(40, game.dim))
    field = lambdify(game.parameters, list(game.field))
    modes = lambdify(game.parameters, game.noise_modes)
    sample = lambdify([*game.parameters, *game.data_symbols], list(game.sample_field))
    data = [batch[s][0].numpy() for s in game.data_symbols]
    rows, values = [], []
    for x in states:
        mean = [np.broadcast_to(e, (len(data[0]) if data else 1,)).mean() for e in sample(*x, *data)]
        values.append(np.array(mean) - np.array(field(*x), dtype=float))
        rows.append(np.array(modes(*x), dtype=float))
    if not game.chaos.size:
        return np.zeros(0)
    return np.linalg.lstsq(np.concatenate(rows), np.concatenate(values), rcond=None)[0]


ZERO_SUM_ONLY = ("adversarial-training", "gradient-regularised", "lola", "unrolled")
CASES = [(k, n) for k in GAMES for n in gs.algorithms.names() if k != "mixed" or n not in ZERO_SUM_ONLY]


@pytest.mark.parametrize("kind, name", CASES)
def test_tensor_step_equals_symbolic_update(kind, name):
    game, algorithm = GAMES[kind](), gs.algorithms.get(name)
    oracle = Recording(game, batch_size=6, width=1, generator=torch.Generator().manual_seed(1))
    training = gs.Training(game, algorithm)
    start = np.full(len(training.state), 0.3)  # parameters and memory
    start[: game.dim] = np.array(game.x0) + 0.2
    x, *memory = torch.tensor(start).reshape(-1, 1, game.dim).unbind(0)
    moved, carried = run_step(algorithm, oracle, x, tuple(memory), 0.07)
    step = torch.cat([moved, *carried], dim=1)[0].numpy()
    update, batches = derive_map(game, algorithm)
    values = {ETA: 0.07, **dict(zip(training.state, start, strict=True))}
    for batch, drawn in zip(batches, oracle.drawn, strict=True):
        values |= dict(zip(batch.means, chaos_means(game, drawn), strict=True))
    np.testing.assert_allclose(step, np.array(update.subs(values), dtype=float)[:, 0], rtol=1e-9)


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
@pytest.mark.parametrize("kind", ["lq-gan", "mixed"])
def test_jacobian_products_against_autograd(kind):
    game = GAMES[kind]()
    oracle = TensorOracle(game, batch_size=4, width=3, generator=torch.Generator().manual_seed(2))
    batch = oracle.fresh()
    x, v = torch.randn(2, 3, game.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    value, product = torch.func.jvp(lambda s: oracle.F(s, batch), (x,), (v,))
    torch.testing.assert_close(product, oracle.jvp(x, v, batch))
    torch.testing.assert_close(torch.func.vjp(lambda s: oracle.F(s, batch), x)[1](v)[0], oracle.vjp(x, v, batch))
    assert value.shape == (3, game.dim)


def test_sampled_field_has_the_derived_mean_and_covariance():
    """20 000 batches of one: every entry within 4.5 standard errors (2 + 3 entries, false alarm below 4e-5)."""
    game = mixed()
    n = 20_000
    oracle = TensorOracle(game, batch_size=1, width=n, generator=torch.Generator().manual_seed(4))
    x = torch.tensor(game.x0, dtype=torch.float64).repeat(n, 1)
    fields = oracle.F(x, oracle.fresh()).numpy()
    at = dict(zip(game.parameters, game.x0, strict=True))
    mean = np.array(game.field.subs(at), dtype=float)[:, 0]
    covariance = np.array(game.noise_covariance.subs(at).evalf(), dtype=float)
    assert np.all(np.abs(fields.mean(axis=0) - mean) < 4.5 * fields.std(axis=0) / np.sqrt(n))
    centred = fields - mean
    products = centred[:, :, None] * centred[:, None, :]
    assert np.all(np.abs(products.mean(axis=0) - covariance) < 4.5 * products.std(axis=0) / np.sqrt(n))
    # negative control: a covariance 10 % off is seen
    assert np.any(np.abs(products.mean(axis=0) - 1.1 * covariance) > 4.5 * products.std(axis=0) / np.sqrt(n))


def test_bad_input():
    with pytest.raises(ValueError, match="batch_size: expected an integer >= 1, got 0"):
        TensorOracle(mixed(), batch_size=0, width=1, generator=torch.Generator())
    with pytest.raises(ValueError, match="got none for mu, sigma"):
        TensorOracle(gs.games.get("lq-gan"), batch_size=1, width=1, generator=torch.Generator())
    with pytest.raises(ValueError, match=r"^game: expected a Game, got 'lq-gan'$"):
        TensorOracle("lq-gan", batch_size=1, width=1, generator=torch.Generator())
    with pytest.raises(ValueError, match=r"^generator: expected a Generator, got 3$"):
        TensorOracle(mixed(), batch_size=1, width=1, generator=3)
    oracle = TensorOracle(mixed(), batch_size=1, width=3, generator=torch.Generator())
    with pytest.raises(ValueError, match=r"^x: expected shape \(3, 2\), got \(2, 3\)$"):
        oracle.F(torch.zeros(2, 3), oracle.fresh())
