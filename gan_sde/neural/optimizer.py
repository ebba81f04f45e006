"""A torch optimiser that runs an algorithm's own text on networks."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import nn

from gan_sde.neural.checked_step import checked_start, checked_step, read_algorithm
from gan_sde.neural.network_oracle import Losses, NetworkOracle
from gan_sde.neural.optimizer_state import check_optimizer_state
from gan_sde.symbolic.algorithm import AbstractMemoryAlgorithm, slots_of
from gan_sde.symbolic.oracle import AbstractOracle, RatedOracle
from gan_sde.symbolic.validation import check_positive, shown


class GameOptimizer(torch.optim.Optimizer):
    """Train networks against each other by any algorithm over an oracle.

    Parameters
    ----------
    players, losses, sample
        The game, as `NetworkOracle` takes it. The optimiser evaluates the losses by itself: there is no ``backward``
        to call and no gradient to clear.
    algorithm
        An algorithm, its registered name, or any object with ``step(oracle, x, eta)``.
    lr
        Learning rate, one for all or ``{player: rate}`` for every player. The algorithm runs at the largest, and the
        others multiply the field (``eta`` and ``U`` of ``U F``). Each player is a parameter group with an ``lr`` of
        its own, which every scheduler of torch can change.
    through
        ``params -> torch.optim.Optimizer``, for instance ``functools.partial(torch.optim.RMSprop, lr=1e-3)``: the
        direction ``(x - step(x)) / eta`` takes the place of the gradient, and that optimiser makes the move, at its
        own rates. It is kept as the attribute ``inner``, where schedulers then belong; ``lr`` is a single number and
        the ``eta`` inside the algorithm, its look-ahead for instance. What the algorithm carries evolves as if it had
        made its own move.

    Attributes
    ----------
    oracle : NetworkOracle
    algorithm
        The algorithm itself.
    inner : torch.optim.Optimizer or None

    Raises
    ------
    ValueError
        If an argument does not fit; at the first step if the losses do not, or the algorithm needs a zero-sum game.

    Notes
    -----
    ``state_dict`` holds the groups and what the algorithm carries, so that training continues bit by bit if networks
    and the random numbers behind ``sample`` are restored too. Through another optimiser the direction is formed in
    double precision, since ``x - step(x)`` cancels.

    Examples
    --------
    >>> from torch import nn
    >>> players = {"critic": nn.Linear(1, 1, bias=False), "generator": nn.Linear(1, 1, bias=False)}
    >>> def payoff(networks, batch):
    ...     return networks["critic"](batch - networks["generator"](torch.ones(1))).sum()
    >>> optimizer = GameOptimizer(players, payoff, lambda: torch.ones(1), algorithm="crossing-the-curl", lr=0.1)
    >>> for _ in range(200):
    ...     losses = optimizer.step()
    >>> round(players["generator"].weight.item(), 6)
    1.0
    """

    def __init__(
        self,
        players: Mapping[str, nn.Module],
        losses: Losses,
        sample: Callable[[], Any],
        algorithm: Any = None,
        lr: float | Mapping[str, float] = 1e-3,
        through: Callable[[Iterable[Any]], torch.optim.Optimizer] | None = None,
    ) -> None:
        self.oracle = NetworkOracle(players, losses, sample)
        self.algorithm = read_algorithm(algorithm)
        self._is_complete = False
        self._unmoved = set(self.oracle.players)
        rates = _read_rates(lr, self.oracle.players, single=through is not None)
        groups = [{"params": self._own(p), "lr": rates[p], "player": p} for p in self.oracle.players]
        super().__init__(groups, {"lr": max(rates.values())})
        self._is_complete = True
        self.inner = None
        if through is not None:
            self.inner = through([{"params": self._own(p), "player": p} for p in self.oracle.players])
            if not isinstance(self.inner, torch.optim.Optimizer):
                raise ValueError(f"through: expected a function params -> optimiser, got one of {shown(self.inner)}")

    def step(self, closure: None = None) -> dict[str, torch.Tensor] | None:
        """Run one iteration.

        Returns
        -------
        dict or None
            Losses by player, at the iteration's first evaluation of the field: its point and its batch. None if the
            algorithm evaluated no field.
        """
        if closure is not None:
            raise ValueError(f"closure: expected none (the losses are known), got {shown(closure)}")
        self.oracle.first_losses = None
        moving = [player for player in self.oracle.players if player in self._unmoved and self._has_rate(player)]
        before = self.oracle.layout.read() if moving else None
        if self.inner is None:
            self._move()
        else:
            self._direct()
            self.inner.step()
        if before is not None:
            self._unmoved -= set(moving)
            self._warn_of_rest(moving, before)
        return self.oracle.first_losses

    def _has_rate(self, player: str) -> bool:
        """Whether the rates let a player move: a warm-up may start at 0."""
        own = {id(p) for p in self._own(player)}
        groups = self.param_groups if self.inner is None else self.inner.param_groups
        return any(float(group["lr"]) > 0 for group in groups if own & {id(p) for p in group["params"]})

    def _warn_of_rest(self, players: list[str], before: torch.Tensor) -> None:
        """A player that its first step leaves exactly where it was is mostly one that the losses do not see."""
        after = self.oracle.layout.read()
        for player in players:
            block = self.oracle.layout.block(player)
            if torch.equal(before[block], after[block]):
                warnings.warn(
                    f"losses: expected a gradient for player {player!r}, got exactly 0 at the first step; the losses "
                    f"must call networks[{player!r}], not the module itself, and must not detach (harmless where the "
                    "start is a point at which that gradient vanishes)",
                    stacklevel=_callers_level(),
                )

    def state_dict(self) -> dict[str, Any]:
        """State of the optimiser, and of the one through which it moves."""
        state = super().state_dict()
        if self.inner is None:
            return state
        return {**state, "through": self.inner.state_dict(), "through_type": type(self.inner).__name__}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what `state_dict` gave; ValueError, and nothing is loaded, if it was of another training.

        Players and their order, the shapes of their parameters and the vectors that the algorithm carries have to be
        the same.
        """
        check_optimizer_state(state_dict, self.param_groups, slots_of(self.algorithm))
        if (self.inner is not None) != ("through" in state_dict):
            ours, theirs = ("with" if own else "without" for own in (self.inner, "through" in state_dict))
            raise ValueError(f"state_dict: expected that of an optimiser {ours} another below it, got one {theirs}")
        if self.inner is not None:
            ours = type(self.inner).__name__
            theirs = state_dict.get("through_type", ours)
            if theirs != ours:
                raise ValueError(f"state_dict: expected one of an optimiser that moves through {ours}, got {theirs}")
            self.inner.load_state_dict(state_dict["through"])  # first: it is refused, if at all, as a whole
        super().load_state_dict(state_dict)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Refused once the players are known."""
        if self._is_complete:
            raise ValueError("param_group: expected none (the players are fixed at the start), got one more")
        super().add_param_group(param_group)

    def _own(self, player: str) -> list[nn.Parameter]:
        return self.oracle.layout.parameters[player]

    def _move(self) -> None:
        """Take the algorithm's own step."""
        oracle: AbstractOracle = self.oracle
        rates = {group["player"]: float(group["lr"]) for group in self.param_groups}
        eta = max(rates.values())
        if min(rates.values()) < eta:
            oracle = RatedOracle(oracle, {player: rate / eta for player, rate in rates.items()})
        x = self.oracle.layout.read()
        moved, memory = checked_step(self.algorithm, oracle, x, self._memory(x), eta)
        self._remember(memory)
        self.oracle.layout.write(moved)

    def _direct(self) -> None:
        """Put the algorithm's direction into the gradients."""
        eta = float(self.param_groups[0]["lr"])
        check_positive("lr", eta)
        x = self.oracle.layout.read().double()
        moved, memory = checked_step(self.algorithm, self.oracle, x, self._memory(x), eta)
        self._remember(memory)
        direction = ((x - moved) / eta).to(self.oracle.layout.dtype)
        for player in self.oracle.players:
            for parameter, piece in zip(self._own(player), self.oracle.layout.pieces(player, direction), strict=True):
                parameter.grad = piece.clone()

    def _memory(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Vectors carried by the algorithm, in the type of ``x``; at the first step those of its start."""
        if not isinstance(self.algorithm, AbstractMemoryAlgorithm):
            return ()
        parameters = [p for player in self.oracle.players for p in self._own(player)]
        if any(p not in self.state for p in parameters):
            return checked_start(self.algorithm, x)
        slots = self.algorithm.slots
        return tuple(torch.cat([self.state[p][slot].reshape(-1) for p in parameters]).to(x.dtype) for slot in slots)

    def _remember(self, memory: tuple[torch.Tensor, ...]) -> None:
        """Keep the carried vectors, parameter by parameter."""
        for slot, vector in zip(slots_of(self.algorithm), memory, strict=True):
            for player in self.oracle.players:
                pieces = self.oracle.layout.pieces(player, vector.to(self.oracle.layout.dtype))
                for parameter, piece in zip(self._own(player), pieces, strict=True):
                    self.state[parameter][slot] = piece.clone()


def _callers_level() -> int:
    """The `stacklevel` at which a warning of our caller's points outside this file and torch, which wraps `step`."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name != __name__ and name.split(".")[0] != "torch":
            break
        frame, level = frame.f_back, level + 1
    return level


def _read_rates(lr: Any, players: tuple[str, ...], *, single: bool) -> dict[str, float]:
    """Positive learning rates by player."""
    if not isinstance(lr, Mapping):
        check_positive("lr", lr)
        return dict.fromkeys(players, float(lr))
    if single:
        raise ValueError(f"lr: expected one number beside through (whose optimiser has the rates), got {shown(lr)}")
    if set(lr) != set(players):
        raise ValueError(f"lr: expected a rate for each of {', '.join(players)}; got {', '.join(map(str, lr))}")
    for player in players:
        check_positive(f"lr[{player!r}]", lr[player])
    return {player: float(lr[player]) for player in players}
