"""Following a map from every trial at once; those that have arrived leave the batch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from figures.papers.crossing_the_curl.map_comparison_following import (
    CLOSE,
    LOOK_AHEAD_STEP,
    MARK,
    SCALED_STEP,
    AbstractFollower,
    Carry,
    Euler,
    HeunEuler,
)
from figures.papers.crossing_the_curl.map_comparison_trials import (
    BatchedMap,
    Trials,
    batched_map,
    bounds,
    draw_trials,
    scales,
)

OFF = 1e8
"""Distance over the first one from which a trial has run off."""
BUDGET = 10_000


@dataclass(frozen=True, eq=False)
class Runs:
    """One map from every trial.

    Attributes
    ----------
    trials
        What was run.
    iterations
        Made by each trial, ``(trials,)``; the budget where it did not arrive.
    arrived
        Whether the distance fell to `CLOSE` of the first one.
    ends
        Last states, ``(trials, N^2 + 3 N)``; anything, also not finite, where the map ran off.
    times
        Sum of the steps.
    halfway
        States after half the budget; the last one where the trial had ended by then.
    mark_states, mark_times, mark_iterations
        State, time and iteration where the distance had first fallen to `MARK`; NaN, NaN, -1 if it never did.
    budget
        Most iterations.
    """

    trials: Trials
    iterations: np.ndarray
    arrived: np.ndarray
    ends: np.ndarray
    times: np.ndarray
    halfway: np.ndarray
    mark_states: np.ndarray
    mark_times: np.ndarray
    mark_iterations: np.ndarray
    budget: int

    @cached_property
    def ratio(self) -> np.ndarray:
        """Last distance over the first."""
        with np.errstate(over="ignore", invalid="ignore"):
            return distances(self.trials, self.ends) / distances(self.trials, self.trials.starts)

    @cached_property
    def field_ratio(self) -> np.ndarray:
        """``|F|`` at the end over ``|F|`` at the start."""
        field = batched_map("F", self.trials)
        with np.errstate(over="ignore", invalid="ignore"):
            return np.linalg.norm(field(self.ends), axis=1) / np.linalg.norm(field(self.trials.starts), axis=1)

    @cached_property
    def divergence(self) -> np.ndarray:
        """Kullback-Leibler divergence of the generated law from that of the data at the end, in nats."""
        with np.errstate(over="ignore", invalid="ignore"):
            return normal_divergence(self.ends, self.trials)


def distances(trials: Trials, states: np.ndarray) -> np.ndarray:
    """Euclidean distances to the equilibria, ``(trials,)``."""
    return np.linalg.norm(states - trials.equilibria, axis=1)


def normal_divergence(states: np.ndarray, trials: Trials) -> np.ndarray:
    """``KL(N(b, A A^T) || N(0, L L^T))`` in nats: ``(|L^-1 A|^2 + |L^-1 b|^2 - N) / 2 - log det L^-1 A``."""
    n = trials.n
    generated = np.concatenate([scales(states, n), states[:, -n:, None]], axis=2)
    relative = np.linalg.solve(trials.factors, generated)
    diagonal = np.einsum("tii->ti", relative[:, :, :n])
    return ((relative**2).sum(axis=(1, 2)) - n) / 2 - np.log(diagonal).sum(axis=1)


def follow(map_: BatchedMap, trials: Trials, method: AbstractFollower, budget: int = BUDGET) -> Runs:
    """Follow a map from the starts of all trials until each has arrived, run off or spent the budget."""
    low, high = bounds(trials.n)
    record = _Record(trials, budget)
    here, goal, first = np.arange(len(trials.starts)), trials.equilibria, distances(trials, trials.starts)
    with np.errstate(over="ignore", invalid="ignore"):
        carry = method.start(map_, trials.starts)
        for k in range(1, budget + 1):
            carry = method.advance(map_, carry, low, high)
            offset = carry[0] - goal
            ratio = np.sqrt(np.einsum("td,td->t", offset, offset)) / first
            record.see(k, here, carry, ratio)
            going = (ratio > CLOSE) & (ratio < OFF)
            if not going.all() or k == budget:
                record.end(k, here, carry, ratio, np.full(len(here), True) if k == budget else ~going)
                if not going.any():
                    break
                here, goal, first = here[going], goal[going], first[going]
                carry, map_ = tuple(part[going] for part in carry), map_.of(going)
    return record.runs()


class _Record:
    """What becomes of each trial, filled in as they go."""

    def __init__(self, trials: Trials, budget: int) -> None:
        count, d = trials.starts.shape
        self._trials, self._budget = trials, budget
        self._iterations, self._arrived = np.full(count, budget), np.zeros(count, dtype=bool)
        self._ends, self._halfway, self._times = trials.starts.copy(), np.full((count, d), np.nan), np.zeros(count)
        self._marks, self._mark_times = np.full((count, d), np.nan), np.full(count, np.nan)
        self._mark_iterations = np.full(count, -1)

    def see(self, k: int, here: np.ndarray, carry: Carry, ratio: np.ndarray) -> None:
        if k == self._budget // 2:
            self._halfway[here] = carry[0]
        near = ratio <= MARK
        if near.any():
            near &= self._mark_iterations[here] < 0
            at = here[near]
            self._marks[at], self._mark_times[at], self._mark_iterations[at] = carry[0][near], carry[1][near], k

    def end(self, k: int, here: np.ndarray, carry: Carry, ratio: np.ndarray, ended: np.ndarray) -> None:
        at = here[ended]
        self._arrived[at] = ratio[ended] <= CLOSE
        self._iterations[at] = np.where(self._arrived[at], k, self._budget)
        self._ends[at], self._times[at] = carry[0][ended], carry[1][ended]
        if k <= self._budget // 2:
            self._halfway[at] = self._ends[at]

    def runs(self) -> Runs:
        return Runs(
            self._trials, self._iterations, self._arrived, self._ends, self._times, self._halfway, self._marks,
            self._mark_times, self._mark_iterations, self._budget,
        )  # fmt: skip


# -------------------------------------------------------------------- the experiment


MAP_NAMES = ("F_cc", "F_eg", "F_reg", "F_con", "F", "EG")
SCALED = ("F_cc", "F_eg")
"""Maps whose (w2, a) components are also divided by ``2 a^2``, in one dimension."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """All runs.

    Attributes
    ----------
    trials
        By dimension N.
    runs
        By dimension and map.
    scaled
        Scaled maps in one dimension, by map.
    """

    trials: dict[int, Trials]
    runs: dict[int, dict[str, Runs]]
    scaled: dict[str, Runs]

    @property
    def dimensions(self) -> tuple[int, ...]:
        """The dimensions N, rising."""
        return tuple(self.trials)

    def of(self, name: str) -> list[Runs]:
        """Runs of one map, by dimension."""
        return [self.runs[n][name] for n in self.trials]


def compare(dimensions: tuple[int, ...], laws: int, starts: int, seed: int, budget: int = BUDGET) -> Comparison:
    """Draw trials for every dimension and follow every map; the first dimension is 1."""
    trials = {n: draw_trials(n, laws, starts, seed) for n in dimensions}
    runs = {n: {name: follow_named(name, drawn, budget) for name in MAP_NAMES} for n, drawn in trials.items()}
    slow = Euler(SCALED_STEP)
    scaled = {name: follow(batched_map(name, trials[1], scaled=True), trials[1], slow, budget) for name in SCALED}
    return Comparison(trials, runs, scaled)


def follow_named(name: str, trials: Trials, budget: int = BUDGET) -> Runs:
    """Follow a map the way of the experiments: EG with its fixed step, the others with step control."""
    if name == "EG":
        return follow(batched_map("F", trials), trials, Euler(LOOK_AHEAD_STEP, look_ahead=True), budget)
    return follow(batched_map(name, trials), trials, HeunEuler(), budget)
