"""The parts of the LQ-GAN that its staged training learns one after the other, as games of their own.

The map of a subsystem is formed from the field and Jacobian of the subsystem; it is not the restriction of the map of
the whole game.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sympy import Expr, ImmutableMatrix, Integer, Symbol

from gan_sde.symbolic.certificates.domain import POSITIVE, REAL, Domain, Interval
from gan_sde.symbolic.certificates.results import Problem
from gan_sde.symbolic.game import Game


def restrict(game: Game, fixed: Mapping[Symbol, Expr], name: str) -> Game:
    """Hold some parameters at constants and play with the others.

    Parameters
    ----------
    game
        A zero-sum game.
    fixed
        Values of the parameters that are held.
    name
        Of the new game.
    """
    if game.payoff is None:
        raise ValueError("game: expected one payoff, got a general-sum game")
    (up, ups), (down, downs) = game.players.items()
    return Game.zero_sum(
        game.payoff.subs(dict(fixed)),
        maximiser={up: [s for s in ups if s not in fixed]},
        minimiser={down: [s for s in downs if s not in fixed]},
        data=game.data,
        name=name,
    )


def size(game: Game) -> int:
    """Dimension N of the data of an LQ-GAN, from its ``N^2 + 3 N`` parameters."""
    return next(n for n in range(1, game.dim + 1) if n * n + 3 * n >= game.dim)


def mean_subsystem(game: Game) -> Game:
    """``(w1, b)`` with the quadratic discriminator at zero; then A has no influence, and it is held too."""
    parts = Parts(game)
    fixed: dict[Symbol, Expr] = {s: Integer(0) for s in parts.quadratic.values()}
    return restrict(game, fixed | {s: parts.learned[place] for place, s in parts.scale.items()}, "mean subsystem")


def covariance_subsystem(game: Game) -> Game:
    """``(W2, A)`` at the data's mean: ``w1 = 0, b = mu``."""
    return restrict(game, Parts(game).known_mean, "covariance subsystem")


def row_subsystem(game: Game, row: int, free: str = "all") -> Game:
    """One row of A with column ``row`` of W2; the rows above are learned, the mean is known.

    Parameters
    ----------
    row
        From 1 to N.
    free
        ``"all"``; ``"off-diagonals"`` with ``W_ii = 0`` and A_ii at any constant value; or ``"diagonal"``, with the
        off-diagonals at their equilibrium.
    """
    if free not in ("all", "off-diagonals", "diagonal"):
        raise ValueError(f"free: expected 'all', 'off-diagonals' or 'diagonal', got {free!r}")
    parts = Parts(game)
    fixed: dict[Symbol, Expr] = dict(parts.known_mean)
    fixed |= {s: Integer(0) for (i, j), s in parts.quadratic.items() if j != row}
    fixed |= {s: parts.learned[i, j] for (i, j), s in parts.scale.items() if i != row}
    for j in range(1, row + 1):
        active = {"all": True, "off-diagonals": j < row, "diagonal": j == row}[free]
        if not active:
            fixed[parts.quadratic[j, row]] = Integer(0)
            fixed[parts.scale[row, j]] = parts.learned[row, j]
    return restrict(game, fixed, f"row {row}, {free}")


class Parts:
    """Symbols of an LQ-GAN by their place in ``W2``, ``w1``, ``A``, ``b`` and in the data's law.

    Parameters
    ----------
    game
        An LQ-GAN whose data is normal with symbols for mean and Cholesky factor, in any dimension.
    """

    def __init__(self, game: Game) -> None:
        n = size(game)
        ups, downs = game.players.values()
        packed = n * (n + 1) // 2
        if game.dim != n * n + 3 * n or len(ups) != packed + n or not game.known_equilibria:
            raise ValueError(f"game: expected an LQ-GAN with symbols for the data's law, got {game.name!r}")
        upper = [(i, j) for i in range(1, n + 1) for j in range(i, n + 1)]
        lower = [(i, j) for i in range(1, n + 1) for j in range(1, i + 1)]
        self.quadratic = dict(zip(upper, ups[:packed], strict=True))
        self.linear = ups[packed:]
        self.scale = dict(zip(lower, downs[:packed], strict=True))
        self.shift = downs[packed:]
        self.equilibrium = dict(game.known_equilibria[0])
        self.learned = {place: self.equilibrium[s] for place, s in self.scale.items()}

    @property
    def known_mean(self) -> dict[Symbol, Expr]:
        """``w1 = 0`` and b at the data's mean."""
        return {**dict.fromkeys(self.linear, Integer(0)), **{s: self.equilibrium[s] for s in self.shift}}

    def intervals(self) -> dict[Symbol, Interval]:
        """All real, but the diagonal of A positive."""
        positive = {s for (i, j), s in self.scale.items() if i == j}
        everything = (*self.quadratic.values(), *self.linear, *self.scale.values(), *self.shift)
        return {s: POSITIVE if s in positive else REAL for s in everything}

    def constants(self) -> dict[Symbol, Interval]:
        """The data's mean: real; its Cholesky factor: real with a positive diagonal."""
        found = {self.equilibrium[s]: REAL for s in self.shift}
        found |= {s: POSITIVE if i == j else REAL for (i, j), s in self.learned.items()}
        return found


def pose(
    whole: Game,
    map_: ImmutableMatrix,
    variables: Sequence[Symbol],
    constants: Mapping[Symbol, Interval] | None = None,
    intervals: Mapping[Symbol, Interval] | None = None,
) -> Problem:
    """A map on its natural domain: the diagonal of A positive, all else real, unless said otherwise.

    Parameters
    ----------
    whole
        The LQ-GAN, which knows the signs of its symbols.
    map_, variables
        The map and its variables.
    constants
        Intervals of further constants, or other ones of those of the data.
    intervals
        Other intervals of variables.
    """
    parts = Parts(whole)
    box = {**parts.intervals(), **(intervals or {})}
    box = {s: box[s] for s in variables}
    everything = {**parts.constants(), **(constants or {})}
    needed = set(map_.free_symbols) | set(constants or {})
    for interval in (*box.values(), *everything.values()):
        needed |= interval.low.free_symbols | interval.high.free_symbols
    return Problem(map_, tuple(variables), Domain(box, {s: i for s, i in everything.items() if s in needed}))
