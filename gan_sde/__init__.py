"""gan_sde: the stochastic dynamics of games, from a payoff to its SDE, its invariant measure and a schedule.

Names are loaded when first used, so that ``gan_sde.symbolic`` comes without torch and numba.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_ORIGIN = {
    "Bernoulli": "gan_sde.symbolic.distributions",
    "Deterministic": "gan_sde.symbolic.distributions",
    "Empirical": "gan_sde.symbolic.distributions",
    "Normal": "gan_sde.symbolic.distributions",
    "Uniform": "gan_sde.symbolic.distributions",
    "ExpansionWarning": "gan_sde.simulation.expansion_range",
    "Game": "gan_sde.symbolic.game",
    "SDE": "gan_sde.symbolic.sde",
    "MomentDynamics": "gan_sde.symbolic.moments",
    "Training": "gan_sde.symbolic.training",
    "learn_staged": "gan_sde.staged",
    "exit_time": "gan_sde.simulation.functionals",
    "multilevel": "gan_sde.simulation.multilevel",
    "player_balances": "gan_sde.symbolic.balance",
    "running_max": "gan_sde.simulation.functionals",
    "time_average": "gan_sde.simulation.functionals",
    "simulate": "gan_sde.simulation",
    "simulate_adaptive": "gan_sde.simulation.adaptive",
    "sweep": "gan_sde.simulation.sweep",
    "algorithms": "gan_sde.algorithms",
    "games": "gan_sde.games",
    "neural": "gan_sde.neural",
    "symbolic": "gan_sde.symbolic",
}
__all__ = sorted(_ORIGIN)


def __getattr__(name: str) -> Any:
    if name not in _ORIGIN:
        raise AttributeError(f"module 'gan_sde' has no attribute {name!r}")
    origin = import_module(_ORIGIN[name])
    value = origin if origin.__name__ == f"gan_sde.{name}" else getattr(origin, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
