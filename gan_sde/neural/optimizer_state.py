"""Whether a saved state fits an optimiser of a game, asked before anything of it is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from gan_sde.symbolic.validation import shown


def check_optimizer_state(state: Any, groups: Sequence[Mapping[str, Any]], slots: tuple[str, ...]) -> None:
    """Raise ValueError unless a state is one of these players, in this order, and of these carried vectors.

    Parameters
    ----------
    state
        As `GameOptimizer.state_dict` gives it.
    groups
        The optimiser's own parameter groups.
    slots
        Names of the vectors that its algorithm carries.
    """
    saved = state.get("param_groups") if isinstance(state, Mapping) else None
    needed = {"params", "lr", "player"}
    if not isinstance(saved, list) or not all(isinstance(g, Mapping) and needed <= set(g) for g in saved):
        raise ValueError(f"state_dict: expected one of a GameOptimizer, with the players' groups, got {shown(state)}")
    for what, find in (("players", _players), ("numbers of parameters", _numbers)):
        ours, theirs = find(groups), find(saved)
        if ours != theirs:
            raise ValueError(f"state_dict: expected {what} {_listed(ours)}; got {_listed(theirs)}")
    _check_carried(state.get("state"), groups, saved, slots)


def _check_carried(
    carried: Any, groups: Sequence[Mapping[str, Any]], saved: Sequence[Mapping[str, Any]], slots: tuple[str, ...]
) -> None:
    """Vectors of every parameter, or none at all before the first step."""
    if not isinstance(carried, Mapping) or not all(isinstance(own, Mapping) for own in carried.values()):
        raise ValueError(f"state_dict: expected what the algorithm carries under 'state', got {shown(carried)}")
    if not carried:
        return
    for group, other in zip(groups, saved, strict=True):
        for parameter, number in zip(group["params"], other["params"], strict=True):
            own = carried.get(number, {})
            if set(own) != set(slots):
                found = _listed(sorted(map(str, own)))
                raise ValueError(f"state_dict: expected an algorithm that carries {_listed(slots)}; got {found}")
            for slot, value in own.items():
                shape = tuple(value.shape) if torch.is_tensor(value) else shown(value)
                if shape != tuple(parameter.shape):
                    wanted = f"{slot} of shape {tuple(parameter.shape)} for player {group['player']!r}"
                    raise ValueError(f"state_dict: expected {wanted}, got {shape}")


def _players(groups: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(group["player"]) for group in groups]


def _numbers(groups: Sequence[Mapping[str, Any]]) -> list[int]:
    return [len(group["params"]) for group in groups]


def _listed(entries: Sequence[Any]) -> str:
    return ", ".join(map(str, entries)) or "nothing"
