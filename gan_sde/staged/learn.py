"""Staged learning of the N-dimensional LQ-GAN."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from math import inf

import numpy as np

from gan_sde.staged.law import AbstractLaw, ExactLaw, NormalLaw  # noqa: F401 (the example below uses the latter)
from gan_sde.staged.plan import Allocation, Order, Reuse, Stage, StageKind, Variant, plan_stages
from gan_sde.staged.replicate import Replicate, Setting, StageOutcome
from gan_sde.staged.result import StagedRun, StageProgress
from gan_sde.staged.reuse import MomentReplicate, check_memory
from gan_sde.staged.rules import StepRule
from gan_sde.symbolic.validation import check_choice, check_integer, check_positive

SAMPLE_LIMIT = 2**32


def learn_staged(
    law: AbstractLaw,
    *,
    samples: int,
    replicates: int,
    minibatch: float = 1,
    variant: str = "scaled",
    order: str = "rows",
    reuse: str = "none",
    allocation: str = "equal",
    joint_fraction: float = 0.0,
    rules: Mapping[str, StepRule] | None = None,
    bounds: tuple[float, float] = (0.1, 10.0),
    start: float = 1.0,
    checkpoints: int = 0,
    seed: int = 0,
    threads: int | None = None,
) -> StagedRun:
    """Learn mean and Cholesky factor stage by stage by stochastic Crossing-the-Curl steps.

    First the mean (w1, b), then A row by row, its off-diagonals and then its diagonal, each with the discriminator
    entries that it meets; all that earlier stages learned is frozen. Data enter by samples, the generator's moments
    are exact. Every stage runs ``x <- Proj(x - rho_k map(x))`` with the rules of `gan_sde.staged.rules`:

    ==================  ===============================================  ==========================================
    stage               plain (F_cc)                                     scaled
    ==================  ===============================================  ==========================================
    mean                ``b <- b - rho (b - y)``                         the same
    off-diagonals       ``a_< <- a_< - 4 rho L^T (L a_< - c)``           ``a_< <- a_< - rho (a_< - L^-1 c)``
    diagonal            ``a <- clip(a - 2 rho a (a^2 - t))``             ``a <- clip(a - rho (a - t/a))``
    ==================  ===============================================  ==========================================

    with ``c = y_< y_i``, ``t = y_i^2 - |a_<|^2`` of the centred sample, averaged over a minibatch.

    Parameters
    ----------
    law
        `NormalLaw` or `EmpiricalLaw`.
    samples
        K, the samples of one replicate, for all stages together; a stage has about K / (2 N) of them.
    replicates
        Independent runs R.
    minibatch
        Samples an iteration; ``math.inf``: the data's moments are exact, and ``samples`` counts iterations.
    variant
        ``"plain"``, ``"scaled"``, or, not of the paper, ``"gauss-newton-rows"`` and ``"residual-rows"``: off-diagonals
        and diagonal of a row in one stage, N + 1 stages in all. See `gan_sde.staged.plan.Variant`.
    order
        ``"rows"`` or ``"columns"``, see `gan_sde.staged.plan.Order`; whole rows know rows only.
    reuse
        ``"none"``: each sample serves one stage. ``"all"``: every stage passes over all K samples (they must be
        stored; here their counters are read again). Scaled, with the rules 1/k, the off-diagonals are then those of
        the Cholesky factor of the running sample covariance.
    allocation
        ``"equal"`` or ``"size"``, see `gan_sde.staged.plan.Allocation`.
    joint_fraction
        Share of the samples kept for a last stage that moves all of (b, A) by Gauss-Newton steps,
        ``A <- A - rho A Phi(I - x x^T)``, ``x = A^-1 (y - b)``, ``rho = 1 / (k + 10)``. Jointly this map is not
        quasimonotone, so it has no guarantee from afar; from what the stages leave it is a running average, each
        of its samples used for every parameter. Not of the paper.
    rules
        Step rules by kind of stage (``"mean"``, ``"off-diagonals"``, ``"diagonal"``, ``"column"``, ``"row"``,
        ``"joint"``) in place of the derived ones.
    bounds
        ``(a_min, a_max)``: projection of the diagonal of A; it must hold the diagonal of the Cholesky factor.
    start
        Diagonal of A before it is learned.
    checkpoints
        How many iterations of each stage, spaced logarithmically, to keep in ``progress``.
    seed
        0 to 2^64 - 1. Sample k of replicate r depends on (seed, r, k) alone.
    threads
        Default: one a core. The result does not depend on it.

    Returns
    -------
    StagedRun
        Where the scaled diagonals of an ill-conditioned law run into a_min, the rows after them may overflow: such a
        replicate holds infinities or NaN. Every stage estimates its own moments, and moments from different samples
        need not belong to any covariance; residual rows do not break down like this.

    Raises
    ------
    ValueError
        For an argument out of range.

    References
    ----------
    I. Gemp, S. Mahadevan, "Global Convergence to the Equilibrium of GANs using Variational Inequalities",
    arXiv:1808.01531 (2018): the order of the stages. The split of a row, scalings and step rules are this project's.

    Examples
    --------
    >>> run = learn_staged(NormalLaw([[1.0, 0.0], [0.5, 2.0]]), samples=40_000, replicates=4)
    >>> run.scale.shape, bool(np.sqrt(run.total_error.mean()) < 0.1)
    ((4, 2, 2), True)
    """
    chosen = _choices(variant, order, reuse, allocation)
    _check(law, samples, replicates, minibatch, bounds, start, checkpoints, seed, threads)
    given = _rules(rules)
    _check_joint(joint_fraction, chosen[2])
    if chosen[0].whole_rows and chosen[1] is Order.COLUMNS:
        raise ValueError(f"order: expected 'rows' with variant={variant!r}, got 'columns'")
    budget = samples
    if minibatch == inf:
        law = ExactLaw(law)
        minibatch = len(law.table)
        budget = samples * minibatch
    stages = plan_stages(
        law.dim, budget, minibatch=int(minibatch), variant=chosen[0], order=chosen[1], reuse=chosen[2],
        allocation=chosen[3], joint_fraction=joint_fraction,
    )  # fmt: skip
    points = tuple(_checkpoints(stage, checkpoints) for stage in stages)
    setting = Setting(law, stages, chosen[0], given, (float(bounds[0]), float(bounds[1])), start, seed, points)
    kind: type[Replicate] = Replicate
    if chosen[2] is Reuse.ALL and chosen[0] is Variant.SCALED and MomentReplicate.applies(setting):
        check_memory(law.dim, stages[0].iterations)
        kind = MomentReplicate
    return _collect(setting, samples, _run(setting, kind, replicates, threads))


def _run(
    setting: Setting, kind: type[Replicate], replicates: int, threads: int | None
) -> list[tuple[Replicate, list[StageOutcome]]]:
    def one(number: int) -> tuple[Replicate, list[StageOutcome]]:
        replicate = kind(setting, number)
        return replicate, replicate.run()

    def quiet(number: int) -> tuple[Replicate, list[StageOutcome]]:
        with np.errstate(all="ignore"):  # a replicate may break down; it then holds infinities or NaN
            return one(number)

    workers = min(threads or os.cpu_count() or 1, replicates)
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(quiet, range(replicates)))


def _collect(setting: Setting, samples: int, done: list[tuple[Replicate, list[StageOutcome]]]) -> StagedRun:
    outcomes = [outcome for _, outcome in done]
    with np.errstate(all="ignore"):
        errors = [[np.sum((o.final - o.target) ** 2) for o in row] for row in outcomes]
        progress = tuple(
            StageProgress(
                points if len(outcomes[0][s].values) else points[:0],
                np.array([np.sum((row[s].values - row[s].target) ** 2, axis=1) for row in outcomes]),
            )
            for s, points in enumerate(setting.checkpoints)
        )
    return StagedRun(
        law=setting.law,
        stages=setting.stages,
        samples=samples,
        shift=np.array([replicate.shift for replicate, _ in done]),
        scale=np.array([replicate.scale for replicate, _ in done]),
        stage_errors=np.array(errors),
        discriminator=np.array([[o.discriminator for o in row] for row in outcomes]),
        progress=progress,
    )


def _checkpoints(stage: Stage, number: int) -> np.ndarray:
    if number == 0:
        return np.zeros(0, dtype=np.int64)
    return np.unique(np.rint(np.geomspace(1, stage.iterations, number)).astype(np.int64))


def _choices(variant: str, order: str, reuse: str, allocation: str) -> tuple[Variant, Order, Reuse, Allocation]:
    check_choice("variant", variant, tuple(each.value for each in Variant))
    check_choice("order", order, tuple(each.value for each in Order))
    check_choice("reuse", reuse, tuple(each.value for each in Reuse))
    check_choice("allocation", allocation, tuple(each.value for each in Allocation))
    return Variant(variant), Order(order), Reuse(reuse), Allocation(allocation)


def _check(
    law: AbstractLaw,
    samples: int,
    replicates: int,
    minibatch: float,
    bounds: tuple[float, float],
    start: float,
    checkpoints: int,
    seed: int,
    threads: int | None,
) -> None:
    if not isinstance(law, AbstractLaw):
        raise ValueError(f"law: expected a NormalLaw or an EmpiricalLaw, got {type(law).__name__}")
    check_integer("samples", samples, 1, SAMPLE_LIMIT)
    check_integer("replicates", replicates, 1)
    if minibatch != inf:
        check_integer("minibatch", minibatch, 1)
    check_integer("checkpoints", checkpoints, 0)
    check_integer("seed", seed, 0, 2**64 - 1)
    if threads is not None:
        check_integer("threads", threads, 1)
    if not isinstance(bounds, (tuple, list)) or len(bounds) != 2 or not 0 < bounds[0] < bounds[1] < inf:
        raise ValueError(f"bounds: expected (a_min, a_max) with 0 < a_min < a_max, got {bounds!r}")
    low, high = np.diag(law.cholesky).min(), np.diag(law.cholesky).max()
    if not bounds[0] < low <= high < bounds[1]:
        raise ValueError(f"bounds: expected a box around the solution's diagonal {low:g} to {high:g}, got {bounds}")
    check_positive("start", start)
    if not bounds[0] <= start <= bounds[1]:
        raise ValueError(f"start: expected a number inside the bounds {tuple(bounds)}, got {start!r}")


def _rules(rules: Mapping[str, StepRule] | None) -> dict[StageKind, StepRule]:
    known = {kind.value: kind for kind in StageKind}
    for name, rule in (rules or {}).items():
        check_choice("rules", name, tuple(known))
        if not isinstance(rule, StepRule):
            raise ValueError(f"rules: expected a StepRule for {name!r}, got {rule!r}")
    return {known[name]: rule for name, rule in (rules or {}).items()}


def _check_joint(fraction: float, reuse: Reuse) -> None:
    if isinstance(fraction, bool) or not isinstance(fraction, (int, float)) or not 0 <= fraction < 1:
        raise ValueError(f"joint_fraction: expected a number in [0, 1), got {fraction!r}")
    if fraction > 0 and reuse is Reuse.ALL:
        raise ValueError("joint_fraction: expected 0 with reuse='all', whose samples are all used, got more")
