"""Oracle over torch tensors: the algorithms' own text, trained on samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from sympy import ImmutableMatrix, Symbol, lambdify

from gan_sde.symbolic.distributions import (
    AbstractDistribution,
    Bernoulli,
    Deterministic,
    Empirical,
    Normal,
    Uniform,
)
from gan_sde.symbolic.game import Game
from gan_sde.symbolic.oracle import AbstractOracle
from gan_sde.symbolic.validation import check_choice, check_integer, shown

TensorBatch = Mapping[Symbol, torch.Tensor]
"""Data of one batch a trajectory: per data symbol a tensor ``(n, batch_size)``."""


class TensorOracle(AbstractOracle):
    """Batch field and Jacobian products of a symbolic game on tensors.

    Parameters
    ----------
    game
        A game without free constants.
    batch_size
        Samples a batch.
    width
        Number n of trajectories; states have shape ``(n, d)`` and each trajectory has batches of its own.
    generator
        Source of the random numbers.
    dtype, device
        Of the data.

    Examples
    --------
    >>> import torch, gan_sde as gs
    >>> game = gs.games.get("linear-wgan").with_defaults()
    >>> oracle = TensorOracle(game, batch_size=8, width=5, generator=torch.Generator().manual_seed(0))
    >>> gs.algorithms.get("sgda").step(oracle, torch.zeros(5, 2, dtype=torch.float64), 0.1).shape
    torch.Size([5, 2])
    """

    def __init__(
        self,
        game: Game,
        *,
        batch_size: int,
        width: int,
        generator: torch.Generator,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> None:
        for name, value, kind in (("game", game, Game), ("generator", generator, torch.Generator)):
            if not isinstance(value, kind):
                raise ValueError(f"{name}: expected a {kind.__name__}, got {shown(value)}")
        game.refuse_free_symbols()
        check_integer("batch_size", batch_size, 1)
        check_integer("width", width, 1)
        self._game, self._shape, self._generator = game, (width, batch_size), generator
        self._options: dict[str, Any] = {"dtype": dtype, "device": device}
        arguments = [*game.parameters, *game.data_symbols]
        self._field = _BatchMean(arguments, game.sample_field)
        self._jacobian = _BatchMean(arguments, ImmutableMatrix(game.sample_field.jacobian(game.parameters)))
        self._scaling = None if game.scaling is None else _BatchMean(list(game.parameters), game.scaling)

    @property
    def players(self) -> tuple[str, ...]:
        return tuple(self._game.players)

    @property
    def is_zero_sum(self) -> bool:
        return self._game.payoff is not None

    def fresh(self) -> TensorBatch:
        batch: dict[Symbol, torch.Tensor] = {}
        for key, law in self._game.data.items():
            symbols = key if isinstance(key, tuple) else (key,)
            drawn = _sample(law, self._shape, self._generator, self._options)
            batch |= dict(zip(symbols, drawn, strict=True))
        return batch

    def F(self, x: torch.Tensor, batch: TensorBatch) -> torch.Tensor:
        return self._field(*self._arguments(x, batch))[..., 0]

    def jvp(self, x: torch.Tensor, v: torch.Tensor, batch: TensorBatch) -> torch.Tensor:
        return (self._jacobian(*self._arguments(x, batch)) @ v[..., None])[..., 0]

    def vjp(self, x: torch.Tensor, v: torch.Tensor, batch: TensorBatch) -> torch.Tensor:
        return (v[..., None, :] @ self._jacobian(*self._arguments(x, batch)))[..., 0, :]

    def scaled(self, x: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        if self._scaling is None:
            return super().scaled(x, v)
        return (self._scaling(*(c[:, None] for c in x.unbind(-1))) @ v[..., None])[..., 0]

    def only(self, player: str, v: torch.Tensor) -> torch.Tensor:
        check_choice("player", player, self.players)
        own = set(self._game.players[player])
        mask = torch.tensor([float(s in own) for s in self._game.parameters], dtype=v.dtype, device=v.device)
        return v * mask

    def _arguments(self, x: torch.Tensor, batch: TensorBatch) -> list[torch.Tensor]:
        shape = (self._shape[0], len(self._game.parameters))
        if x.shape != shape:
            raise ValueError(f"x: expected shape {shape}, got {tuple(x.shape)}")
        return [*(c[:, None] for c in x.unbind(-1)), *(batch[s] for s in self._game.data_symbols)]


class _BatchMean:
    """A matrix of per-sample expressions as a function of ``(n, 1)`` and ``(n, B)`` tensors, averaged over B."""

    def __init__(self, arguments: list[Symbol], matrix: ImmutableMatrix) -> None:
        self._rows, self._cols = matrix.shape
        self._function: Callable[..., list] = lambdify(arguments, list(matrix), modules="torch", cse=True)

    def __call__(self, *arguments: torch.Tensor) -> torch.Tensor:
        like = arguments[0]
        # constant entries come back as plain numbers
        entries = [torch.as_tensor(e, dtype=like.dtype, device=like.device) for e in self._function(*arguments)]
        means = [e.expand(len(like), -1).mean(-1) if e.ndim == 2 else e.expand(len(like)) for e in entries]
        return torch.stack(means, dim=-1).unflatten(-1, (self._rows, self._cols))


def _sample(
    law: AbstractDistribution, shape: tuple[int, int], generator: torch.Generator, options: Mapping[str, Any]
) -> list[torch.Tensor]:
    """One tensor of the given shape for each symbol of a law."""
    match law:
        case Normal():
            noise = torch.randn(shape, generator=generator, **options)
            return [float(law.mean) + float(law.standard_deviation) * noise]
        case Uniform():
            low, high = float(law.low), float(law.high)
            return [low + (high - low) * torch.rand(shape, generator=generator, **options)]
        case Bernoulli():
            return [(torch.rand(shape, generator=generator, **options) < float(law.p)).to(options["dtype"])]
        case Deterministic():
            return [torch.full(shape, float(law.value), **options)]
        case Empirical():
            values = torch.tensor(law.values, **options)
            rows = torch.randint(len(values), shape, generator=generator, device=options["device"])
            return list(values[rows].unbind(-1))
    raise ValueError(f"data: expected a law that can be sampled, got {law!r}")
