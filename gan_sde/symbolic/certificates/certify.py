"""Proof, exact counterexample, or the evidence for neither."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sympy import Expr, ImmutableMatrix, Integer, Rational, Symbol, oo, sympify

from gan_sde.symbolic.certificates.domain import REAL, Domain, Interval
from gan_sde.symbolic.certificates.hurwitz import UnstablePoint, prove_hurwitz, prove_hurwitz_region
from gan_sde.symbolic.certificates.monotone import prove_definite, prove_region
from gan_sde.symbolic.certificates.properties import (
    AbstractProperty,
    Hurwitz,
    HurwitzWhere,
    MonotoneWhere,
    Pseudomonotone,
    Quasimonotone,
)
from gan_sde.symbolic.certificates.quasimonotone import prove_pseudomonotone
from gan_sde.symbolic.certificates.results import (
    AbstractArgument,
    AbstractCounterexample,
    Certificate,
    Problem,
    Proved,
    Refuted,
    Unknown,
    is_defined,
)
from gan_sde.symbolic.certificates.search import Search


def certify(
    map: ImmutableMatrix | Sequence[Expr],
    variables: Sequence[Symbol],
    domain: Mapping[Symbol, Interval] | None,
    claim: AbstractProperty,
    *,
    constants: Mapping[Symbol, Interval] | None = None,
    examples: Mapping[Symbol, Rational] | None = None,
    factors: Iterable[Expr] | None = None,
    samples: int = 4000,
    seed: int = 0,
) -> Certificate:
    """Prove a property of a map, or refute it by a counterexample in exact arithmetic.

    Parameters
    ----------
    map
        d expressions, rational in the variables and constants.
    variables
        The d variables, in order.
    domain
        Interval of each variable; those that are left out are real.
    claim
        The property.
    constants
        Interval of each other symbol; a proof holds for all of their values.
    examples
        Values of the constants at which a counterexample is looked for; default 1.
    factors
        Positive functions that might make the map monotone, for pseudo- and quasimonotonicity.
    samples, seed
        Random points of the search for a counterexample. Samples never prove anything.

    Returns
    -------
    Proved, Refuted or Unknown
        Whose `verify` checks the certificate anew from the map.

    Raises
    ------
    ValueError
        If a symbol of the map has no interval, or an example lies outside of its own.

    Examples
    --------
    >>> from sympy.abc import x, y
    >>> certify([x - y, x + y**3], [x, y], None, Quasimonotone()).__class__.__name__
    'Proved'
    >>> certify([x, -y], [x, y], None, Quasimonotone()).__class__.__name__
    'Refuted'
    """
    intervals = {s: (domain or {}).get(s, REAL) for s in variables}
    problem = Problem(ImmutableMatrix(list(map)), tuple(variables), Domain(intervals, dict(constants or {})))
    return certify_problem(problem, claim, examples=examples, factors=factors, samples=samples, seed=seed)


def certify_problem(
    problem: Problem,
    claim: AbstractProperty,
    *,
    examples: Mapping[Symbol, Rational] | None = None,
    factors: Iterable[Expr] | None = None,
    samples: int = 4000,
    seed: int = 0,
) -> Certificate:
    """`certify` for a problem that is already put together."""
    values = example_constants(problem, examples or {})
    search = Search(problem, claim, values, samples, seed)
    counterexample, worst = _look(search, refine=False)
    if counterexample is None:
        argument = _prove(problem, claim, factors)
        if argument is not None:
            return Proved(problem, claim, argument)
        counterexample, worst = _look(search, refine=True)
    if counterexample is not None:
        return Refuted(problem, claim, counterexample)
    return Unknown(problem, claim, samples, worst, values)


def _look(search: Search, *, refine: bool) -> tuple[AbstractCounterexample | None, float]:
    problem, claim = search.problem, search.claim
    if isinstance(claim, (MonotoneWhere, HurwitzWhere)):
        return None, float("nan")
    if not isinstance(claim, Hurwitz) or claim.at is None:
        return search.run(refine=refine)
    at = problem.at(claim.at)
    point = tuple(sympify(at[s], strict=True).subs(search.constants) for s in problem.variables)
    counterexample = UnstablePoint(point, search.constants)
    return (counterexample if counterexample.contradicts(problem, claim) else None), float("nan")


def example_constants(problem: Problem, examples: Mapping[Symbol, Rational]) -> dict[Symbol, Rational]:
    """A rational value for each constant: the one given, else 1 or what is near it in the interval.

    Raises
    ------
    ValueError
        If a value lies outside of its interval or is no rational number.
    """
    values = {s: sympify(v, strict=True) for s, v in examples.items() if s in problem.domain.constants}
    for symbol, interval in problem.domain.constants.items():
        if symbol not in values:
            low, high = interval.low.subs(values), interval.high.subs(values)
            inside = low + 1 if low != -oo and high == oo else (low + high) / 2 if high != oo and low != -oo else high
            values[symbol] = inside if inside.is_Rational else Integer(1)
    if not Domain({}, problem.domain.constants).contains(values):
        raise ValueError(f"examples: expected rational numbers inside {problem.domain.constants}, got {values}")
    return values


def _prove(problem: Problem, claim: AbstractProperty, factors: Iterable[Expr] | None) -> AbstractArgument | None:
    if not is_defined(problem):
        return None
    if isinstance(claim, (Pseudomonotone, Quasimonotone)):
        return prove_pseudomonotone(problem, claim, factors)
    if isinstance(claim, Hurwitz):
        return prove_hurwitz(problem, claim)
    if isinstance(claim, MonotoneWhere):
        return prove_region(problem, claim)
    if isinstance(claim, HurwitzWhere):
        slopes = (Integer(0), Integer(1), Integer(2), Integer(3))
        found = (prove_hurwitz_region(problem, claim, slope) for slope in slopes)
        return next((argument for argument in found if argument is not None), None)
    return prove_definite(problem, claim)
