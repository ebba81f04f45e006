"""Games from TOML files: declared names, formulas parsed by a whitelist, nothing evaluated.

::

    name = "shifted dirac"
    payoff = "w*(y - t) - w**2/2"
    symbols = ["mu", "sigma"]             # free constants

    [maximiser]
    discriminator = ["w"]

    [minimiser]
    generator = ["t"]

    [data]                                # one law a symbol; "p, q" as key: jointly, one column each
    y = {normal = ["mu", "sigma"]}        # also uniform = [low, high], bernoulli = p, deterministic = value
    "p, q" = {empirical = "pairs.csv"}    # beside the game file; CSV or NPY

    [x0]
    w = 0.5
    t = -1.0

    [bounds]
    t = [-2.0, inf]

    [defaults]
    mu = 0.0
    sigma = 1.0

    [scaling]                             # factors of the directions of scaled algorithms
    t = "1/(1 + t**2)"

A game of general sums has the tables ``[losses]`` (a formula a player) and ``[parameters]`` (names a player)
in place of ``payoff``, ``[maximiser]`` and ``[minimiser]``.
"""

from __future__ import annotations

import difflib
import keyword
import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from sympy import Expr, Rational, Symbol

from gan_sde.symbolic.distributions import (
    AbstractDistribution,
    Bernoulli,
    Deterministic,
    Empirical,
    Normal,
    Uniform,
)
from gan_sde.symbolic.game import Game
from gan_sde.symbolic.number_table import read_number_table
from gan_sde.symbolic.parsing import RESERVED, parse_expression

MAX_BYTES: Final = 1_000_000
"""Largest game file that is read."""

_ZERO_SUM: Final = ("payoff", "maximiser", "minimiser")
_GENERAL_SUM: Final = ("losses", "parameters")
_COMMON: Final = ("name", "symbols", "data", "x0", "bounds", "defaults", "scaling")
_SCALAR_LAWS: Final = {
    "normal": (Normal, ("mean", "standard deviation")),
    "uniform": (Uniform, ("low", "high")),
    "bernoulli": (Bernoulli, ("probability",)),
    "deterministic": (Deterministic, ("value",)),
}
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*_?")


def load_game(path: str | Path) -> Game:
    """Read a game from a TOML file.

    Parameters
    ----------
    path
        The file; data files that it names are looked up beside it.

    Returns
    -------
    Game
        A zero-sum game where the file has a ``payoff``, else one of general sums.

    Raises
    ------
    ValueError
        If the file cannot be read or is no TOML, has unknown or missing keys, undeclared names or formulas
        outside the whitelist; one line that begins with the path and names the key.
    """
    path = Path(path)
    document = _read_document(path)
    try:
        return _Reader(document, path).game()
    except ValueError as error:
        message = " ".join(str(error).split())
        raise ValueError(message if message.startswith(f"{path}:") else f"{path}: {message}") from error


def _read_document(path: Path) -> dict[str, Any]:
    if not path.is_file():
        got = "something else" if path.exists() else "none of that name"
        raise ValueError(f"{path}: expected a readable TOML file, got {got}")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{path}: expected a readable TOML file, got: {error.strerror or error}") from error
    if len(content) > MAX_BYTES:
        raise ValueError(f"{path}: expected at most {MAX_BYTES} bytes, got more")
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected TOML in UTF-8, got {error.reason}") from error
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "values that cannot be read"
        raise ValueError(f"{path}: expected valid TOML, got: {' '.join(reason.split())}") from error


class _Reader:
    """Turns a parsed document into a game, key by key."""

    def __init__(self, document: Mapping[str, Any], path: Path) -> None:
        self._document = document
        self._path = path
        self._symbols: dict[str, Symbol] = {}

    def game(self) -> Game:
        self._check_keys()
        zero_sum = "payoff" in self._document
        blocks: dict[str, Any] = {
            key: self._blocks(key) for key in (("maximiser", "minimiser") if zero_sum else ("parameters",))
        }
        constants = {n: self._declare("symbols", n) for n in self._names("symbols", self._get("symbols", []))}
        columns = {key: self._columns(key) for key in self._table("data")}
        data = {
            symbols if len(symbols) > 1 else symbols[0]: self._law(key, symbols, constants)
            for key, symbols in columns.items()
        }
        options: dict[str, Any] = {
            "data": data,
            "name": self._text("name", self._get("name", self._path.stem)),
            "bounds": self._bounds([s for table in blocks.values() for block in table.values() for s in block]),
            "defaults": self._defaults(constants),
            "x0": {n: _number(f"x0.{n}", v) for n, v in self._table("x0").items()} if "x0" in self._document else None,
        }
        if zero_sum:
            losses = {"payoff": self._formula("payoff", self._document["payoff"])}
        else:
            losses = {player: self._formula(f"losses.{player}", v) for player, v in self._table("losses").items()}
        if "scaling" in self._document:
            table = self._table("scaling")
            options["scaling"] = {n: self._formula(f"scaling.{n}", v) for n, v in table.items()}
        # a constant may be declared, and given a default, without being used
        used = set[Symbol]().union(
            *(e.free_symbols for e in (*losses.values(), *data.values(), *options.get("scaling", {}).values()))
        )
        options["defaults"] = {n: v for n, v in options["defaults"].items() if constants[n] in used}
        if zero_sum:
            return Game.zero_sum(losses["payoff"], **blocks, **options)
        return Game.general_sum(losses, **blocks, **options)

    # ---------------------------------------------------------------- keys

    def _check_keys(self) -> None:
        keys = set(self._document)
        _refuse_unknown("key", keys, (*_ZERO_SUM, *_GENERAL_SUM, *_COMMON))
        zero_sum, general_sum = keys & set(_ZERO_SUM), keys & set(_GENERAL_SUM)
        if zero_sum and general_sum:
            raise ValueError(
                f"keys: expected either payoff, maximiser, minimiser or losses, parameters; "
                f"got {', '.join(sorted(zero_sum | general_sum))}"
            )
        wanted = _GENERAL_SUM if general_sum else _ZERO_SUM
        for key in wanted:
            if key not in keys:
                other = "" if general_sum or zero_sum else " (or losses and parameters)"
                raise ValueError(f"{key}: expected this key{other}, got none")

    def _get(self, key: str, default: Any) -> Any:
        return self._document.get(key, default)

    def _table(self, key: str) -> Mapping[str, Any]:
        table = self._document.get(key, {})
        if not isinstance(table, dict):
            raise ValueError(f"{key}: expected a table [{key}], got {table!r:.60}")
        return table

    # ---------------------------------------------------------------- names

    def _blocks(self, key: str) -> dict[str, list[Symbol]]:
        blocks: dict[str, list[Symbol]] = {}
        for player, value in self._table(key).items():
            where = f"{key}.{player}"
            blocks[player] = [self._declare(where, name) for name in self._names(where, value)]
            if not blocks[player]:
                raise ValueError(f"{where}: expected at least one parameter, got none")
        if not blocks:
            raise ValueError(f"{key}: expected a table {{player = [parameters]}}, got an empty one")
        return blocks

    @staticmethod
    def _names(key: str, value: object) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise ValueError(f'{key}: expected a list of names such as ["a", "b"], got {value!r:.60}')
        return value

    def _declare(self, key: str, name: str) -> Symbol:
        if len(name) > 60 or not _NAME.fullmatch(name):
            raise ValueError(
                f"{key}: expected a name of ASCII letters, digits and single underscores, got {name!r:.60}"
            )
        if name in RESERVED or keyword.iskeyword(name):  # a keyword could not be read back by sympy
            raise ValueError(f"{key}: expected a name that is no function, constant or keyword, got {name!r}")
        if name in self._symbols:
            raise ValueError(f"{key}: expected each name to be declared once, got {name!r} twice")
        self._symbols[name] = Symbol(name)
        return self._symbols[name]

    def _columns(self, key: str) -> tuple[Symbol, ...]:
        return tuple(self._declare(f"data.{key}", name.strip()) for name in key.split(","))

    # ---------------------------------------------------------------- values

    @staticmethod
    def _text(key: str, value: object) -> str:
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"{key}: expected a text, got {value!r:.60}")
        return " ".join(value.split())

    def _formula(self, key: str, value: object) -> Expr:
        return parse_expression(value, self._symbols, name=key)  # type: ignore[arg-type]

    def _law(self, key: str, symbols: tuple[Symbol, ...], constants: Mapping[str, Symbol]) -> AbstractDistribution:
        entry = self._table("data")[key]
        known = (*_SCALAR_LAWS, "empirical")
        if not isinstance(entry, dict) or len(entry) != 1:
            raise ValueError(f"data.{key}: expected one of {{{' | '.join(known)} = ...}}, got {entry!r:.60}")
        ((kind, value),) = entry.items()
        _refuse_unknown(f"data.{key}", [kind], known)
        if kind == "empirical":
            return self._empirical(f"data.{key}.empirical", value, [s.name for s in symbols])
        if len(symbols) > 1:
            raise ValueError(f"data.{key}: expected empirical data for several symbols jointly, got {kind}")
        law, roles = _SCALAR_LAWS[kind]
        values = value if isinstance(value, list) else [value]
        if len(values) != len(roles):
            raise ValueError(f"data.{key}.{kind}: expected {', '.join(roles)}, got {value!r:.60}")
        return law(*(_constant(f"data.{key}.{kind}", v, constants) for v in values))

    def _empirical(self, key: str, value: object, names: list[str]) -> Empirical:
        if isinstance(value, list):
            return Empirical(np.array(value, dtype=object))
        table = read_number_table(self._path.parent / self._text(key, value))
        if table.header is not None and set(names) <= set(table.header):
            return Empirical(table.values[:, [table.header.index(name) for name in names]])
        if table.values.shape[1] != len(names):
            raise ValueError(
                f"{key}: expected {len(names)} column(s) for {', '.join(names)}, got {table.values.shape[1]} in {value}"
            )
        return Empirical(table.values)

    def _bounds(self, parameters: list[Symbol]) -> dict[Symbol, tuple[float, float]]:
        names = {s.name: s for s in parameters}
        table = self._table("bounds")
        _refuse_unknown("bounds", table, names)
        bounds: dict[Symbol, tuple[float, float]] = {}
        for name, pair in table.items():
            if not isinstance(pair, list) or len(pair) != 2:
                raise ValueError(f"bounds.{name}: expected [low, high], got {pair!r:.60}")
            low, high = (_number(f"bounds.{name}", v, infinite=True) for v in pair)
            bounds[names[name]] = (low, high)
        return bounds

    def _defaults(self, constants: Mapping[str, Symbol]) -> dict[str, float]:
        table = self._table("defaults")
        _refuse_unknown("defaults", table, constants)
        return {name: _number(f"defaults.{name}", value) for name, value in table.items()}


def _number(key: str, value: object, *, infinite: bool = False) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{key}: expected a number, got {value!r:.60}")
    try:
        number = float(value)
    except OverflowError:
        number = math.nan
    if math.isnan(number) or (math.isinf(number) and not infinite):
        raise ValueError(f"{key}: expected a finite number, got {value!r:.60}")
    return number


def _constant(key: str, value: object, constants: Mapping[str, Symbol]) -> Expr:
    if isinstance(value, str):
        return parse_expression(value, constants, name=key)
    number = _number(key, value)
    return Rational(repr(number))


def _refuse_unknown(key: str, given: Iterable[str], known: Iterable[str]) -> None:
    known = list(known)
    for name in sorted(given):
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"{key}: expected one of {', '.join(known) or 'none'}, got {name!r:.60}{hint}")
