"""Multilevel Monte Carlo: an expectation of an SDE, to a stated error, for fewer steps than from one step size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import inf, isfinite, sqrt
from typing import Any

import numpy as np

from gan_sde.simulation.levels import DEEPEST, Level, Sampler
from gan_sde.simulation.plan import Plan
from gan_sde.simulation.results import BLOCK
from gan_sde.simulation.simulate import plan_of
from gan_sde.symbolic.integrators import WEAK_ORDER
from gan_sde.symbolic.sde import SDE
from gan_sde.symbolic.validation import check_integer, check_positive, shown

_PILOT = BLOCK
"""Samples from which a variance is first estimated."""
_SCHEMES = ("euler", "weak2")
_FEWEST_LEVELS = 3
_MOST_ROUNDS = 10


@dataclass(frozen=True, eq=False)
class MultilevelEstimate:
    """Expectations at the end of an SDE, with both their errors.

    Attributes
    ----------
    observables
        Names of the p observables.
    value
        ``(p,)``.
    se
        Standard errors from sampling, ``(p,)``.
    bias
        Estimated size of the integrator's bias at the finest level, ``(p,)``.
    tolerance
        What ``error`` was to be at most, ``(p,)``; infinite where a budget was given.
    levels
        From the coarsest to the finest.
    cost
        Integrator steps of everything, the search for the coarsest level included.
    reached
        Whether ``error`` is within the tolerance, or ``cost`` within the budget, which pilots alone may exceed.
    """

    observables: tuple[str, ...]
    value: np.ndarray
    se: np.ndarray
    bias: np.ndarray
    tolerance: np.ndarray
    levels: tuple[Level, ...]
    cost: float
    reached: bool

    @property
    def error(self) -> np.ndarray:
        """Root-mean-square error: standard error and bias together, ``(p,)``."""
        return np.sqrt(self.se**2 + self.bias**2)

    @property
    def plain_cost(self) -> np.ndarray:
        """Integrator steps of plain Monte Carlo at the finest step size for the same standard errors, ``(p,)``."""
        finest = self.levels[-1]
        return finest.fine_variance / self.se**2 * finest.steps

    def __str__(self) -> str:
        rows = [
            f"{name} = {value:.6g} ± {se:.2g} (sampling) ± {bias:.2g} (bias)"
            for name, value, se, bias in zip(self.observables, self.value, self.se, self.bias, strict=True)
        ]
        return "\n".join([*rows, *(f"{x.steps} steps: {x.samples} samples of {x.cost:g} steps" for x in self.levels)])


def multilevel(
    process: SDE,
    *,
    lr: float | Mapping[str, float],
    steps: int,
    observe: Mapping[str, Any] | None = None,
    tolerance: float | Mapping[str, float] | None = None,
    budget: float | None = None,
    x0: Any = None,
    batch_size: int = 1,
    seed: int = 0,
    integrator: str = "euler",
    coarsest: int | None = None,
    backend: str = "auto",
) -> MultilevelEstimate:
    """Estimate ``E f(X_T)`` of an SDE at ``T = lr steps`` by multilevel Monte Carlo.

    Parameters
    ----------
    process
        ``training.sde(order)``; the game must have no free constants.
    lr
        Learning rate, constant: a number or ``{player: number}``.
    steps
        Iterations: the SDE runs for the time ``lr steps``.
    observe
        ``{name: expression}`` in the parameters; default their first and second moments.
    tolerance
        Root-mean-square error aimed at, sampling and bias together: one number or ``{name: number}``.
    budget
        Instead of a tolerance: how many integrator steps to spend (one step of one path is 1). The search for the
        coarsest level and the first samples of every level take up to some ``10^4 steps`` of them.
    x0, batch_size, seed
        As in `simulate`; one start for all, and a finite batch size.
    backend
        ``"auto"``, ``"cpu"`` or ``"reference"``.
    integrator
        ``"euler"`` or ``"weak2"``. Both estimate the same expectation, of the SDE and not of its discretisation.
    coarsest
        Steps of the coarsest level, over the whole time; default: the power of two at which pilots are cheapest.

    Returns
    -------
    MultilevelEstimate

    Raises
    ------
    ValueError
        On any argument that is not as described; if paths diverge at every step size that is tried.

    Notes
    -----
    Levels of n, 2n, 4n, ... steps; ``E f(finest) = E f(coarsest) + sum E [f(fine) - f(coarse)]``, with fine and coarse
    path from one Brownian motion (`gan_sde.symbolic.integrators.paired`). Sample numbers in proportion to
    ``sqrt(variance / cost)`` (Giles, Operations Research 56, 2008); half of the squared tolerance goes to the sampling
    error, half to the bias. The bias is taken from the last two levels, on which the means fall like
    ``2^(-weak order)``; levels are added until it is small enough. With Euler's scheme the cost for an error e is
    ``e^-2 log(e)^2`` instead of ``e^-3``, ``e^-2`` for additive noise. Where the step is small beside what limits it
    anyway, or the tolerance loose, one level is all that is needed and nothing is gained. Diverged pairs are left out
    and counted in `Level.diverged`; the estimate is then conditional on their absence.

    Examples
    --------
    >>> import gan_sde as gs
    >>> game = gs.games.get("quadratic").with_defaults()
    >>> sde = gs.Training(game, gs.algorithms.get("sgda")).sde()
    >>> found = multilevel(sde, lr=0.1, steps=10, batch_size=4, observe={"energy": "theta**2"}, tolerance=0.01)
    >>> bool(found.error[0] <= 0.01)
    True
    """
    plan = _plan(process, lr, steps, observe, x0, batch_size, seed, integrator, backend)
    limits = _limits(tuple(plan.observation.observables), tolerance, budget)
    if coarsest is not None:
        check_integer("coarsest", coarsest, 1, 2**DEEPEST)
    hierarchy = _Hierarchy.found(plan, coarsest, limits)
    if budget is None:
        reached = hierarchy.reach(limits)
    else:
        hierarchy.spend(float(budget))
        reached = hierarchy.cost <= budget
    return hierarchy.estimate(limits, reached)


class _Hierarchy:
    """Levels that are being sampled: single paths first, then pairs."""

    def __init__(self, plan: Plan, samplers: list[Sampler], unused: float = 0.0) -> None:
        self.plan, self.samplers, self.unused = plan, samplers, unused
        self.order = WEAK_ORDER[plan.integrator]

    @classmethod
    def found(cls, plan: Plan, coarsest: int | None, limits: np.ndarray) -> _Hierarchy:
        """Three levels with pilots, from the given coarsest or from the one that pilots find cheapest."""
        unused, start, unit = 0.0, 0, coarsest or 1
        if coarsest is None:
            start, unused = _search(plan, limits)
        first = Sampler(plan, start, unit << start, pairs=False)
        hierarchy = cls(plan, [first], unused)
        first.grow(_PILOT)
        for _ in range(_FEWEST_LEVELS - 1):
            hierarchy.refine()
        return hierarchy

    def refine(self) -> None:
        """Add a level, with a pilot."""
        last = self.samplers[-1]
        self.samplers.append(Sampler(self.plan, last.number + 1, 2 * last.steps, pairs=True))
        self.samplers[-1].grow(_PILOT)

    def reach(self, limits: np.ndarray) -> bool:
        """Sample and refine until sampling error and bias are within ``limits / sqrt(2)``; False if they never are."""
        while True:
            for _ in range(_MOST_ROUNDS):  # variances improve as samples come in
                grown = [s.grow(number) for s, number in zip(self.samplers, self._numbers(limits), strict=True)]
                if not any(grown):
                    break
            levels = self._levels()
            se, bias = _standard_error(levels), self._bias(levels)
            if (bias <= limits / sqrt(2)).all():
                return bool((np.hypot(se, bias) <= limits).all())
            if self.samplers[-1].number >= DEEPEST:
                return False
            self.refine()

    def spend(self, budget: float) -> None:
        """Sample for so many steps, at as many levels as make the predicted error smallest."""
        while True:
            levels = self._levels()
            scale = np.maximum(levels[-1].fine_variance, np.finfo(float).tiny)
            share = _shares(levels, scale)
            variance = sum(share * [x.cost for x in levels]) ** 2 / budget
            bias = np.max(self._bias(levels) ** 2 / scale)
            # another level costs a pilot, and takes a factor 4^order off the squared bias
            pilot = 3.0 * levels[-1].steps * _PILOT
            if bias <= variance or self.cost + 2 * pilot > budget or self.samplers[-1].number >= DEEPEST:
                break
            self.refine()
        self._share_out(budget - self.unused, share)

    def _share_out(self, budget: float, share: np.ndarray) -> None:
        """Sample in proportion to ``share``; what pilots have beyond that is paid first."""
        cost = np.array([sampler.cost for sampler in self.samplers])
        free = np.ones(len(cost), dtype=bool)
        while free.any():
            left = budget - _PILOT * cost[~free].sum()
            numbers = max(left, 0.0) * share / (share * cost)[free].sum()
            short = free & ~(numbers >= _PILOT)
            if not short.any():
                break
            free &= ~short
        for sampler, number, more in zip(self.samplers, numbers, free, strict=True):
            if more:
                sampler.grow(BLOCK * np.floor(number / BLOCK))

    def estimate(self, limits: np.ndarray, reached: bool) -> MultilevelEstimate:
        """What the samples say."""
        levels = self._levels()
        return MultilevelEstimate(
            observables=tuple(self.plan.observation.observables),
            value=np.sum([level.mean for level in levels], axis=0),
            se=_standard_error(levels),
            bias=self._bias(levels),
            tolerance=limits,
            levels=tuple(levels),
            cost=self.cost,
            reached=reached,
        )

    @property
    def cost(self) -> float:
        """Integrator steps so far."""
        return self.unused + sum(sampler.samples * sampler.cost for sampler in self.samplers)

    def _levels(self) -> list[Level]:
        return [sampler.level() for sampler in self.samplers]

    def _numbers(self, limits: np.ndarray) -> np.ndarray:
        """Samples a level for a standard error of ``limits / sqrt(2)``, the most that any observable asks for."""
        levels = self._levels()
        variance, cost = np.array([x.variance for x in levels]), np.array([[x.cost] for x in levels])
        total = np.sqrt(variance * cost).sum(axis=0)
        return np.max(2 / limits**2 * np.sqrt(variance / cost) * total, axis=1)

    def _bias(self, levels: Sequence[Level]) -> np.ndarray:
        """``E f - E f(finest)`` from the last two corrections, extrapolated at the weak order."""
        factor = 2.0**self.order
        return np.maximum(np.abs(levels[-1].mean), np.abs(levels[-2].mean) / factor) / (factor - 1)


def _standard_error(levels: Sequence[Level]) -> np.ndarray:
    return np.sqrt(np.sum([level.variance / level.samples for level in levels], axis=0))


def _shares(levels: Sequence[Level], scale: np.ndarray) -> np.ndarray:
    """Sample numbers up to a factor; of the observables, in units of their own variance, the neediest decides."""
    return np.array([np.sqrt(np.max(level.variance / scale) / level.cost) for level in levels])


def _search(plan: Plan, limits: np.ndarray) -> tuple[int, float]:
    """Level at which to start, and what the search cost."""
    deepest = max(_FEWEST_LEVELS, int(np.ceil(np.log2(len(plan.rates)))))
    pilots = [Sampler(plan, k, 1 << k, pairs=True) for k in range(1, deepest + 1)]
    for pilot in pilots:
        pilot.grow(_PILOT)
    levels = [pilot.level() for pilot in pilots]
    cost = sum(_PILOT * level.cost for level in levels)
    scale = limits**2 if np.isfinite(limits).all() else levels[-1].fine_variance
    scale = np.maximum(scale, np.finfo(float).tiny)
    prices = []
    for k in range(deepest - 1):
        after = levels[k:]
        if any(level.diverged for level in after):
            prices.append(inf)
            continue
        first = np.sqrt(after[0].coarse_variance * after[0].steps / 2)
        rest = np.sum([np.sqrt(level.variance * level.cost) for level in after], axis=0)
        prices.append(float(np.max((first + rest) ** 2 / scale)))
    if not isfinite(min(prices)):
        raise ValueError(f"steps: expected a time over which paths stay finite, got divergence at {1 << deepest} steps")
    return int(np.argmin(prices)), cost


def _plan(
    process: Any, lr: Any, steps: Any, observe: Any, x0: Any, batch_size: Any, seed: Any, integrator: Any, backend: Any
) -> Plan:
    """The arguments as `simulate` checks them, and what multilevel Monte Carlo asks for beyond that."""
    if not isinstance(process, SDE):
        raise ValueError(f"process: expected an SDE, such as training.sde(), got {shown(process)}")
    if integrator not in _SCHEMES:
        raise ValueError(f"integrator: expected {' or '.join(map(repr, _SCHEMES))}, got {integrator!r}")
    if backend not in ("auto", "cpu", "reference"):
        raise ValueError(f"backend: expected 'auto', 'cpu' or 'reference', got {backend!r}")
    if observe is None:
        pairs = [(s, t) for s, t in combinations_with_replacement(process.game.parameters, 2)]
        observe = {s.name: s for s in process.game.parameters} | {f"{s}*{t}": s * t for s, t in pairs}
    plan = plan_of(
        process, x0=x0, lr=lr, steps=steps, trajectories=1, batch_size=batch_size, seed=seed, observe=observe,
        integrator=integrator, backend="cpu" if backend == "auto" else backend, record=("final",),
    )  # fmt: skip
    if plan.batch_size == inf:
        raise ValueError("batch_size: expected a finite number, got inf, for which there is nothing to sample")
    if plan.multiples is not None or len(np.unique(plan.rates)) != 1:
        raise ValueError("lr: expected a constant rate, got a schedule")
    if not plan.observation.observables:
        raise ValueError("observe: expected at least one expression, got none")
    return plan


def _limits(names: Sequence[str], tolerance: Any, budget: Any) -> np.ndarray:
    """Tolerances ``(p,)``, infinite where a budget was given."""
    if (tolerance is None) == (budget is None):
        raise ValueError(f"tolerance: expected either a tolerance or a budget, got {tolerance!r} and {budget!r}")
    if budget is not None:
        check_positive("budget", budget)
        return np.full(len(names), inf)
    if not isinstance(tolerance, Mapping):
        check_positive("tolerance", tolerance)
        return np.full(len(names), float(tolerance))
    if set(tolerance) != set(names):
        raise ValueError(f"tolerance: expected one for each of {', '.join(names)}; got {shown(dict(tolerance))}")
    for name, value in tolerance.items():
        check_positive(f"tolerance[{name}]", value)
    return np.array([float(tolerance[name]) for name in names])
