"""Antithetic pairs: two paths from one stream of random numbers, the second with every normal negated.

Each path alone has the law of the process, and where the noise moves a path to first order the two move apart: the mean
of a pair has less variance than that of two independent paths for whatever is nearly odd in the noise, and none of
the noise is left in it where the state is linear in the noise (J. M. Hammersley, K. W. Morton, "A new Monte Carlo
technique: antithetic variates", Math. Proc. Camb. Phil. Soc. 52 (1956), doi:10.1017/S0305004100031455). What is even in
the noise, such as a variance, has up to twice the variance instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sympy import Expr

from gan_sde.symbolic.recipe import BatchDraws, GaussianDraws, Recipe, relabelled
from gan_sde.symbolic.sde import SDE
from gan_sde.symbolic.shared_trees import substitute, symbols_of


def mirrored_sde(sde: SDE) -> SDE:
    """The SDE with its diffusion negated: its paths are those of the same law under ``-W``.

    An integrator makes of it the mirror of its own recipe, whatever it draws: increments change their signs, and the
    two-point variables of "weak2", which stand for iterated integrals and so are even in W, do not.
    """
    return replace(sde, diffusion=-sde.diffusion)


def mirrored_training(recipe: Recipe) -> Recipe:
    """The iteration of a training with every batch mean replaced by that over the mirrored batch."""
    draws = recipe.draws
    assert isinstance(draws, BatchDraws)
    mirrors = tuple(tuple(None if m is None else relabelled((m,), "mirror")[0] for m in b) for b in draws.batches)
    draws = replace(draws, mirrors=mirrors)
    return replace(recipe, update=tuple(substitute(recipe.update, draws.mirror_of)), draws=draws)


def antithetic(plain: Recipe, mirror: Recipe) -> Recipe:
    """Two paths in one step, which never meet.

    Parameters
    ----------
    plain
        One step of the process.
    mirror
        One step of its mirror, in the same state symbols: the same integrator on `mirrored_sde`, or
        `mirrored_training`.

    Returns
    -------
    Recipe
        State: that of the plain path, then that of the mirror (``x_mirror__``).

    Examples
    --------
    >>> import gan_sde as gs
    >>> from gan_sde.symbolic.integrators import euler
    >>> sde = gs.Training(gs.games.get("quadratic").with_defaults(), gs.algorithms.get("sgda")).sde()
    >>> recipe = antithetic(euler(sde), euler(mirrored_sde(sde)))
    >>> recipe.state, recipe.paths
    ((omega, theta, omega_mirror__, theta_mirror__), 2)
    """
    images = relabelled(plain.state, "mirror")
    update = substitute(mirror.update, dict(zip(plain.state, images, strict=True)))
    return Recipe((*plain.state, *images), (*plain.update, *update), mirror.draws, plain.bounds * 2, paths=2)


def single_paths(recipe: Recipe) -> tuple[Recipe, ...]:
    """Every path of a recipe by itself; the batch means that only another path has are left out of its draws."""
    if recipe.paths == 1:
        return (recipe,)
    dim = recipe.dim // recipe.paths
    ranges = [slice(first, first + dim) for first in range(0, recipe.dim, dim)]
    return tuple(
        Recipe(recipe.state[own], recipe.update[own], _draws_of(recipe, recipe.update[own]), recipe.bounds[own])
        for own in ranges
    )


def is_mirrored_nowhere(draws: BatchDraws) -> bool:
    """Whether all means that are needed are over rows of tables, which no mirror changes (none needed: False)."""
    fixed = {s for table in draws.tables for s in table.symbols}
    needed = [f for k, f in enumerate(draws.features) if any(batch[k] is not None for batch in draws.batches)]
    return bool(needed) and symbols_of(needed) <= fixed


def _draws_of(recipe: Recipe, update: Sequence[Expr]) -> GaussianDraws | BatchDraws:
    """The draws, of the batch means only those that occur in the update."""
    draws = recipe.draws
    if not isinstance(draws, BatchDraws):
        return draws
    used = symbols_of(update)
    choices = [draws.batches, draws.mirrors] if draws.mirrors else [draws.batches]
    batches = tuple(
        tuple(next((s for s in symbols if s in used), None) for symbols in zip(*rows, strict=True))
        for rows in zip(*choices, strict=True)
    )
    return replace(draws, batches=batches, mirrors=())
