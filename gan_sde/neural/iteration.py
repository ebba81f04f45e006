"""Run an algorithm on an oracle's states, iteration after iteration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from gan_sde.neural.checked_step import checked_start, checked_step, read_algorithm
from gan_sde.symbolic.oracle import AbstractOracle
from gan_sde.symbolic.validation import check_integer, check_positive, shown


def iterate(
    algorithm: Any, oracle: AbstractOracle, x: torch.Tensor, lr: float | torch.Tensor, steps: int, every: int = 1
) -> Iterator[tuple[int, torch.Tensor]]:
    """Train from the states ``x`` and yield (iteration, states), first (0, x) and then every ``every`` iterations.

    Parameters
    ----------
    algorithm, oracle
        Any algorithm, over a tensor or a network oracle.
    x
        States ``(n, d)``, or ``(d,)`` where the oracle has no replicas.
    lr
        Learning rate; a tensor ``(n, 1)`` gives every replica its own.
    steps
        Iterations in all, a multiple of ``every``.

    Examples
    --------
    >>> import gan_sde as gs
    >>> from gan_sde.neural import TensorOracle
    >>> game = gs.games.get("linear-wgan").with_defaults()
    >>> oracle = TensorOracle(game, batch_size=4, width=2, generator=torch.Generator().manual_seed(0))
    >>> [k for k, x in iterate(gs.algorithms.get("optimistic"), oracle, torch.zeros(2, 2).double(), 0.1, 6, every=3)]
    [0, 3, 6]
    """
    check_integer("every", every, 1)
    check_integer("steps", steps, 0)
    if steps % every:
        raise ValueError(f"steps: expected a multiple of every = {every}, got {steps}")
    if not torch.is_tensor(x) or not x.is_floating_point():
        raise ValueError(f"x: expected a floating tensor of states, got {shown(x)}")
    if not torch.is_tensor(lr):
        check_positive("lr", lr)
    algorithm = read_algorithm(algorithm)
    memory = checked_start(algorithm, x)
    yield 0, x
    for k in range(1, steps + 1):
        x, memory = checked_step(algorithm, oracle, x, memory, lr)
        if k % every == 0:
            yield k, x
