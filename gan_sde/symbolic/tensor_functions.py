"""Symbolic drift and diffusion as functions of a tensor, by sympy's own torch printer.

Only tensor methods are used, so this module imports no torch; sympy does when the functions are made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sympy import ImmutableMatrix, Symbol, lambdify


class TensorSDE:
    """Drift and diffusion in the form that ``torchsde.sdeint`` takes.

    Attributes
    ----------
    noise_type, sde_type
        ``"general"`` and ``"ito"``.
    brownian_size
        Number m of Brownian motions.
    """

    noise_type = "general"
    sde_type = "ito"

    def __init__(self, state: Sequence[Symbol], drift: ImmutableMatrix, diffusion: ImmutableMatrix) -> None:
        # torchsde needs at least one Brownian motion; a game without noise gets one that does nothing
        if diffusion.cols == 0:
            diffusion = ImmutableMatrix.zeros(diffusion.rows, 1)
        self.brownian_size = diffusion.cols
        self._dim = len(state)
        self._drift = _TensorFunction(state, drift)
        self._diffusion = _TensorFunction(state, diffusion)

    def f(self, t: Any, y: Any) -> Any:
        """Drift ``(n, d)`` at states ``y`` of shape ``(n, d)``."""
        return self._drift(y)[..., 0]

    def g(self, t: Any, y: Any) -> Any:
        """Diffusion ``(n, d, m)`` at states ``y`` of shape ``(n, d)``."""
        return self._diffusion(y)


class _TensorFunction:
    """A matrix of expressions as a function ``(..., d) -> (..., rows, cols)`` of a tensor."""

    def __init__(self, state: Sequence[Symbol], matrix: ImmutableMatrix) -> None:
        self._shape = matrix.shape
        self._entries: list[tuple[int, int]] = [
            (i, j) for i in range(matrix.rows) for j in range(matrix.cols) if matrix[i, j] != 0
        ]
        expressions = [matrix[i, j].evalf(17) for i, j in self._entries]
        self._function: Callable[..., list] = lambdify(list(state), expressions, modules="torch", cse=True)

    def __call__(self, y: Any) -> Any:
        # entries that are constant come back as plain numbers, so they are filled in, not stacked
        result = y.new_zeros((*y.shape[:-1], *self._shape))
        for (i, j), value in zip(self._entries, self._function(*y.unbind(-1)), strict=True):
            result[..., i, j] = value
        return result
