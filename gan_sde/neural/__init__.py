"""Games on torch tensors and torch networks, trained by the algorithms' own text.

Names are loaded when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_ORIGIN = {
    "ArmijoLR": "gan_sde.neural.armijo_scheduler",
    "FluctuationLR": "gan_sde.neural.rate_scheduler",
    "FluctuationMonitor": "gan_sde.neural.fluctuation_monitor",
    "GameOptimizer": "gan_sde.neural.optimizer",
    "NetworkOracle": "gan_sde.neural.network_oracle",
    "TensorOracle": "gan_sde.neural.oracle",
    "iterate": "gan_sde.neural.iteration",
    "scheduled_lr": "gan_sde.neural.rate_scheduler",
    "scheduled_lrs": "gan_sde.neural.rate_scheduler",
}
__all__ = sorted(_ORIGIN)


def __getattr__(name: str) -> Any:
    if name not in _ORIGIN:
        raise AttributeError(f"module 'gan_sde.neural' has no attribute {name!r}")
    value = getattr(import_module(_ORIGIN[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
