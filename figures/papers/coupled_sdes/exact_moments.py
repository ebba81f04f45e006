"""Exact first and second moments of an affine training and of its SDE, from the derived symbolic objects.

Where an update is affine in the state, ``E[x' x'^T | x]`` is a polynomial of degree 2 in ``x``, and so is the
generator of its SDE applied to ``x x^T``. Both processes then act linearly on the vector of monomials
``(1, x_i, x_i x_j)``: powers of one matrix, and the exponential of another, give the moments at any time and at
stationarity without any sampling. What is expanded here are the very expressions that are simulated elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement

import numpy as np
from scipy.linalg import expm
from sympy import Expr, Integer, Matrix, Mul, Poly, Symbol, hessian, lambdify

from gan_sde.symbolic.sde import SDE
from gan_sde.symbolic.training import Training
from gan_sde.symbolic.update import BATCH_SIZE, ETA


def monomials(parameters: Sequence[Symbol]) -> list[Expr]:
    """``1``, then the d parameters, then their ``d (d + 1) / 2`` products, as the moments are ordered everywhere."""
    return [Mul(*c) for degree in range(3) for c in combinations_with_replacement(parameters, degree)]


@dataclass(frozen=True, eq=False)
class MomentDynamics:
    """Linear dynamics of the moments ``E[(1, x_i, x_i x_j)]``.

    Parameters
    ----------
    parameters
        The d state symbols.
    matrix
        ``(lr, batch_size) -> (m, m)`` array: one iteration of a training, or the generator of an SDE.
    continuous
        Whether ``matrix`` is a generator.
    """

    parameters: tuple[Symbol, ...]
    matrix: Callable[[float, float], np.ndarray]
    continuous: bool

    @staticmethod
    def of_training(training: Training) -> MomentDynamics:
        """Moments of a training: row i holds the coefficients of ``E[monomial_i(x') | x]``, exact in lr and B."""
        x, (image, batches) = training.game.parameters, training.map
        state = dict(zip(x, image, strict=True))
        images = [m.xreplace(state).expand() for m in monomials(x)]
        means = replace(training.update, batches=batches).mean(images)
        return _dynamics(x, list(means), continuous=False)

    @staticmethod
    def of_sde(sde: SDE, *, blocks: Sequence[Sequence[Symbol]] | None = None) -> MomentDynamics:
        """Moments of an SDE: row i holds the coefficients of its generator applied to ``monomial_i``.

        Parameters
        ----------
        sde
            Its drift affine, its noise covariance quadratic in the state.
        blocks
            Parameters of each player. If given, the noise is made independent between them (which is the wrong noise
            for shared batches).
        """
        x = sde.parameters
        noise = sde.diffusion * sde.diffusion.T
        if blocks is not None:
            owner = {s: number for number, block in enumerate(blocks) for s in block}
            noise = Matrix(sde.dim, sde.dim, lambda i, j: noise[i, j] * int(owner[x[i]] == owner[x[j]]))
        images = [
            sum((m.diff(s) * b for s, b in zip(x, sde.drift, strict=True)), start=Integer(0))
            + (noise * hessian(m, x)).trace() / 2
            for m in monomials(x)
        ]
        return _dynamics(x, images, continuous=True)

    def after(self, x0: Sequence[float], time: float, *, lr: float, batch_size: float) -> np.ndarray:
        """Moments ``(m,)`` at physical time ``time``, a multiple of ``lr``, from a certain start ``x0`` ``(d,)``."""
        start = [float(m.subs(dict(zip(self.parameters, x0, strict=True)))) for m in monomials(self.parameters)]
        matrix = self.matrix(lr, batch_size)
        flow = expm(matrix * time) if self.continuous else np.linalg.matrix_power(matrix, round(time / lr))
        return flow @ np.array(start)

    def stationary(self, *, lr: float, batch_size: float) -> np.ndarray:
        """Moments ``(m,)`` of the invariant law; ValueError where second moments grow."""
        matrix = self.matrix(lr, batch_size)
        inner = matrix[1:, 1:]
        eigenvalues = np.linalg.eigvals(inner)
        worst = eigenvalues.real.max() if self.continuous else np.abs(eigenvalues).max() - 1
        if worst >= 0:
            raise ValueError(f"lr: expected mean-square stability, got growth of second moments at lr = {lr:g}")
        rest = inner if self.continuous else inner - np.eye(len(inner))
        return np.concatenate([[1.0], np.linalg.solve(rest, -matrix[1:, 0])])

    def expectation(self, moments: np.ndarray, function: Expr) -> float:
        """``E[function(x)]`` of a polynomial of degree at most 2 without free constants."""
        return float(_coefficients(function, self.parameters) @ moments)


def _dynamics(x: Sequence[Symbol], images: Sequence[Expr], *, continuous: bool) -> MomentDynamics:
    rows = Matrix([_row(image, x) for image in images])
    compiled = lambdify([ETA, BATCH_SIZE], rows, "numpy", cse=True)
    return MomentDynamics(tuple(x), lambda lr, batch_size: np.array(compiled(lr, batch_size), float), continuous)


def _row(image: Expr, x: Sequence[Symbol]) -> list[Expr]:
    """Coefficients of a polynomial in the order of `monomials`."""
    poly = Poly(image, *x)
    if poly.total_degree() > 2:
        raise ValueError(f"game: expected affine dynamics (moments of degree 2 that close), got {image}")
    return [poly.coeff_monomial(m) for m in monomials(x)]


def _coefficients(function: Expr, x: Sequence[Symbol]) -> np.ndarray:
    return np.array(_row(function, x), dtype=float)
