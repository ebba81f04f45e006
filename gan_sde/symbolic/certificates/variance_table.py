"""Property table of the variance subsystem (w2, a), 1-d, a > 0, b = mu."""

from __future__ import annotations

from sympy import Expr, ImmutableMatrix, Integer, Symbol

from gan_sde.symbolic.certificates import maps
from gan_sde.symbolic.certificates.directions import refute_direction, refute_modulus
from gan_sde.symbolic.certificates.domain import POSITIVE, Domain, Interval
from gan_sde.symbolic.certificates.properties import (
    Hurwitz,
    HurwitzWhere,
    MonotoneWhere,
    Quasimonotone,
    StrictlyMonotone,
    StronglyMonotone,
)
from gan_sde.symbolic.certificates.results import Problem
from gan_sde.symbolic.certificates.subsystems import covariance_subsystem, pose
from gan_sde.symbolic.certificates.table import ALPHA, BETA, ETA, MODULUS, UNROLLED_STEPS, WEIGHTS, Author, Row
from gan_sde.symbolic.game import Game

SECTION = "variance (w2, a)"
BOUND, LARGEST = Symbol("R"), Symbol("a_max")
"""Of |w2| and of a."""


def variance_table(game: Game) -> list[Row]:
    """Every map of the variance subsystem.

    Parameters
    ----------
    game
        The 1-d LQ-GAN with symbols for the data's law.
    """
    part = covariance_subsystem(game)
    rows: list[Row] = []
    for name, map_ in variance_maps(part).items():
        problem = pose_variance(game, map_)
        rows += _common(Author(SECTION, name), problem)
        rows += _for_all(Author(SECTION, name), problem)
    return rows + _regions(game) + _scaled(game)


def variance_maps(part: Game) -> dict[str, ImmutableMatrix]:
    """Maps by name; F_eg' and F_cc' are divided by ``2 a^2``."""
    shrink = 1 / (2 * part.parameters[1] ** 2)
    return {
        "F": maps.simultaneous(part),
        "F_alt": maps.alternating(part, ALPHA),
        "F_unr": maps.unrolled(part, ALPHA, UNROLLED_STEPS),
        "F_reg": maps.regularised(part, ETA),
        "F_con": maps.consensus(part, BETA),
        "J^T F": maps.hamiltonian_gradient(part),
        "F_eg": maps.extragradient_direction(part),
        "F_cc": maps.crossing_the_curl(part),
        "F_eg'": maps.scaled(maps.extragradient_direction(part), shrink),
        "F_cc'": maps.scaled(maps.crossing_the_curl(part), shrink),
    }


def pose_variance(game: Game, map_: ImmutableMatrix, **intervals: Interval) -> Problem:
    """A map of (w2, a) on ``a > 0`` and positive weights, or on other intervals by name."""
    variables = covariance_subsystem(game).parameters
    other = {s: intervals[s.name] for s in variables if s.name in intervals}
    constants = {s: i for s, i in WEIGHTS.items() if s in map_.free_symbols}
    constants |= {s: intervals[s.name] for s in (MODULUS, BOUND, LARGEST) if s.name in intervals}
    return pose(game, map_, variables, constants, other)


def _common(author: Author, problem: Problem) -> list[Row]:
    w2, a = problem.variables
    sigma = _sigma(problem)
    return [
        *author.classes(problem),
        author.certify(problem, Hurwitz({w2: Integer(0), a: sigma}), "Hurwitz at the equilibrium"),
        author.certify(problem, Hurwitz(), "Hurwitz everywhere"),
    ]


def _for_all(author: Author, problem: Problem) -> list[Row]:
    """Refutations of quasimonotonicity for all values of the weights and of sigma."""
    w2, a = problem.variables
    sigma = _sigma(problem)
    away = 1 + sigma
    points: dict[str, tuple[Expr, Expr]] = {
        "F": (Integer(1), away),
        "F_alt": (ALPHA * (3 * away**2 - sigma**2) + 1, away),
        "F_unr": (2 * UNROLLED_STEPS * ALPHA * (3 * away**2 - sigma**2) + 1, away),
        "F_reg": (2 * ETA * (3 * away**2 - sigma**2) + 1, away),
        "F_con": (Integer(0), sigma / (2 + 3 * BETA * sigma)),
        "J^T F": (sigma, sigma),
    }
    if author.map not in points:
        return []
    point = dict(zip((w2, a), points[author.map], strict=True))
    return [author.note("quasimonotone, any weights", refute_direction(problem, Quasimonotone(), point))]


def _regions(game: Game) -> list[Row]:
    """Where F_eg and F_cc are monotone, and where F_cc is Hurwitz."""
    named = variance_maps(covariance_subsystem(game))
    w2, a = covariance_subsystem(game).parameters
    rows = []
    for name in ("F_eg", "F_cc"):
        problem = pose_variance(game, named[name])
        region = 3 * a**2 - _sigma(problem) ** 2 - 2 * w2**2
        rows.append(
            Author(SECTION, name).certify(problem, MonotoneWhere(region), f"monotone exactly where {region} >= 0")
        )
    region = 3 * a**2 - _sigma(problem) ** 2
    rows.append(Author(SECTION, "F_cc").certify(problem, HurwitzWhere(region), f"Hurwitz exactly where {region} > 0"))
    return rows


def _scaled(game: Game) -> list[Row]:
    """Strict and strong monotonicity of the scaled maps, with moduli."""
    named = variance_maps(covariance_subsystem(game))
    eg, cc = named["F_eg'"], named["F_cc'"]
    first, second = Author(SECTION, "F_eg'"), Author(SECTION, "F_cc'")
    free = pose_variance(game, eg, c=POSITIVE)
    w2, a = free.variables
    sigma = _sigma(free)
    steep = 1 + 2 / MODULUS
    bounded = pose_variance(game, eg, w2=Interval(-BOUND, BOUND), R=POSITIVE)
    modulus = sigma**2 / (sigma**2 + 2 * BOUND**2)
    wide = pose_variance(game, cc, c=POSITIVE)
    rows = [
        first.certify(pose_variance(game, eg), StrictlyMonotone(), "strictly monotone"),
        first.note(
            "strongly monotone, some modulus c",
            refute_modulus(free, StronglyMonotone(MODULUS), {w2: sigma * steep, a: sigma}, (Integer(1), 1 / steep)),
        ),
        first.certify(bounded, StronglyMonotone(modulus), f"strongly monotone on |w2| <= R, modulus {modulus}"),
        second.certify(pose_variance(game, cc), StronglyMonotone(Integer(1)), "strongly monotone, modulus 1"),
        second.note(
            "strongly monotone, modulus 1 + c",
            refute_modulus(
                wide,
                StronglyMonotone(1 + MODULUS),
                {w2: Integer(0), a: sigma * (1 + 1 / MODULUS)},
                (Integer(0), Integer(1)),
            ),
        ),
    ]
    for words, floor, modulus in (
        ("a <= a_max <= sigma, modulus 2", LARGEST, Integer(2)),
        ("a <= a_max, sigma <= a_max, modulus 1 + sigma**2/a_max**2", Integer(0), 1 + sigma**2 / LARGEST**2),
    ):
        ends = Interval(floor) if floor else Interval(0, LARGEST, open_low=True)
        box = Domain({w2: Interval(), a: Interval(0, LARGEST, open_low=True)}, {LARGEST: POSITIVE, sigma: ends})
        rows.append(
            second.certify(Problem(cc, (w2, a), box), StronglyMonotone(modulus), f"strongly monotone on {words}")
        )
    return rows


def _sigma(problem: Problem) -> Symbol:
    return next(s for s in problem.domain.constants if s.name == "sigma")
