"""A stochastic game, written once in symbols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from sympy import Expr, ImmutableMatrix, Symbol, sympify

from gan_sde.symbolic import field as field_
from gan_sde.symbolic.declaration import (
    checked_bounds,
    checked_constants,
    checked_data,
    checked_defaults,
    checked_equilibria,
    checked_expression,
    checked_mapping,
    checked_number,
    checked_options,
    checked_players,
    checked_scaling,
    refuse_repeats,
    symbols_of,
)
from gan_sde.symbolic.derivatives import jacobian
from gan_sde.symbolic.distributions import AbstractDistribution
from gan_sde.symbolic.expectation import Chaos, DataKey, chaos
from gan_sde.symbolic.start import Bounds, read_start
from gan_sde.symbolic.validation import shown

OPTIONS = ("x0", "defaults", "bounds", "name", "known_equilibria", "arrays", "scaling")
"""What `Game.zero_sum` and `Game.general_sum` take besides losses, parameters and data."""


@dataclass(frozen=True, eq=False)
class Game:
    """A game of n players, each of which minimises the expectation of its own loss.

    Use `Game.zero_sum`, `Game.general_sum` or `Game.from_file` to make one.

    Parameters
    ----------
    losses
        Per player, its per-sample loss: an expression of parameters, data symbols and free constants.
    players
        Per player, its parameters; the order decides the order of the state.
    data
        Law of each data symbol, or of several jointly (a tuple as key); entries are independent.
    payoff
        The payoff of a zero-sum game, else None.
    start, defaults
        Default start, and default values of the free symbols, by name.
    bounds
        Projection ``{parameter: (low, high)}`` applied after each update.
    known_equilibria
        Equilibria known in closed form; `equilibria` verifies them against the field.
    arrays
        A closed array form of the same game for dimensions that symbols cannot reach, or None.
    scaling
        Matrix ``d x d`` of functions of the parameters that multiplies the direction of scaled algorithms, or None.
    values
        Numbers given so far to free constants, by name.

    Examples
    --------
    >>> from sympy import symbols
    >>> from gan_sde.symbolic.distributions import Normal
    >>> w, t, y, sigma = symbols("w t y sigma")
    >>> game = Game.zero_sum(w * (y - t) - w**2 / 2, maximiser={"discriminator": [w]},
    ...                      minimiser={"generator": [t]}, data={y: Normal(0, sigma)})
    >>> game.field, game.noise_modes
    (Matrix([
    [t + w],
    [   -w]]), Matrix([
    [-sigma],
    [     0]]))
    """

    losses: Mapping[str, Expr]
    players: Mapping[str, tuple[Symbol, ...]]
    data: Mapping[DataKey, AbstractDistribution]
    payoff: Expr | None = None
    name: str = "game"
    start: Mapping[str, float] | None = None
    defaults: Mapping[str, float] = field(default_factory=dict)
    bounds: Bounds = field(default_factory=dict)
    known_equilibria: tuple[Mapping[Symbol, Expr], ...] = ()
    arrays: Any = None
    scaling: ImmutableMatrix | None = None
    values: Mapping[str, float] = field(default_factory=dict)

    # ---------------------------------------------------------------- construction

    @staticmethod
    def zero_sum(
        payoff: Expr,
        *,
        maximiser: Mapping[str, Sequence[Symbol]],
        minimiser: Mapping[str, Sequence[Symbol]],
        data: Mapping[DataKey, AbstractDistribution] | None = None,
        **options: Any,
    ) -> Game:
        """Two players, one payoff: ``maximiser`` ascends it, ``minimiser`` descends it.

        Parameters
        ----------
        payoff
            Per-sample payoff.
        maximiser, minimiser
            One entry each, ``{player: parameters}``; the maximiser's parameters come first in the state.
        data
            Laws of the data symbols.
        options
            ``x0``, ``defaults``, ``bounds``, ``name``, ``known_equilibria``, ``arrays``, ``scaling`` (see
            `with_scaling`); parameters and constants in them by name, in bounds, equilibria and scaling also by
            Symbol.

        Raises
        ------
        ValueError
            If an argument is not as described, a name belongs to two different symbols or contains ``__``.
        """
        for argument, block in (("maximiser", maximiser), ("minimiser", minimiser)):
            if not isinstance(block, Mapping) or len(block) != 1:
                raise ValueError(f"{argument}: expected one entry {{player: parameters}}, got {shown(block)}")
        (up,), (down,) = maximiser, minimiser
        if up == down:
            raise ValueError(f"minimiser: expected a name other than the maximiser's, got {down!r} for both")
        payoff = checked_expression("payoff", payoff)
        players = {**checked_players("maximiser", maximiser), **checked_players("minimiser", minimiser)}
        return Game._checked({up: -payoff, down: payoff}, players, data, options, payoff)

    @staticmethod
    def general_sum(
        losses: Mapping[str, Expr],
        *,
        parameters: Mapping[str, Sequence[Symbol]],
        data: Mapping[DataKey, AbstractDistribution] | None = None,
        **options: Any,
    ) -> Game:
        """Any number of players, each minimising its own loss; the state follows ``parameters``.

        ``data`` and ``options`` as in `zero_sum`, and so are the errors.
        """
        players = checked_players("parameters", parameters)
        if not players:
            raise ValueError("parameters: expected at least one player, got none")
        losses = checked_mapping("losses", losses, "{player: loss}")
        if set(losses) != set(players):
            got = sorted(map(str, losses))
            raise ValueError(f"losses: expected one a player {sorted(players)}, got losses for {got}")
        ordered = {p: checked_expression(f"losses[{p!r}]", losses[p]) for p in players}
        return Game._checked(ordered, players, data, options)

    @staticmethod
    def from_file(path: str | Path) -> Game:
        """Read a game from a TOML file; its expressions are parsed by a whitelist, never evaluated."""
        from gan_sde.symbolic.game_file import load_game

        return load_game(path)

    @staticmethod
    def _checked(
        losses: Mapping[str, Expr],
        players: Mapping[str, tuple[Symbol, ...]],
        data: object,
        options: Mapping[str, Any],
        payoff: Expr | None = None,
    ) -> Game:
        checked_options(options, OPTIONS)
        parameters = [s for block in players.values() for s in block]
        refuse_repeats("parameters", parameters)
        laws = checked_data(data, parameters)
        scaling = options.get("scaling")
        matrix = None if scaling is None else checked_scaling(scaling, parameters)
        constants = checked_constants(parameters, laws, losses if matrix is None else {**losses, "scaling": matrix})
        name = options.get("name", "game")
        if not isinstance(name, str) or not name:
            raise ValueError(f"name: expected a text, got {shown(name)}")
        game = Game(
            losses,
            players,
            laws,
            payoff=payoff,
            name=name,
            defaults=checked_defaults(options.get("defaults"), constants),
            bounds=checked_bounds(options.get("bounds"), parameters),
            known_equilibria=checked_equilibria(options.get("known_equilibria", ()), parameters),
            arrays=options.get("arrays"),
        )
        if options.get("scaling") is not None:
            game = game.with_scaling(options["scaling"])
        x0 = options.get("x0")
        return game if x0 is None else replace(game, start=game.checked_start(x0))

    # ---------------------------------------------------------------- what it consists of

    @cached_property
    def parameters(self) -> tuple[Symbol, ...]:
        """The d parameters in state order."""
        return tuple(s for block in self.players.values() for s in block)

    @property
    def dim(self) -> int:
        """Number d of parameters."""
        return len(self.parameters)

    @cached_property
    def data_symbols(self) -> tuple[Symbol, ...]:
        """All data symbols."""
        return symbols_of(self.data)

    @cached_property
    def free_symbols(self) -> tuple[Symbol, ...]:
        """Constants that still have no value, sorted by name."""
        found = set().union(*(e.free_symbols for e in self.losses.values()))
        found |= set().union(*(law.free_symbols for law in self.data.values()))
        found |= set() if self.scaling is None else self.scaling.free_symbols
        return tuple(sorted(found - set(self.parameters) - set(self.data_symbols), key=str))

    @cached_property
    def x0(self) -> tuple[float, ...] | None:
        """Default start in parameter order, or None."""
        return None if self.start is None else tuple(self.start[s.name] for s in self.parameters)

    def checked_start(self, x0: Mapping[str, float]) -> dict[str, float]:
        """Return a start inside the bounds that names every parameter once, or raise ValueError naming what is off."""
        return read_start(self.parameters, self.bounds, x0)

    # ---------------------------------------------------------------- what is derived

    @cached_property
    def sample_field(self) -> ImmutableMatrix:
        """Gradient of each player's own per-sample loss, stacked, ``d x 1``."""
        return field_.own_gradients(self.losses, self.players)

    @cached_property
    def chaos(self) -> Chaos:
        """Chaos expansion of `sample_field` in the data."""
        return chaos(list(self.sample_field), self.data)

    @property
    def field(self) -> ImmutableMatrix:
        """Mean field F, ``d x 1``: stacked own-gradients of the expected losses. The flow is ``x' = -F``."""
        return self.chaos.mean

    @cached_property
    def jacobian(self) -> ImmutableMatrix:
        """``DF``, ``d x d``."""
        return jacobian(self.field, self.parameters)

    @cached_property
    def symmetric(self) -> ImmutableMatrix:
        """Symmetric (potential) part of the Jacobian."""
        return field_.symmetric_part(self.jacobian)

    @cached_property
    def antisymmetric(self) -> ImmutableMatrix:
        """Antisymmetric (Hamiltonian) part of the Jacobian."""
        return field_.antisymmetric_part(self.jacobian)

    @property
    def noise_modes(self) -> ImmutableMatrix:
        """Factor M of the per-sample covariance, ``d x m``: polynomial where F is, ``M M^T`` equal to it."""
        return self.chaos.modes

    @cached_property
    def noise_covariance(self) -> ImmutableMatrix:
        """Per-sample covariance of the stochastic field, ``d x d``; a batch divides it by its size."""
        return field_.tidied(self.noise_modes * self.noise_modes.T)

    def equilibria(self) -> list[dict[Symbol, Expr]]:
        """Points where the field vanishes (inside the bounds where that can be decided).

        Closed forms that the game brings are verified. Otherwise ``F = 0`` is solved: of polynomials with rational
        coefficients for all real zeros, of which those without real radicals come as numbers of double precision; of
        other fields, with free constants or with many zeros by sympy, which may miss some.

        Raises
        ------
        ValueError
            If the field does not vanish at a known equilibrium, or sympy cannot solve.

        Warns
        -----
        UndecidedWarning
            If sympy finds no zero, which does not prove that there is none.

        Examples
        --------
        >>> from sympy.abc import x, y
        >>> Game.zero_sum(x**2 * y - y, maximiser={"up": [y]}, minimiser={"down": [x]}).equilibria()
        [{y: 0, x: -1}, {y: 0, x: 1}]
        """
        return field_.equilibria(self.field, self.parameters, self.known_equilibria, self.bounds)

    def latex(self) -> str:
        """LaTeX of the game: payoff or losses, field and Jacobian."""
        return field_.latex(self)

    # ---------------------------------------------------------------- substitution

    def subs(self, mapping: Mapping[Symbol | str, float] | None = None, /, **values: float) -> Game:
        """Give values to free constants, by name or Symbol; a new game.

        Raises
        ------
        ValueError
            If a name is not a free constant of the game or a value is not a number.
        """
        pairs = {**checked_mapping("subs", mapping, "{constant: number}"), **values}
        given = {str(k): v for k, v in pairs.items()}
        by_name = {s.name: s for s in self.free_symbols}
        table: dict[Symbol, Expr] = {}
        for name, value in given.items():
            if name not in by_name:
                known = ", ".join(by_name) or "none"
                raise ValueError(f"subs: expected a free constant of the game ({known}), got {name!r}")
            table[by_name[name]] = checked_number(f"subs[{name}]", value)
        return replace(
            self,
            losses={p: e.xreplace(table) for p, e in self.losses.items()},
            data={key: law.subs(table) for key, law in self.data.items()},
            payoff=None if self.payoff is None else self.payoff.xreplace(table),
            defaults={k: v for k, v in self.defaults.items() if k not in given},
            scaling=None if self.scaling is None else self.scaling.xreplace(table),
            values={**self.values, **{s.name: float(e) for s, e in table.items()}},
            known_equilibria=tuple(
                {s: sympify(e, strict=True).xreplace(table) for s, e in point.items()}
                for point in self.known_equilibria
            ),
        )

    def with_scaling(self, scaling: Mapping[Symbol | str, Expr] | ImmutableMatrix) -> Game:
        """Give the game a scaling for algorithms such as ``crossing-the-curl`` with ``scaled=True``; a new game.

        Parameters
        ----------
        scaling
            Factors ``{parameter: expression}`` of single directions, 1 for those not named, or a whole matrix
            ``d x d``; functions of the parameters and constants.

        Raises
        ------
        ValueError
            If a factor depends on the data, a name is no parameter, or the matrix has another shape.
        """
        matrix = checked_scaling(scaling, self.parameters)
        checked_constants(self.parameters, self.data, {**self.losses, "scaling": matrix})
        for s in sorted(matrix.free_symbols & set(self.data_symbols), key=str):
            raise ValueError(f"scaling: expected functions of parameters and constants, got the data symbol {s}")
        return replace(self, scaling=matrix)

    def with_defaults(self) -> Game:
        """Give every free constant that has one its default value."""
        return self.subs({s.name: self.defaults[s.name] for s in self.free_symbols if s.name in self.defaults})

    def refuse_free_symbols(self) -> None:
        """Raise ValueError naming the constants without a value, if there are any."""
        if self.free_symbols:
            names = ", ".join(s.name for s in self.free_symbols)
            raise ValueError(f"game: expected a value for every constant, got none for {names}; use game.subs(...)")
