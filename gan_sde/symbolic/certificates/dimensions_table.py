"""Property table of the N-dimensional LQ-GAN: the parts of the staged training, and stability at the equilibrium."""

from __future__ import annotations

from sympy import ImmutableMatrix, Integer, Rational, diag, eye, zeros

from gan_sde.symbolic.certificates import maps
from gan_sde.symbolic.certificates.directions import refute_modulus
from gan_sde.symbolic.certificates.domain import POSITIVE
from gan_sde.symbolic.certificates.hurwitz import prove_dissipation
from gan_sde.symbolic.certificates.monotone import prove_gram
from gan_sde.symbolic.certificates.properties import Hurwitz, Quasimonotone, StronglyMonotone
from gan_sde.symbolic.certificates.results import Proved
from gan_sde.symbolic.certificates.subsystems import Parts, covariance_subsystem, pose, row_subsystem, size
from gan_sde.symbolic.certificates.table import (
    ALPHA,
    BETA,
    ETA,
    MODULUS,
    UNROLLED_STEPS,
    WEIGHTS,
    Author,
    Row,
    identity_data,
)
from gan_sde.symbolic.game import Game

HALF = Rational(1, 2)


def dimensions_table(game: Game) -> list[Row]:
    """Rows of one LQ-GAN of dimension N >= 2: its last row of A, (W2, A) jointly, and the equilibrium.

    Parameters
    ----------
    game
        The LQ-GAN with symbols for the data's law. Counterexamples are at the covariance I.
    """
    joint = covariance_rows(game) if size(game) == 2 else []
    return [*off_diagonal_rows(game), *diagonal_rows(game), *whole_row_rows(game), *joint, *scale_rows(game)]


def off_diagonal_rows(game: Game) -> list[Row]:
    """Off-diagonals of row N: ``4 L L^T`` and ``4 L^T L``, strongly monotone with modulus ``4 sigma_min(L)^2``."""
    n = size(game)
    part = row_subsystem(game, n, "off-diagonals")
    _, derivative = maps.mismatch(part)
    root = ImmutableMatrix(diag(derivative.T, derivative))
    rows = []
    for name, map_ in {"F_cc": maps.crossing_the_curl(part), "F_eg": maps.extragradient_direction(part)}.items():
        author = Author(f"row {n} of A, off-diagonals", name)
        problem = pose(game, map_, part.parameters)
        argument = prove_gram(problem, root, [Integer(1)] * (2 * n - 2))
        proved = None if argument is None else Proved(problem, StronglyMonotone(), argument)
        rows.append(author.note("strongly monotone, modulus 4 sigma_min(L)^2", proved))
    return rows


def diagonal_rows(game: Game) -> list[Row]:
    """Diagonal of row N: the variance subsystem with the Schur complement ``L_NN^2`` in the place of sigma^2."""
    n = size(game)
    part = row_subsystem(game, n, "diagonal")
    shrink = 1 / (2 * part.parameters[1] ** 2)
    problem = pose(game, maps.scaled(maps.crossing_the_curl(part), shrink), part.parameters)
    author = Author(f"row {n} of A, diagonal", "F_cc'")
    return [author.certify(problem, StronglyMonotone(Integer(1)), "strongly monotone, modulus 1")]


def whole_row_rows(game: Game) -> list[Row]:
    """The whole row N at once: F_cc and F_eg fail, the Gauss-Newton scaling has the modulus 1/2."""
    n = size(game)
    part = row_subsystem(game, n)
    section, examples = f"row {n} of A, jointly", identity_data(game)
    rows: list[Row] = []
    for name, map_ in {"F_cc": maps.crossing_the_curl(part), "F_eg": maps.extragradient_direction(part)}.items():
        rows += Author(section, name).classes(pose(game, map_, part.parameters), examples=examples)
    author, newton = Author(section, "Gauss-Newton"), maps.gauss_newton(part)
    problem = pose(game, newton, part.parameters)
    rows.append(author.certify(problem, StronglyMonotone(HALF), "strongly monotone, modulus 1/2", examples=examples))
    parts = Parts(game)
    last = parts.learned[n, n]
    point = {s: parts.equilibrium[s] for s in part.parameters} | {parts.scale[n, n]: last * (1 + 1 / MODULUS)}
    direction = [Integer(s == parts.scale[n, n]) for s in part.parameters]
    wide = pose(game, newton, part.parameters, {MODULUS: POSITIVE})
    refuted = refute_modulus(wide, StronglyMonotone(HALF + MODULUS), point, direction)
    return [*rows, author.note("strongly monotone, modulus 1/2 + c", refuted)]


def covariance_rows(game: Game) -> list[Row]:
    """(W2, A) jointly at w1 = 0, b = mu: no map is quasimonotone."""
    part = covariance_subsystem(game)
    named = {
        "F": maps.simultaneous(part),
        "F_reg": maps.regularised(part, ETA),
        "F_con": maps.consensus(part, BETA),
        "F_eg": maps.extragradient_direction(part),
        "F_cc": maps.crossing_the_curl(part),
    }
    rows: list[Row] = []
    for name, map_ in named.items():
        constants = {s: i for s, i in WEIGHTS.items() if s in map_.free_symbols}
        problem = pose(game, map_, part.parameters, constants)
        rows += Author(f"(W2, A), N = {size(game)}", name).classes(problem, examples=identity_data(game))
    return rows


def scale_rows(game: Game) -> list[Row]:
    """All of A by the generator's block of Gauss-Newton."""
    part = covariance_subsystem(game)
    _, down = part.players.values()
    block = ImmutableMatrix(maps.gauss_newton(part)[-len(down) :])
    author = Author(f"A, N = {size(game)}", "Gauss-Newton")
    return [author.certify(pose(game, block, down), Quasimonotone(), "quasimonotone", examples=identity_data(game))]


def equilibrium_table(game: Game) -> list[Row]:
    """Hurwitz at the equilibrium of the whole game: J is built from ``M = dm/dtheta``, which is invertible there.

    F: ``[[0, -M], [M^T, 0]]``; F_cc and F_eg: ``diag(M M^T, M^T M)``; F_con: ``beta`` times that plus the former;
    F_alt, F_unr and F_reg: ``[[0, -M], [M^T, c M^T M]]`` with c = alpha, 2 k alpha, 2 eta.
    """
    at = dict(game.known_equilibria[0])
    derivative = ImmutableMatrix(maps.mismatch(game)[1].subs(at))
    half = derivative.shape[0]
    both = ImmutableMatrix(diag(derivative.T, derivative)), ImmutableMatrix(eye(2 * half))
    lower = derivative, ImmutableMatrix(zeros(half).row_join(eye(half)))
    named = {
        "F_alt": (maps.alternating(game, ALPHA), lower, ALPHA),
        "F_unr": (maps.unrolled(game, ALPHA, UNROLLED_STEPS), lower, 2 * UNROLLED_STEPS * ALPHA),
        "F_reg": (maps.regularised(game, ETA), lower, 2 * ETA),
        "F_con": (maps.consensus(game, BETA), both, BETA),
        "J^T F": (maps.hamiltonian_gradient(game), both, Integer(1)),
        "F_eg": (maps.extragradient_direction(game), both, Integer(1)),
        "F_cc": (maps.crossing_the_curl(game), both, Integer(1)),
    }
    section, claim, words = f"equilibrium, N = {size(game)}", Hurwitz(at), "Hurwitz at the equilibrium"
    plain = pose(game, maps.simultaneous(game), game.parameters)
    rows = [Author(section, "F").certify(plain, claim, words, examples=identity_data(game))]
    for name, (map_, (left, kernel), weight) in named.items():
        problem = pose(game, map_, game.parameters, {s: i for s, i in WEIGHTS.items() if s in map_.free_symbols})
        argument = prove_dissipation(problem, claim, left, kernel, [weight] * left.shape[0])
        proved = None if argument is None else Proved(problem, claim, argument)
        rows.append(Author(section, name).note(words, proved))
    return rows
