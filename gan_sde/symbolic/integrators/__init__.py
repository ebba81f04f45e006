"""Integrators of SDEs as recipes, one a file; each states its weak order."""

from __future__ import annotations

from gan_sde.symbolic.integrators.euler import euler as euler
from gan_sde.symbolic.integrators.euler_weak import euler_weak as euler_weak
from gan_sde.symbolic.integrators.weak2 import weak2 as weak2

INTEGRATORS = {"euler": euler, "euler-weak": euler_weak, "weak2": weak2}
WEAK_ORDER = {"euler": 1, "euler-weak": 1, "weak2": 2}
