"""What is the same for all trajectories in an iteration: computed once on the host, read by every lane."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import special

_FUNCTIONS = {
    "exp": np.exp, "log": np.log, "tanh": np.tanh, "sin": np.sin, "cos": np.cos, "tan": np.tan, "sinh": np.sinh,
    "cosh": np.cosh, "arctan": np.arctan, "erf": special.erf, "absolute": np.abs, "sign": np.sign,
    "maximum": np.maximum, "minimum": np.minimum, "heaviside": lambda x: np.heaviside(x, 0.5), "sqrt": np.sqrt,
    "power": np.power, "where": np.where, "sigmoid": special.expit, "softplus": lambda x: np.logaddexp(0.0, x),
}  # fmt: skip


def uniform_names(prologue: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Names that the body of a program reads; the others in its prologue are steps on the way."""
    return tuple(name for name, _ in prologue if name.startswith("u"))


def uniform_values(
    prologue: Sequence[tuple[str, str]], rates: np.ndarray, substeps: int, inverse_batch: float, dtype: np.dtype
) -> np.ndarray:
    """Values of a program's prologue in each iteration.

    Parameters
    ----------
    prologue
        As of `gan_sde.symbolic.lowering.Program`.
    rates
        Shape ``(k,)``, float64.
    substeps, inverse_batch
        What the code calls so; ``substep`` is ``rates / substeps``.
    dtype
        Type of the result; it is rounded to it at the end.

    Returns
    -------
    numpy.ndarray
        Shape ``(k, u)``, C-contiguous, one column for each of `uniform_names`.

    Examples
    --------
    >>> uniform_values((("u0", "2.0*rate"),), np.array([0.1, 0.2]), 1, 1.0, np.dtype("float64"))
    array([[0.2], [0.4]])
    """
    values = {"rate": rates, "substep": rates / substeps, "inverse_batch": inverse_batch}
    with np.errstate(all="ignore"):
        for name, code in prologue:
            values[name] = eval(code, _FUNCTIONS | {"__builtins__": {}}, values)
    names = uniform_names(prologue)
    result = np.empty((len(rates), len(names)), dtype)
    for j, name in enumerate(names):
        result[:, j] = values[name]
    return result
