"""One replicate: the stages in turn on one state (b, A), each reduced to a compiled recursion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gan_sde.staged import kernel
from gan_sde.staged.law import AbstractLaw, ExactLaw
from gan_sde.staged.plan import Stage, StageKind, Variant
from gan_sde.staged.rules import StepRule, derive_rule

NO_COLUMNS = np.zeros((0, 0))


@dataclass(frozen=True, eq=False)
class Setting:
    """What all replicates share.

    Attributes
    ----------
    law
        Of the data.
    stages
        In order.
    variant
        Which map.
    rules
        Step rules given by hand; the others are derived.
    bounds
        ``(a_min, a_max)`` of the diagonal.
    start
        Diagonal of A before it is learned; b and the off-diagonals start at 0.
    seed
        Key of the random numbers.
    checkpoints
        Iteration numbers kept inside each stage.
    """

    law: AbstractLaw
    stages: tuple[Stage, ...]
    variant: Variant
    rules: Mapping[StageKind, StepRule]
    bounds: tuple[float, float]
    start: float
    seed: int
    checkpoints: tuple[np.ndarray, ...]

    @property
    def key(self) -> tuple[np.uint64, np.uint64]:
        """Philox key."""
        return np.uint64(self.seed & 0xFFFFFFFF), np.uint64(self.seed >> 32)

    def rule(self, kind: StageKind, stage: Stage | None = None, singular: np.ndarray | None = None) -> StepRule:
        """Step rule of a stage."""
        if kind in self.rules:
            return self.rules[kind]
        ratio = 0.0 if stage is None else stage.size / stage.batch
        return derive_rule(kind, self.variant, self.bounds, np.zeros(0) if singular is None else singular, ratio)


@dataclass(frozen=True, eq=False)
class StageOutcome:
    """What a stage left: the values at its checkpoints, its end and its own target, and the weight of W or w1.

    Attributes
    ----------
    values
        ``(checkpoints, size)``.
    final, target
        ``(size,)``; the target is the solution of the stage's map given what earlier stages left.
    discriminator
        |w_K| / |w_0| of the stage's slowest discriminator entry: it decays without noise, see `Replicate`.
    """

    values: np.ndarray
    final: np.ndarray
    target: np.ndarray
    discriminator: float


class Replicate:
    """State (b, A) of one replicate and the stages that act on it.

    The discriminator block of every map here is linear in the discriminator alone (``M M^T phi``, or phi once
    scaled), and M depends on what earlier stages learned and, for the diagonal, on A_ii only: with the generator's
    moments exact it decays without noise and never acts back on (b, A). So its decay is computed, not simulated with
    the samples.
    """

    def __init__(self, setting: Setting, number: int) -> None:
        law = setting.law
        self._setting, self._law = setting, law
        self._number = -1 if isinstance(law, ExactLaw) else number
        self.shift = np.zeros(law.dim)
        self.scale = setting.start * np.eye(law.dim)

    def run(self) -> list[StageOutcome]:
        """Run all stages in order."""
        acts = {
            StageKind.MEAN: self._mean,
            StageKind.OFF_DIAGONALS: self._off_diagonals,
            StageKind.DIAGONAL: self._diagonal,
            StageKind.COLUMN: self._column,
            StageKind.ROW: self._row,
            StageKind.JOINT: self._joint,
        }
        setting = self._setting
        return [acts[s.kind](s, points) for s, points in zip(setting.stages, setting.checkpoints, strict=True)]

    @property
    def _centre(self) -> np.ndarray:
        """Mean of ``y - b`` as the learner sees it."""
        return self._law.latent_mean - self.shift

    @property
    def _second(self) -> np.ndarray:
        """E[(y - b)(y - b)^T], what the stages' targets are made of."""
        gap = self._law.mean - self.shift
        return self._law.covariance + np.outer(gap, gap)

    def _where(self, stage: Stage, rule: StepRule) -> tuple:
        return (
            rule.numbers, rule.average, stage.batch, stage.iterations, self._law.table, self._number, stage.first,
            *self._setting.key,
        )  # fmt: skip

    def _average(
        self, stage: Stage, points: np.ndarray, gain: float, weights: np.ndarray, shift: float, rule: StepRule
    ) -> np.ndarray:
        """Weighted averages of ``(zeta s, s, start)`` at the checkpoints and at the end, ``(points + 1, n + 2)``."""
        n = len(weights)
        state, saved = np.zeros(n + 2), np.zeros((len(points), n + 2))
        state[-1] = 1.0
        kernel.linear_stage(
            state, saved, points, np.full(n + 2, gain), NO_COLUMNS, np.zeros(0), weights, shift,
            *self._where(stage, rule),
        )  # fmt: skip
        return np.vstack([saved, state])

    def _mean(self, stage: Stage, points: np.ndarray) -> StageOutcome:
        law, rule = self._law, self._setting.rule(StageKind.MEAN)
        average = self._average(stage, points, 1.0, np.zeros(law.dim), 1.0, rule)
        values = average[:, :-2] @ law.latent_factor.T + np.outer(average[:, -2], law.latent_mean)
        values += np.outer(average[:, -1], self.shift)
        self.shift = values[-1].copy()
        return StageOutcome(values[:-1], values[-1], law.mean, abs(average[-1, -1]))

    def _off_diagonals(self, stage: Stage, points: np.ndarray) -> StageOutcome:
        i = stage.index
        known = self.scale[:i, :i]
        target = kernel.solve_lower(known, self._second[:i, i : i + 1])[:, 0]
        if self._setting.variant is Variant.PLAIN:
            values, weight = self._plain_row(stage, points)
        else:
            values, weight = self._scaled_row(stage, points)
        self.scale[i, :i] = values[-1]
        return StageOutcome(values[:-1], values[-1], target, weight)

    def _scaled_row(self, stage: Stage, points: np.ndarray) -> tuple[np.ndarray, float]:
        i, law, centre = stage.index, self._law, self._centre
        rule = self._setting.rule(StageKind.OFF_DIAGONALS)
        average = self._average(stage, points, 1.0, law.latent_factor[i, : i + 1].copy(), centre[i], rule)
        products = average[:, :-2] @ law.latent_factor[:i, : i + 1].T + np.outer(average[:, -2], centre[:i])
        values = kernel.solve_lower(self.scale[:i, :i], products.T).T
        return values + np.outer(average[:, -1], self.scale[i, :i]), abs(average[-1, -1])

    def _plain_row(self, stage: Stage, points: np.ndarray) -> tuple[np.ndarray, float]:
        # With L = U D V^T the plain map 4 L^T (L a - c) is 4 D^2 (V^T a - D^-1 U^T c) in the coordinates V^T a.
        i, law, centre = stage.index, self._law, self._centre
        left, singular, right = np.linalg.svd(self.scale[:i, :i])
        rule = self._setting.rule(StageKind.OFF_DIAGONALS, stage, singular)
        transform = left.T / singular[:, None]
        state, saved = right @ self.scale[i, :i], np.zeros((len(points), i))
        gains = 4.0 * singular**2
        kernel.linear_stage(
            state, saved, points, gains, np.ascontiguousarray((transform @ law.latent_factor[:i, : i + 1]).T),
            transform @ centre[:i], law.latent_factor[i, : i + 1].copy(), centre[i], *self._where(stage, rule),
        )  # fmt: skip
        return np.vstack([saved, state]) @ right, kernel.decay(gains, rule.numbers, stage.iterations)

    def _column(self, stage: Stage, points: np.ndarray) -> StageOutcome:
        j, law, centre = stage.index, self._law, self._centre
        pivot, n = self.scale[j, j], law.dim
        plain = self._setting.variant is Variant.PLAIN
        rule = self._setting.rule(StageKind.COLUMN, stage, np.array([pivot]))
        weights = np.zeros(n)
        weights[: j + 1] = law.latent_factor[j, : j + 1]
        average = self._average(stage, points, 4.0 * pivot**2 if plain else 1.0, weights, centre[j], rule)
        products = average[:, :-2] @ law.latent_factor[j + 1 :].T + np.outer(average[:, -2], centre[j + 1 :])
        known = self.scale[j + 1 :, :j] @ self.scale[j, :j]
        values = (products - np.outer(1 - average[:, -1], known)) / pivot
        values += np.outer(average[:, -1], self.scale[j + 1 :, j])
        target = (self._second[j + 1 :, j] - known) / pivot
        self.scale[j + 1 :, j] = values[-1]
        return StageOutcome(values[:-1], values[-1], target, abs(average[-1, -1]))

    def _diagonal(self, stage: Stage, points: np.ndarray) -> StageOutcome:
        i, law, low_high = stage.index, self._law, np.array(self._setting.bounds)
        rule = self._setting.rule(StageKind.DIAGONAL)
        known = float(self.scale[i, :i] @ self.scale[i, :i])
        state, saved = np.array([self.scale[i, i], 1.0]), np.zeros((len(points), 1))
        kernel.diagonal_stage(
            state, saved, points, self._setting.variant is Variant.SCALED, known, low_high,
            law.latent_factor[i, : i + 1].copy(), self._centre[i], *self._where(stage, rule),
        )  # fmt: skip
        self.scale[i, i] = state[0]
        return StageOutcome(saved, state[:1], self._diagonal_target(i, known), abs(state[1]))

    def _diagonal_target(self, i: int, known: float) -> np.ndarray:
        return np.clip(np.sqrt([max(self._second[i, i] - known, 0.0)]), *self._setting.bounds)

    def _row(self, stage: Stage, points: np.ndarray) -> StageOutcome:
        i, law, centre = stage.index, self._law, self._centre
        residual = self._setting.variant is Variant.RESIDUAL_ROWS
        rule = self._setting.rule(StageKind.ROW, stage)
        inverse = kernel.solve_lower(self.scale[:i, :i], np.eye(i))
        matrix = np.ascontiguousarray((inverse @ law.latent_factor[:i, : i + 1]).T)
        state, saved = self.scale[i, : i + 1].copy(), np.zeros((len(points), i + 1))
        kernel.row_stage(
            state, saved, points, residual, np.array(self._setting.bounds), matrix, inverse @ centre[:i],
            law.latent_factor[i, : i + 1].copy(), centre[i], *self._where(stage, rule),
        )  # fmt: skip
        self.scale[i, : i + 1] = state
        weight = kernel.decay(np.ones(1), rule.numbers, stage.iterations)
        return StageOutcome(saved, state, self._row_target(i, inverse, residual), weight)

    def _row_target(self, i: int, inverse: np.ndarray, residual: bool) -> np.ndarray:
        products = inverse @ self._second[:i, i]
        if residual and i:
            target = np.linalg.solve(inverse @ self._second[:i, :i] @ inverse.T, products)
        else:
            target = products
        return np.append(target, self._diagonal_target(i, float(products @ target)))

    def _joint(self, stage: Stage, points: np.ndarray) -> StageOutcome:
        law, rule = self._law, self._setting.rule(StageKind.JOINT)
        factor = law.latent_factor if not len(law.table) else NO_COLUMNS
        table = law.table
        offset = self.shift - law.latent_mean
        kernel.joint_stage(
            offset, self.scale, factor, np.array(self._setting.bounds), rule.numbers, stage.batch,
            stage.iterations, table, self._number, stage.first, *self._setting.key,
        )  # fmt: skip
        self.shift = offset + law.latent_mean
        lower = np.tril_indices(law.dim)
        final = np.concatenate([self.shift, self.scale[lower]])
        target = np.concatenate([law.mean, law.cholesky[lower]])
        weight = kernel.decay(np.ones(1), rule.numbers, stage.iterations)
        return StageOutcome(np.zeros((0, stage.size)), final, target, weight)
