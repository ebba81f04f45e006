"""Expressions to straight-line code: common subexpressions, hoisted constants, products for powers.

The code is Python text that runs over numpy arrays and inside a numba loop alike. What the functions in it mean is
the backend's business; `FUNCTION_NAMES` lists them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sympy
from sympy import Expr, Symbol

from gan_sde.symbolic.emitter import FUNCTION_NAMES as FUNCTION_NAMES
from gan_sde.symbolic.emitter import Emitter
from gan_sde.symbolic.normal_form import NormalForm
from gan_sde.symbolic.recipe import INVERSE_BATCH, RATE, SUBSTEP, BatchDraws, Recipe
from gan_sde.symbolic.shared_trees import TreeSize, common_subexpressions, substitute, symbols_of

UNIFORM_NAMES = {RATE: "rate", SUBSTEP: "substep", INVERSE_BATCH: "inverse_batch"}
"""Names, in lowered code, of the symbols that have one value for all trajectories."""

_HORNER_LIMIT = 300
_NODES_PER_OPERATION = 10
"""More than any expression has."""


@dataclass(frozen=True)
class Program:
    """Straight-line code of several expressions.

    Attributes
    ----------
    prologue
        Assignments ``(name, code)`` that depend on the uniform symbols only: once an iteration, not once a trajectory.
    body
        Assignments that depend on the trajectory; the last ones are the results.
    results
        Names of the results, in the order of the expressions.
    cost
        Estimated cost of the body, in multiplications.
    """

    prologue: tuple[tuple[str, str], ...]
    body: tuple[tuple[str, str], ...]
    results: tuple[str, ...]
    cost: int


def lower(recipe: Recipe, literal: str = "{}", uniform: str = "u") -> Program:
    """Straight-line code of a recipe's update.

    The names in the code: ``x{i}`` state, ``n{j}`` normals, ``s{j}`` signs, ``three{j}`` threes, ``m{b}_{k}``
    mean of feature k over batch b (``m{b}_{k}_mirror`` over the mirrored one), ``rate``, ``substep``,
    ``inverse_batch``; results ``y{i}``.

    Parameters
    ----------
    recipe
        What to lower.
    literal
        Format of a number in the body; a backend that has to state the type says ``"real({})"``.
    uniform
        Prefix of the names that the prologue gives to what the body reads.

    Returns
    -------
    Program

    Raises
    ------
    ValueError
        For a free symbol that the recipe does not declare, or a function without numerical form.

    Examples
    --------
    >>> from gan_sde.symbolic.recipe import GaussianDraws
    >>> x = Symbol("x")
    >>> lower(Recipe((x,), (x - 2 * RATE * x**3,), GaussianDraws(()))).prologue
    (('u0', '2.0*rate'),)
    """
    names = {symbol: f"x{i}" for i, symbol in enumerate(recipe.state)} | draw_names(recipe)
    return lower_expressions(recipe.update, names, literal=literal, uniform=uniform, what="update")


def draw_names(recipe: Recipe) -> dict[Symbol, str]:
    """Names, in lowered code, of the random symbols of a recipe."""
    draws = recipe.draws
    if isinstance(draws, BatchDraws):
        return {
            symbol: f"m{b}_{k}{suffix}"
            for suffix, batches in (("", draws.batches), ("_mirror", draws.mirrors))
            for b, batch in enumerate(batches)
            for k, symbol in enumerate(batch)
            if symbol is not None
        }
    normals = {symbol: f"n{j}" for j, symbol in enumerate(draws.normals)}
    signs = {symbol: f"s{j}" for j, symbol in enumerate(draws.signs)}
    return normals | signs | {symbol: f"three{j}" for j, symbol in enumerate(draws.threes)}


def lower_expressions(
    expressions: Sequence[Expr],
    names: Mapping[Symbol, str],
    *,
    literal: str = "{}",
    result: str = "y",
    uniform: str = "u",
    what: str = "expressions",
) -> Program:
    """Straight-line code of any expressions.

    Parameters
    ----------
    expressions
        What to compute.
    names
        Names of the symbols that vary from trajectory to trajectory. The uniform ones need none.
    literal
        Format of a number in the body.
    result
        Prefix of the names of the results.
    uniform
        Prefix of the names in the prologue that the body reads.
    what
        The argument that an error message blames.
    """
    canonical = {symbol: Symbol(name, real=True) for symbol, name in (*names.items(), *UNIFORM_NAMES.items())}
    normal_form = NormalForm({canonical[symbol] for symbol in UNIFORM_NAMES}, what, uniform)
    exact = [sympy.sympify(e) for e in expressions]
    for symbol in sorted(symbols_of(exact) - set(canonical), key=str):
        raise ValueError(f"{what}: expected only declared symbols, got {symbol}")
    ready = [normal_form.of(e) for e in substitute(exact, canonical)]
    prologue = Emitter("{}")
    for symbol, uniform in normal_form.hoisted():
        prologue.assign(symbol.name, uniform)
    bodies = [_emit_body(form, literal, result) for form in _candidate_forms(ready)]
    best = min(bodies, key=lambda emitter: emitter.cost)
    results = tuple(f"{result}{i}" for i in range(len(ready)))
    return Program(tuple(prologue.lines), tuple(best.lines), results, best.cost)


def _candidate_forms(expressions: list[Expr]) -> Iterable[list[Expr]]:
    yield expressions
    if sum(map(TreeSize(), expressions)) > _NODES_PER_OPERATION * _HORNER_LIMIT:
        return  # sympy's questions below would take as long as writing everything out
    if all(e.is_polynomial() for e in expressions) and sum(e.count_ops() for e in expressions) < _HORNER_LIMIT:
        yield [sympy.horner(e) if e.free_symbols else e for e in expressions]


def _emit_body(expressions: list[Expr], literal: str, result: str) -> Emitter:
    shared, reduced = common_subexpressions(expressions, sympy.numbered_symbols("t", real=True))
    emitter = Emitter(literal)
    for symbol, expression in shared:
        emitter.assign(symbol.name, expression)
    for i, expression in enumerate(reduced):
        emitter.assign(f"{result}{i}", expression)
    return emitter
