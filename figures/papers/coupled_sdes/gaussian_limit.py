"""How fast the stationary law of training becomes Gaussian as the learning rate falls.

The law of (x - x*) / sqrt(lr) tends to N(0, C), where C solves the Lyapunov equation of the SDE linearised at the
equilibrium. The distance is bounded by a multiple of lr^(1/2) log(1/lr). Measured on trainings themselves it is of
order lr^(1/2) where the equilibrium is no centre of symmetry, as the bound allows and without the logarithm; of order
lr where it is one; and the factor in front is that of the first terms of an Edgeworth expansion.

Cao & Guo (2023), arXiv 2006.02047, for GAN training and its SDE; Steady-State Behavior of Constant-Stepsize Stochastic
Approximation (2026), arXiv 2602.13960, for the bound.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import norm, t

import analysis
from figures.papers.coupled_sdes import gaussian_limit_panels
from figures.papers.coupled_sdes.gaussian_limit_distances import (
    BAND,
    GROUPS,
    Distances,
    distances,
    null_level,
    whitened_lines,
)
from figures.papers.coupled_sdes.gaussian_limit_expansion import Expansion, expand
from figures.papers.coupled_sdes.gaussian_limit_systems import QUADRATIC, SYSTEMS, System, taylor
from figures.registry import Check, Outcome, Settings, Table, claim

Array = np.ndarray

TRAJECTORIES = 240_000
LINES = 8
"""Directions of the sliced distance, equally spread in the frame in which the limit is round."""
FALSE_ALARM = 0.01
"""Chance that any test of the whole claim rejects a right statement (Bonferroni)."""
TESTS = 3 * 3 + 3 * 6 + 2 * len(QUADRATIC.lrs)
LEVEL = FALSE_ALARM / TESTS
HIGH = float(t.isf(LEVEL / 2, GROUPS - 1))
"""Of a score with a jackknife error over the groups of draws."""
HIGH_CUMULANT = float(norm.isf(LEVEL / 2))
"""Of a score whose error is an average over all draws: as good as known."""
INDICES = ((0, 0, 0), (0, 0, 1), (0, 1, 1), (1, 1, 1))


@dataclass(frozen=True, eq=False)
class Cumulants:
    """Mean ``(2,)`` and the four third cumulants of the scaled deviation, with standard errors."""

    value: Array
    se: Array


@dataclass(frozen=True, eq=False)
class Study:
    """Everything measured on one system, rate by rate.

    Parameters
    ----------
    system
        The training.
    sliced
        Distances from the limit along `LINES` directions, in its deviations.
    wrong
        The same from the Gaussian of the transposed Jacobian, that is of the game played the other way round.
    marginal
        Distances of the two parameters' own laws.
    exact
        For the quadratic game: distances from the Gaussian of the discrete Lyapunov equation; else None.
    cumulants
        Mean and third cumulants.
    """

    system: System
    sliced: tuple[Distances, ...]
    wrong: tuple[Distances, ...]
    marginal: tuple[Distances, ...]
    exact: tuple[Distances, ...] | None
    cumulants: tuple[Cumulants, ...]

    @property
    def lrs(self) -> Array:
        """Learning rates."""
        return np.array(self.system.lrs)

    @property
    def squares(self) -> tuple[Array, Array]:
        """Squared sliced distances and their standard errors."""
        return np.array([d.sliced for d in self.sliced]), np.array([d.sliced_se for d in self.sliced])

    @property
    def predicted(self) -> float:
        """Squared sliced distance over ``lr^(2 power)`` as lr -> 0."""
        return predicted_square(self.system)


@claim(
    "gaussian-limit",
    title="The stationary law of GAN training, scaled by lr^(-1/2), tends to the Gaussian of the Lyapunov equation: at "
    "order lr^(1/2) where the equilibrium is no centre of symmetry, at order lr where it is one",
    source="arXiv 2602.13960, bound of order lr^(1/2) log(1/lr); Cao & Guo (2023), arXiv 2006.02047, setting",
)
def run(settings: Settings) -> Outcome:
    """Sample the stationary laws of four trainings and measure their distances from the limit."""
    trajectories = TRAJECTORIES * (10 if settings.full else 1)
    studies = [study(s, trajectories, settings.seed * 100 + 10 * i) for i, s in enumerate(SYSTEMS)]
    checks = [check for each in studies if each.system is not QUADRATIC for check in limit_checks(each)]
    checks += [check for each in studies if each.exact is not None for check in linear_checks(each)]
    null = null_level(trajectories)
    figure = gaussian_limit_panels.draw({each.system.name: each for each in studies}, null)
    return Outcome(figure, tuple(checks), _caption(trajectories), (_table(studies, null),))


def study(system: System, trajectories: int, seed: int) -> Study:
    """Sample a system at all its rates and measure."""
    limit, other = system.expansion.covariance, reversed_covariance(system)
    rows: dict[str, list] = {"sliced": [], "wrong": [], "marginal": [], "exact": [], "cumulants": []}
    for i, lr in enumerate(system.lrs):
        draws = system.sample(lr, trajectories, (seed + i) % 2**64)
        rows["sliced"].append(distances(draws @ whitened_lines(limit, LINES).T))
        rows["wrong"].append(distances(draws @ whitened_lines(other, LINES).T))
        rows["marginal"].append(distances(draws / np.sqrt(np.diag(limit))))
        rows["cumulants"].append(cumulants(draws))
        if system is QUADRATIC:
            rows["exact"].append(distances(draws @ whitened_lines(discrete_covariance(lr), LINES).T))
    done = {name: tuple(values) for name, values in rows.items()}
    return Study(system, **(done | {"exact": done["exact"] or None}))


def predicted_square(system: System) -> float:
    """Squared sliced distance over ``lr^(2 power)`` as lr -> 0."""
    expansion = system.expansion
    return float(expansion.square(whitened_lines(expansion.covariance, LINES)).mean())


def reversed_covariance(system: System) -> Array:
    """C of the transposed Jacobian with the same noise: the wrong limit of the controls."""
    noise = taylor(system.make(), system.equilibrium, system.batch_size).noise[0]
    return analysis.stationary_covariance(system.jacobian.T, noise)


def discrete_covariance(lr: float) -> Array:
    """Covariance of the scaled deviation of the quadratic game's training at a rate."""
    game = QUADRATIC.make().game
    return analysis.discrete_stationary_covariance(game.jacobian, game.noise_covariance, lr, QUADRATIC.batch_size) / lr


def cumulants(draws: Array) -> Cumulants:
    """Mean and third cumulants of draws ``(n, 2)``, errors from their influence functions."""
    n, centred = len(draws), draws - draws.mean(axis=0)
    c = centred.T @ centred / n
    values, errors = list(draws.mean(axis=0)), list(centred.std(axis=0) / np.sqrt(n))
    for i, j, k in INDICES:
        cubes = centred[:, i] * centred[:, j] * centred[:, k]
        influence = cubes - c[i, j] * centred[:, k] - c[i, k] * centred[:, j] - c[j, k] * centred[:, i]
        values.append(cubes.mean())
        errors.append(influence.std() / np.sqrt(n))
    return Cumulants(np.array(values), np.array(errors))


# -------------------------------------------------------------------- fits


def exponent(each: Study) -> analysis.Estimate[float]:
    """Exponent p of the distance, from log W^2 = const + 2 p log lr + d lr with the errors of the jackknife."""
    (squares, errors), lrs = each.squares, each.lrs
    if np.any(squares <= 0):
        return analysis.Estimate(np.nan, np.inf, (-np.inf, np.inf), len(lrs), 1 - LEVEL)
    design = np.column_stack([np.ones_like(lrs), 2 * np.log(lrs), lrs])
    return student(analysis.linear_fit(design, np.log(squares), errors / squares), 1)


def prefactor(each: Study) -> analysis.Estimate[float]:
    """Limit of W^2 / lr^(2p) as lr -> 0, p the predicted exponent, by a parabola in lr."""
    (squares, errors), unit = each.squares, each.lrs ** (2 * each.system.expansion.power)
    return student(parabola(each.lrs, squares / unit, errors / unit), 0)


def residue(lrs: Array, found: tuple[Distances, ...], power: float) -> analysis.Estimate[float]:
    """W^2 that is left at lr = 0, beside terms of order lr^(2p) and lr^(2p + 1)."""
    design = np.column_stack([np.ones_like(lrs), lrs ** (2 * power), lrs ** (2 * power + 1)])
    squares, errors = np.array([d.sliced for d in found]), np.array([d.sliced_se for d in found])
    return student(analysis.linear_fit(design, squares, errors), 0)


def parabola(lrs: Array, values: Array, errors: Array) -> analysis.LinearFit:
    """Fit a parabola in lr, its value at 0 first."""
    return analysis.linear_fit(lrs[:, None] ** np.arange(3), values, errors)


def student(fit: analysis.LinearFit, index: int) -> analysis.Estimate[float]:
    """One coefficient of a fit to distances, with the interval that their jackknife errors leave.

    Each has GROUPS - 1 degrees of freedom; a combination of several has more, while weights that are themselves
    estimated make its error a little too small. Together, fits to five rates miss less often than `LEVEL` says.
    """
    value, se = float(fit.coefficients[index]), float(np.sqrt(fit.covariance[index, index]))
    return analysis.normal_estimate(value, se, n=len(fit.fitted), level=1 - LEVEL, dof=GROUPS - 1)


# -------------------------------------------------------------------- checks


def limit_checks(each: Study) -> list[Check]:
    """Exponent, factor in front, limit, cumulants; and two controls."""
    name, power = each.system.name, each.system.expansion.power
    slope, factor = exponent(each), prefactor(each)
    rows = [_interval(f"{name}: exponent of lr in the sliced W2", f"{power:g}", power, slope)]
    rows.append(_interval(f"{name}: W2² / lr^{2 * power:g} as lr → 0", f"{each.predicted:.4f}", each.predicted, factor))
    left, wrong = (residue(each.lrs, found, power) for found in (each.sliced, each.wrong))
    rows.append(_interval(f"{name}: W2² left at lr = 0", "0", 0.0, left))
    rows += [_cumulant_check(each)]
    control = bool(not wrong.contains(0.0))
    label = f"control: {name}, C of the transposed Jacobian: W2² left at lr = 0"
    rows.append(Check(label, "rejected: not 0", wrong.value, wrong.interval, control))
    if not each.system.expansion.symmetric:
        z = _cumulant_scores(each, _without_curvature(each.system))
        label = f"control: {name}, cumulants predicted without the curvature of the drift"
        rows.append(_rejected(label, z))
    return rows


def linear_checks(each: Study) -> list[Check]:
    """Gaussian noise and a linear field: the law is Gaussian at every rate, at the null level from its own Gaussian."""
    limit, lines = each.system.expansion.covariance, LINES
    null = np.array([d.sliced / d.sliced_se for d in each.exact or ()])
    gaps = []
    for lr, found in zip(each.system.lrs, each.sliced, strict=True):
        u = whitened_lines(limit, lines)
        truth = np.mean((np.sqrt(np.einsum("mi,ij,mj->m", u, discrete_covariance(lr), u)) - 1) ** 2)
        gaps.append((found.sliced - truth) / found.sliced_se)
    wrong = residue(each.lrs, each.wrong, 1.0)
    name = each.system.name
    return [
        _scores(f"{name}: W2² from the Gaussian of the discrete Lyapunov equation, every lr", "0", null, HIGH),
        _scores(f"{name}: W2² from N(0, C), every lr", "that of two Gaussians", np.array(gaps), HIGH),
        Check(
            f"control: {name}, C of the transposed Jacobian: W2² left at lr = 0", "rejected: not 0", wrong.value,
            wrong.interval, bool(not wrong.contains(0.0)),
        ),
    ]  # fmt: skip


def _interval(name: str, predicted: str, truth: float, found: analysis.Estimate[float]) -> Check:
    passed = bool(np.isfinite(found.value) and found.contains(truth))
    return Check(name, predicted, float(found.value), found.interval, passed)


def _scores(name: str, predicted: str, z: Array, high: float) -> Check:
    measured = f"largest |z| {np.abs(z).max():.2f} of {len(z)}"
    return Check(name, f"{predicted} (|z| < {high:.1f})", measured, None, bool(np.abs(z).max() < high))


def _rejected(name: str, z: Array) -> Check:
    high, worst = HIGH_CUMULANT, float(np.abs(z).max())
    return Check(name, f"rejected: some |z| > {high:.1f}", f"largest |z| {worst:.1f}", None, bool(worst > high))


def _cumulant_check(each: Study) -> Check:
    name = f"{each.system.name}: mean and third cumulants over √lr as lr → 0"
    predicted = "0 by symmetry" if each.system.expansion.symmetric else "Edgeworth expansion"
    return _scores(name, predicted, _cumulant_scores(each, each.system.expansion), HIGH_CUMULANT)


def _cumulant_scores(each: Study, expansion: Expansion) -> Array:
    """z-scores of the means (2) and third cumulants (4) over sqrt(lr), as lr -> 0, against an expansion."""
    expected = np.array([*expansion.shift, *(expansion.third[i] for i in INDICES)])
    root = np.sqrt(each.lrs)[:, None]
    values, errors = (np.array([getattr(c, field) for c in each.cumulants]) / root for field in ("value", "se"))
    fits = [parabola(each.lrs, v, e) for v, e in zip(values.T, errors.T, strict=True)]
    found = np.array([[fit.coefficients[0], np.sqrt(fit.covariance[0, 0])] for fit in fits])
    return (found[:, 0] - expected) / found[:, 1]


def _without_curvature(system: System) -> Expansion:
    """The expansion if the drift were linear: the noise alone skews the law, and nothing shifts it."""
    found = taylor(system.make(), system.equilibrium, system.batch_size)
    return expand(replace(found, drift=(found.drift[0], 0 * found.drift[1], 0 * found.drift[2])))


# -------------------------------------------------------------------- report


def _table(studies: list[Study], null: tuple[float, float]) -> Table:
    rows = []
    for each in studies:
        power = each.system.expansion.power
        for lr, sliced, marginal in zip(each.system.lrs, each.sliced, each.marginal, strict=True):
            rows.append(
                (
                    each.system.name, f"{lr:g}", f"{sliced.sliced:.3g} ± {BAND * sliced.sliced_se:.1g}",
                    f"{sliced.sliced / lr ** (2 * power):.3f}", f"{each.predicted:.3f}",
                    " ".join(f"{w:.4f}" for w in marginal.first), " ".join(f"{w:.4f}" for w in marginal.plain),
                )
            )  # fmt: skip
    header = ("training", "lr", "sliced W2²", "over lr^(2p)", "as lr → 0", "W1 of marginals", "W2 of marginals")
    note = (
        f"Distances in deviations of N(0, C). The sliced W2² is free of the bias of the sample size; the marginal "
        f"distances are not: for draws of N(0, C) itself they would be {null[1]:.4f} (W1) and {null[0]:.4f} (W2)."
    )
    return Table("Distance of the scaled stationary law from its Gaussian limit", header, tuple(rows), note)


def _caption(trajectories: int) -> str:
    batches = ", ".join(f"{s.batch_size} ({s.name})" for s in SYSTEMS)
    return (
        f"Last states of {trajectories:,} independent runs of the training at each lr, started from the limit law and "
        f"run until it is forgotten; batch sizes {batches}. a, b: quantiles of one parameter minus those of N(0, C), "
        "over the predicted power of lr; bands 95 %, dashed the predicted limit (Cornish & Fisher). c: sliced W2 over "
        f"{LINES} directions, without the bias of the sample size (products of independent groups; jackknife errors), "
        "dashed the predicted limits. The LQ-GAN has the order 1/2 of the bound; the Dirac-GAN, whose equilibrium is a "
        "centre of symmetry, and the quadratic game, whose law is Gaussian at every lr, approach at order 1. d: the "
        "same over the predicted power, with the fitted parabolas; stars at lr = 0 are predicted. e: mean shift and "
        "third cumulants of the LQ-GAN under consensus over √lr, in deviations of the limit. f: 1-Wasserstein "
        "distances of the generator's marginal from all draws, with their null level. The Dirac-GAN has a gradient "
        "penalty on its discriminator and weight decay on its generator, without which it has no stationary law. "
        f"Scores with jackknife errors, of {GROUPS} groups, are held against Student's t with {GROUPS - 1} degrees of "
        f"freedom. Every test has level {LEVEL:.1g}, so that a false alarm anywhere has a chance below "
        f"{FALSE_ALARM:.0%}; the intervals of the checks have that level. Errors near distance 0 are "
        "overestimated by up to √2: false alarms there are rarer than stated, and controls harder to reject."
    )
