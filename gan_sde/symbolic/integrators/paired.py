"""A fine and a coarse path of one SDE from one Brownian path, as a recipe like any other."""

from __future__ import annotations

from collections.abc import Sequence
from math import isinf

from sympy import Expr, Integer, Max, Min, sqrt

from gan_sde.symbolic.integrators.euler import euler
from gan_sde.symbolic.integrators.weak2 import weak2
from gan_sde.symbolic.recipe import SUBSTEP, GaussianDraws, Recipe, relabelled
from gan_sde.symbolic.sde import SDE
from gan_sde.symbolic.validation import check_choice, check_integer

_SCHEMES = {"euler": euler, "weak2": weak2}


def paired(sde: SDE, integrator: str = "euler", *, refinement: int = 2) -> Recipe:
    """Two paths in one step: ``refinement`` fine steps and the coarse step over the same time.

    The coarse step's normals are the sums of the fine steps' over ``sqrt(refinement)``: both paths see one Brownian
    motion. Each path alone has the law of the integrator at its own step size. The two-point variables of "weak2" (for
    noise that does not commute) are not increments of the Brownian motion: those of the coarse step are its own.

    Parameters
    ----------
    sde
        Without free constants. Bounds are projected onto after every fine and every coarse step.
    integrator
        ``"euler"`` or ``"weak2"``.
    refinement
        Fine steps in a coarse step.

    Returns
    -------
    Recipe
        State: the d fine states, then the d coarse ones (``x_coarse__``). ``SUBSTEP`` is the duration of the coarse
        step.

    Raises
    ------
    ValueError
        If the game has free constants, or an argument is not as said.

    Notes
    -----
    With Euler's scheme ``E (fine - coarse)^2`` falls like h, and like h^2 where the noise is additive (Kloeden &
    Platen 1992, section 10.2); with "weak2" it falls like h^2 where the noise commutes, since the scheme then contains
    Milstein's, and like h otherwise.

    Examples
    --------
    >>> import gan_sde as gs
    >>> game = gs.games.get("quadratic").with_defaults()
    >>> recipe = paired(gs.Training(game, gs.algorithms.get("sgda")).sde())
    >>> recipe.dim, len(recipe.draws.normals)
    (4, 4)
    """
    check_choice("integrator", integrator, tuple(_SCHEMES))
    check_integer("refinement", refinement, 2)
    step = _SCHEMES[integrator](sde)
    assert isinstance(step.draws, GaussianDraws)
    normals = [relabelled(step.draws.normals, f"fine_{k}") for k in range(refinement)]
    signs = [relabelled(step.draws.signs, f"fine_{k}") for k in range(refinement)]
    own_signs = relabelled(step.draws.signs, "coarse")
    fine: Sequence[Expr] = step.state
    for k in range(refinement):
        fine = fine if k == 0 else _projected(fine, step.bounds)
        fine = _one_step(step, fine, SUBSTEP / refinement, (*normals[k], *signs[k]))
    sums = [sum(same, Integer(0)) / sqrt(Integer(refinement)) for same in zip(*normals, strict=True)]
    own_state = relabelled(step.state, "coarse")
    coarse = _one_step(step, own_state, SUBSTEP, (*sums, *own_signs))
    drawn = GaussianDraws(
        tuple(n for each in normals for n in each), (*(s for each in signs for s in each), *own_signs)
    )
    return Recipe((*step.state, *own_state), (*fine, *coarse), drawn, step.bounds * 2)


def _one_step(step: Recipe, state: Sequence[Expr], duration: Expr, random: Sequence[Expr]) -> tuple[Expr, ...]:
    """The next state, with values for everything that the step depends on."""
    assert isinstance(step.draws, GaussianDraws)
    table = dict(zip(step.state, state, strict=True)) | {SUBSTEP: duration}
    table |= zip((*step.draws.normals, *step.draws.signs), random, strict=True)
    return tuple(e.xreplace(table) for e in step.update)


def _projected(state: Sequence[Expr], bounds: Sequence[tuple[float, float]]) -> tuple[Expr, ...]:
    """What a kernel does itself after a whole step; unevaluated, since comparing large expressions takes long."""
    projected = []
    for e, (low, high) in zip(state, bounds, strict=True):
        e = e if isinf(low) else Max(e, low, evaluate=False)
        projected.append(e if isinf(high) else Min(e, high, evaluate=False))
    return tuple(projected)
