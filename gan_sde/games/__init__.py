"""Catalogue of games, by name; one file a family."""

from __future__ import annotations

from gan_sde.games.adversarial_regression import adversarial_regression
from gan_sde.games.adversarial_regression import perturbed as perturbed
from gan_sde.games.bilinear import bilinear
from gan_sde.games.dirac_gan import dirac_gan
from gan_sde.games.linear_wgan import linear_wgan
from gan_sde.games.lq_gan import lq_gan
from gan_sde.games.quadratic import quadratic
from gan_sde.games.registry import get as get
from gan_sde.games.registry import names as names
from gan_sde.games.registry import register as register

register("adversarial-regression", adversarial_regression)
register("bilinear", bilinear)
register("dirac-gan", dirac_gan)
register("linear-wgan", linear_wgan)
register("lq-gan", lq_gan)
register("quadratic", quadratic)
