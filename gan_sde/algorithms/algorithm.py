"""What every training algorithm is; see `gan_sde.symbolic.algorithm`."""

from __future__ import annotations

from gan_sde.symbolic.algorithm import AbstractAlgorithm as AbstractAlgorithm
from gan_sde.symbolic.algorithm import AbstractMemoryAlgorithm as AbstractMemoryAlgorithm
