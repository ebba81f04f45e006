"""A quadratic game of any dimension, run exactly through the inner products of its players.

Two players of m parameters each, ``Phi = a |theta|^2 / 2 + lambda theta . omega - a |omega|^2 / 2``, the batch
gradients of both with independent noise N(0, v I). One iteration of descent-ascent is ``X' = A X - eta sqrt(v) N`` for
the 2 x m matrix X of the players, and nothing distinguishes directions: the 2 x 2 matrix of inner products
``G = X X^T`` is a Markov chain by itself. With ``G = L L^T``, Z a 2 x 2 matrix of normals and W a Wishart matrix of
m - 2 degrees of freedom,

    G' = Y Y^T + eta^2 v W,    Y = A L - eta sqrt(v) Z,

so that a step costs the same for every m.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class GramChain:
    """The game, and runs of it, each at a rate of its own.

    Parameters
    ----------
    m
        Parameters of a player, at least 3.
    curvature, coupling
        a and lambda.
    variance
        v, of one entry of a batch gradient.
    """

    m: int
    curvature: float = 1.0
    coupling: float = 1.0
    variance: float = 1.0

    def stationary_square(self, lr: Array | float) -> Array | float:
        """E|x_p|^2 / m of either player under the invariant law at a rate."""
        a, b = self.curvature, self.coupling
        return lr * self.variance / (2 * a - lr * (a**2 + b**2))

    def start(self, rng: np.random.Generator, lr: Array | float, runs: int) -> Array:
        """Inner products ``(runs, 2, 2)`` under the invariant law at a rate."""
        return np.asarray(self.stationary_square(lr)) * _wishart(rng, self.m, runs)

    def steps(
        self, rng: np.random.Generator, gram: Array, rates: Array, number: int
    ) -> Iterator[tuple[Array, Array, Array]]:
        """Run; yield inner products after each iteration, and dissipation and fluctuation ``(runs, 2)`` on it."""
        a, b = self.curvature, self.coupling
        rates = np.broadcast_to(rates, len(gram)).astype(float)[:, None, None]
        map_ = np.eye(2) - rates * np.array([[a, b], [-b, a]])
        for _ in range(number):
            root = _cholesky(gram)
            moved = map_ @ root - rates * np.sqrt(self.variance) * rng.standard_normal(gram.shape)
            rest = rates**2 * self.variance * _wishart(rng, self.m - 2, len(gram))
            move = root - moved
            square = (move**2).sum(axis=2) + np.diagonal(rest, axis1=1, axis2=2)
            gram = moved @ moved.transpose(0, 2, 1) + rest
            yield gram, (root * move).sum(axis=2) / rates[..., 0], square / (2 * rates[..., 0])


def observe(
    chain: GramChain, rng: np.random.Generator, gram: Array, rates: Array | float, observations: int, every: int = 2
) -> tuple[Array, Array, Array]:
    """Run ``observations * every`` iterations; return the last inner products and both sides of every ``every``-th.

    Returns
    -------
    gram : array, shape (runs, 2, 2)
    dissipation, fluctuation : arrays, shape (runs, observations, 2)
    """
    sides = []
    for k, (after, work, square) in enumerate(chain.steps(rng, gram, np.asarray(rates), observations * every)):
        gram = after
        if k % every == every - 1:
            sides.append((work, square))
    left, right = (np.array(side).swapaxes(0, 1) for side in zip(*sides, strict=True))
    return gram, left, right


def _cholesky(gram: Array) -> Array:
    """Lower triangular factors of positive definite 2 x 2 matrices."""
    root = np.zeros_like(gram)
    root[:, 0, 0] = np.sqrt(gram[:, 0, 0])
    root[:, 1, 0] = gram[:, 1, 0] / root[:, 0, 0]
    root[:, 1, 1] = np.sqrt(np.maximum(gram[:, 1, 1] - root[:, 1, 0] ** 2, 0.0))
    return root


def _wishart(rng: np.random.Generator, dof: int, runs: int) -> Array:
    """2 x 2 matrices of inner products of two standard normal vectors of ``dof`` entries, ``(runs, 2, 2)``."""
    root = np.zeros((runs, 2, 2))
    root[:, 0, 0] = np.sqrt(2 * rng.standard_gamma(dof / 2, runs))
    root[:, 1, 0] = rng.standard_normal(runs)
    root[:, 1, 1] = np.sqrt(2 * rng.standard_gamma((dof - 1) / 2, runs)) if dof > 1 else 0.0
    return root @ root.transpose(0, 2, 1)
