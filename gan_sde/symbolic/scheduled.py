"""An SDE under a learning-rate schedule on a clock that does not follow the schedule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sympy import Expr, ImmutableMatrix, Integer, Symbol, sympify

from gan_sde.symbolic.field import tidy
from gan_sde.symbolic.sde import SDE
from gan_sde.symbolic.validation import shown

NAMES = ("t", "time", "clock")
"""Names of the clock, in order of preference; a game may use some of them itself."""


def scheduled(sde: SDE, schedule: Callable[[Symbol], Expr] | Expr | float) -> SDE:
    """SDE of a training whose iteration k has the rate ``lr u(k lr)``, still lasting ``lr`` an iteration.

    With the drift ``b_0 + lr b_1`` at constant rate, that under a schedule is ``u b_0 + lr (u^2 b_1 - u' b_0 / 2)``
    and the diffusion is multiplied by u. The last term keeps weak order 2 on the constant clock; where an iteration
    itself lasts ``lr u`` there is none, and `simulate` with an array of rates does that.

    Parameters
    ----------
    sde
        Of order 1 or 2, at constant rate.
    schedule
        The factor u: a function of a Symbol, or an expression in one symbol. It has to be positive and smooth where it
        is used.

    Returns
    -------
    SDE
        With the clock as last state variable, started at 0 and moving at rate 1.

    Raises
    ------
    ValueError
        If u is no such function, or the SDE comes from an algorithm with fast memory (momentum, optimistic), whose
        elimination supposes a constant rate, or has a second-order diffusion.

    References
    ----------
    Li, Tai & E, JMLR 20 (2019), arXiv 1511.06251: rate adjustment in stochastic modified equations.
    """
    if sde.clock is not None:
        raise ValueError("schedule: expected an SDE at constant rate, got one under a schedule")
    if any(e != 0 for e in sde.shift):
        raise ValueError("schedule: expected an algorithm without fast memory, got one whose memory was eliminated")
    if sde.options.get("diffusion_order", 1) != 1:
        raise ValueError("diffusion_order: expected 1 with a schedule, got 2")
    clock = _clock(sde)
    factor = _read(schedule, clock, {s.name for s in (*sde.parameters, *sde.game.free_symbols)})
    first = sde.drift.xreplace({sde.lr: Integer(0)})
    second = sde.drift - first
    drift = first * factor + second * factor**2
    if sde.order == 2:
        drift -= first * (sde.lr * factor.diff(clock) / 2)
    still = ImmutableMatrix.zeros(1, sde.diffusion.cols)
    state = (*sde.parameters, clock)
    covariance = (sde.covariance * factor**2).applyfunc(tidy)
    return replace(
        sde,
        drift=ImmutableMatrix([*drift.applyfunc(tidy), 1]),
        diffusion=ImmutableMatrix.vstack(ImmutableMatrix(sde.diffusion * factor), still),
        covariance=ImmutableMatrix(len(state), len(state), lambda i, j: _entry(covariance, i, j)),
        parameters=state,
        shift=ImmutableMatrix.zeros(len(state), 1),
        options={**sde.options, "schedule": schedule},
        clock=clock,
    )


def _entry(matrix: ImmutableMatrix, i: int, j: int) -> Expr:
    return matrix[i, j] if max(i, j) < matrix.rows else Integer(0)


def _clock(sde: SDE) -> Symbol:
    used = {s.name for s in (*sde.parameters, *sde.game.free_symbols, sde.lr, sde.batch_size)}
    for name in NAMES:
        if name not in used:
            return Symbol(name, real=True)
    raise ValueError(f"schedule: expected a game that leaves one of the names {', '.join(NAMES)} to the clock")


def _read(schedule: Any, clock: Symbol, taken: set[str]) -> Expr:
    """The factor as an expression in the clock."""
    expected = "a function of a Symbol that returns an expression in it, or an expression in one symbol"
    try:
        value = sympify(schedule(clock) if callable(schedule) else schedule, strict=True)
    except Exception as error:
        raise ValueError(f"schedule: expected {expected}, got {shown(schedule)}") from error
    symbols = value.free_symbols if isinstance(value, Expr) else {clock, None}
    if len(symbols) > 1 or {getattr(s, "name", None) for s in symbols} & taken:
        raise ValueError(f"schedule: expected {expected}, got {shown(value)}")
    return value.xreplace(dict.fromkeys(symbols, clock))
