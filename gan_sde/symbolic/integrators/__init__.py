"""Integrators of SDEs as recipes, one a file; each states its weak order."""

from __future__ import annotations

from gan_sde.symbolic.integrators.euler import euler as euler
from gan_sde.symbolic.integrators.euler_weak import euler_weak as euler_weak
from gan_sde.symbolic.integrators.weak2 import weak2 as weak2
from gan_sde.symbolic.integrators.weak2_three_point import weak2_three_point as weak2_three_point

INTEGRATORS = {
    "euler": euler,
    "euler-weak": euler_weak,
    "weak2": weak2,
    "weak2-three-point": weak2_three_point,
}
WEAK_ORDER = {"euler": 1, "euler-weak": 1, "weak2": 2, "weak2-three-point": 2}
