"""Algorithms with memory: which of what they carry is slow, and how the fast part is eliminated.

At learning rate 0 an iteration leaves the state and the slow memory where they are, while the fast memory relaxes:
``m' = L m + G(z, xi)`` with a constant contraction L. To second order

    z' = z + eta (P m + U(z, xi)) + eta^2 (A(z, xi) m + b(z, xi)),    m' = L m + G + eta m_1.

The coordinate ``y = z + eta Q m`` with ``Q = P (I - L)^-1`` does not feel the memory at first order:

    y' = y + eta V + eta^2 (A m + b + Q m_1 - DV Q m),    V = U + Q G,

so that V is its field and its noise, and in the second-order term the memory may be replaced by what it carries in the
long run, ``(I - L)^-1 G``. Going back to z adds the bracket ``Dh V - DV h`` with ``h = -Q (I - L)^-1 E G``, and moves
the start by ``eta (Q m + h)``. For the heavy ball and for optimistic descent this gives the known SDEs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from sympy import Expr, ImmutableMatrix, Integer, Symbol, eye

from gan_sde.symbolic.derivatives import jacobian
from gan_sde.symbolic.field import tidied, tidy
from gan_sde.symbolic.jet import Jet

Mean = Callable[[Sequence[Expr]], ImmutableMatrix]
"""Expectation over the batches of a vector."""


@dataclass(frozen=True, eq=False)
class Reduced:
    """The update of a state without fast memory.

    Attributes
    ----------
    state
        Parameters and slow memory.
    terms
        ``(U_0, U_1)`` of an update without fast memory and with the same SDE.
    shift
        Displacement of the start, in units of the learning rate, for fast memory ``fast``; a function of both.
    fast
        Symbols of the eliminated memory.
    """

    state: tuple[Symbol, ...]
    terms: tuple[ImmutableMatrix, ImmutableMatrix]
    shift: ImmutableMatrix
    fast: tuple[Symbol, ...]


def reduce_memory(
    parameters: Sequence[Symbol], memory: Sequence[Symbol], x: Jet, carried: Sequence[Jet], mean: Mean
) -> Reduced:
    """Split the memory into slow and fast, and eliminate the fast part.

    Parameters
    ----------
    parameters, memory
        Symbols of the state and of all carried vectors, slot by slot.
    x, carried
        The iteration as series in the learning rate.
    mean
        Expectation over the batches.

    Raises
    ------
    ValueError
        If the fast memory does not relax linearly with constant coefficients, or does not relax at all.
    """
    orders = [[e for jet in carried for e in jet.coefficients[n]] for n in range(3)]
    slow = [k for k, symbol in enumerate(memory) if tidy(orders[0][k] - symbol) == 0]
    fast = [k for k in range(len(memory)) if k not in slow]
    state = (*parameters, *(memory[k] for k in slow))
    first, second = (ImmutableMatrix([*x.coefficients[n], *(orders[n][k] for k in slow)]) for n in (1, 2))
    if not fast:
        terms = (tidied(first), tidied(second))
        return Reduced(state, terms, ImmutableMatrix.zeros(len(state), 1), ())
    symbols = tuple(memory[k] for k in fast)
    relaxation = ImmutableMatrix([orders[0][k] for k in fast])
    correction = ImmutableMatrix([orders[1][k] for k in fast])
    return _eliminate(state, symbols, (first, second), relaxation, correction, mean)


def _eliminate(
    state: tuple[Symbol, ...],
    fast: tuple[Symbol, ...],
    motion: tuple[ImmutableMatrix, ImmutableMatrix],
    relaxation: ImmutableMatrix,
    correction: ImmutableMatrix,
    mean: Mean,
) -> Reduced:
    decay, gain = _affine(relaxation, fast, constant=True)
    if max(abs(np.linalg.eigvals(np.array(decay, dtype=float)))) >= 1:
        raise ValueError("algorithm: expected a memory that forgets, got one that does not")
    pull, drive = _affine(motion[0], fast, constant=True)
    resolvent = (eye(len(fast)) - decay).inv()
    lever = pull * resolvent
    field = tidied(drive + lever * gain)
    coupling, rest = _affine(motion[1] + lever * correction, fast, constant=False)
    coupling = tidied(coupling - jacobian(field, state) * lever)
    in_long_run = resolvent * gain
    mean_gain, mean_field = mean(list(in_long_run)), mean(list(field))
    mean_coupling = ImmutableMatrix.hstack(*(mean(list(coupling[:, k])) for k in range(coupling.cols)))
    # products of one batch's noise in both factors would be a covariance that the algorithm does not have
    second = rest + mean_coupling * in_long_run + (coupling - mean_coupling) * mean_gain
    back = -(lever * mean_gain)
    bracket = jacobian(back, state) * mean_field - jacobian(mean_field, state) * back
    return Reduced(
        state=state,
        terms=(ImmutableMatrix(field), tidied(second + bracket)),
        shift=tidied(lever * ImmutableMatrix(fast) + back),
        fast=fast,
    )


def _affine(
    vector: ImmutableMatrix, memory: tuple[Symbol, ...], *, constant: bool
) -> tuple[ImmutableMatrix, ImmutableMatrix]:
    """Slope and intercept of a vector that is affine in the memory."""
    slope = tidied(jacobian(vector, memory))
    if slope.free_symbols & set(memory) or (constant and slope.free_symbols):
        raise ValueError(
            "algorithm: expected a fast memory that enters linearly; "
            "let it decay at a rate proportional to the learning rate instead (an SDE of state and memory)"
        )
    return slope, ImmutableMatrix(vector.xreplace(dict.fromkeys(memory, Integer(0))))
