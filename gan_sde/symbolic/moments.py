"""Exact first and second moments of an affine training and of its SDE, without sampling.

Where an update is affine in the state, ``E[x' x'^T | x]`` is a polynomial of degree 2 in ``x``, and so is the
generator of its SDE applied to ``x x^T``. Both processes then act linearly on the vector of monomials
``(1, x_i, x_i x_j)``: powers of one matrix, and the exponential of another, give the moments at any time and at
stationarity. What is expanded here are the very expressions that are simulated elsewhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from scipy.linalg import expm
from sympy import RR, Add, Expr, Integer, Mul, Poly, Pow, Symbol, lambdify, ring

from gan_sde.symbolic.game import Game
from gan_sde.symbolic.sde import SDE
from gan_sde.symbolic.training import Training
from gan_sde.symbolic.update import BATCH_SIZE, ETA, batch_moment
from gan_sde.symbolic.validation import check_positive

DEGREE = 2
"""Of the moments that are followed."""


def monomials(parameters: Sequence[Symbol]) -> list[Expr]:
    """``1``, then the d parameters, then their ``d (d + 1) / 2`` products, as the moments are ordered everywhere."""
    return [Mul(*c) for degree in range(DEGREE + 1) for c in combinations_with_replacement(parameters, degree)]


@dataclass(frozen=True, eq=False)
class MomentDynamics:
    """Linear dynamics of the moments ``E[(1, x_i, x_i x_j)]``.

    Parameters
    ----------
    parameters
        The D state symbols: parameters of the game and memory.
    matrix
        ``(lr, batch_size) -> (m, m)`` array: one iteration of a training, or the generator of an SDE.
    continuous
        Whether ``matrix`` is a generator.

    Examples
    --------
    >>> import gan_sde as gs
    >>> game = gs.games.get("quadratic").with_defaults()
    >>> dynamics = MomentDynamics.of_training(gs.Training(game, gs.algorithms.get("sgda")))
    >>> dynamics.after((1.0, 0.0), time=0.1, lr=0.1, batch_size=1)[1:3]  # (1 - lr, -lr): descent, one iteration
    array([ 0.9, -0.1])
    """

    parameters: tuple[Symbol, ...]
    matrix: Callable[[float, float], np.ndarray]
    continuous: bool

    @staticmethod
    def of_training(training: Training) -> MomentDynamics:
        """Moments of a training: row i holds the coefficients of ``E[monomial_i(x') | x]``, exact in lr and B.

        Raises
        ------
        ValueError
            If the iteration is not affine in its state, or the game has bounds or free constants.
        """
        training.game.refuse_free_symbols()
        _refuse_bounds(training.game)
        return MomentDynamics(training.state, _iteration(training), continuous=False)

    @staticmethod
    def of_sde(sde: SDE, *, blocks: Sequence[Sequence[Symbol]] | None = None) -> MomentDynamics:
        """Moments of an SDE: row i holds the coefficients of its generator applied to ``monomial_i``.

        Parameters
        ----------
        sde
            Its drift and its diffusion affine in the state.
        blocks
            Parameters of each player. If given, the noise is made independent between them (which is the wrong noise
            for shared batches).

        Raises
        ------
        ValueError
            If drift or diffusion are not as said, or the game has bounds or free constants.
        """
        sde.game.refuse_free_symbols()
        _refuse_bounds(sde.game)
        for entry in (*sde.drift, *sde.diffusion):
            if not entry.is_polynomial(*sde.parameters) or Poly(entry, *sde.parameters).total_degree() > 1:
                raise ValueError(f"game: expected affine dynamics (moments of degree 2 that close), got {entry}")
        return MomentDynamics(sde.parameters, _generator(sde, blocks), continuous=True)

    def after(self, x0: Sequence[float], time: float, *, lr: float, batch_size: float) -> np.ndarray:
        """Moments ``(m,)`` at physical time ``time``, a multiple of ``lr``, from a certain start ``x0`` ``(D,)``."""
        check_positive("lr", lr)
        start, iterations = np.asarray(x0, dtype=float), time / lr
        if start.shape != (len(self.parameters),):
            raise ValueError(f"x0: expected shape ({len(self.parameters)},), got {start.shape}")
        if not time >= 0 or (not self.continuous and abs(iterations - round(iterations)) > 1e-6 * max(1, iterations)):
            raise ValueError(f"time: expected a multiple of lr = {lr:g} from 0 on, got {time!r}")
        matrix = self.matrix(lr, batch_size)
        flow = expm(matrix * time) if self.continuous else np.linalg.matrix_power(matrix, round(iterations))
        return np.asarray(flow @ _values(start))

    def stationary(self, *, lr: float, batch_size: float) -> np.ndarray:
        """Moments ``(m,)`` of the invariant law; ValueError where second moments grow."""
        check_positive("lr", lr)
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
        poly = Poly(function, *self.parameters)
        if poly.total_degree() > DEGREE:
            raise ValueError(f"function: expected a polynomial of degree at most 2, got {function}")
        return float(sum(float(poly.coeff_monomial(m)) * v for m, v in zip(self._basis, moments, strict=True)))

    def select(self, moments: np.ndarray, parameters: Sequence[Symbol]) -> np.ndarray:
        """Moments of some of the parameters only, ordered as `monomials` of them."""
        return moments[[self._basis.index(m) for m in monomials(parameters)]]

    @property
    def _basis(self) -> list[Expr]:
        return monomials(self.parameters)


def _refuse_bounds(game: Game) -> None:
    if game.bounds:
        names = ", ".join(sorted(s.name for s in game.bounds))
        raise ValueError(f"game: expected no bounds (a projection is not affine), got bounds of {names}")


def _values(x: np.ndarray) -> np.ndarray:
    """The monomials at points ``(..., D)``."""
    pairs = combinations_with_replacement(range(x.shape[-1]), 2)
    products = [x[..., i] * x[..., j] for i, j in pairs]
    return np.stack([np.ones(x.shape[:-1]), *np.moveaxis(x, -1, 0), *products], axis=-1)


# -------------------------------------------------------------------- trainings


def _iteration(training: Training) -> Callable[[float, float], np.ndarray]:
    """``(lr, B) -> (m, m)`` from the coefficients of lr^p, batch moment and monomial in every image."""
    state, (image, batches) = training.state, training.map
    keys = {s: (b, k) for b, batch in enumerate(batches) for k, s in enumerate(batch.means)}
    used = [s for s in keys if image.has(s)]
    generators = [*state, *used, ETA]
    polynomials = ring([f"g{i}" for i in range(len(generators))], RR)[0]
    table = dict(zip(generators, polynomials.gens, strict=True))
    images = [polynomials(1), *(_as_element(e, table, polynomials) for e in image)]
    images += [a * b for a, b in combinations_with_replacement(images[1:], 2)]
    index = {m: k for k, m in enumerate(_exponents(len(state)))}
    entries: dict[tuple[int, int, int, tuple], float] = defaultdict(float)
    for row, element in enumerate(images):
        for powers, coefficient in element.terms():
            column = index.get(powers[: len(state)])
            if column is None:
                raise ValueError(f"game: expected affine dynamics (moments of degree 2 that close), got {image[:]}")
            counts = zip(used, powers[len(state) : -1], strict=True)
            moment = tuple(sorted(keys[s] for s, n in counts for _ in range(n)))
            entries[row, column, powers[-1], moment] += float(coefficient)
    moments = sorted({moment for *_, moment in entries})
    compiled = lambdify([BATCH_SIZE], [batch_moment(training.game, m) for m in moments], "numpy")
    place = {m: k for k, m in enumerate(moments)}
    rows, columns, powers, which = (np.array(c) for c in zip(*((*k[:3], place[k[3]]) for k in entries), strict=True))
    coefficients = np.array(list(entries.values()))

    def matrix(lr: float, batch_size: float) -> np.ndarray:
        result = np.zeros((len(index), len(index)))
        means = np.array(compiled(batch_size), dtype=float)
        np.add.at(result, (rows, columns), coefficients * float(lr) ** powers * means[which])
        return result

    return matrix


def _exponents(dim: int) -> list[tuple[int, ...]]:
    """Exponents of the monomials, in their order."""
    chosen = (c for degree in range(DEGREE + 1) for c in combinations_with_replacement(range(dim), degree))
    return [tuple(c.count(i) for i in range(dim)) for c in chosen]


def _as_element(expression: Expr, table: Mapping[Expr, Any], polynomials: Any) -> Any:
    """An expression as an element of a polynomial ring; it is expanded there, which sympy's own trees do slowly."""
    if expression in table:
        return table[expression]
    if expression.is_number:
        return polynomials(float(expression))
    if isinstance(expression, Pow) and isinstance(expression.exp, Integer) and expression.exp > 0:
        return _as_element(expression.base, table, polynomials) ** int(expression.exp)
    if not isinstance(expression, (Add, Mul)):
        raise ValueError(f"game: expected affine dynamics (moments of degree 2 that close), got {expression}")
    first, *rest = (_as_element(e, table, polynomials) for e in expression.args)
    for element in rest:
        first = first + element if isinstance(expression, Add) else first * element
    return first


# -------------------------------------------------------------------- SDEs


def _generator(sde: SDE, blocks: Sequence[Sequence[Symbol]] | None) -> Callable[[float, float], np.ndarray]:
    """``(lr, B) -> (m, m)`` from the values of drift and diffusion at as many points as there are monomials."""
    arguments = [list(sde.parameters), sde.lr, sde.batch_size]
    drift = lambdify(arguments, list(sde.drift), "numpy", cse=True)
    diffusion = lambdify(arguments, list(sde.diffusion), "numpy", cse=True)
    mask = np.ones((sde.dim, sde.dim))
    if blocks is not None:
        owner = {s: number for number, block in enumerate(blocks) for s in block}
        mask = np.array([[float(owner[s] == owner[r]) for r in sde.parameters] for s in sde.parameters])
    pairs = list(combinations_with_replacement(range(sde.dim), 2))
    # more points than monomials: errors of rounding average out
    points = np.random.default_rng(0).uniform(-1, 1, (2 * len(_exponents(sde.dim)), sde.dim))
    basis = _values(points)

    def matrix(lr: float, batch_size: float) -> np.ndarray:
        slope = np.array([drift(x, lr, batch_size) for x in points], dtype=float)
        columns = np.array([diffusion(x, lr, batch_size) for x in points], dtype=float)
        columns = columns.reshape(len(points), sde.dim, -1)
        noise = columns @ columns.swapaxes(1, 2) * mask
        # L x_i = b_i and L x_i x_j = x_i b_j + x_j b_i + C_ij
        products = [points[:, i] * slope[:, j] + points[:, j] * slope[:, i] + noise[:, i, j] for i, j in pairs]
        images = np.stack([np.zeros(len(points)), *slope.T, *products], axis=1)
        return np.linalg.lstsq(basis, images, rcond=None)[0].T

    return matrix
