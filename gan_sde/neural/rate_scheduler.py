"""Learning rates of torch optimisers: by a rule that watches the training, or as an array."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch.optim.lr_scheduler import LambdaLR

from analysis.schedules import AbstractRule, PerPlayer
from gan_sde.neural.fluctuation_monitor import INNER, FluctuationMonitor
from gan_sde.neural.player_groups import groups_by_player, moving_optimizers
from gan_sde.neural.saved_entries import check_entries
from gan_sde.symbolic.validation import finite_array, shown


class FluctuationLR:
    """Lower the learning rates of a game's optimisers by a rule of ``analysis.schedules``.

    Used like a scheduler of torch: call `step` once an iteration, after the optimisers' steps.

    Parameters
    ----------
    optimizers
        ``{player: optimiser}``, or one optimiser of all players: its parameter groups are told apart by their entry
        ``"player"`` (as those of `GameOptimizer` have) or else are players each.
    rule
        Decides; all rates are multiplied by its `rate`. With a `PerPlayer`, each player's by its own, in the order of
        the players.
    every, centre, inner_steps
        Of the `FluctuationMonitor` that is made, and kept as the attribute `monitor`.

    Attributes
    ----------
    rule : AbstractRule or PerPlayer
    monitor : FluctuationMonitor

    Raises
    ------
    ValueError
        If an argument does not fit.

    Examples
    --------
    >>> from analysis.schedules import StationarityRule
    >>> generator, weight = torch.Generator().manual_seed(0), torch.nn.Parameter(torch.ones(100))
    >>> optimizer = torch.optim.SGD([weight], lr=0.5)
    >>> scheduler = FluctuationLR({"p": optimizer}, StationarityRule(factor=0.1, period=40))
    >>> for _ in range(80):  # one iteration in two is observed
    ...     weight.grad = weight.detach() + torch.randn(100, generator=generator)
    ...     optimizer.step()
    ...     fell = scheduler.step()
    >>> fell, scheduler.get_last_lr()
    (True, {'p': [0.05]})
    """

    def __init__(
        self,
        optimizers: torch.optim.Optimizer | Mapping[str, torch.optim.Optimizer],
        rule: AbstractRule | PerPlayer,
        *,
        every: int = 2,
        centre: str = "mean",
        inner_steps: Mapping[str, int] | None = None,
    ) -> None:
        if not isinstance(rule, (AbstractRule, PerPlayer)):
            raise ValueError(f"rule: expected a rule of analysis.schedules, got {shown(rule)}")
        self._moving = moving_optimizers(optimizers)
        self.rule = rule
        players = {name: list(chain(*(group["params"] for group in own))) for name, own in self._groups().items()}
        self.monitor = FluctuationMonitor(players, self._moving, every=every, centre=centre)
        self.monitor.attach(self._moving, inner_steps=inner_steps)
        if np.shape(rule.rate) not in ((), (len(players),)):
            raise ValueError(f"rule: expected rates of {len(players)} players, got those of {np.shape(rule.rate)[0]}")
        self._applied = self._rates_of_rule()

    def step(self) -> bool:
        """Pass on what was observed; return whether the rates fell."""
        for both in self.monitor.take():
            self.rule.observe(*both)
        wanted = self._rates_of_rule()
        if wanted == self._applied:
            return False
        for own, new, old in zip(self._groups().values(), wanted, self._applied, strict=True):
            for group in own:
                group["lr"] *= new / old
        self._applied = wanted
        self.monitor.restart()
        return True

    def get_last_lr(self) -> dict[str, list[float]]:
        """Present rates of every player's parameter groups."""
        return {player: [float(group["lr"]) for group in own] for player, own in self._groups().items()}

    def _rates_of_rule(self) -> list[float]:
        """Present multiple of every player."""
        return np.broadcast_to(self.rule.rate, len(self.monitor.players)).tolist()

    def _groups(self) -> dict[str, list[dict[str, Any]]]:
        return groups_by_player(self._moving)

    def state_dict(self) -> dict[str, Any]:
        """State of rule and monitor; the rates themselves are part of the optimisers' states."""
        return {"rule": self.rule.state_dict(), "monitor": self.monitor.state_dict(), "applied": self._applied}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` gave; restore the optimisers too. What does not fit is refused as a whole."""
        check_entries(state, self.state_dict(), free=INNER)
        self.monitor.load_state_dict(state["monitor"])
        self.rule.load_state_dict(state["rule"])
        self._applied = np.broadcast_to(state["applied"], len(self.monitor.players)).tolist()


def scheduled_lr(optimizer: torch.optim.Optimizer, rates: ArrayLike) -> LambdaLR:
    """Make a scheduler of torch that follows an array of learning rates, as `analysis.schedules` gives them.

    Parameters
    ----------
    optimizer
        Of one player or several; of a `GameOptimizer`, the one through which it moves. Where parameter groups have
        different rates, the largest follows the array and the others keep their ratio to it.
    rates : array, shape (steps,)
        One an iteration; after the end the last one stays.

    Examples
    --------
    >>> from analysis.schedules import step_decay
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> scheduler = scheduled_lr(optimizer, step_decay(0.2, 4, period=2))
    >>> optimizer.param_groups[0]["lr"]
    0.2
    """
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise ValueError(f"optimizer: expected a torch optimiser, got {shown(optimizer)}")
    moving = getattr(optimizer, "inner", None) or optimizer
    values = finite_array("rates", rates, "one learning rate an iteration")
    if values.ndim != 1 or not len(values) or np.any(values < 0):
        raise ValueError(f"rates: expected a vector of rates >= 0, got shape {values.shape}")
    largest = max(float(group.get("initial_lr", group["lr"])) for group in moving.param_groups)
    if not largest > 0:
        raise ValueError(f"optimizer: expected a rate > 0 to begin with, whose ratios are kept, got {largest:g}")
    return LambdaLR(moving, lambda k: float(values[min(k, len(values) - 1)]) / largest)


def scheduled_lrs(
    optimizers: Mapping[str, torch.optim.Optimizer], rates: ArrayLike | Mapping[str, ArrayLike]
) -> dict[str, LambdaLR]:
    """Make a scheduler of torch for each player's optimiser; step all of them once an iteration.

    Parameters
    ----------
    optimizers
        ``{player: optimiser}``.
    rates
        One array for all, or ``{player: array}`` as ``analysis.schedules.two_time_scale`` gives them.

    Examples
    --------
    >>> from analysis.schedules import two_time_scale
    >>> moving = {p: torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0) for p in ("critic", "actor")}
    >>> schedulers = scheduled_lrs(moving, two_time_scale(0.2, 4, exponents={"critic": 0.6, "actor": 1.0}))
    >>> for player in moving:
    ...     moving[player].step()
    ...     schedulers[player].step()
    >>> round(moving["actor"].param_groups[0]["lr"], 6), round(moving["critic"].param_groups[0]["lr"], 6)
    (0.1, 0.131951)
    """
    if (
        not isinstance(optimizers, Mapping)
        or not optimizers
        or not all(isinstance(o, torch.optim.Optimizer) for o in optimizers.values())
    ):
        raise ValueError(f"optimizers: expected {{player: optimiser}}, got {shown(optimizers)}")
    if isinstance(rates, Mapping) and set(rates) != set(optimizers):
        raise ValueError(
            f"rates: expected an array for each of {', '.join(optimizers)}; got {', '.join(map(str, rates))}"
        )
    return {
        player: scheduled_lr(optimizer, rates[player] if isinstance(rates, Mapping) else rates)
        for player, optimizer in optimizers.items()
    }
