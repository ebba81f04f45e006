"""Integrators of SDEs as recipes, one a file; each states its weak order."""

from __future__ import annotations

from gan_sde.symbolic.integrators.euler import euler as euler
from gan_sde.symbolic.integrators.weak2 import weak2 as weak2

INTEGRATORS = {"euler": euler, "weak2": weak2}
WEAK_ORDER = {"euler": 1, "weak2": 2}
