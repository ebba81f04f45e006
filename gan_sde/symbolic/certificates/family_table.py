"""Which members ``(alpha I + beta J^T - gamma J) F`` of the linear family are quasimonotone on (w2, a), a > 0.

With ``K = beta + gamma``: exactly those with alpha = 0 and gamma >= beta, if K > 0. Each is ``2 a^2`` times a monotone
map, whose modulus of strong monotonicity is ``min(K, 4 beta)``. All other members are refuted for all constants.
"""

from __future__ import annotations

from sympy import Expr, ImmutableMatrix, Integer, Rational, Symbol

from gan_sde.symbolic.certificates import maps
from gan_sde.symbolic.certificates.directions import refute_direction, refute_modulus
from gan_sde.symbolic.certificates.domain import NONNEGATIVE, POSITIVE, REAL, Interval
from gan_sde.symbolic.certificates.properties import (
    Monotone,
    Pseudomonotone,
    Quasimonotone,
    StronglyMonotone,
)
from gan_sde.symbolic.certificates.results import Problem
from gan_sde.symbolic.certificates.subsystems import covariance_subsystem, pose
from gan_sde.symbolic.certificates.table import ALPHA, BETA, MODULUS, Author, Row
from gan_sde.symbolic.game import Game

SECTION = "linear family on (w2, a)"
GAMMA, TOTAL, EXCESS = Symbol("gamma"), Symbol("K"), Symbol("delta")
"""Weight of ``-J F``; ``beta + gamma``; ``beta - gamma`` where it is positive."""
SLACK = Symbol("tau")
"""``alpha = 1 / (1 + tau)`` runs through (0, 1] as tau runs through [0, oo)."""


def family_table(game: Game) -> list[Row]:
    """The classification, case by case.

    Parameters
    ----------
    game
        The 1-d LQ-GAN with symbols for the data's law.
    """
    return [*_members(game), *_others(game), *_moduli(game), _survivor(game)]


def member(game: Game, alpha: Expr, beta: Expr, gamma: Expr) -> ImmutableMatrix:
    """``(alpha I + beta J^T - gamma J) F`` of the variance subsystem."""
    return maps.linear_family(covariance_subsystem(game), alpha, beta, gamma)


def scaled_member(game: Game, alpha: Expr, beta: Expr, gamma: Expr) -> ImmutableMatrix:
    """The same divided by ``2 a^2``."""
    a = covariance_subsystem(game).parameters[1]
    return maps.scaled(member(game, alpha, beta, gamma), 1 / (2 * a**2))


def _posed(game: Game, map_: ImmutableMatrix, constants: dict[Symbol, Interval]) -> Problem:
    return pose(game, map_, covariance_subsystem(game).parameters, constants)


def _members(game: Game) -> list[Row]:
    """The members alpha = 0, gamma >= beta >= 0, K > 0, so that ``beta <= K / 2``."""
    author = Author(SECTION, "alpha = 0, gamma >= beta")
    constants = {TOTAL: POSITIVE, BETA: Interval(0, TOTAL / 2)}
    weights = (Integer(0), BETA, TOTAL - BETA)
    plain = _posed(game, member(game, *weights), constants)
    scaled = _posed(game, scaled_member(game, *weights), constants)
    a = plain.variables[1]
    options = {"examples": {BETA: Rational(1, 4)}, "factors": (a**-2,)}
    return [
        author.certify(plain, Pseudomonotone(), "pseudomonotone", **options),
        author.certify(scaled, Monotone(), "monotone once divided by 2 a^2", **options),
    ]


def _others(game: Game) -> list[Row]:
    """A point and a direction for each of the three kinds of other members."""
    w2, a = covariance_subsystem(game).parameters
    sigma = covariance_sigma(game)
    cases = (
        (
            "alpha > 0, beta + gamma = K > 0",
            (ALPHA, BETA, TOTAL - BETA),
            {ALPHA: POSITIVE, TOTAL: POSITIVE, BETA: Interval(0, TOTAL)},
            {w2: Integer(0), a: ALPHA * sigma / (2 * ALPHA + 3 * TOTAL * sigma)},
        ),
        (
            "alpha > 0, beta = gamma = 0",
            (ALPHA, Integer(0), Integer(0)),
            {ALPHA: POSITIVE},
            {w2: Integer(1), a: 1 + sigma},
        ),
        (
            "alpha = 0, beta = gamma + delta > gamma",
            (Integer(0), GAMMA + EXCESS, GAMMA),
            {GAMMA: NONNEGATIVE, EXCESS: POSITIVE},
            {w2: (2 * GAMMA + EXCESS) * sigma / EXCESS, a: sigma},
        ),
    )
    rows = []
    for words, weights, constants, point in cases:
        problem = _posed(game, member(game, *weights), constants)
        refuted = refute_direction(problem, Quasimonotone(), point)
        rows.append(Author(SECTION, words).note("quasimonotone, any weights", refuted))
    return rows


def _moduli(game: Game) -> list[Row]:
    """Modulus min(K, 4 beta) of the scaled members, and nothing larger."""
    w2, a = covariance_subsystem(game).parameters
    sigma, rows = covariance_sigma(game), []
    far, high = 1 + TOTAL / MODULUS, 1 + 2 * TOTAL / MODULUS
    for words, interval, modulus, example, point, direction in (
        (
            "K/4 <= beta <= K/2", Interval(TOTAL / 4, TOTAL / 2), TOTAL, Rational(3, 8),
            {w2: Integer(0), a: sigma * far}, (Integer(0), Integer(1)),
        ),
        (
            "0 < beta <= K/4", Interval(0, TOTAL / 4, open_low=True), 4 * BETA, Rational(1, 8),
            {w2: sigma * high, a: sigma}, (Integer(1), 1 / high),
        ),
    ):  # fmt: skip
        author = Author(SECTION, f"alpha = 0, divided by 2 a^2, {words}")
        map_ = scaled_member(game, Integer(0), BETA, TOTAL - BETA)
        problem = _posed(game, map_, {TOTAL: POSITIVE, BETA: interval})
        wider = _posed(game, map_, {TOTAL: POSITIVE, BETA: interval, MODULUS: POSITIVE})
        options = {"examples": {BETA: example}}
        rows.append(
            author.certify(problem, StronglyMonotone(modulus), f"strongly monotone, modulus {modulus}", **options)
        )
        refuted = refute_modulus(wider, StronglyMonotone(modulus + MODULUS), point, direction)
        rows.append(author.note(f"strongly monotone, modulus {modulus} + c", refuted))
    return rows


def _survivor(game: Game) -> Row:
    """On ``a >= a_min > 0`` with ``0 < beta < gamma`` a little of F does no harm: here every alpha in (0, 1]."""
    map_ = member(game, 1 / (1 + SLACK), Integer(1), Integer(2)).subs(covariance_sigma(game), 1)
    problem = cut_off(game, map_, Integer(1), {SLACK: NONNEGATIVE})
    author = Author(SECTION, "0 < alpha <= 1, beta = 1, gamma = 2, sigma = 1, a >= 1")
    return author.certify(problem, Pseudomonotone(), "pseudomonotone", factors=(problem.variables[1] ** -2,))


def cut_off(game: Game, map_: ImmutableMatrix, floor: Expr, constants: dict[Symbol, Interval]) -> Problem:
    """A map of (w2, a) on ``a >= floor``."""
    w2, a = covariance_subsystem(game).parameters
    return pose(game, map_, (w2, a), constants, {w2: REAL, a: Interval(floor)})


def covariance_sigma(game: Game) -> Symbol:
    """The data's standard deviation."""
    return next(s for s in game.free_symbols if s.name == "sigma")
