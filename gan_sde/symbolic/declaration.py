"""What a game is declared with, checked: a refusal is one line with the argument, what was expected and what came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from math import inf
from typing import Any

import numpy as np
from sympy import Expr, Float, I, ImmutableMatrix, Integer, MatrixBase, Number, Symbol, diag, nan, oo, sympify, zoo

from gan_sde.symbolic.distributions import AbstractDistribution
from gan_sde.symbolic.expectation import DataKey
from gan_sde.symbolic.validation import may_be_real, shown

RESERVED = "__"
"""Part of the names of internal symbols (base variates, batch means, rates), which a game may therefore not use."""


def symbols_of(data: Iterable[DataKey]) -> tuple[Symbol, ...]:
    """All data symbols, in order."""
    return tuple(s for key in data for s in (key if isinstance(key, tuple) else (key,)))


def checked_mapping(name: str, value: object, entries: str) -> Mapping[Any, Any]:
    """Return a mapping, the empty one for None; ``entries`` says what it should hold."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ValueError(f"{name}: expected {entries}, got {shown(value)}")
    return value


def checked_options(options: Mapping[str, Any], known: Sequence[str]) -> None:
    """Refuse options that a game does not have."""
    for option in options:
        if option not in known:
            raise ValueError(f"game: expected options {', '.join(known)}; got {option!r}")


def checked_expression(name: str, value: object) -> Expr:
    """Read a payoff or a loss."""
    try:
        expression = sympify(value, strict=True)
    except Exception as error:
        raise ValueError(f"{name}: expected a sympy expression, got {shown(value)}") from error
    if not isinstance(expression, Expr):
        raise ValueError(f"{name}: expected a sympy expression, got {shown(value)}")
    if expression.has(nan, oo, -oo, zoo, I):
        raise ValueError(f"{name}: expected a finite real expression, got {shown(value)}")
    return expression


def checked_number(name: str, value: object) -> Expr:
    """Read a finite real number; exact ones stay exact."""
    try:
        number = sympify(value, strict=True)
    except Exception as error:
        raise ValueError(f"{name}: expected a number, got {shown(value)}") from error
    if isinstance(value, (bool, str)) or not isinstance(number, Expr) or not number.is_number:
        raise ValueError(f"{name}: expected a number, got {shown(value)}")
    if not may_be_real(number):
        raise ValueError(f"{name}: expected a finite real number, got {shown(value)}")
    return number if isinstance(number, Number) else Float(number)


def checked_players(argument: str, players: object) -> dict[str, tuple[Symbol, ...]]:
    """Read the parameters of each player."""
    blocks: dict[str, tuple[Symbol, ...]] = {}
    for player, symbols in checked_mapping(argument, players, "{player: parameters}").items():
        if not isinstance(player, str) or not player:
            raise ValueError(f"{argument}: expected names of players, got {shown(player)}")
        # a set would leave the order of the state to chance
        listed = isinstance(symbols, Iterable) and not isinstance(symbols, (str, Set, Mapping))
        block = tuple(symbols) if listed else ()
        if not block or not all(isinstance(s, Symbol) for s in block):
            raise ValueError(
                f"{argument}[{player!r}]: expected a list of at least one Symbol such as [w], got {shown(symbols)}"
            )
        blocks[player] = block
    return blocks


def checked_data(data: object, parameters: Sequence[Symbol]) -> dict[DataKey, AbstractDistribution]:
    """Read the laws of the data symbols."""
    laws = dict(checked_mapping("data", data, "{symbol: distribution}"))
    for key, law in laws.items():
        symbols = key if isinstance(key, tuple) else (key,)
        if not symbols or not all(isinstance(s, Symbol) for s in symbols):
            raise ValueError(f"data: expected a Symbol or a tuple of Symbols for each law, got {shown(key)}")
        if not isinstance(law, AbstractDistribution):
            raise ValueError(f"data[{key}]: expected a distribution such as Normal(0, 1), got {shown(law)}")
        if law.arity != len(symbols):
            raise ValueError(f"data[{key}]: expected a law of as many columns as symbols, got {law.arity}")
    refuse_repeats("data", (*parameters, *symbols_of(laws)))
    # the gradient would not see a parameter inside a law, and the entries are independent
    roles = dict.fromkeys(parameters, "parameter") | dict.fromkeys(symbols_of(laws), "data symbol")
    for key, law in laws.items():
        for s in sorted(law.free_symbols & roles.keys(), key=str):
            raise ValueError(f"data[{key}]: expected a law of constants, got the {roles[s]} {s} in {shown(law)}")
    return laws


def refuse_repeats(name: str, symbols: Iterable[Symbol]) -> None:
    """Refuse two symbols of one name."""
    seen: set[str] = set()
    for s in symbols:
        if s.name in seen:
            raise ValueError(f"{name}: expected each symbol once, got {s.name!r} twice")
        seen.add(s.name)


def checked_constants(
    parameters: Sequence[Symbol],
    data: Mapping[DataKey, AbstractDistribution],
    losses: Mapping[str, Expr | ImmutableMatrix],
) -> tuple[Symbol, ...]:
    """Free constants of losses and laws, once every name is known to belong to one symbol and to none of our own."""
    by_name = {s.name: ("parameter", s) for s in parameters} | {s.name: ("data symbol", s) for s in symbols_of(data)}
    occurring = set[Symbol]().union(*(e.free_symbols for e in (*losses.values(), *data.values())))
    constants = []
    for s in sorted(occurring - set(parameters) - set(symbols_of(data)), key=str):
        if s.name in by_name:
            role, _ = by_name[s.name]
            raise ValueError(
                f"{s.name}: expected one Symbol of this name, got the {role} and another with other assumptions "
                "in the losses or laws"
            )
        by_name[s.name] = "constant", s
        constants.append(s)
    for name, (role, _) in by_name.items():
        if RESERVED in name:
            raise ValueError(f"{name}: expected a {role} without {RESERVED!r} in its name (reserved), got {name!r}")
    return tuple(constants)


def checked_bounds(bounds: object, parameters: Sequence[Symbol]) -> dict[Symbol, tuple[float, float]]:
    """Read the projection; parameters by Symbol or name, None for no bound on a side."""
    by_name = {s.name: s for s in parameters}
    checked: dict[Symbol, tuple[float, float]] = {}
    for key, pair in checked_mapping("bounds", bounds, "{parameter: (low, high)}").items():
        name = str(key)
        if name not in by_name:
            raise ValueError(f"bounds: expected parameters of the game, got {shown(name) if key == name else name}")
        if by_name[name] in checked:
            raise ValueError(f"bounds: expected each parameter once, got {name!r} twice")
        if not isinstance(pair, (tuple, list, np.ndarray)) or len(pair) != 2:
            raise ValueError(f"bounds[{name}]: expected (low, high), got {shown(pair)}")
        low, high = (_limit(name, v, open_end) for v, open_end in zip(pair, (-inf, inf), strict=True))
        if not low < high:
            raise ValueError(f"bounds[{name}]: expected low < high, got ({low}, {high})")
        checked[by_name[name]] = (low, high)
    return checked


def _limit(name: str, value: Any, open_end: float) -> float:
    if value is None:
        return open_end
    try:
        limit = float("nan" if isinstance(value, (str, bool)) else value)
    except (TypeError, ValueError, OverflowError):
        limit = float("nan")
    if limit != limit:
        raise ValueError(f"bounds[{name}]: expected numbers or None for low and high, got {shown(value)}")
    return limit


def checked_defaults(defaults: object, constants: Iterable[Symbol]) -> dict[str, Any]:
    """Read the default values of the free constants, by name."""
    names = [s.name for s in constants]
    given = {str(k): v for k, v in checked_mapping("defaults", defaults, "{constant: number}").items()}
    for name, value in given.items():
        if name not in names:
            raise ValueError(
                f"defaults: expected free constants of the game ({', '.join(names) or 'none'}), got {name!r}"
            )
        checked_number(f"defaults[{name}]", value)
    return given


def checked_scaling(scaling: object, parameters: Sequence[Symbol]) -> ImmutableMatrix:
    """Read the matrix ``d x d`` that scales directions; a mapping of parameters, by Symbol or name, is its diagonal."""
    if isinstance(scaling, MatrixBase):
        if scaling.shape != (len(parameters),) * 2:
            raise ValueError(f"scaling: expected a matrix {len(parameters)} x {len(parameters)}, got {scaling.shape}")
        return ImmutableMatrix(scaling.applyfunc(lambda e: checked_expression("scaling", e)))
    names = [s.name for s in parameters]
    given = {str(k): v for k, v in checked_mapping("scaling", scaling, "{parameter: expression}").items()}
    for name in given:
        if name not in names:
            raise ValueError(f"scaling: expected parameters of the game ({', '.join(names)}), got {name!r}")
    return ImmutableMatrix(diag(*(checked_expression(f"scaling[{n}]", given.get(n, Integer(1))) for n in names)))


def checked_equilibria(points: object, parameters: Sequence[Symbol]) -> tuple[dict[Symbol, Expr], ...]:
    """Read the equilibria known in closed form; parameters by Symbol or name."""
    by_name = {s.name: s for s in parameters}
    if not isinstance(points, Sequence) or not all(isinstance(point, Mapping) for point in points):
        raise ValueError(f"known_equilibria: expected a list of {{parameter: value}}, got {shown(points)}")
    for point in points:
        for key in point:
            if str(key) not in by_name:
                raise ValueError(f"known_equilibria: expected parameters of the game, got {key}")
    return tuple(
        {by_name[str(s)]: checked_expression(f"known_equilibria[{s}]", e) for s, e in point.items()} for point in points
    )
