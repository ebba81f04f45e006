"""From a game and a rule's name to a schedule, or to a rule that a training follows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sympy import lambdify

from analysis import schedules
from gan_sde.symbolic.linearised import Linearised, linearised, nearest_equilibrium
from gan_sde.symbolic.training import Training

FRACTION = 0.5
"""Of the stability limit, for a rate that nobody chose."""
MOST_OPTIMISED = 5_000
"""Iterations up to which a schedule is optimised as a whole; longer ones are greedy."""
CHECKS = 50
"""Of an adaptive rule over a run, by default."""
ADAPTIVE = ("yaida", "stationarity")
OPTIONS: Mapping[str, tuple[str, ...]] = {
    "stable": ("fraction",),
    "inverse": ("offset",),
    "cosine": ("warmup", "last"),
    "two-time-scale": ("fast", "exponent", "slow_exponent", "offset"),
    "armijo": ("smoothing", "factor", "decrease"),
    "yaida": ("tolerance", "reduction", "period"),
    "stationarity": ("factor", "level", "precision", "keep", "period"),
}


class Still:
    """A rule that never acts: plain trainings."""

    rate = 1.0

    def __init__(self, period: int) -> None:
        self.period = period

    def observe(self, dissipation: np.ndarray, fluctuation: np.ndarray) -> bool:
        """Leave the rate alone."""
        return False


@dataclass(frozen=True, eq=False)
class Basis:
    """What is known of the training near its equilibrium.

    Attributes
    ----------
    training
        Training of a game without free constants.
    batch_size
    near
        The linearised training; None where there is none.
    limit
        Largest stable rate, or None.
    point
        The equilibrium ``(d,)``, or None.
    reason
        Why something is None.
    """

    training: Training
    batch_size: float
    near: Linearised | None
    limit: float | None
    point: np.ndarray | None
    reason: str = ""

    @staticmethod
    def of(training: Training, batch_size: float) -> Basis:
        """Linearise, and find the limit."""
        if training.game.arrays is not None:
            return Basis(training, batch_size, None, None, None, "the game is in array form")
        try:
            point = nearest_equilibrium(training.game)
        except (ValueError, TypeError) as error:
            return Basis(training, batch_size, None, None, None, _plain(error))
        try:
            near = linearised(training, point)
        except (ValueError, TypeError) as error:
            return Basis(training, batch_size, None, None, point, _plain(error))
        try:
            return Basis(training, batch_size, near, near.stability_limit(batch_size), point)
        except ValueError as error:
            return Basis(training, batch_size, near, None, point, _plain(error))

    @property
    def needed_limit(self) -> float:
        """The limit; ValueError with the reason where there is none."""
        if self.limit is None:
            raise ValueError(f"--lr: expected a rate, since none could be derived ({self.reason}); got none")
        return self.limit

    def time_constant(self, lr: float) -> float:
        """Iterations in which the mean squared error falls by a factor e at a constant rate."""
        assert self.near is not None
        growth = self.near.growth(lr, self.batch_size)
        return float(-1 / np.log(growth)) if 0 < growth < 1 else np.inf


@dataclass(frozen=True, eq=False)
class Proposal:
    """A schedule or an adaptive rule.

    Attributes
    ----------
    lr
        One rate an iteration, or ``{player: rates}``; of an adaptive rule the first rate, a number or one a player.
    why
        What it rests on, line by line.
    rule, every
        Adaptive rule and the distance of its observations, else None and 0.
    """

    lr: Any
    why: list[str] = field(default_factory=list)
    rule: Any = None
    every: int = 0


def propose(
    name: str, basis: Basis, lr: Any, steps: int, x0: np.ndarray, options: Mapping[str, Any], *, per_player: bool
) -> Proposal:
    """Derive the schedule of a rule; ``lr`` is the first rate, or one a player."""
    known = OPTIONS.get(name, ())
    for option in options:
        if option not in known:
            takes = ", ".join(known) or "no options"
            raise ValueError(f"--rule-options: expected {takes} for {name}, got {option!r}")
    if per_player and name not in ADAPTIVE:
        raise ValueError(f"--per-player: expected with --rule {' or '.join(ADAPTIVE)}, got it with {name}")
    try:
        if name in ADAPTIVE:
            return _adaptive(name, basis, lr, steps, options, per_player)
        return _MAKERS[name](basis, lr, steps, x0, dict(options))
    except (TypeError, ValueError) as error:
        if str(error).startswith("--") or not options:
            raise
        raise ValueError(f"--rule-options: {error}") from error


def _constant(basis: Basis, lr: Any, steps: int, x0: np.ndarray, options: dict[str, Any]) -> Proposal:
    return Proposal(_scaled(lr, np.ones(steps)), ["the first rate throughout"])


def _stable(basis: Basis, lr: Any, steps: int, x0: np.ndarray, options: dict[str, Any]) -> Proposal:
    share = _number("fraction", options.get("fraction", FRACTION))
    if not 0 < share <= 1:
        raise ValueError(f"fraction: expected a number in (0, 1], got {share:g}")
    rates = schedules.constant(share * basis.needed_limit, steps)
    return Proposal(rates, [f"{share:g} of the stability limit throughout"])


def _inverse(basis: Basis, lr: Any, steps: int, x0: np.ndarray, options: dict[str, Any]) -> Proposal:
    offset, why = _offset(basis, lr, options)
    return Proposal(
        _scaled(lr, schedules.inverse_time(1.0, steps, offset=offset)), [f"lr / (1 + k / {offset:.4g})", why]
    )


def _cosine(basis: Basis, lr: Any, steps: int, x0: np.ndarray, options: dict[str, Any]) -> Proposal:
    return Proposal(_scaled(lr, schedules.cosine(1.0, steps, **options)), ["half a cosine wave from lr to 0"])


def _two_time_scale(basis: Basis, lr: Any, steps: int, x0: np.ndarray, options: dict[str, Any]) -> Proposal:
    players = tuple(basis.training.game.players)
    fast = options.pop("fast", players[0])
    if fast not in players:
        raise ValueError(f"fast: expected one of {', '.join(players)}, got {fast!r}")
    quick = _number("exponent", options.pop("exponent", 0.6))
    slow = _number("slow_exponent", options.pop("slow_exponent", 0.9))
    offset, why = _offset(basis, lr, options)
    exponents = {player: quick if player == fast else slow for player in players}
    first = lr if isinstance(lr, Mapping) else dict.fromkeys(players, float(lr))
    rates = schedules.two_time_scale(first, steps, exponents=exponents, offset=offset)
    return Proposal(rates, [f"{fast} is fast, exponent {quick:g}; all others {slow:g}; offset {offset:.4g}", why])


def _armijo(basis: Basis, lr: Any, steps: int, x0: np.ndarray, options: dict[str, Any]) -> Proposal:
    if isinstance(lr, Mapping):
        raise ValueError("--lr: expected one number for armijo, got one a player")
    game = basis.training.game
    field = lambdify([list(game.parameters)], list(game.field), "numpy")
    jacobian = lambdify([list(game.parameters)], game.jacobian.tolist(), "numpy")
    rates = schedules.armijo_warmup(
        lambda x: np.array(field(x), dtype=float), jacobian, x0, lr=float(lr), steps=steps, **options
    )
    return Proposal(rates, ["line searches on |F|^2 / 2 with the exact field along one path of simultaneous descent",
                            "a warm-up: it is blind to noise and does not fall"])  # fmt: skip


def _optimal(basis: Basis, lr: Any, steps: int, x0: np.ndarray, options: dict[str, Any]) -> Proposal:
    assert basis.needed_limit > 0 and basis.near is not None
    greedy = steps > MOST_OPTIMISED
    rates = basis.near.optimal_rates(x0, steps, batch_size=basis.batch_size, greedy=greedy)
    how = "least error after each iteration" if greedy else "least error after the last iteration (local optimum)"
    where = "exact moments" if basis.near.exact else "moments of the linearised training: far from it only a proposal"
    return Proposal(rates, [how, where])


_MAKERS = {
    "constant": _constant, "stable": _stable, "inverse": _inverse, "cosine": _cosine,
    "two-time-scale": _two_time_scale, "armijo": _armijo, "optimal": _optimal,
}  # fmt: skip


def _adaptive(name: str, basis: Basis, lr: Any, steps: int, options: Mapping[str, Any], per_player: bool) -> Proposal:
    every = 1 if name == "yaida" else 2
    period = max(20, steps // (CHECKS * every))
    if name == "yaida":
        settings = {"tolerance": 0.1, "reduction": 0.5, "period": period} | dict(options)
        rule: Any = schedules.YaidaRule(**settings)
    else:
        settings = {"factor": 0.5, "precision": 0.5, "period": period} | dict(options)
        rule = schedules.StationarityRule(**settings)
    if per_player:
        rule = schedules.PerPlayer(rule, players=len(basis.training.game.players))
    text = " ".join(f"{key}={value:g}" for key, value in settings.items())
    whose = "each player by its own balance" if per_player else "all players together, once each balances"
    return Proposal(lr, [f"{text}; one iteration in {every} observed" if every > 1 else text, whose], rule, every)


def _offset(basis: Basis, lr: Any, options: dict[str, Any]) -> tuple[float, str]:
    """Iterations after which 1/k sets in, ``1 / (c lr)`` with the contraction c, and where they come from."""
    if "offset" in options:
        return _number("offset", options["offset"]), "offset as given"
    if basis.near is None:
        raise ValueError(f"--rule-options: expected offset=NUMBER, since none could be derived ({basis.reason})")
    rate = max(lr.values()) if isinstance(lr, Mapping) else float(lr)
    time = basis.time_constant(rate)
    if not np.isfinite(time):
        why = f": below {basis.limit:g}" if basis.limit else f" ({basis.reason or 'none is stable here'})"
        raise ValueError(f"--lr: expected a stable rate{why}, got {rate:g}")
    return 2 * time, "offset: twice the iterations in which the mean squared error falls by e at lr (1 / (c lr))"


def _scaled(lr: Any, multiples: np.ndarray) -> Any:
    return {p: value * multiples for p, value in lr.items()} if isinstance(lr, Mapping) else float(lr) * multiples


def _plain(error: Exception) -> str:
    """What was expected, without the argument's name and what came."""
    text = " ".join(str(error).split()).partition(", got")[0]
    return re.sub(r"^\w+: ", "", text)


def _number(name: str, value: Any) -> float:
    """A numeric option of a rule."""
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"--rule-options: expected a number for {name}, got {value!r}") from error
