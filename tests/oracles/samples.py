"""Affine per-sample fields: the games whose moments close."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations_with_replacement
from math import factorial, prod

import numpy as np


@dataclass(frozen=True, eq=False)
class AffineSamples:
    """Fields ``v_s(z) = matrices[s] z + offsets[s]`` in the direction of the flow: a step is ``z + lr v``.

    ``matrices`` is (n, d, d), ``offsets`` (n, d), ``players`` maps a name to its coordinates. ``weights``
    (n,) are the probabilities of the samples, uniform when left out; quadrature nodes stand in for a
    continuous law. Everything below works on ``y = (z, 1)``, where an affine field is the matrix
    ``[[M, m], [0, 0]]``.
    """

    matrices: np.ndarray
    offsets: np.ndarray
    players: Mapping[str, Sequence[int]]
    weights: np.ndarray | None = None
    augmented: np.ndarray = field(init=False, repr=False)
    mean: np.ndarray = field(init=False, repr=False)
    centred: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        matrices, offsets = np.asarray(self.matrices, float), np.asarray(self.offsets, float)
        n, d = offsets.shape
        if matrices.shape != (n, d, d):
            raise ValueError(f"matrices: expected shape {(n, d, d)}, got {matrices.shape}")
        if sorted(i for indices in self.players.values() for i in indices) != list(range(d)):
            raise ValueError(f"players: expected each of {d} coordinates once, got {dict(self.players)}")
        weights = np.full(n, 1 / n) if self.weights is None else np.asarray(self.weights, float)
        if weights.shape != (n,) or weights.min() < 0 or abs(weights.sum() - 1) > 1e-12:
            raise ValueError(f"weights: expected {n} probabilities, got {weights}")
        augmented = np.zeros((n, d + 1, d + 1))
        augmented[:, :d, :d], augmented[:, :d, d] = matrices, offsets
        mean = np.einsum("s,sij->ij", weights, augmented)
        for name, value in {
            "matrices": matrices,
            "offsets": offsets,
            "weights": weights,
            "augmented": augmented,
            "mean": mean,
            "centred": augmented - mean,
        }.items():
            object.__setattr__(self, name, value)

    @property
    def dim(self) -> int:
        return self.offsets.shape[1]

    def noise_operator(self, scale: np.ndarray) -> np.ndarray:
        """Map ``vec E[y y^T]`` to ``vec`` of the per-sample covariance of ``diag(scale) v``."""
        scaled = np.append(scale, 0.0)[None, :, None] * self.centred
        size = (self.dim + 1) ** 2
        return np.einsum("s,sij,skl->ikjl", self.weights, scaled, scaled).reshape(size, size)


def finite_sum_game(samples: Sequence[Sequence[float]], order: tuple[str, str] = ("omega", "theta")) -> AffineSamples:
    """Zero-sum game ``J_s = a theta^2/2 + l theta omega - c omega^2/2 + p theta + q omega``.

    ``samples`` has rows ``(a, l, c, p, q)``; theta descends, omega ascends. ``order`` is the order of the
    state, the maximiser first unless told otherwise.
    """
    a, l, c, p, q = np.asarray(samples, float).T  # noqa: E741 (the names of the formula)
    rows = {"theta": {"theta": -a, "omega": -l, "1": -p}, "omega": {"theta": l, "omega": -c, "1": q}}
    matrices = np.stack([np.stack([rows[i][j] for j in order], axis=-1) for i in order], axis=-2)
    offsets = np.stack([rows[i]["1"] for i in order], axis=-1)
    return AffineSamples(matrices, offsets, {name: (i,) for i, name in enumerate(order)})


def enumerate_batches(samples: AffineSamples, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Every mean field of a batch drawn with replacement, (k, d+1, d+1), and its probability, (k,)."""
    fields, probabilities = [], []
    for batch in combinations_with_replacement(range(len(samples.weights)), batch_size):
        repeats = prod(factorial(batch.count(s)) for s in set(batch))
        fields.append(samples.augmented[list(batch)].mean(axis=0))
        probabilities.append(factorial(batch_size) / repeats * samples.weights[list(batch)].prod())
    return np.array(fields), np.array(probabilities)
