"""A stochastic game, written once in symbols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf, isfinite
from pathlib import Path
from typing import Any

from sympy import Expr, Float, ImmutableMatrix, Number, Symbol, sympify

from gan_sde.symbolic import field as field_
from gan_sde.symbolic.distributions import AbstractDistribution
from gan_sde.symbolic.expectation import Chaos, DataKey, chaos

Bounds = Mapping[Symbol, tuple[float, float]]


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
            ``x0``, ``defaults``, ``bounds``, ``name``, ``known_equilibria``, ``arrays``.
        """
        for argument, block in (("maximiser", maximiser), ("minimiser", minimiser)):
            if not isinstance(block, Mapping) or len(block) != 1:
                raise ValueError(f"{argument}: expected one entry {{player: parameters}}, got {block!r}")
        (up,), (down,) = maximiser, minimiser
        if up == down:
            raise ValueError(f"minimiser: expected a name other than the maximiser's, got {down!r} for both")
        payoff = _expression("payoff", payoff)
        return Game._checked(
            {up: -payoff, down: payoff}, {**maximiser, **minimiser}, data or {}, payoff=payoff, **options
        )

    @staticmethod
    def general_sum(
        losses: Mapping[str, Expr],
        *,
        parameters: Mapping[str, Sequence[Symbol]],
        data: Mapping[DataKey, AbstractDistribution] | None = None,
        **options: Any,
    ) -> Game:
        """Any number of players, each minimising its own loss; the state follows ``parameters``."""
        if set(losses) != set(parameters):
            raise ValueError(f"losses: expected one a player {sorted(parameters)}, got losses for {sorted(losses)}")
        ordered = {p: _expression(f"losses[{p!r}]", losses[p]) for p in parameters}
        return Game._checked(ordered, parameters, data or {}, **options)

    @staticmethod
    def from_file(path: str | Path) -> Game:
        """Read a game from a TOML file; its expressions are parsed by a whitelist, never evaluated."""
        from gan_sde.symbolic.game_file import load_game

        return load_game(path)

    @staticmethod
    def _checked(
        losses: Mapping[str, Expr],
        players: Mapping[str, Sequence[Symbol]],
        data: Mapping[DataKey, AbstractDistribution],
        *,
        x0: Mapping[str, float] | None = None,
        bounds: Mapping[Symbol, tuple[float | None, float | None]] | None = None,
        **options: Any,
    ) -> Game:
        blocks = {p: tuple(symbols) for p, symbols in players.items()}
        parameters = [s for block in blocks.values() for s in block]
        for player, block in blocks.items():
            if not block or not all(isinstance(s, Symbol) for s in block):
                raise ValueError(f"players[{player!r}]: expected at least one Symbol, got {block!r}")
        _refuse_repeats("parameters", parameters)
        symbols = [s for key in data for s in (key if isinstance(key, tuple) else (key,))]
        _refuse_repeats("data", [*parameters, *symbols])
        for key, law in data.items():
            if not isinstance(law, AbstractDistribution):
                raise ValueError(f"data[{key}]: expected a distribution such as Normal(0, 1), got {law!r}")
            if law.arity != (len(key) if isinstance(key, tuple) else 1):
                raise ValueError(f"data[{key}]: expected a law of as many columns as symbols, got {law.arity}")
        game = Game(losses, blocks, dict(data), bounds=_checked_bounds(bounds or {}, parameters), **options)
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
        return tuple(s for key in self.data for s in (key if isinstance(key, tuple) else (key,)))

    @cached_property
    def free_symbols(self) -> tuple[Symbol, ...]:
        """Constants that still have no value, sorted by name."""
        found = set().union(*(e.free_symbols for e in self.losses.values()))
        found |= set().union(*(law.free_symbols for law in self.data.values()))
        return tuple(sorted(found - set(self.parameters) - set(self.data_symbols), key=str))

    @cached_property
    def x0(self) -> tuple[float, ...] | None:
        """Default start in parameter order, or None."""
        return None if self.start is None else tuple(self.start[s.name] for s in self.parameters)

    def checked_start(self, x0: Mapping[str, float]) -> dict[str, float]:
        """Return a start that names every parameter once, or raise ValueError naming what is wrong."""
        names = [s.name for s in self.parameters]
        given = {str(k): v for k, v in x0.items()}
        missing, unknown = [n for n in names if n not in given], [n for n in given if n not in names]
        if missing or unknown:
            what = f"nothing for {', '.join(missing)}" if missing else f"the unknown {', '.join(unknown)}"
            raise ValueError(f"x0: expected a value for each of {', '.join(names)}; got {what}")
        return {n: float(_number(f"x0[{n}]", given[n])) for n in names}

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
        return ImmutableMatrix(self.field.jacobian(self.parameters))

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
        return ImmutableMatrix((self.noise_modes * self.noise_modes.T).applyfunc(field_.tidy))

    def equilibria(self) -> list[dict[Symbol, Expr]]:
        """Points where the field vanishes (inside the bounds where that can be decided).

        Closed forms that the game brings are verified; otherwise sympy solves ``F = 0``.
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
        given = {str(k): v for k, v in {**(mapping or {}), **values}.items()}
        by_name = {s.name: s for s in self.free_symbols}
        table: dict[Symbol, Expr] = {}
        for name, value in given.items():
            if name not in by_name:
                known = ", ".join(by_name) or "none"
                raise ValueError(f"subs: expected a free constant of the game ({known}), got {name!r}")
            table[by_name[name]] = _number(f"subs[{name}]", value)
        return replace(
            self,
            losses={p: e.xreplace(table) for p, e in self.losses.items()},
            data={key: law.subs(table) for key, law in self.data.items()},
            payoff=None if self.payoff is None else self.payoff.xreplace(table),
            defaults={k: v for k, v in self.defaults.items() if k not in given},
            values={**self.values, **{s.name: float(e) for s, e in table.items()}},
            known_equilibria=tuple(
                {s: sympify(e).xreplace(table) for s, e in point.items()} for point in self.known_equilibria
            ),
        )

    def with_defaults(self) -> Game:
        """Give every free constant that has one its default value."""
        return self.subs({s.name: self.defaults[s.name] for s in self.free_symbols if s.name in self.defaults})

    def refuse_free_symbols(self) -> None:
        """Raise ValueError naming the constants without a value, if there are any."""
        if self.free_symbols:
            names = ", ".join(s.name for s in self.free_symbols)
            raise ValueError(f"game: expected a value for every constant, got none for {names}; use game.subs(...)")


def _expression(name: str, value: object) -> Expr:
    try:
        expression = sympify(value, strict=True)
    except Exception as error:
        raise ValueError(f"{name}: expected a sympy expression, got {value!r}") from error
    if not isinstance(expression, Expr):
        raise ValueError(f"{name}: expected a sympy expression, got {value!r}")
    return expression


def _number(name: str, value: object) -> Expr:
    try:
        number = sympify(value, strict=True)
    except Exception as error:
        raise ValueError(f"{name}: expected a number, got {value!r}") from error
    if isinstance(value, (bool, str)) or not isinstance(number, Expr) or not number.is_number:
        raise ValueError(f"{name}: expected a number, got {value!r}")
    if not isfinite(abs(complex(number))) or complex(number).imag:
        raise ValueError(f"{name}: expected a finite real number, got {value!r}")
    return number if isinstance(number, Number) else Float(number)


def _refuse_repeats(name: str, symbols: Sequence[Symbol]) -> None:
    names = [s.name for s in symbols]
    for n in names:
        if names.count(n) > 1:
            raise ValueError(f"{name}: expected each symbol once, got {n!r} twice")


def _checked_bounds(
    bounds: Mapping[Symbol, tuple[float | None, float | None]], parameters: Sequence[Symbol]
) -> dict[Symbol, tuple[float, float]]:
    checked: dict[Symbol, tuple[float, float]] = {}
    for symbol, pair in bounds.items():
        if symbol not in parameters:
            raise ValueError(f"bounds: expected parameters of the game, got {symbol}")
        low, high = (default if v is None else float(v) for v, default in zip(pair, (-inf, inf), strict=True))
        if not low < high:
            raise ValueError(f"bounds[{symbol}]: expected low < high, got ({low}, {high})")
        checked[symbol] = (low, high)
    return checked
