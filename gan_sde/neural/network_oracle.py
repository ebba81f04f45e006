"""Oracle over torch networks: the algorithms' own text trains them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_map

from gan_sde.neural.flat_parameters import FlatParameters
from gan_sde.symbolic.oracle import AbstractOracle
from gan_sde.symbolic.validation import check_choice, check_integer, shown

Networks = dict[str, Callable[..., Any]]
"""The players as functions of their inputs, at the parameters of the state."""

Losses = Callable[[Networks, Any], torch.Tensor | Mapping[str, torch.Tensor]]
"""``losses(networks, batch)``: each player's loss, or one payoff."""


class NetworkOracle(AbstractOracle):
    """Field and Jacobian products of a game between networks, on batches.

    Parameters
    ----------
    players
        Networks by player; in a zero-sum game the maximiser first.
    losses
        ``losses(networks, batch)``, where ``networks[player](*inputs)`` runs a player at the state's parameters. It
        returns ``{player: scalar}``, and each player minimises its own; or one scalar, the payoff of a zero-sum game,
        which the first player maximises and the second minimises. All randomness belongs into the batch.
    sample
        ``sample()`` draws a batch: a tensor, or tuples, lists and dictionaries of tensors.
    replicas
        None: the state is a vector ``(d,)``. A number n: it has shape ``(n, d)``, n independent trainings at once; all
        tensors of a batch then lead with n, and ``losses`` sees those of one replica.

    Attributes
    ----------
    layout : FlatParameters
        Where the parameters stand in the state.
    first_losses : dict or None
        Losses by player at the first evaluation of the field since it was set to None.

    Notes
    -----
    The field is differentiated forwards and backwards (Pearlmutter 1994); no Jacobian is ever formed. States may have
    a wider floating type than the networks: they are rounded where the networks are evaluated, and fields and products
    come back in the state's type. Buffers and parameters with ``requires_grad=False`` are used as they are, and layers
    that change their buffers while training (running statistics) are refused by torch.

    Raises
    ------
    ValueError
        At construction if the players are not networks with parameters of their own; at the first evaluation if the
        losses are not scalars of exactly the players.

    Examples
    --------
    >>> players = {"critic": nn.Linear(1, 1, bias=False), "generator": nn.Linear(1, 1, bias=False)}
    >>> def payoff(networks, batch):
    ...     return networks["critic"](batch - networks["generator"](torch.ones(1))).sum()
    >>> oracle = NetworkOracle(players, payoff, sample=lambda: torch.full((1,), 3.0))
    >>> oracle.F(torch.tensor([0.5, 1.0]), oracle.fresh())  # V = w (3 - t): (-dV/dw, dV/dt)
    tensor([-2.0000, -0.5000])
    """

    def __init__(
        self,
        players: Mapping[str, nn.Module],
        losses: Losses,
        sample: Callable[[], Any],
        *,
        replicas: int | None = None,
    ) -> None:
        for name, function in (("losses", losses), ("sample", sample)):
            if not callable(function):
                raise ValueError(f"{name}: expected a function, got {shown(function)}")
        if replicas is not None:
            check_integer("replicas", replicas, 1)
        self.layout = FlatParameters(players)
        self.replicas = replicas
        self.first_losses: dict[str, torch.Tensor] | None = None
        self._losses, self._sample = losses, sample
        self._zero_sum: bool | None = None
        self._kept: list[Any] = []

    @property
    def players(self) -> tuple[str, ...]:
        return tuple(self.layout.modules)

    @property
    def is_zero_sum(self) -> bool:
        if self._zero_sum is None:
            batch = self.peek()  # the batch that tells is the next one handed out: asking changes no random number
            x, losses = self.layout.read(), self.first_losses
            self.F(x if self.replicas is None else x.expand(self.replicas, -1), batch)
            self.first_losses = losses
        return bool(self._zero_sum)

    def fresh(self) -> Any:
        if self._kept:
            return self._kept.pop()
        with torch.no_grad():
            return self._sample()

    def peek(self) -> Any:
        """The batch that `fresh` hands out next; looking changes nothing that a training sees."""
        if not self._kept:
            self._kept.append(self.fresh())
        return self._kept[-1]

    def F(self, x: torch.Tensor, batch: Any) -> torch.Tensor:
        field, losses = self._mapped(self._field, (x,), batch)
        self.first_losses = self.first_losses or losses
        return field.to(x.dtype)

    def jvp(self, x: torch.Tensor, v: torch.Tensor, batch: Any) -> torch.Tensor:
        def product(at: torch.Tensor, along: torch.Tensor, data: Any) -> torch.Tensor:
            return torch.func.jvp(lambda s: self._field(s, data)[0], (at,), (along,))[1]

        self._refuse_dropout()
        _load_forward_rules()
        return self._mapped(product, (x, v), batch).to(x.dtype)

    def vjp(self, x: torch.Tensor, v: torch.Tensor, batch: Any) -> torch.Tensor:
        def product(at: torch.Tensor, along: torch.Tensor, data: Any) -> torch.Tensor:
            return torch.func.vjp(lambda s: self._field(s, data)[0], at)[1](along)[0]

        self._refuse_dropout()
        return self._mapped(product, (x, v), batch).to(x.dtype)

    def only(self, player: str, v: torch.Tensor) -> torch.Tensor:
        check_choice("player", player, self.players)
        block = self.layout.block(player)
        own = torch.zeros_like(v)
        own[..., block] = v[..., block]
        return own

    def run(self, player: str, x: torch.Tensor, *inputs: torch.Tensor) -> Any:
        """Output of a player's network at state ``x``, without gradients; with replicas, inputs lead with n."""
        check_choice("player", player, self.players)

        def evaluate(at: torch.Tensor, data: Any) -> Any:
            return self._networks(self._split(at))[player](*data)

        return self._mapped(evaluate, (x,), inputs)

    def _refuse_dropout(self) -> None:
        """Field and Jacobian products on one batch have to be those of one function."""
        for player, module in self.layout.modules.items():
            for name, layer in module.named_modules():
                if isinstance(layer, nn.modules.dropout._DropoutNd) and layer.training and layer.p > 0:
                    raise ValueError(
                        f"players[{player!r}]: expected no active dropout for an algorithm with Jacobian products, got "
                        f"layer {name!r}; draw its mask with the batch, or call .eval()"
                    )

    @contextmanager
    def _refused_statistics(self) -> Iterator[None]:
        """Name the layer where torch refuses one that changes its running statistics at every evaluation."""
        try:
            yield
        except RuntimeError as error:
            layers = ((p, n, layer) for p, module in self.layout.modules.items() for n, layer in module.named_modules())
            for player, name, layer in layers if "in-place" in str(error) else ():
                if isinstance(layer, nn.modules.batchnorm._NormBase) and layer.training and layer.track_running_stats:
                    raise ValueError(
                        f"players[{player!r}]: expected no running statistics while training, got layer {name!r}; "
                        "give it track_running_stats=False, or call .eval()"
                    ) from error
            raise

    def _mapped(self, function: Callable[..., Any], vectors: tuple[torch.Tensor, ...], batch: Any) -> Any:
        """Apply a function of vectors ``(d,)`` and a batch, replica by replica where there are replicas."""
        shape = (self.layout.dim,) if self.replicas is None else (self.replicas, self.layout.dim)
        for name, vector in zip(("x", "v"), vectors, strict=False):
            if not torch.is_tensor(vector):
                raise ValueError(f"{name}: expected a tensor of shape {shape}, got {shown(vector)}")
            if vector.shape != shape:
                raise ValueError(f"{name}: expected shape {shape}, got {tuple(vector.shape)}")
        vectors = tuple(v.detach().to(self.layout.dtype) for v in vectors)
        with torch.no_grad(), self._refused_statistics():  # no caller's graph; torch.func differentiates all the same
            if self.replicas is None:
                return function(*vectors, batch)
            mapped = (*(0 for _ in vectors), tree_map(lambda leaf: 0 if torch.is_tensor(leaf) else None, batch))
            return torch.func.vmap(function, in_dims=mapped)(*vectors, batch)

    def _field(self, x: torch.Tensor, batch: Any) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Stacked gradients of the players' own losses, and these losses."""
        blocks = self._split(x)
        if self._zero_sum is None:
            self._zero_sum = isinstance(self._evaluate(blocks, batch), tuple)
        if self._zero_sum:

            def payoff(own: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
                (value,) = self._evaluate(own, batch)
                return value, value

            up, down = self.players
            gradient, value = torch.func.grad(payoff, has_aux=True)(blocks)
            return torch.cat([-gradient[up], gradient[down]]), {up: -value, down: value}
        fields, losses = [], {}
        for player, block in blocks.items():

            def loss(own: torch.Tensor, player: str = player) -> tuple[torch.Tensor, Any]:
                value = self._evaluate({**blocks, player: own}, batch)[player]
                return value, value

            gradient, losses[player] = torch.func.grad(loss, has_aux=True)(block)
            fields.append(gradient)
        return torch.cat(fields), losses

    def _split(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Blocks of the state by player."""
        return {player: x[self.layout.block(player)] for player in self.players}

    def _networks(self, blocks: Mapping[str, torch.Tensor]) -> Networks:
        return {p: _at(self.layout.modules[p], self.layout.named(p, block)) for p, block in blocks.items()}

    def _evaluate(self, blocks: Mapping[str, torch.Tensor], batch: Any) -> Any:
        """Losses by player, or the payoff as a tuple of one; ValueError if they are neither."""
        values = self._losses(self._networks(blocks), batch)
        if torch.is_tensor(values):
            if len(self.players) != 2:
                raise ValueError(f"losses: expected one loss for each of {', '.join(self.players)}, got one payoff")
            return (_scalar("losses", values),)
        if not isinstance(values, Mapping) or set(values) != set(self.players):
            got = ", ".join(map(str, values)) if isinstance(values, Mapping) else shown(values)
            raise ValueError(f"losses: expected one payoff or losses of {', '.join(self.players)}; got {got}")
        return {p: _scalar(f"losses[{p!r}]", values[p]) for p in self.players}


@cache
def _load_forward_rules() -> None:
    """Let torch load its forward-mode rules, at which some versions warn about themselves."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".torch.jit.script. is deprecated", category=DeprecationWarning)
        torch.func.jvp(torch.sin, (torch.zeros(()),), (torch.ones(()),))


def _at(module: nn.Module, parameters: dict[str, torch.Tensor]) -> Callable[..., Any]:
    """Return the network as a function of its inputs."""

    def network(*inputs: Any, **options: Any) -> Any:
        return torch.func.functional_call(module, parameters, inputs, options)

    return network


def _scalar(name: str, value: Any) -> torch.Tensor:
    """Return a scalar tensor of shape (); ValueError if it is none."""
    if not torch.is_tensor(value) or value.numel() != 1 or not value.is_floating_point():
        got = f"a tensor of shape {tuple(value.shape)}" if torch.is_tensor(value) else shown(value)
        raise ValueError(f"{name}: expected a scalar tensor, got {got}")
    return value.reshape(())
