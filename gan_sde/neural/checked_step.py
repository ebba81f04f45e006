"""Iterations of any algorithm on tensors, a user's own too: what it returns is looked at before it is used."""

from __future__ import annotations

from typing import Any

import torch

from gan_sde.algorithms import SGDA, get
from gan_sde.symbolic.algorithm import AbstractMemoryAlgorithm, check_algorithm, run_step, slots_of
from gan_sde.symbolic.oracle import AbstractOracle
from gan_sde.symbolic.validation import shown


def read_algorithm(algorithm: Any) -> Any:
    """Return an algorithm from itself, its name or None (simultaneous descent); ValueError if it cannot be run.

    Examples
    --------
    >>> read_algorithm("optimistic").slots
    ('past',)
    """
    found = get(algorithm) if isinstance(algorithm, str) else SGDA() if algorithm is None else algorithm
    check_algorithm(found)
    return found


def checked_start(algorithm: Any, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Vectors that an algorithm carries at the start ``x``; none for one without memory."""
    if not isinstance(algorithm, AbstractMemoryAlgorithm):
        return ()
    memory = algorithm.start(x.clone())
    _check_memory("start", algorithm, memory, x.shape)
    return tuple(memory)


def checked_step(
    algorithm: Any, oracle: AbstractOracle, x: torch.Tensor, memory: tuple[torch.Tensor, ...], eta: Any
) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    """The next state and the next carried vectors, off any graph; ``x`` stays as it is.

    Raises
    ------
    ValueError
        If the algorithm returns anything but a floating tensor of the shape of ``x``, and one for each of its slots.
    """
    x = x.clone()  # a step may work in place
    if not isinstance(algorithm, AbstractMemoryAlgorithm):
        moved, carried = run_step(algorithm, oracle, x, memory, eta)
    else:
        both = algorithm.step(oracle, x, memory, eta)
        if not isinstance(both, tuple) or len(both) != 2:
            raise ValueError(f"algorithm: expected a step that returns (state, carried vectors), got {_told(both)}")
        moved, carried = both
        _check_memory("step", algorithm, carried, x.shape)
    if not _fits(moved, x.shape):
        raise ValueError(
            f"algorithm: expected a step to a floating tensor of shape {tuple(x.shape)}, got {_told(moved)}"
        )
    return moved.detach(), tuple(vector.detach() for vector in carried)


def _check_memory(method: str, algorithm: Any, memory: Any, shape: torch.Size) -> None:
    slots = slots_of(algorithm)
    if not isinstance(memory, tuple | list) or len(memory) != len(slots):
        got = f"{len(memory)} of them" if isinstance(memory, tuple | list) else _told(memory)
        wanted = f"a tuple of the carried vectors {', '.join(slots)}"
        raise ValueError(f"algorithm: expected {wanted} from {method}, got {got}")
    for slot, vector in zip(slots, memory, strict=True):
        if not _fits(vector, shape):
            wanted = f"{slot} as a floating tensor of shape {tuple(shape)}"
            raise ValueError(f"algorithm: expected {wanted} from {method}, got {_told(vector)}")


def _fits(value: Any, shape: torch.Size) -> bool:
    return torch.is_tensor(value) and value.is_floating_point() and value.shape == shape


def _told(value: Any) -> str:
    """What a value is: of a tensor its shape and type."""
    return f"{tuple(value.shape)} of {value.dtype}" if torch.is_tensor(value) else shown(value)
