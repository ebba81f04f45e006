"""What the integrators share: drift, diffusion columns and normals of one sub-step in a recipe's symbols."""

from __future__ import annotations

from dataclasses import dataclass

from sympy import ImmutableMatrix, Symbol

from gan_sde.symbolic.recipe import INVERSE_BATCH, RATE
from gan_sde.symbolic.sde import SDE


@dataclass(frozen=True, eq=False)
class Terms:
    """Drift ``d x 1``, diffusion columns and one standard normal a column."""

    state: ImmutableMatrix
    drift: ImmutableMatrix
    columns: tuple[ImmutableMatrix, ...]
    normals: tuple[Symbol, ...]
    drawn: tuple[Symbol, ...]


Slots = tuple[tuple[int, int], ...]


def refuse_coupling(integrator: str, slots: Slots | None) -> None:
    """Raise ValueError where the noise of a training is to be shared by an integrator that draws no normals."""
    if slots is not None:
        raise ValueError(f"integrator: expected one with normal increments for a coupled run, got {integrator!r}")


def terms(sde: SDE, slots: Slots | None = None) -> Terms:
    """Rewrite an SDE in the symbols of a recipe; its game must have no free constants.

    ``slots`` are the batch means that the training draws: given them, the SDE draws one normal for each, in the same
    order, so that both see the same noise.
    """
    sde.game.refuse_free_symbols()
    table = {sde.lr: RATE, sde.batch_size: 1 / INVERSE_BATCH}
    diffusion = sde.diffusion.xreplace(table)
    if slots is None:
        normals = drawn = tuple(Symbol(f"normal_{j}__") for j in range(diffusion.cols))
    else:
        if sde.slots is None:
            raise ValueError("couple: expected an SDE with leading-order noise, got one with noise='exact'")
        by_slot = {slot: Symbol(f"normal_{j}__") for j, slot in enumerate(slots)}
        normals, drawn = tuple(by_slot[slot] for slot in sde.slots), tuple(by_slot.values())
    return Terms(
        state=ImmutableMatrix(sde.parameters),
        drift=sde.drift.xreplace(table),
        columns=tuple(diffusion[:, j] for j in range(diffusion.cols)),
        normals=normals,
        drawn=drawn,
    )
