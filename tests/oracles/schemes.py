"""Training schemes as sequences of sub-updates, and the drift of their SDEs.

For stages ``z -> z + lr v_i(z)`` on fresh batches, one step is

    z + lr sum_i v_i + lr^2 sum_{i<j} (D v_j) v_i + O(lr^3)     (in the mean),

while a flow along ``b0 + lr b1`` over the time lr gives ``z + lr b0 + lr^2 (b1 + (D b0) b0 / 2)``. Hence
``b0 = sum v_i`` and ``b1 = sum_{i<j} (D v_j) v_i - (D b0) b0 / 2``. In augmented coordinates ``(D v_j) v_i``
is the matrix product ``V_j V_i``, because the last row of ``V_i`` vanishes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tests.oracles.samples import AffineSamples


@dataclass(frozen=True, eq=False)
class Scheme:
    """One training iteration.

    ``stages[i][j]`` is a vector (d,): how much of the field each coordinate follows (its rate in units of lr,
    0 for players at rest). The parts j of a stage are all evaluated at the state before the stage, each on a
    batch of its own; stages follow one another, each at the state that its predecessor left.
    """

    stages: tuple[tuple[np.ndarray, ...], ...]

    @property
    def parts(self) -> tuple[np.ndarray, ...]:
        """Every independently sampled piece of the iteration."""
        return tuple(part for stage in self.stages for part in stage)


def _rates(samples: AffineSamples, rates: Mapping[str, float] | None) -> dict[str, np.ndarray]:
    rates = dict.fromkeys(samples.players, 1.0) | dict(rates or {})
    if set(rates) != set(samples.players):
        raise ValueError(f"rates: expected the players {list(samples.players)}, got {list(rates)}")
    vectors = {name: np.zeros(samples.dim) for name in samples.players}
    for name, indices in samples.players.items():
        vectors[name][list(indices)] = rates[name]
    return vectors


def simultaneous(samples: AffineSamples, batches: str = "shared", rates: Mapping[str, float] | None = None) -> Scheme:
    """All players at once, at the old state, on one ``"shared"`` batch or on ``"independent"`` ones."""
    players = tuple(_rates(samples, rates).values())
    if batches not in ("shared", "independent"):
        raise ValueError(f"batches: expected 'shared' or 'independent', got {batches!r}")
    return Scheme(((sum(players),) if batches == "shared" else players,))


def alternating(
    samples: AffineSamples,
    order: Sequence[str],
    inner_steps: Mapping[str, int] | None = None,
    rates: Mapping[str, float] | None = None,
) -> Scheme:
    """One player after another, each ``inner_steps`` times (once if not named), on fresh batches."""
    players, repeats = _rates(samples, rates), dict(inner_steps or {})
    if unknown := {*order, *repeats} - set(players):
        raise ValueError(f"order, inner_steps: expected names among {list(players)}, got {sorted(unknown)}")
    return Scheme(tuple((players[name],) for name in order for _ in range(repeats.get(name, 1))))


def _mean_stages(samples: AffineSamples, scheme: Scheme) -> list[np.ndarray]:
    return [np.append(sum(stage), 0.0)[:, None] * samples.mean for stage in scheme.stages]


def leading_drift(samples: AffineSamples, scheme: Scheme) -> np.ndarray:
    """b0 as an augmented matrix (d+1, d+1)."""
    return sum(_mean_stages(samples, scheme))


def first_correction(samples: AffineSamples, scheme: Scheme) -> np.ndarray:
    """b1 as an augmented matrix (d+1, d+1), by the composition rule above."""
    stages = _mean_stages(samples, scheme)
    b0 = sum(stages)
    later = sum(stages[j] @ stages[i] for j in range(len(stages)) for i in range(j))
    return later - b0 @ b0 / 2
