"""Every sample in every stage: one pass over the samples instead of 2 N.

In the scaled variant all off-diagonal stages weigh the samples alike, and each is linear in the products of the
centred sample. So one pass that keeps the weighted averages of ``y``, ``y y^T`` and, for the diagonals, each
minibatch's means of y_i and y_i^2, gives exactly what 2 N passes would (to rounding; a test holds the two together).
"""

from __future__ import annotations

import numpy as np

from gan_sde.staged import kernel
from gan_sde.staged.plan import Stage, StageKind
from gan_sde.staged.replicate import NO_COLUMNS, Replicate, Setting, StageOutcome

LIMIT_BYTES = 2**31


def check_memory(dim: int, iterations: int) -> None:
    """Raise ValueError if the minibatches' means of one replicate need more than 2 GiB."""
    if 16 * dim * iterations > LIMIT_BYTES:
        limit = LIMIT_BYTES // (16 * dim)
        raise ValueError(
            f"minibatch: expected a size that leaves at most {limit} iterations with reuse='all', got {iterations}"
        )


class MomentReplicate(Replicate):
    """The scaled variant with ``reuse="all"``, rows or columns, from one pass."""

    def __init__(self, setting: Setting, number: int) -> None:
        super().__init__(setting, number)
        law, stage = setting.law, setting.stages[0]
        n = law.dim
        self._own_mean, self._linear_mean = np.zeros(n), np.zeros(n)
        self._products, self._left = np.zeros((n, n)), np.ones(2)
        self._means, self._squares = np.zeros((2, n, stage.iterations))
        kernel.moment_pass(
            self._own_mean, self._linear_mean, self._products, self._left, self._means, self._squares,
            NO_COLUMNS if len(law.table) else law.latent_factor, setting.rule(StageKind.MEAN).numbers,
            setting.rule(_linear_kind(setting)).numbers, stage.batch, law.table, self._number, *setting.key,
        )  # fmt: skip
        self._products += np.tril(self._products, -1).T

    @staticmethod
    def applies(setting: Setting) -> bool:
        """Whether no rule averages and no checkpoint asks for the path of a stage."""
        kinds = (StageKind.MEAN, _linear_kind(setting), StageKind.DIAGONAL)
        return not any(setting.rule(kind).average for kind in kinds) and not any(map(len, setting.checkpoints))

    def _mean(self, stage: Stage, points: np.ndarray) -> StageOutcome:
        law, left = self._law, self._left[0]
        self.shift = law.latent_mean * (1 - left) + self._own_mean + left * self.shift
        # From here on everything is relative to b: weighted averages of (y - b)(y - b)^T.
        gap, mean = self._centre, self._linear_mean
        self._centred = self._products + np.outer(mean, gap) + np.outer(gap, mean)
        self._centred += (1 - self._left[1]) * np.outer(gap, gap)
        return self._outcome(self.shift.copy(), law.mean, left)

    def _off_diagonals(self, stage: Stage, points: np.ndarray) -> StageOutcome:
        i, left = stage.index, self._left[1]
        known = self.scale[:i, :i]
        target = kernel.solve_lower(known, self._second[:i, i : i + 1])[:, 0]
        final = kernel.solve_lower(known, self._centred[:i, i : i + 1])[:, 0] + left * self.scale[i, :i]
        self.scale[i, :i] = final
        return self._outcome(final, target, left)

    def _column(self, stage: Stage, points: np.ndarray) -> StageOutcome:
        j, left = stage.index, self._left[1]
        pivot, known = self.scale[j, j], self.scale[j + 1 :, :j] @ self.scale[j, :j]
        target = (self._second[j + 1 :, j] - known) / pivot
        final = (self._centred[j + 1 :, j] - (1 - left) * known) / pivot + left * self.scale[j + 1 :, j]
        self.scale[j + 1 :, j] = final
        return self._outcome(final, target, left)

    def _diagonal(self, stage: Stage, points: np.ndarray) -> StageOutcome:
        i, gap = stage.index, self._centre[stage.index]
        known = float(self.scale[i, :i] @ self.scale[i, :i])
        rule = self._setting.rule(StageKind.DIAGONAL)
        seconds = self._squares[i] + 2 * gap * self._means[i] + gap**2
        state = np.array([self.scale[i, i], 1.0])
        kernel.diagonal_path(state, seconds, known, np.array(self._setting.bounds), rule.numbers)
        self.scale[i, i] = state[0]
        return self._outcome(state[:1], self._diagonal_target(i, known), abs(state[1]))

    @staticmethod
    def _outcome(final: np.ndarray, target: np.ndarray, weight: float) -> StageOutcome:
        return StageOutcome(np.zeros((0, len(final))), final, target, abs(float(weight)))


def _linear_kind(setting: Setting) -> StageKind:
    kinds = {stage.kind for stage in setting.stages}
    return StageKind.COLUMN if StageKind.COLUMN in kinds else StageKind.OFF_DIAGONALS
