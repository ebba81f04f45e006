"""Property table of the mean subsystem (w1, b)."""

from __future__ import annotations

from sympy import Expr, ImmutableMatrix, Integer

from gan_sde.symbolic.certificates import maps
from gan_sde.symbolic.certificates.directions import refute_modulus
from gan_sde.symbolic.certificates.domain import POSITIVE
from gan_sde.symbolic.certificates.properties import Hurwitz, StronglyMonotone
from gan_sde.symbolic.certificates.results import Problem, Refuted
from gan_sde.symbolic.certificates.subsystems import mean_subsystem, pose
from gan_sde.symbolic.certificates.table import ALPHA, BETA, ETA, MODULUS, UNROLLED_STEPS, WEIGHTS, Author, Row
from gan_sde.symbolic.game import Game

SECTION = "mean (w1, b)"


def mean_table(game: Game) -> list[Row]:
    """Every map of the mean subsystem, with moduli; all maps are affine.

    Parameters
    ----------
    game
        The LQ-GAN with symbols for the data's law, in any dimension.
    """
    part = mean_subsystem(game)
    rows: list[Row] = []
    for name, (map_, modulus) in mean_maps(part).items():
        author = Author(f"{SECTION}, N = {len(part.parameters) // 2}", name)
        problem = pose(game, map_, part.parameters, {s: i for s, i in WEIGHTS.items() if s in map_.free_symbols})
        rows += author.classes(problem)
        if modulus is None:
            rows.append(author.certify(problem, StronglyMonotone(), "strongly monotone"))
        else:
            rows.append(author.certify(problem, StronglyMonotone(modulus), f"strongly monotone, modulus {modulus}"))
            rows.append(author.note(f"strongly monotone, modulus {modulus} + c", _sharp(game, problem, modulus)))
        rows.append(author.certify(problem, Hurwitz(), "Hurwitz"))
    return rows


def _sharp(game: Game, problem: Problem, modulus: Expr) -> Refuted | None:
    """No larger modulus: the derivative along the first variable is ``modulus`` everywhere."""
    constants = {**problem.domain.constants, MODULUS: POSITIVE}
    wider = pose(game, problem.map, problem.variables, constants)
    point = {s: Integer(0) for s in problem.variables}
    direction = [Integer(s == problem.variables[0]) for s in problem.variables]
    return refute_modulus(wider, StronglyMonotone(modulus + MODULUS), point, direction)


def mean_maps(part: Game) -> dict[str, tuple[ImmutableMatrix, Expr | None]]:
    """Maps by name, with the modulus of strong monotonicity."""
    one = Integer(1)
    return {
        "F": (maps.simultaneous(part), None),
        "F_alt": (maps.alternating(part, ALPHA), None),
        "F_unr": (maps.unrolled(part, ALPHA, UNROLLED_STEPS), None),
        "F_reg": (maps.regularised(part, ETA), None),
        "F_con": (maps.consensus(part, BETA), BETA),
        "F_eg": (maps.extragradient_direction(part), one),
        "J^T F": (maps.hamiltonian_gradient(part), one),
        "F_cc": (maps.crossing_the_curl(part), one),
    }
