"""Warm-up of torch optimisers by line searches on the Hamiltonian |F|^2 / 2."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import torch

from analysis.schedules import LineSearch, SmoothedSearch
from gan_sde.algorithms.adam import Adam
from gan_sde.neural.network_oracle import NetworkOracle
from gan_sde.neural.optimizer import GameOptimizer
from gan_sde.neural.player_groups import Optimizers, moving_optimizers
from gan_sde.symbolic.validation import check_integer, shown

PLAIN = (torch.optim.Optimizer, torch.optim.SGD, torch.optim.ASGD)
"""Optimisers of torch whose moves are the rate times gradients."""


class ArmijoLR:
    """Let line searches on H = |F|^2 / 2 set the learning rates of a game's optimisers: a warm-up.

    What ``analysis.schedules.armijo_warmup`` does with Jacobians, for networks. Call `step` once an iteration, just
    before the optimisers' steps and on the batch that they take. It searches along ``x - rate U F``, starting at twice
    the present rate, and moves the rate by the fraction `smoothing` towards what it found. The rate is the largest of
    the optimisers' own, and U holds the others' ratios to it, which are kept.

    Parameters
    ----------
    optimizers
        A `GameOptimizer`, ``{player: optimiser}``, or one optimiser of all players.
    oracle
        The game: ``NetworkOracle(players, losses, sample)``, whose networks the optimisers move. None for a
        `GameOptimizer`, which has its own.
    steps
        Searches in all; later calls of `step` change nothing. None: no end.
    smoothing, factor, decrease
        As in ``armijo_warmup``.

    Attributes
    ----------
    taken : int
        Searches made.

    Raises
    ------
    ValueError
        If an argument does not fit; if optimisers and networks have different parameters; if an optimiser rescales its
        gradients (Adam, RMSprop), so that its rate is no step length along F.

    Notes
    -----
    The rates are read from the optimisers at every call, so that other schedulers may change them in between: those
    that multiply the present rate (`FluctuationLR`, StepLR, ExponentialLR) run beside this one, and those that set it
    (`scheduled_lr`, LambdaLR) take over where this one ends. A player whose rate is 0 stands still in the search.

    A search costs F, one product with its Jacobian's transpose, and F again for every rate tried. Parameters,
    gradients, torch's random numbers and the order of a `GameOptimizer`'s batches stay as they are.

    The search is for a simultaneous step along plain F: momentum, weight decay, alternation and what other algorithms
    correct are not in it. An accepted rate lowers H on its batch; `smoothing` = 1 uses it as found. What is not
    guaranteed, ``armijo_warmup`` says: on bilinear games no rate is accepted, and the search is blind to noise.

    References
    ----------
    Armijo (1966), doi 10.2140/pjm.1966.16.1; Zhang, Lang, Liu & Xiao (2020), arXiv 2002.10597.

    Examples
    --------
    >>> networks = {name: torch.nn.Linear(1, 1, bias=False) for name in ("p", "q")}
    >>> def losses(networks, batch):  # F = (p + q, q - p): H falls up to the rate 1
    ...     p, q = (networks[name](batch) for name in ("p", "q"))
    ...     return {"p": (p**2 / 2 + p * q).mean(), "q": (q**2 / 2 - p * q).mean()}
    >>> optimizers = {name: torch.optim.SGD(network.parameters(), lr=0.01) for name, network in networks.items()}
    >>> scheduler = ArmijoLR(optimizers, NetworkOracle(networks, losses, sample=lambda: torch.ones(4, 1)))
    >>> for _ in range(100):  # the usual loop
    ...     batch = torch.ones(4, 1)
    ...     found = scheduler.step(batch)
    ...     for name, optimizer in optimizers.items():
    ...         optimizer.zero_grad()
    ...         losses(networks, batch)[name].backward()
    ...         optimizer.step()
    >>> 0.4 < scheduler.get_last_lr()["p"][0] < 1
    True
    """

    def __init__(
        self,
        optimizers: Optimizers,
        oracle: NetworkOracle | None = None,
        *,
        steps: int | None = None,
        smoothing: float = 0.1,
        factor: float = 0.5,
        decrease: float = 0.05,
    ) -> None:
        moving = moving_optimizers(optimizers)
        self._moving = list(moving.values()) if isinstance(moving, Mapping) else [moving]
        self._owns_batches = isinstance(optimizers, GameOptimizer)
        self._oracle = _read_oracle(optimizers, oracle)
        _refuse_rescaled([optimizers, *self._moving] if self._owns_batches else self._moving)
        self._places = self._find_groups()
        self._search = SmoothedSearch(smoothing, factor, decrease)
        if steps is not None:
            check_integer("steps", steps, 1)
        self._steps, self.taken = steps, 0

    def step(self, batch: Any = None) -> LineSearch | None:
        """Search, and set the rates.

        Parameters
        ----------
        batch
            On which to search, as the losses take it. None: that of a `GameOptimizer`'s next step, or else a new one of
            the oracle.

        Returns
        -------
        LineSearch or None
            What was found, its rate not yet smoothed; None once `steps` searches are made.
        """
        if self._steps is not None and self.taken >= self._steps:
            return None
        if batch is None:
            batch = self._oracle.peek() if self._owns_batches else self._oracle.fresh()
        rates = [float(group["lr"]) for group in self._groups()]
        largest = max(rates)
        if not 0 < largest < float("inf"):
            self.taken += 1
            return LineSearch(largest, False, 0)
        device, losses = self._oracle.layout.device, self._oracle.first_losses
        try:
            with torch.random.fork_rng([device] if device.type == "cuda" else []):
                following, found = self._searched(batch, largest)
        finally:
            self._oracle.first_losses = losses
        self.taken += 1
        if found.accepted:
            for group, rate in zip(self._groups(), rates, strict=True):
                _set_rate(group, following * (rate / largest))
        return found

    def get_last_lr(self) -> dict[str, list[float]]:
        """Present rates of every player's parameter groups."""
        return {
            player: [float(self._moving[number].param_groups[k]["lr"]) for number, k in dict.fromkeys(places)]
            for player, places in self._places.items()
        }

    def state_dict(self) -> dict[str, Any]:
        """State of the scheduler; the rates themselves are part of the optimisers' states."""
        return {"taken": self.taken}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` gave; restore the optimisers too."""
        if not isinstance(state, Mapping) or set(state) != {"taken"}:
            raise ValueError(f"state_dict: expected one of an ArmijoLR, with taken alone, got {shown(state)}")
        check_integer("state_dict['taken']", state["taken"], 0)
        self.taken = int(state["taken"])

    # ---------------------------------------------------------------- the search

    def _searched(self, batch: Any, rate: float) -> tuple[float, LineSearch]:
        """The next rate, and the search behind it."""
        x = self._oracle.layout.read()
        field = self._oracle.F(x, batch)
        direction = self._multiples(rate) * field
        slope = _inner(self._oracle.vjp(x, field, batch), direction)
        merit = partial(self._hamiltonian, x, direction, batch)
        return self._search.follow(rate, merit, _inner(field, field) / 2, slope)

    def _hamiltonian(self, x: torch.Tensor, direction: torch.Tensor, batch: Any, rate: float) -> float:
        field = self._oracle.F(x - rate * direction, batch)
        return _inner(field, field) / 2

    def _multiples(self, rate: float) -> torch.Tensor | float:
        """Each parameter's rate over the largest, shape ``(d,)``; 1 where all are equal."""
        layout = self._oracle.layout
        pairs = [
            (p.numel(), float(self._moving[number].param_groups[k]["lr"]) / rate)
            for player, places in self._places.items()
            for p, (number, k) in zip(layout.parameters[player], places, strict=True)
        ]
        if all(multiple == 1 for _, multiple in pairs):
            return 1.0
        return torch.cat([torch.full((n,), u, dtype=layout.dtype, device=layout.device) for n, u in pairs])

    # ---------------------------------------------------------------- groups of parameters

    def _groups(self) -> list[dict[str, Any]]:
        """Present groups of all players, each once."""
        places = dict.fromkeys(place for own in self._places.values() for place in own)
        return [self._moving[number].param_groups[k] for number, k in places]

    def _find_groups(self) -> dict[str, list[tuple[int, int]]]:
        """Optimiser and group, by number, of each of a player's parameters."""
        # by number: loading an optimiser's state puts new groups in their places
        known = {
            id(p): (number, k)
            for number, optimizer in enumerate(self._moving)
            for k, group in enumerate(optimizer.param_groups)
            for p in group["params"]
        }
        for player, own in self._oracle.layout.parameters.items():
            missing = sum(id(p) not in known for p in own)
            if missing:
                raise ValueError(f"optimizers: expected one of all parameters of {player!r}, got none of {missing}")
        places = {p: [known.pop(id(q)) for q in own] for p, own in self._oracle.layout.parameters.items()}
        others = sum(
            p.requires_grad for o in self._moving for g in o.param_groups for p in g["params"] if id(p) in known
        )
        if others:
            raise ValueError(f"optimizers: expected parameters of the oracle's players alone, got {others} others")
        return places


def _inner(first: torch.Tensor, second: torch.Tensor) -> float:
    return float((first.double() * second.double()).sum())


def _set_rate(group: dict[str, Any], rate: float) -> None:
    """Set a group's rate, which an optimiser that runs as a graph keeps in a tensor."""
    if torch.is_tensor(group["lr"]):
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate


def _read_oracle(optimizers: Optimizers, oracle: NetworkOracle | None) -> NetworkOracle:
    if isinstance(optimizers, GameOptimizer):
        if oracle is not None:
            raise ValueError(f"oracle: expected none beside a GameOptimizer, which has its own, got {shown(oracle)}")
        return optimizers.oracle
    if not isinstance(oracle, NetworkOracle):
        raise ValueError(f"oracle: expected a NetworkOracle of the game, got {shown(oracle)}")
    if oracle.replicas is not None:
        raise ValueError(f"oracle: expected one without replicas, got {oracle.replicas}")
    return oracle


def _refuse_rescaled(optimizers: Iterable[Any]) -> None:
    """An optimiser that rescales its gradients has rates that are no step lengths along F."""
    for optimizer in optimizers:
        known = [base for base in type(optimizer).__mro__ if base.__module__.startswith("torch.optim.")]
        rescales = any(base not in PLAIN for base in known)
        if rescales or isinstance(getattr(optimizer, "algorithm", None), Adam):
            name = type(optimizer).__name__ if rescales else "the algorithm Adam"
            raise ValueError(f"optimizers: expected rates of plain gradient steps, got {name}, which rescales them")
