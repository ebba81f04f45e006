"""The catalogue of algorithms."""

from __future__ import annotations

from gan_sde.algorithms.algorithm import AbstractAlgorithm, AbstractMemoryAlgorithm
from gan_sde.symbolic.registry import Registry

REGISTRY: Registry[AbstractAlgorithm | AbstractMemoryAlgorithm] = Registry("algorithm")
get, names, register = REGISTRY.get, REGISTRY.names, REGISTRY.register
