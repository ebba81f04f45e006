"""What is controlled: dynamics, costs and a compact set of controls."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis._validation import Array, count, finite_array

Dynamics = Callable[[float, Array, Array], Array]


@dataclass(frozen=True)
class ControlProblem:
    """Drive `X' = drift(t, X, u)`, or `dX = drift dt + noise dW`, at the least mean cost.

    The cost is the integral of `running` plus `terminal` of the state at the horizon.

    Attributes
    ----------
    drift : function of (t, states (..., d), controls (..., k)), to (..., d)
        States and controls arrive with axes in front that broadcast against each other, as may those of what comes
        back; the axes behind must be there, and a constant has no others.
    terminal : function of states (..., d), to (...)
    noise : function like `drift`, to (..., d, m), optional
        One column a Brownian motion. None: a deterministic problem.
    running : function like `drift`, to (...), optional
        Cost in a unit of time.
    autonomous : bool
        Whether `drift`, `noise` and `running` do not depend on t; the solver then builds its chain once.

    Examples
    --------
    >>> problem = ControlProblem(drift=lambda t, x, u: -u * x, terminal=lambda x: x[..., 0] ** 2)
    >>> problem.drift(0.0, np.ones((3, 1, 1)), np.ones((5, 1))).shape
    (3, 5, 1)
    """

    drift: Dynamics
    terminal: Callable[[Array], Array]
    noise: Dynamics | None = None
    running: Dynamics | None = None
    autonomous: bool = True


def control_grid(*ranges: tuple[float, float, int]) -> Array:
    """Controls on a rectangular grid, one range `(low, high, points)` a component.

    Returns
    -------
    array, shape (points of all ranges multiplied, number of ranges)
        The last component varies fastest.

    Raises
    ------
    ValueError
        Without a range, or if one is not two finite numbers and a number of points, at least 1.

    Examples
    --------
    >>> control_grid((0, 1, 2), (0, 4, 3)).tolist()
    [[0.0, 0.0], [0.0, 2.0], [0.0, 4.0], [1.0, 0.0], [1.0, 2.0], [1.0, 4.0]]
    """
    if not ranges:
        raise ValueError("ranges: expected at least 1 range (low, high, points), got none")
    axes = []
    for i, given in enumerate(ranges):
        if np.shape(finite_array(f"ranges[{i}]", given)) != (3,):
            raise ValueError(f"ranges[{i}]: expected (low, high, points), got {given!r}")
        low, high, points = given
        axes.append(np.linspace(low, high, count(f"points of ranges[{i}]", points, 1)))
    return np.stack([part.ravel() for part in np.meshgrid(*axes, indexing="ij")], axis=-1)


def function_values(name: str, values: ArrayLike, front: tuple[int, ...], tail: tuple[int | str, ...] = ()) -> Array:
    """Return what a function of a problem gave as finite numbers, shape (*front, *tail).

    Axes in front may have length 1, or be left out altogether by a constant. Those of the tail are never spread: a
    drift of one component is not one of d equal components. A letter in the tail stands for any length.

    Raises
    ------
    ValueError
        Naming the function, if numbers are not finite or the shape is another.
    """
    array = finite_array(name, values)
    behind = array.ndim - len(tail)
    lead, end = array.shape[: max(behind, 0)], array.shape[max(behind, 0) :]
    fits = behind in (0, len(front)) and all(n in (1, full) for n, full in zip(lead, front, strict=False))
    if not fits or any(n != wanted for n, wanted in zip(end, tail, strict=True) if not isinstance(wanted, str)):
        shape = ", ".join(map(str, (*front, *tail))) + ("," if len(front + tail) == 1 else "")
        spread = f", or 1 for any of the first {len(front)}" if len(front) > 1 else ""
        raise ValueError(f"{name}: expected shape ({shape}){spread}, got {array.shape}")
    return np.broadcast_to(array, (*front, *end))


def control_set(name: str, controls: ArrayLike) -> Array:
    """Return a finite set of controls as (n, k); a vector counts as n controls of one component."""
    array = finite_array(name, controls, (1, 2))
    return array[:, None] if array.ndim == 1 else array
