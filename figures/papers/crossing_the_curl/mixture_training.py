"""Generators trained on a mixture of Gaussians, all seeds and weights at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as functional
from torch import nn

from figures.papers.crossing_the_curl.mixture_rules import CurlTerm, RootMeanSquare
from gan_sde.neural import NetworkOracle, iterate

MODES, RADIUS, SPREAD = 8, 1.0, 0.05
"""Gaussians on a circle, its radius, and their standard deviation."""
LATENT, WIDTH, BATCH_SIZE = 8, 32, 64
PRECISION = torch.float32
PROBES = 2
"""Batches on which the curvature is measured, always the same."""


@dataclass(frozen=True)
class Arm:
    """One way of training: the weight of the term, the learning rate, and whether through RMSProp."""

    gamma: float
    lr: float
    through_rms: bool = False


@dataclass(frozen=True)
class Trained:
    """Samples of generators at checkpoints.

    Attributes
    ----------
    steps : ndarray, shape (t,)
        Iterations.
    samples : ndarray, shape (arms, seeds, t, m, 2)
        Not finite where a training has diverged.
    curvature_steps : ndarray, shape (c,)
        Iterations, as dense or denser.
    curvature : ndarray, shape (arms, seeds, c)
        Largest curvature of the discriminator's own loss; NaN where a training has diverged.
    """

    steps: np.ndarray
    samples: np.ndarray
    curvature_steps: np.ndarray
    curvature: np.ndarray


def centres() -> np.ndarray:
    """Means of the Gaussians, ``(8, 2)``."""
    angles = 2 * np.pi * np.arange(MODES) / MODES
    return RADIUS * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def sample_mixture(number: int, generator: torch.Generator) -> torch.Tensor:
    """Draw from the mixture, ``(number, 2)``."""
    which = torch.randint(MODES, (number,), generator=generator)
    noise = torch.randn(number, 2, generator=generator, dtype=PRECISION)
    return torch.tensor(centres(), dtype=PRECISION)[which] + SPREAD * noise


def perceptron(inputs: int, outputs: int, width: int = WIDTH) -> nn.Sequential:
    """Two hidden tanh layers."""
    return nn.Sequential(
        nn.Linear(inputs, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, outputs)
    ).to(PRECISION)  # fmt: skip


def initialise(network: nn.Sequential, generator: torch.Generator) -> None:
    """Orthogonal weights of gain 1.4 and zero offsets."""
    for layer in network:
        if isinstance(layer, nn.Linear):
            nn.init.orthogonal_(layer.weight, gain=1.4, generator=generator)
            nn.init.zeros_(layer.bias)


def payoff(networks: dict[str, Callable], batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """``E log D(y) + E log(1 - D(G(z)))`` (Goodfellow et al. 2014), D the sigmoid of the network's output."""
    real, z = batch
    discriminator, fake = networks["discriminator"], networks["generator"](z)
    return -functional.softplus(-discriminator(real)).mean() - functional.softplus(discriminator(fake)).mean()


def train(
    players: dict[str, nn.Sequential],
    draw: Callable[[torch.Generator], tuple[torch.Tensor, torch.Tensor]],
    arms: Sequence[Arm],
    seeds: Sequence[int],
    *,
    steps: int,
    every: int,
    samples: int,
    finer: int = 1,
) -> Trained:
    """Train one generator an arm and a seed.

    Start, batches and the latent points of the samples are functions of the seed: arms are paired.

    Parameters
    ----------
    players
        Discriminator and generator; their own parameters are not used.
    draw
        A batch of data and latent variables.
    arms
        All through RMSProp, or none.
    seeds, steps, every
        Iterations, and after how many of them samples are taken.
    samples
        Their number m.
    finer
        How many times between two samples the curvature is measured, a divisor of ``every``.
    """
    streams = [torch.Generator().manual_seed(seed) for seed in seeds]
    if len({arm.through_rms for arm in arms}) != 1:
        raise ValueError("arms: expected all through RMSProp or none, got both")

    def sample() -> tuple[torch.Tensor, ...]:
        drawn = [draw(stream) for stream in streams]
        return tuple(torch.stack(part).repeat(len(arms), 1, 1) for part in zip(*drawn, strict=True))

    oracle = NetworkOracle(players, payoff, sample, replicas=len(arms) * len(seeds))
    starts = []
    for stream in streams:
        for network in players.values():
            initialise(network, stream)
        starts.append(oracle.layout.read().double())
    latent = players["generator"][0].in_features
    z = torch.stack([torch.randn(samples, latent, generator=s, dtype=PRECISION) for s in streams])
    z = z.repeat(len(arms), 1, 1)
    gamma, lr = (
        torch.tensor(v, dtype=torch.float64).repeat_interleave(len(seeds))[:, None]
        for v in ([a.gamma for a in arms], [a.lr for a in arms])
    )
    rule = RootMeanSquare(CurlTerm(gamma)) if arms[0].through_rms else CurlTerm(gamma)
    x = torch.stack(starts).repeat(len(arms), 1)
    batches = [sample() for _ in range(PROBES)]
    probe = tuple(torch.cat(parts, dim=1) for parts in zip(*batches, strict=True))
    along = torch.ones_like(x)
    outputs, curvatures = [], []
    for k, states in iterate(rule, oracle, x, lr, steps, every // finer):
        largest, along = curvature(oracle, "discriminator", states, along, probe)
        curvatures.append(largest)
        if k % every == 0:
            outputs.append(oracle.run("generator", states, z))
    points, curves = torch.stack(outputs, dim=1).double().numpy(), torch.stack(curvatures, dim=1).numpy()
    shape = (len(arms), len(seeds), -1)
    return Trained(
        steps=np.arange(0, steps + 1, every),
        samples=points.reshape(*shape, samples, points.shape[-1]),
        curvature_steps=np.arange(0, steps + 1, every // finer),
        curvature=curves.reshape(shape),
    )


def curvature(
    oracle: NetworkOracle, player: str, x: torch.Tensor, along: torch.Tensor, batch: tuple, iterations: int = 3
) -> tuple[torch.Tensor, torch.Tensor]:
    """Largest absolute eigenvalue of the Hessian of a player's own loss, by power iteration.

    Parameters
    ----------
    x, along
        States and first vectors, ``(n, d)``.

    Returns
    -------
    largest : Tensor, shape (n,)
        From below, close to it once the vectors have been carried over a few calls; NaN where it is not finite.
    along : Tensor, shape (n, d)
        Vectors to go on from.
    """
    vector = oracle.only(player, along)
    for _ in range(iterations):
        vector = vector / vector.norm(dim=1, keepdim=True)
        vector = oracle.only(player, oracle.jvp(x, vector, batch))
    largest = vector.norm(dim=1)
    fine = torch.isfinite(largest) & (largest > 0)
    return torch.where(fine, largest, torch.nan), torch.where(fine[:, None], vector, torch.ones_like(vector))


def train_on_mixture(
    arms: Sequence[Arm], seeds: Sequence[int], *, steps: int, every: int, samples: int, finer: int = 1
) -> Trained:  # fmt: skip
    """Train on the mixture of Gaussians, with `BATCH_SIZE` points a batch."""
    players = {"discriminator": perceptron(2, 1), "generator": perceptron(LATENT, 2)}

    def draw(stream: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        return sample_mixture(BATCH_SIZE, stream), torch.randn(BATCH_SIZE, LATENT, generator=stream, dtype=PRECISION)

    return train(players, draw, arms, seeds, steps=steps, every=every, samples=samples, finer=finer)
