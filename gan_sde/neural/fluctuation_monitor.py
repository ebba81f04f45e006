"""Dissipation and fluctuation of every player, measured in any torch training loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from analysis.schedules import BatchTest, Record, batch_test
from gan_sde.neural.saved_entries import check_entries
from gan_sde.symbolic.validation import check_choice, check_integer, check_positive, shown

Player = nn.Module | Iterable[nn.Parameter]
Rates = float | torch.optim.Optimizer | Mapping[str, "float | torch.optim.Optimizer"]
BATCHES = 20
INNER = ("cycles", "centres", "sums")
"""Entries of a saved state that hold the players, or nothing yet."""
WINDOW = 100
"""Observations in the first window of the moving centre; each later one is twice as long."""


class FluctuationMonitor:
    """Compare, for each player, the two sides of the fluctuation-dissipation relation of the training.

    With the parameters x_p of a player before an iteration and x_p' after it, and its learning rate lr,

        dissipation = (x_p - c) . d_p,    fluctuation = lr |d_p|^2 / 2,    d_p = (x_p - x_p') / lr.

    Under stationarity the means of both are equal, exactly, whatever the optimiser, the losses and the rate, for any
    fixed point c. Only the parameters are looked at.

    Parameters
    ----------
    players
        Networks, or their parameters, by player.
    lr
        Learning rate, or the optimiser that knows it: one for all, or one a player.
    every
        Iterations from one observed iteration to the next, at least 2: successive ones telescope, and no error bar
        from their batch means is right.
    centre
        ``"mean"``: c is the player's mean over the previous window (100, 200, 400, … observations; at first the present
        parameters), which lowers the variance at the price of three copies of the parameters. ``"origin"``: c = 0.
    keep
        Most recent fraction of the observations that `test` looks at.

    Attributes
    ----------
    observations : int
        Iterations observed.
    dissipation, fluctuation : dict
        Of the last of them, by player.

    Raises
    ------
    ValueError
        If an argument does not fit, or a player's parameters are not known to its optimiser.

    Notes
    -----
    Put `before` and `after` around the whole iteration, or `attach` to the optimisers. The difference x - x' is taken
    in the parameters' own precision and summed in double.

    References
    ----------
    Yaida (2018), arXiv 1810.00004; Cao & Guo (2020), arXiv 2006.02047, for games.

    Examples
    --------
    >>> weight = nn.Parameter(torch.tensor([2.0]))
    >>> optimizer = torch.optim.SGD([weight], lr=0.5)
    >>> monitor = FluctuationMonitor({"p": [weight]}, optimizer, centre="origin").attach(optimizer)
    >>> for _ in range(2):  # the gradient is the weight itself: 2, then 1, which is observed
    ...     weight.grad = weight.detach().clone()
    ...     optimizer.step()
    >>> monitor.observations, monitor.dissipation, monitor.fluctuation
    (1, {'p': 1.0}, {'p': 0.25})
    """

    def __init__(
        self,
        players: Mapping[str, Player],
        lr: Rates,
        *,
        every: int = 2,
        centre: str = "mean",
        keep: float = 0.5,
    ) -> None:
        check_integer("every", every, 2)
        check_choice("centre", centre, ("mean", "origin"))
        self._parameters = _read_players(players)
        self._rates = {player: self._read_rates(player, lr) for player in self._parameters}
        self._every, self._moves = every, centre == "mean"
        self._record = Record(keep)
        self._cycles = dict.fromkeys(self._parameters, 0)
        self._centres: dict[str, list[torch.Tensor]] = {}
        self._sums: dict[str, list[torch.Tensor]] = {}
        self._summed, self._window = 0, WINDOW
        self._snapshots: dict[str, list[torch.Tensor]] = {}
        self._pending: dict[str, torch.Tensor] = {}
        self._fresh: list[np.ndarray] = []
        self.observations = 0
        self.dissipation: dict[str, float] = {}
        self.fluctuation: dict[str, float] = {}

    @property
    def players(self) -> tuple[str, ...]:
        """Names, in the order of all results."""
        return tuple(self._parameters)

    def before(self) -> None:
        """Say that an iteration begins."""
        for player in self._parameters:
            self._begin(player)

    def after(self) -> None:
        """Say that it has ended."""
        for player in self._parameters:
            self._end(player)

    def attach(
        self,
        optimizers: torch.optim.Optimizer | Mapping[str, torch.optim.Optimizer],
        *,
        inner_steps: Mapping[str, int] | None = None,
    ) -> FluctuationMonitor:
        """Measure around the optimisers' own steps from now on; returns the monitor.

        Parameters
        ----------
        optimizers
            One that moves all players, or one a player.
        inner_steps
            Steps that a player's optimiser makes in an iteration of the game, 1 where not named. Their sum is what is
            measured: single steps of a cycle balance only over the whole of it.
        """
        inner = {player: 1 for player in self._parameters} | dict(inner_steps or {})
        for player, number in inner.items():
            check_choice("inner_steps", player, self.players)
            check_integer(f"inner_steps[{player!r}]", number, 1)
        moved_by = {p: _of_player("optimizers", optimizers, p, self.players) for p in self._parameters}
        for player, optimizer in moved_by.items():
            if not isinstance(optimizer, torch.optim.Optimizer):
                raise ValueError(f"optimizers: expected a torch optimiser for {player!r}, got {shown(optimizer)}")
            self._hook(player, optimizer, inner[player])
        return self

    def _hook(self, player: str, optimizer: torch.optim.Optimizer, inner: int) -> None:
        steps = 0

        def pre(*_: Any) -> None:
            if steps % inner == 0:
                self._begin(player)

        def post(*_: Any) -> None:
            nonlocal steps
            steps += 1
            if steps % inner == 0:
                self._end(player)

        optimizer.register_step_pre_hook(pre)
        optimizer.register_step_post_hook(post)

    def take(self) -> np.ndarray:
        """Return what was observed since the last call, ``(n, 2, players)``: dissipation and fluctuation."""
        taken, self._fresh = self._fresh, []
        return np.array(taken).reshape(-1, 2, len(self._parameters))

    def test(self, *, level: float = 0.95) -> BatchTest | None:
        """Test on 20 batches of the kept observations that both sides balance; None while there are too few.

        False alarms: 1 - level for all players together, once a batch is much longer than the training's memory.
        """
        batches = self._record.batches(BATCHES)
        return None if batches is None else batch_test(batches[:, 0], batches[:, 1], level=level)

    def restart(self) -> None:
        """Forget the kept observations, for instance after a change of the rate."""
        self._record.clear()

    # ---------------------------------------------------------------- one player

    def _begin(self, player: str) -> None:
        if self._cycles[player] % self._every == self._every - 1:
            self._snapshots[player] = [p.detach().clone() for p in self._parameters[player]]

    def _end(self, player: str) -> None:
        self._cycles[player] += 1
        old = self._snapshots.pop(player, None)
        if old is None:
            return
        if self._moves:
            self._centres.setdefault(player, [x.clone() for x in old])
            sums = self._sums.setdefault(player, [torch.zeros_like(x) for x in old])
            for total, x in zip(sums, old, strict=True):
                total += x
        rates = self._rates[player]()
        if all(rate > 0 for rate in rates):
            self._pending[player] = self._sides(player, old, rates)
        if len(self._pending) == len(self._parameters):
            self._observe()

    @torch.no_grad()
    def _sides(self, player: str, old: list[torch.Tensor], rates: list[float]) -> torch.Tensor:
        """Dissipation and fluctuation, ``(2,)``."""
        centres = self._centres.get(player, [None] * len(old))
        work, square = 0.0, 0.0
        for x, new, c, rate in zip(old, self._parameters[player], centres, rates, strict=True):
            move = (x - new.detach()).double()
            position = x.double() if c is None else x.double() - c.double()
            work = work + (position * move).sum() / rate
            square = square + (move * move).sum() / (2 * rate)
        return torch.stack([work, square])

    def _observe(self) -> None:
        """Keep a complete observation, and move the centre at the end of a window."""
        both = torch.stack([self._pending[player] for player in self._parameters], dim=-1).cpu().numpy()
        self._pending = {}
        if not np.isfinite(both).all():
            return
        self.observations += 1
        self.dissipation, self.fluctuation = (dict(zip(self.players, side.tolist(), strict=True)) for side in both)
        self._record.add(both[None])
        self._fresh.append(both)
        self._summed += 1
        if self._moves and self._summed == self._window:
            self._centres = {p: [s / self._summed for s in sums] for p, sums in self._sums.items()}
            self._sums, self._summed, self._window = {}, 0, 2 * self._window

    def _read_rates(self, player: str, lr: Rates) -> Callable[[], list[float]]:
        """A function that tells the present rate of each of a player's parameters."""
        source, parameters = _of_player("lr", lr, player, self.players), self._parameters[player]
        if not isinstance(source, torch.optim.Optimizer):
            check_positive("lr", source)
            return lambda: [float(source)] * len(parameters)
        # groups by number: loading an optimiser's state puts new groups in their places
        numbers = {id(p): k for k, group in enumerate(source.param_groups) for p in group["params"]}
        missing = sum(id(p) not in numbers for p in parameters)
        if missing:
            raise ValueError(f"lr: expected an optimiser of all parameters of {player!r}, got one without {missing}")
        return lambda: [float(source.param_groups[numbers[id(p)]]["lr"]) for p in parameters]

    # ---------------------------------------------------------------- saving

    def state_dict(self) -> dict[str, Any]:
        """Observations, centres and counters; an iteration under way is not part of it."""
        return {
            "record": self._record.state_dict(), "cycles": dict(self._cycles), "observations": self.observations,
            "centres": _copied(self._centres), "sums": _copied(self._sums), "summed": self._summed,
            "window": self._window,
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` gave; what does not fit is refused as a whole."""
        check_entries(state, self.state_dict(), free=INNER)
        if set(state["cycles"]) != set(self._parameters):
            raise ValueError(f"state_dict: expected players {self.players}, got {tuple(state['cycles'])}")
        self._record.load_state_dict(state["record"])
        self._cycles, self.observations = dict(state["cycles"]), int(state["observations"])
        self._centres, self._sums = _copied(state["centres"]), _copied(state["sums"])
        self._summed, self._window = int(state["summed"]), int(state["window"])
        self._snapshots, self._pending, self._fresh = {}, {}, []


def _copied(tensors: Mapping[str, list[torch.Tensor]]) -> dict[str, list[torch.Tensor]]:
    return {player: [t.clone() for t in own] for player, own in tensors.items()}


def _read_players(players: Mapping[str, Player]) -> dict[str, list[nn.Parameter]]:
    """Trainable parameters by player, none shared."""
    if not isinstance(players, Mapping) or not players:
        raise ValueError(f"players: expected {{player: network or parameters}}, got {shown(players)}")
    found: dict[str, list[nn.Parameter]] = {}
    owners: dict[int, str] = {}
    for player, source in players.items():
        listed = list(source.parameters() if isinstance(source, nn.Module) else source)
        if not listed or not all(isinstance(p, torch.Tensor) for p in listed):
            raise ValueError(f"players[{player!r}]: expected a network or parameters, got {shown(source)}")
        found[player] = [p for p in listed if p.requires_grad]
        for parameter in found[player]:
            if owners.setdefault(id(parameter), player) != player:
                raise ValueError(
                    f"players[{player!r}]: expected parameters of its own, got some of {owners[id(parameter)]!r}"
                )
        if not found[player]:
            raise ValueError(f"players[{player!r}]: expected a parameter with requires_grad=True, got none")
    return found


def _of_player(name: str, value: Any, player: str, players: tuple[str, ...]) -> Any:
    """A player's own entry of a mapping, or what is the same for all."""
    if not isinstance(value, Mapping):
        return value
    if set(value) != set(players):
        raise ValueError(
            f"{name}: expected an entry for each of {', '.join(players)}; got {', '.join(map(str, value))}"
        )
    return value[player]
