"""The catalogue of games."""

from __future__ import annotations

from gan_sde.symbolic.game import Game
from gan_sde.symbolic.registry import Registry

REGISTRY: Registry[Game] = Registry("game")
get, names, register = REGISTRY.get, REGISTRY.names, REGISTRY.register
