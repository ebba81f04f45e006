"""Weak errors by simulation with common random numbers, to a precision at which order 2 shows.

Training and SDE see the same normals wherever a batch mean of the one is a noise column of the other. Three things take
variance off the mean difference: the coupling itself; antithetic pairs (all normals turned round), in which every term
odd in the noise cancels; and control variates, quadratic functions of the normals whose mean is exactly 0, with
coefficients from the other half of the pairs, so that the estimate stays unbiased.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import islice, product
from math import inf

import numpy as np
from numpy.polynomial import legendre

import gan_sde as gs
from figures.papers.coupled_sdes.small_noise import SmallNoiseIntegrator, compiled
from gan_sde.kernels.batch_statistics import Slot, chi_square_polynomial, hermite_slots, horner
from gan_sde.symbolic.recipe import INVERSE_BATCH, RATE

PAIRS_A_CONTROL = 8
"""At least so many antithetic pairs for each control variate: more of them would fit noise."""
DEGREE, SUMS_DEGREE, SUMS_AFTER = 4, 2, 2
"""Of the weights in time in sums of products, and in products of sums; the degree of the former after which the first
of the latter come in."""


class CoupledTraining:
    """Iterations of a training in numpy, driven by one standard normal for each batch mean.

    Parameters
    ----------
    training
        Of a game with normal data whose field is a polynomial of degree at most 2 in them.
    batch_size
        Samples a batch.
    """

    def __init__(self, training: gs.Training, batch_size: int):
        recipe = training.recipe()
        slots = hermite_slots(recipe.draws)
        if slots is None:
            raise ValueError(f"training: expected batch means that are functions of normals, got {training.game.name}")
        self.training, self.batch_size = training, batch_size
        self._slots: tuple[Slot, ...] = slots
        arguments = [*recipe.state, *(slot.symbol for slot in slots), RATE, INVERSE_BATCH]
        self._update = compiled(arguments, list(recipe.update))
        self._bounds = recipe.bounds

    @property
    def slots(self) -> tuple[tuple[int, int], ...]:
        """Batch and function of each normal."""
        return self.training.slots

    def run(self, x0: Sequence[float], rates: np.ndarray, normals: np.ndarray | None) -> np.ndarray:
        """States ``(D, n)`` at the end, given ``normals`` ``(steps, slots, n)``; None: of infinite batches."""
        start = self.training.start(np.array([x0], dtype=float), float(rates[0]))
        x = np.repeat(start.T, 1 if normals is None else normals.shape[2], axis=1)
        for k, rate in enumerate(rates):
            means = np.zeros((len(self._slots), 1)) if normals is None else self._means(normals[k])
            rows = self._update(*x, *means, rate, 0.0 if normals is None else 1 / self.batch_size)
            x = np.stack([np.clip(r, *b) for r, b in zip(np.broadcast_arrays(*rows, x[0])[:-1], self._bounds,
                                                         strict=True)])  # fmt: skip
        return x

    def _means(self, normals: np.ndarray) -> list[np.ndarray]:
        size = self.batch_size
        means = []
        for slot, n in zip(self._slots, normals, strict=True):
            if slot.degree == 1:
                means.append(n / np.sqrt(size))
                continue
            # sum of squares about the mean, and the mean's own square where it is drawn as well
            freedom, square = (size, 0.0) if slot.first is None else (size - 1, normals[slot.first] ** 2 / size)
            chi_square = freedom * horner(chi_square_polynomial(freedom), n) ** 3
            means.append((chi_square / size + square - 1) / np.sqrt(2))
        return means


class CoupledSDE:
    """An SDE whose first columns are driven by a training's normals.

    Parameters
    ----------
    sde
        To be integrated.
    columns
        Batch and function of its first columns; the further ones, for products of batch means, have normals of their
        own.
    slots
        The training's.
    batch_size
        Samples a batch.
    """

    def __init__(
        self, sde: gs.SDE, columns: Sequence[tuple[int, int]], slots: Sequence[tuple[int, int]], batch_size: int
    ):
        self.integrator = SmallNoiseIntegrator(sde, batch_size)
        self.shared = [list(slots).index(key) for key in columns]
        self.own = self.integrator.columns - len(columns)

    def at_batch_size(self, batch_size: float) -> CoupledSDE:
        """The same with batches of another size."""
        other = copy(self)
        other.integrator = copy(self.integrator)
        other.integrator.batch_size = batch_size
        return other

    def run(self, x0: Sequence[float], lr: float, normals: np.ndarray, own: np.ndarray) -> np.ndarray:
        """States ``(D, n)``, without the clock, driven by the training's normals and by ``(steps, own, n)`` others."""
        x = self.integrator.run(x0, lr, np.concatenate([normals[:, self.shared], own], axis=1))
        return x if self.integrator.sde.clock is None else x[:-1]


@dataclass(frozen=True, eq=False)
class MeanDifference:
    """Errors of all first and second moments, SDE minus training.

    Parameters
    ----------
    error, covariance
        ``(m,)`` and ``(m, m)``.
    variance_reduction
        ``(m,)``: variance of the difference of two independent ensembles of the same size, over that reached.
    """

    error: np.ndarray
    covariance: np.ndarray
    variance_reduction: np.ndarray

    @staticmethod
    def mean(parts: Sequence[MeanDifference]) -> MeanDifference:
        """Mean of independent ones of the same size."""
        n = len(parts)
        return MeanDifference(
            sum(p.error for p in parts) / n,
            sum(p.covariance for p in parts) / n**2,
            np.mean([p.variance_reduction for p in parts], axis=0),
        )


def mean_difference(
    training: CoupledTraining, sdes: Sequence[CoupledSDE], x0: Sequence[float], rates: np.ndarray, lr: float,
    pairs: int, seed: Sequence[int],
) -> list[MeanDifference]:  # fmt: skip
    """Mean differences of several SDEs from one training.

    Parameters
    ----------
    training, sdes
        What to run; state variables of an SDE must lead the state of the training.
    x0
        Start of the parameters.
    rates, lr
        Rate of each iteration, and the duration of one.
    pairs
        Antithetic pairs of trajectories.
    seed
        Of numpy's generator.
    """
    generator, steps = np.random.default_rng(list(seed)), len(rates)
    half = generator.standard_normal((steps, len(training.slots), pairs))
    normals = _antithetic(half)
    ended = training.run(x0, rates, normals)
    found = []
    for sde in sdes:
        own = generator.standard_normal((steps, sde.own, pairs))
        followed = sde.run(x0, lr, normals, _antithetic(own))
        found.append(_difference(followed, ended[: len(followed)], control_variates(half[:, sde.shared], own)))
    return found


def quiet_difference(
    training: CoupledTraining, sdes: Sequence[CoupledSDE], x0: Sequence[float], rates: np.ndarray, lr: float
) -> np.ndarray:
    """Errors ``(SDEs, m)`` of all first and second moments for infinite batches, which have no noise and no bias."""
    ended = training.run(x0, rates, None)
    found = []
    for sde in sdes:
        followed = sde.at_batch_size(inf).run(
            x0, lr, *(np.zeros((len(rates), n, 1)) for n in (len(training.slots), sde.own))
        )
        found.append((moments(followed) - moments(ended[: len(followed)]))[:, 0])
    return np.array(found)


def control_variates(shared: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Even functions ``(controls, pairs)`` of the normals ``(steps, ., pairs)``, each of mean exactly 0.

    Sums over time of the products of two normals of one step, weighted by Legendre polynomials in time; products of two
    such sums of single normals. As many as the number of pairs allows are taken, in the order in which they matter: an
    error of second order is driven by the squares of the noise of each step, at a rate that varies slowly along the
    path; the moments of an SDE with wrong noise, by products of the noise at any two times.
    """
    steps, count, pairs = shared.shape
    normals = np.concatenate([shared, own], axis=1)
    places = list(zip(*np.triu_indices(normals.shape[1]), strict=True))
    between_shared, others = [p for p in places if p[1] < count], [p for p in places if p[1] >= count]
    weights = legendre.legvander((2 * np.arange(steps) + 1) / steps - 1, DEGREE).T
    sums = np.einsum("dk,kin->din", weights[: SUMS_DEGREE + 1], normals)

    def sum_of_products(degree: int, i: int, j: int) -> np.ndarray:
        weight = weights[degree]
        return np.einsum("k,kn,kn->n", weight, normals[:, i], normals[:, j]) - (i == j) * weight.sum()

    def product_of_sums(a: int, b: int, i: int, j: int) -> np.ndarray:
        return sums[a, i] * sums[b, j] - (i == j) * weights[a] @ weights[b]

    def functions() -> Iterator[np.ndarray]:
        for chosen in (between_shared, others):
            for degree in range(DEGREE + 1):
                yield from (sum_of_products(degree, i, j) for i, j in chosen)
                if degree == SUMS_AFTER:
                    yield from (product_of_sums(0, 0, i, j) for i, j in chosen)
        for a, b in sorted(product(range(SUMS_DEGREE + 1), repeat=2), key=sum)[1:]:
            # with one column both orders are the same
            yield from (product_of_sums(a, b, i, j) for i, j in places if i < j or a <= b)

    return np.array(list(islice(functions(), pairs // PAIRS_A_CONTROL))).reshape(-1, pairs)


def _antithetic(half: np.ndarray) -> np.ndarray:
    return np.concatenate([half, -half], axis=2)


def _difference(sde: np.ndarray, training: np.ndarray, controls: np.ndarray) -> MeanDifference:
    first, second = moments(sde), moments(training)
    difference = first - second
    pairs = difference.shape[1] // 2
    each = controlled((difference[:, :pairs] + difference[:, pairs:]) / 2, controls)
    covariance = np.atleast_2d(np.cov(each)) / pairs
    apart = (first.var(axis=1) + second.var(axis=1)) / (2 * pairs)
    with np.errstate(divide="ignore", invalid="ignore"):
        reduction = apart / np.diag(covariance)
    return MeanDifference(each.mean(axis=1), covariance, reduction)


def moments(x: np.ndarray) -> np.ndarray:
    """All states and their products of two, ``(m, n)``, of states ``(D, n)``."""
    i, j = np.triu_indices(len(x))
    return np.concatenate([x, x[i] * x[j]])


def controlled(values: np.ndarray, controls: np.ndarray) -> np.ndarray:
    """Values ``(m, n)`` minus what the controls ``(c, n)`` predict, each half by the regression on the other."""
    pairs = values.shape[1]
    halves = np.arange(pairs) < pairs // 2
    rest = values.copy()
    for fitted in (halves, ~halves):
        design = np.vstack([np.ones(fitted.sum()), controls[:, fitted]]).T
        slopes = np.linalg.lstsq(design, values[:, fitted].T, rcond=None)[0][1:]
        rest[:, ~fitted] -= slopes.T @ controls[:, ~fitted]
    return rest
