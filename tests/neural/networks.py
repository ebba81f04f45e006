"""Small networks and games between them, shared by the tests."""

import torch
import torch.nn.functional as functional
from torch import nn

import gan_sde as gs
from gan_sde.neural import TensorOracle

FIXED = {"lq-gan": {"mu": 0.5, "sigma": 1.5}, "linear-wgan": {"c": 0.7, "mu": 1.2, "sigma": 0.8, "sigma_z": 0.6}}


class Quadratic(nn.Module):
    """The LQ-GAN's discriminator, w2 x^2 + w1 x."""

    def __init__(self):
        super().__init__()
        self.w2, self.w1 = (nn.Parameter(torch.zeros((), dtype=torch.float64)) for _ in range(2))

    def forward(self, x):
        return self.w2 * x**2 + self.w1 * x


class Affine(nn.Module):
    """The LQ-GAN's generator, a z + b."""

    def __init__(self):
        super().__init__()
        self.a, self.b = (nn.Parameter(torch.zeros((), dtype=torch.float64)) for _ in range(2))

    def forward(self, z):
        return self.a * z + self.b


class Slope(nn.Module):
    """The linear WGAN's critic, omega x, with its penalty; c is a buffer."""

    def __init__(self):
        super().__init__()
        self.omega = nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.register_buffer("c", torch.tensor(FIXED["linear-wgan"]["c"], dtype=torch.float64))

    def forward(self, x):
        return self.omega * x - self.c * self.omega**2 / 2


class Shift(nn.Module):
    """The linear WGAN's generator, theta + z."""

    def __init__(self):
        super().__init__()
        self.theta = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, z):
        return self.theta + z


def modules(name):
    """Networks of a game, in state order."""
    up, down = (Quadratic(), Affine()) if name == "lq-gan" else (Slope(), Shift())
    return {"discriminator": up, "generator": down}


def payoff(name):
    """The payoff of a game over networks."""

    def lq_gan(networks, batch):
        discriminator, fake = networks["discriminator"], networks["generator"](batch["z"])
        return (discriminator(batch["y"]) - discriminator(fake)).mean()

    def linear_wgan(networks, batch):
        # omega (y - theta - z) - c omega^2 / 2 by one evaluation at the difference
        return networks["discriminator"](batch["y"] - networks["generator"](batch["z"])).mean()

    return lq_gan if name == "lq-gan" else linear_wgan


def tensor_oracle(name, width):
    """The same game from its symbols."""
    game = gs.games.get(name).subs(**FIXED[name])
    return TensorOracle(game, batch_size=5, width=width, generator=torch.Generator().manual_seed(1))


def perceptron(inputs, outputs, generator, dtype=torch.float64):
    """A network with one hidden layer, initialised from the generator."""
    network = nn.Sequential(nn.Linear(inputs, 5), nn.Tanh(), nn.Linear(5, outputs)).to(dtype)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=dtype) / 2)
    return network


def gan(seed, dtype=torch.float64):
    """Discriminator and generator in the plane."""
    generator = torch.Generator().manual_seed(seed)
    return {
        "discriminator": perceptron(2, 1, generator, dtype),
        "generator": perceptron(3, 2, generator, dtype),
    }


def non_saturating(networks, batch):
    """Losses of the non-saturating GAN: a general-sum game."""
    real, z = batch
    fake = networks["generator"](z)
    on_real, on_fake = networks["discriminator"](real), networks["discriminator"](fake)
    return {
        "discriminator": (functional.softplus(-on_real) + functional.softplus(on_fake)).mean(),
        "generator": functional.softplus(-on_fake).mean(),
    }


def draw(generator, *lead, dtype=torch.float64):
    """Data and latent variables of one batch."""
    return tuple(torch.randn(*lead, 4, k, generator=generator, dtype=dtype) for k in (2, 3))
