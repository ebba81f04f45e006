"""Property table of the whole 1-d game (w2, w1, a, b), a > 0."""

from __future__ import annotations

from sympy import Expr, ImmutableMatrix, Integer, Symbol

from gan_sde.symbolic.certificates import maps
from gan_sde.symbolic.certificates.directions import refute_direction
from gan_sde.symbolic.certificates.domain import NONNEGATIVE, POSITIVE, Interval
from gan_sde.symbolic.certificates.properties import Hurwitz, Quasimonotone
from gan_sde.symbolic.certificates.results import Problem
from gan_sde.symbolic.certificates.subsystems import pose
from gan_sde.symbolic.certificates.table import ALPHA, BETA, ETA, UNROLLED_STEPS, WEIGHTS, Author, Row
from gan_sde.symbolic.game import Game

SECTION = "whole game (w2, w1, a, b)"
TOTAL = Symbol("K")


def full_table(game: Game) -> list[Row]:
    """Every map of the whole game; counterexamples are at mu = 0, sigma = 1. Its equilibrium: `equilibrium_table`.

    Parameters
    ----------
    game
        The 1-d LQ-GAN with symbols for the data's law.
    """
    rows: list[Row] = []
    for name, map_ in full_maps(game).items():
        author, problem = Author(SECTION, name), _posed(game, map_)
        options = {"examples": {_mean(game): Integer(0), **dict.fromkeys(WEIGHTS, Integer(1) / 10)}}
        rows += author.classes(problem, **options)
        rows.append(author.certify(problem, Hurwitz(), "Hurwitz everywhere", **options))
    return [*rows, *_for_all(game), _family(game)]


def full_maps(game: Game) -> dict[str, ImmutableMatrix]:
    """Maps by name."""
    return {
        "F": maps.simultaneous(game),
        "F_alt": maps.alternating(game, ALPHA),
        "F_unr": maps.unrolled(game, ALPHA, UNROLLED_STEPS),
        "F_reg": maps.regularised(game, ETA),
        "F_con": maps.consensus(game, BETA),
        "J^T F": maps.hamiltonian_gradient(game),
        "F_eg": maps.extragradient_direction(game),
        "F_cc": maps.crossing_the_curl(game),
    }


def _for_all(game: Game) -> list[Row]:
    """Counterexamples of the variance subsystem, in the whole game: for all weights and sigma.

    At ``w1 = 0, b = mu`` the entries of the map for w2 and a, and their derivatives in w2 and a, are those of the
    subsystem: for the first four maps at every mean, for the others at mu = 0.
    """
    sigma = game.known_equilibria[0][game.parameters[2]]
    away = 1 + sigma
    points: dict[str, tuple[Expr, Expr]] = {
        "F": (Integer(1), away),
        "F_alt": (ALPHA * (3 * away**2 - sigma**2) + 1, away),
        "F_unr": (2 * UNROLLED_STEPS * ALPHA * (3 * away**2 - sigma**2) + 1, away),
        "F_reg": (2 * ETA * (3 * away**2 - sigma**2) + 1, away),
        "F_con": (Integer(0), sigma / (2 + 3 * BETA * sigma)),
        "J^T F": (sigma, sigma),
    }
    rows, named = [], full_maps(game)
    w2, w1, a, b = game.parameters
    for name, (height, scale) in points.items():
        any_mean = name not in ("F_con", "J^T F")
        map_, mean = (named[name], _mean(game)) if any_mean else (named[name].subs(_mean(game), 0), Integer(0))
        point = {w2: height, w1: Integer(0), a: scale, b: mean}
        values = map_.subs(point)
        direction = (-values[2], Integer(0), values[0], Integer(0))
        words = f"quasimonotone, any weights, {'any mu' if any_mean else 'mu = 0'}"
        refuted = refute_direction(_posed(game, map_), Quasimonotone(), point, direction)
        rows.append(Author(SECTION, name).note(words, refuted))
    return rows


def _family(game: Game) -> Row:
    """One point refutes all members of the linear family with ``beta + gamma = K > 0``, at mu = 0.

    Where the discriminator vanishes the map is ``[-alpha m; K M^T m]``, and so is its derivative in the generator's
    parameters: a direction of these alone sees K times the gradient of ``|m|^2 / 2``, which is not quasiconvex.
    """
    w2, w1, a, b = game.parameters
    sigma = game.known_equilibria[0][a]
    constants = {ALPHA: NONNEGATIVE, TOTAL: POSITIVE, BETA: Interval(0, TOTAL)}
    map_ = maps.linear_family(game, ALPHA, BETA, TOTAL - BETA).subs(_mean(game), 0)
    gap = sigma / (4 * (1 + 2 * sigma**2))
    point = {w2: Integer(0), w1: Integer(0), a: gap / 4, b: sigma - gap}
    values = map_.subs(point)
    direction = (Integer(0), Integer(0), -values[3], values[2])
    problem = pose(game, map_, game.parameters, constants)
    refuted = refute_direction(problem, Quasimonotone(), point, direction)
    return Author(SECTION, "linear family, beta + gamma = K > 0").note("quasimonotone, any weights, mu = 0", refuted)


def _posed(game: Game, map_: ImmutableMatrix) -> Problem:
    return pose(game, map_, game.parameters, {s: i for s, i in WEIGHTS.items() if s in map_.free_symbols})


def _mean(game: Game) -> Symbol:
    return game.known_equilibria[0][game.parameters[3]]
