"""Decays fixed in advance: one learning rate for each iteration k = 0, ..., steps - 1."""

import numpy as np

from analysis._validation import Array, count, finite_array, positive


def constant(lr: float, steps: int) -> Array:
    """Return the rate `lr` for all iterations, shape (steps,).

    Examples
    --------
    >>> constant(0.1, 3)
    array([0.1, 0.1, 0.1])
    """
    return np.full(count("steps", steps, 1), positive("lr", lr))


def inverse_time(lr: float, steps: int, *, offset: float = 1.0) -> Array:
    """Return lr / (1 + k / offset), shape (steps,): constant at first, lr offset / k in the end.

    Under noise lr offset = 1 / c is the best choice for the error of a field of strong monotonicity c, and half of
    it is the edge below which the rate 1/k of the error is lost.

    Parameters
    ----------
    lr : float
        First rate.
    steps : int
    offset : float
        Iterations after which the rate is half of the first.

    References
    ----------
    Robbins & Monro (1951), doi 10.1214/aoms/1177729586; Nemirovski, Juditsky, Lan & Shapiro (2009),
    doi 10.1137/070704277, section 2.1.

    Examples
    --------
    >>> inverse_time(1.0, 4)
    array([1.        , 0.5       , 0.33333333, 0.25      ])
    """
    return power(lr, steps, exponent=1.0, offset=offset)


def power(lr: float, steps: int, *, exponent: float, offset: float = 1.0) -> Array:
    """Return lr (1 + k / offset)^-exponent, shape (steps,).

    Examples
    --------
    >>> power(1.0, 4, exponent=0.5, offset=3.0)[3] == 0.5**0.5
    np.True_
    """
    k = np.arange(count("steps", steps, 1))
    slope = float(finite_array("exponent", exponent, (0,)))
    return np.asarray(positive("lr", lr) * (1 + k / positive("offset", offset)) ** -slope)


def cosine(lr: float, steps: int, *, warmup: int = 0, last: float = 0.0) -> Array:
    """Rise linearly over `warmup` iterations to `lr`, then fall along half a cosine wave towards `last`.

    The rates are those of the middle of each iteration, so that neither end of the wave is wasted on a rate of zero.

    Parameters
    ----------
    lr : float
        Largest rate.
    steps, warmup : int
        Iterations in all, and of the rise.
    last : float
        Rate that the end of the wave approaches, between 0 and `lr`.

    Returns
    -------
    array, shape (steps,)

    References
    ----------
    Loshchilov & Hutter (2017), arXiv 1608.03983, Eq. 5 (one period).

    Examples
    --------
    >>> cosine(1.0, 4, warmup=2).round(3)
    array([0.25 , 0.75 , 0.854, 0.146])
    """
    total, rise = count("steps", steps, 1), count("warmup", warmup, 0)
    if rise > total:
        raise ValueError(f"warmup: expected at most {total} iterations, got {rise}")
    top, low = positive("lr", lr), float(finite_array("last", last, (0,)))
    if not 0 <= low <= top:
        raise ValueError(f"last: expected a rate between 0 and {top:g}, got {low:g}")
    up = top * (np.arange(rise) + 0.5) / max(rise, 1)
    phase = (np.arange(total - rise) + 0.5) / max(total - rise, 1)
    return np.concatenate([up, low + (top - low) * (1 + np.cos(np.pi * phase)) / 2])


def step_decay(lr: float, steps: int, *, period: int, factor: float = 0.5) -> Array:
    """Multiply the rate by `factor` every `period` iterations; shape (steps,).

    Examples
    --------
    >>> step_decay(1.0, 5, period=2)
    array([1.  , 1.  , 0.5 , 0.5 , 0.25])
    """
    k = np.arange(count("steps", steps, 1))
    return np.asarray(positive("lr", lr) * positive("factor", factor) ** (k // count("period", period, 1)))
