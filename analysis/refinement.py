"""The error of a grid, by refining it."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from analysis.fokker_planck import FokkerPlanck


@dataclass(frozen=True, eq=False)
class GridEstimate:
    """A number, or an array, with the error of the grid.

    Attributes
    ----------
    value : float or array
        Extrapolated to spacing 0 from the two finest grids.
    error : float or array
        From two grids: |fine - coarse|, cautious for `fine` and the more for `value`. From three: the difference
        between the extrapolations from either pair, cautious for `value` alone.
    coarse, fine : float or array
        On the two finest grids.
    """

    value: Any
    error: Any
    coarse: Any
    fine: Any


def richardson(problem: FokkerPlanck, quantity: Callable[[FokkerPlanck], ArrayLike], *, grids: int = 2) -> GridEstimate:
    """Extrapolate a quantity from a grid and its refinements to spacing 0.

    Parameters
    ----------
    problem : FokkerPlanck
        On the coarsest grid; each further one has half the spacing.
    quantity : callable
        From an equation on a grid to a number or an array whose shape does not depend on the grid.
    grids : int
        2 or 3.

    Returns
    -------
    GridEstimate

    Notes
    -----
    The error is no bound: the coarsest grid must already show the order of the scheme, or the difference of two
    numbers that happen to be close says nothing.

    Examples
    --------
    >>> from analysis.fokker_planck import fokker_planck
    >>> from analysis.grid import Grid
    >>> grid = Grid.rectangle(-8.0, 8.0, 40)
    >>> process = fokker_planck(lambda x: -x, lambda x: np.full((len(x), 1, 1), 2.0), grid)
    >>> gap = richardson(process, lambda p: p.spectrum(1).gap)
    >>> bool(abs(gap.value - 1) < 0.1 * gap.error), bool(abs(gap.fine - 1) < gap.error)
    (True, True)
    """
    if grids not in (2, 3):
        raise ValueError(f"grids: expected 2 or 3, got {grids!r}")
    problems = [problem]
    while len(problems) < grids:
        problems.append(problems[-1].refined())
    found = [np.asarray(quantity(p), dtype=float) for p in problems]
    if len({part.shape for part in found}) > 1:
        raise ValueError(f"quantity: expected one shape on all grids, got {[part.shape for part in found]}")
    limits = [fine + (fine - coarse) / (2**problem.order - 1) for coarse, fine in pairwise(found)]
    error = np.abs(limits[-1] - limits[0]) if grids == 3 else np.abs(found[1] - found[0])
    parts = (limits[-1], error, found[-2], found[-1])
    return GridEstimate(*(float(part) if part.ndim == 0 else part for part in parts))
