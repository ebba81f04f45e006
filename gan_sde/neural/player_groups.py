"""Which optimisers move a game's players, and by which parameter groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from gan_sde.symbolic.validation import shown

Optimizers = torch.optim.Optimizer | Mapping[str, torch.optim.Optimizer]
"""One optimiser of all players, or one a player."""


def moving_optimizers(optimizers: Optimizers) -> torch.optim.Optimizer | dict[str, torch.optim.Optimizer]:
    """The optimisers that make the moves: a `GameOptimizer` may do it through another one."""
    if isinstance(optimizers, torch.optim.Optimizer):
        return getattr(optimizers, "inner", None) or optimizers
    named = dict(optimizers) if isinstance(optimizers, Mapping) else {}
    if not named or not all(isinstance(o, torch.optim.Optimizer) for o in named.values()):
        raise ValueError(f"optimizers: expected {{player: optimiser}} or one optimiser, got {shown(optimizers)}")
    return {player: getattr(optimizer, "inner", None) or optimizer for player, optimizer in named.items()}


def groups_by_player(moving: Optimizers) -> dict[str, list[dict[str, Any]]]:
    """Present parameter groups by player; those of one optimiser are told apart by their entry ``"player"``."""
    if isinstance(moving, Mapping):
        return {player: optimizer.param_groups for player, optimizer in moving.items()}
    found: dict[str, list[dict[str, Any]]] = {}
    for number, group in enumerate(moving.param_groups):
        found.setdefault(str(group.get("player", f"group {number}")), []).append(group)
    return found
