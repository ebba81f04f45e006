"""Antithetic pairs: when they can be had, and how two trajectories lie in one lane of a kernel.

A lane has the state of trajectory 2i, then that of its mirror 2i + 1. The two are not independent: whatever needs a
standard error is averaged over the pair first, and the pairs are counted.
"""

from __future__ import annotations

import numpy as np

from gan_sde.symbolic.antithetic import is_mirrored_nowhere
from gan_sde.symbolic.recipe import BatchDraws
from gan_sde.symbolic.sde import SDE
from gan_sde.symbolic.training import Training

PAIR = 2
"""Trajectories in a lane, where there are pairs."""


def check_pairs(process: Training | SDE, trajectories: int, *, many_schedules: bool, noise: bool) -> None:
    """Raise ValueError unless a simulation can run in antithetic pairs."""
    if trajectories % PAIR:
        raise ValueError(f"trajectories: expected an even number for antithetic pairs, got {trajectories}")
    if process.game.arrays is not None:
        raise ValueError("antithetic: expected False for a game in array form, got True")
    if many_schedules:
        raise ValueError("antithetic: expected False for a schedule a player, got True")
    if noise and isinstance(process, Training):
        draws = process.recipe().draws
        assert isinstance(draws, BatchDraws)
        if is_mirrored_nowhere(draws):
            raise ValueError(
                "antithetic: expected data with normals or uniforms, whose mirror image can be drawn; "
                "got finite data sets alone"
            )


def to_lanes(state: np.ndarray, paths: int) -> np.ndarray:
    """States ``(D, n)`` of trajectories as lanes ``(paths D, n / paths)``: one path after the other."""
    if paths == 1:
        return state
    dim, n = state.shape
    lanes = state.reshape(dim, n // paths, paths).transpose(2, 0, 1).reshape(paths * dim, n // paths)
    # of one dimension, that is a view
    return np.ascontiguousarray(lanes)


def to_trajectories(lanes: np.ndarray, paths: int) -> np.ndarray:
    """Inverse of `to_lanes`.

    Examples
    --------
    >>> to_lanes(np.array([[1.0, -1.0, 2.0, -2.0]]), 2)
    array([[ 1.,  2.],
           [-1., -2.]])
    >>> to_trajectories(_, 2)
    array([[ 1., -1.,  2., -2.]])
    """
    if paths == 1:
        return lanes
    rows, n = lanes.shape
    return lanes.reshape(paths, rows // paths, n).transpose(1, 2, 0).reshape(rows // paths, paths * n)


def means_of_lanes(values: np.ndarray, paths: int) -> np.ndarray:
    """Means ``(..., n / paths)`` over the trajectories of each lane, of values ``(..., n)``."""
    return values if paths == 1 else values.reshape(*values.shape[:-1], -1, paths).mean(axis=-1)
