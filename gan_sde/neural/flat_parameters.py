"""The trainable parameters of several networks as one flat vector."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod

import torch
from torch import nn

from gan_sde.symbolic.validation import shown


@dataclass(frozen=True)
class Entry:
    """Where one parameter stands in the flat vector."""

    name: str
    start: int
    shape: torch.Size

    @property
    def stop(self) -> int:
        """One past its last entry."""
        return self.start + prod(self.shape)


class FlatParameters:
    """Layout of the players' trainable parameters in one vector of length d, player after player.

    Parameters with ``requires_grad=False`` and buffers have no place in it: networks use them as they are.

    Parameters
    ----------
    players
        Networks by player, at least one, each with trainable parameters of its own, all of one floating type and on
        one device.

    Attributes
    ----------
    modules : dict
        The networks by player.
    parameters : dict
        Trainable parameters by player, in the order of the vector.
    entries : dict
        Their places by player.
    dim : int
        The length d.
    dtype, device
        Of all parameters.

    Raises
    ------
    ValueError
        If the networks are anything else.

    Examples
    --------
    >>> layout = FlatParameters({"p": nn.Linear(2, 1), "q": nn.Linear(1, 1, bias=False)})
    >>> layout.dim, layout.block("p"), layout.block("q")
    (4, slice(0, 3, None), slice(3, 4, None))
    """

    def __init__(self, players: Mapping[str, nn.Module]) -> None:
        if not isinstance(players, Mapping) or not players:
            raise ValueError(f"players: expected {{player: network}}, got {shown(players)}")
        self.modules = dict(players)
        self.entries: dict[str, tuple[Entry, ...]] = {}
        self.dim = 0
        owners: dict[nn.Parameter, str] = {}
        for player, module in self.modules.items():
            self.entries[player] = tuple(self._place(player, module, owners))
        self.parameters = {player: [p for p, owner in owners.items() if owner == player] for player in self.modules}
        kinds = {(p.dtype, p.device) for p in owners}
        if len(kinds) != 1 or not next(iter(kinds))[0].is_floating_point:
            found = ", ".join(sorted(f"{dtype} on {device}" for dtype, device in kinds))
            raise ValueError(f"players: expected parameters of one floating type on one device, got {found}")
        self.dtype, self.device = next(iter(kinds))

    def _place(self, player: str, module: nn.Module, owners: dict[nn.Parameter, str]) -> Iterable[Entry]:
        """Give every trainable parameter of a player its place; ``owners`` collects them."""
        if not isinstance(module, nn.Module):
            raise ValueError(f"players[{player!r}]: expected a torch.nn.Module, got {shown(module)}")
        first = self.dim
        for name, parameter in module.named_parameters():
            if not parameter.requires_grad:
                continue
            if isinstance(parameter, nn.parameter.UninitializedParameter):
                raise ValueError(f"players[{player!r}]: expected initialised parameters, got a lazy one, {name}")
            if parameter in owners:
                raise ValueError(
                    f"players[{player!r}]: expected parameters of its own, got {name} of player {owners[parameter]!r}"
                )
            owners[parameter] = player
            yield Entry(name, self.dim, parameter.shape)
            self.dim += parameter.numel()
        if self.dim == first:
            raise ValueError(f"players[{player!r}]: expected a parameter with requires_grad=True, got none")

    def block(self, player: str) -> slice:
        """Where a player's parameters stand in the vector."""
        entries = self.entries[player]
        return slice(entries[0].start, entries[-1].stop)

    def read(self) -> torch.Tensor:
        """Present values of all parameters, shape ``(d,)``; a copy."""
        return torch.cat([p.detach().reshape(-1) for player in self.modules for p in self.parameters[player]])

    def write(self, x: torch.Tensor) -> None:
        """Set the parameters to ``x``, shape ``(d,)``."""
        if x.shape != (self.dim,):
            raise ValueError(f"x: expected shape ({self.dim},), got {tuple(x.shape)}")
        with torch.no_grad():
            for player in self.modules:
                for parameter, value in zip(self.parameters[player], self.pieces(player, x), strict=True):
                    parameter.copy_(value)

    def pieces(self, player: str, x: torch.Tensor) -> list[torch.Tensor]:
        """Values of a player's parameters in the vector ``x``, each in its own shape; views of ``x``."""
        return [x[e.start : e.stop].view(e.shape) for e in self.entries[player]]

    def named(self, player: str, block: torch.Tensor) -> dict[str, torch.Tensor]:
        """Values of a player's parameters by name, from the player's own block of the vector."""
        first = self.entries[player][0].start
        return {e.name: block[e.start - first : e.stop - first].view(e.shape) for e in self.entries[player]}
