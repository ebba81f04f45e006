"""Stationary laws of GAN training by the Fokker-Planck equation, against the sampled SDE and the sampled training.

Cao & Guo (2023), arXiv 2006.02047, show that the SDE of a GAN has a unique invariant measure which it approaches
exponentially fast, if it is dissipative and its noise elliptic. Here the density of that measure and the exponential
rate are computed, for two games in which it is not Gaussian. Where the conditions fail there is no such law: the
Dirac-GAN without a restoring force on its generator has none, in spite of its gradient penalty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

import gan_sde as gs
from analysis.density import Density
from analysis.fokker_planck import fokker_planck
from analysis.grid import Grid
from analysis.refinement import GridEstimate, richardson
from analysis.relaxation import Spectrum
from figures.papers.coupled_sdes import densities_panels
from figures.papers.coupled_sdes.densities_averages import average_checks, time_average
from figures.papers.coupled_sdes.densities_systems import (
    DIRAC,
    LQ_GAN,
    SUBSTEPS,
    SYSTEMS,
    System,
    coefficients,
    dirac_training,
    lq_training,
    sde,
)
from figures.papers.coupled_sdes.densities_tests import (
    Law,
    blocks,
    cell_z,
    law,
    mode_rate,
    moment_z,
    p_value,
    relaxation,
    slowest,
)
from figures.registry import Check, Outcome, Settings, claim

FALSE_ALARM = 0.01
"""Chance that any test of the whole claim rejects a right law (Bonferroni)."""
TESTS = 6 * len(SYSTEMS)
LEVEL = FALSE_ALARM / TESTS
TRAJECTORIES = 20_000
CHECKPOINTS = 40


@dataclass(frozen=True, eq=False)
class Study:
    """Everything computed and sampled for one system.

    Parameters
    ----------
    system
        The game.
    law
        Its stationary law.
    spectrum
        Slowest modes, on the finest grid.
    eigenvalue
        Of the slowest one: real and imaginary part, extrapolated.
    mean
        Relaxation of the mean from the start, ``(time, 2)``.
    times
        Of the relaxation.
    run
        The sampled SDE.
    training_lrs, gaps, gap_errors
        Relative gap of the trace of the covariance between training and SDE.
    """

    system: System
    law: Law
    spectrum: Spectrum
    spectrum_grid: Grid
    eigenvalue: GridEstimate
    mean: GridEstimate
    times: np.ndarray
    run: xr.Dataset
    training_lrs: np.ndarray
    gaps: np.ndarray
    gap_errors: np.ndarray

    @property
    def final(self) -> np.ndarray:
        """Stationary draws of the SDE, ``(n, 2)``."""
        return self.run["path"].values[:, -1]


@claim(
    "densities",
    title="GAN training's SDE settles to the density of its Fokker-Planck equation, Gaussian or not, at the rate of "
    "the spectral gap, and training follows as lr -> 0; without dissipation there is no law",
    source="Cao & Guo (2023), arXiv 2006.02047, invariant measure; Fokker-Planck equation",
)
def run(settings: Settings) -> Outcome:
    """Solve, sample and compare."""
    trajectories = TRAJECTORIES * (10 if settings.full else 1)
    studies = [study(s, trajectories, settings.seed * 10 + i) for i, s in enumerate(SYSTEMS)]
    seeds = [settings.seed * 10 + 2000 + i for i in range(len(SYSTEMS))]
    checks = [check for each in studies for check in (*agreement(each), *controls(each), training_check(each))]
    for each, seed in zip(studies, seeds, strict=True):
        checks += average_checks(each.system, each.law.density, time_average(each.system, seed), LEVEL, seed)
    checks += [*no_law_checks(), frozen_check()]
    return Outcome(densities_panels.draw(studies), tuple(checks), _caption(trajectories))


def study(system: System, trajectories: int, seed: int) -> Study:
    """Solve the equation of a system and sample it."""
    problem = system.problem()
    spectra = {}

    def slow(p: object) -> list[float]:
        spectra[p.grid.size] = (p.grid, p.spectrum(4))
        value = spectra[p.grid.size][1].eigenvalues[slowest(spectra[p.grid.size][1])]
        return [value.real, value.imag]

    eigenvalue = richardson(problem, slow, grids=3)
    grid, spectrum = spectra[max(spectra)]
    every = round(system.duration / system.lr / CHECKPOINTS)
    sampled = gs.simulate(
        sde(system), x0=np.array(system.start), lr=system.lr, batch_size=system.batch_size, steps=every * CHECKPOINTS,
        trajectories=trajectories, every=every, record=("paths", "final"), substeps=SUBSTEPS, integrator="euler",
        seed=seed, progress=False,
    )  # fmt: skip
    times = sampled["time"].values[1 : CHECKPOINTS // 2 : 2]
    each = [_gap(system.at(*rate), 3 * trajectories, seed + 1000 + i) for i, rate in enumerate(system.gap_runs)]
    lrs = np.array([lr for lr, _ in system.gap_runs])
    gaps, errors = np.array(each).T
    return Study(
        system, law(problem), spectrum, grid, eigenvalue, relaxation(problem, system.start, times), times, sampled,
        lrs, gaps, errors,
    )  # fmt: skip


def _gap(system: System, trajectories: int, seed: int) -> tuple[float, float]:
    """Relative gap between the traces of the training's covariance and its SDE's, with the errors of both."""
    final = gs.simulate(
        system.training(), x0=np.array(system.equilibrium), lr=system.lr, batch_size=system.batch_size,
        steps=round(system.duration / system.lr), trajectories=trajectories, record=("final",), seed=seed,
        progress=False,
    )["final"].values  # fmt: skip
    squares = np.sum((final - final.mean(axis=0)) ** 2, axis=1)
    trace = richardson(system.problem(), lambda p: np.trace(p.stationary().covariance), grids=3)
    error = np.hypot(squares.std() / np.sqrt(len(squares)), trace.error) / trace.value
    return float(squares.mean() / trace.value - 1), float(error)


# -------------------------------------------------------------------- checks


def agreement(each: Study) -> list[Check]:
    """Moments, cells, slowest mode and relaxation of the sampled SDE against the equation."""
    name, rows = each.system.name, []
    mean_z = _mean_z(each)
    rate, error, z = _mode(each)
    value = complex(*each.eigenvalue.value)
    for what, scores in (
        ("mean, covariance, third moments", moment_z(each.final, each.law.moments)),
        ("probabilities of cells", cell_z(each.final, each.law)),
        ("mean on its way from the start", mean_z),
    ):
        p = p_value(scores)
        measured = f"largest |z| of {scores.size}: {np.abs(scores).max():.2f}, p {p:.2g}"
        rows.append(Check(f"{name}, SDE: {what}", f"p > {LEVEL:.1g}", measured, None, p >= LEVEL))
    interval = (float(-rate.real - 1.96 * error.real), float(-rate.real + 1.96 * error.real))
    text = f"{-value.real:.4f} ± {each.eigenvalue.error[0]:.1g} (grid)"
    found = Check(f"{name}, SDE: rate of the slowest mode", text, float(-rate.real), interval, p_value(z) >= LEVEL)
    return [*rows, found]


def _mean_z(each: Study) -> np.ndarray:
    path = each.run["path"].sel(step=each.run["step"].values[1 : CHECKPOINTS // 2 : 2]).values
    error = path.std(axis=0) / np.sqrt(len(path))
    return ((path.mean(axis=0) - each.mean.value) / np.hypot(error, each.mean.error)).ravel()


def _mode(each: Study) -> tuple[complex, complex, np.ndarray]:
    """Sampled eigenvalue, its standard errors, and its z-scores: of the decay, and of the turning if there is any."""
    times, path = each.run["time"].values, each.run["path"].values
    places = [int(np.argmin(np.abs(times + share / each.eigenvalue.value[0]))) for share in (0.3, 1.1)]
    states = [path[:, place] for place in places]
    lapse = float(np.diff(times[places])[0])
    rate, error = mode_rate(*states, lapse, each.spectrum, each.spectrum_grid)
    value, grid = each.eigenvalue.value, each.eigenvalue.error
    z = [(rate.real - value[0]) / np.hypot(error.real, grid[0])]
    if abs(value[1]) > 1e-6:
        z.append((rate.imag - value[1]) / np.hypot(error.imag, grid[1]))
    return rate, error, np.array(z)


def controls(each: Study) -> list[Check]:
    """The same tests must reject laws of other noises, and the Gaussian."""
    wrong = {
        "covariance doubled": lambda d: 2 * d,
        "covariance of the discriminator's noise halved": lambda d: d * np.array([[0.5, 0.5**0.5], [0.5**0.5, 1.0]]),
    }
    if each.system is LQ_GAN:
        wrong["cross-covariance dropped"] = lambda d: d * np.eye(2)
    rows = []
    for what, noise in wrong.items():
        other = law(each.system.problem(noise), boundary_limit=0.01)
        rows.append(_rejected(each, f"control: {what}", cell_z(each.final, other)))
    mean, covariance = each.system.gaussian()
    grid = each.law.density.grid

    def density(x: np.ndarray) -> np.ndarray:
        return np.exp(-0.5 * np.einsum("ni,ij,nj->n", x - mean, np.linalg.inv(covariance), x - mean))

    gaussian = Density.of(grid, density)
    cells = blocks(gaussian.probabilities)
    exact = GridEstimate(cells, 0 * cells, cells, cells)
    other = Law(each.law.moments, exact, gaussian, each.law.problem)
    return [*rows, _rejected(each, "control: Gaussian of the linearised SDE", cell_z(each.final, other))]


def _rejected(each: Study, what: str, z: np.ndarray) -> Check:
    p = p_value(z)
    measured = f"largest |z| {np.abs(z).max():.1f}, p {p:.2g}"
    return Check(f"{each.system.name}, {what}", f"rejected, p < {LEVEL:.1g}", measured, None, p < LEVEL)


def training_check(each: Study) -> Check:
    """The training's gap to its order-1 SDE vanishes with lr, though it is plain at the largest one."""
    gaps, errors = each.gaps, each.gap_errors
    toward_zero = np.linalg.solve(np.vander(each.training_lrs, increasing=True), np.eye(len(gaps)))[0]
    limit, error = float(toward_zero @ gaps), float(np.linalg.norm(toward_zero * errors))
    plain = p_value(gaps[:1] / errors[:1]) < LEVEL
    name = f"{each.system.name}, training: gap of tr C as lr → 0 (at lr {each.training_lrs[0]:g}: {gaps[0]:.1%})"
    passed = bool(plain and p_value(np.array([limit / error])) >= LEVEL)
    return Check(name, "0", limit, (limit - 1.96 * error, limit + 1.96 * error), passed)


def no_law_checks() -> list[Check]:
    """Without decay of the generator mass piles up at the border of any box, and the variance follows the box."""
    drift, covariance = coefficients(dirac_training(0.0).sde(order=1), DIRAC.lr, DIRAC.batch_size)
    masses, variances = [], []
    for width in (8.0, 16.0):
        problem = fokker_planck(drift, covariance, Grid.rectangle([-6.0, -width], [6.0, width], [120, 160]))
        try:
            problem.stationary()
        except ValueError:
            law_ = problem.stationary(boundary_limit=1.0)
            masses.append(law_.boundary_mass)
            variances.append(law_.covariance[1, 1])
    refused = len(masses) == 2
    ratio = variances[1] / variances[0] if refused else float("nan")
    measured = " and ".join(f"{m:.1e}" for m in masses) or "no refusal"
    return [
        Check("Dirac-GAN without decay: mass at the border of a box and of its double", "> 1e-4 in both: refused",
              measured, None, refused and min(masses) > 1e-4),
        Check("Dirac-GAN without decay: Var(theta) in a box twice as wide", "> 3-fold: no law",
              f"{ratio:.2f}-fold", None, bool(ratio > 3)),
    ]  # fmt: skip


def frozen_check() -> Check:
    """Crossing-the-Curl alone neither moves nor shakes w2 at w2 = 0: its invariant law lives on that line."""
    process = lq_training(True).sde(order=1, noise="exact")
    w2 = process.parameters[0]
    entries = [process.drift[0], *process.covariance.row(0)]
    zero = all(entry.subs(w2, 0).expand() == 0 for entry in entries)
    name = "LQ-GAN, Crossing-the-Curl alone: drift and noise of w2 at w2 = 0"
    return Check(name, "0: no density in (w2, a)", "0" if zero else "not 0", None, zero)


def _caption(trajectories: int) -> str:
    return (
        "Order-1 SDEs with drift and covariance as derived from the training. Top: Dirac-GAN (penalty 1/2, weight "
        f"decay 0.2 of the generator, noise of standard deviation 3), lr {DIRAC.lr:g}, batch {DIRAC.batch_size}. "
        "Bottom: (w2, a) game of the LQ-GAN under F plus Crossing-the-Curl, data N(0, 1), lr "
        f"{LQ_GAN.lr:g}, batch {LQ_GAN.batch_size}. a, e: density of {trajectories:,} independent trajectories "
        "(shading), contours that hold 25, 50, 75, 95 and 99 % of the Fokker-Planck law (lines), its current (arrows), "
        "and what holds 95 % of the Gaussian that the linearised SDE settles to (dotted). b, f: marginals; bands 95 % "
        "of the sampled SDE. c, g: mean from one start, and decay at the spectral gap (grey). d, h: by how much the "
        "trace of the training's covariance exceeds that of its order-1 SDE, against lr. Verdicts: z-scores with the "
        "errors of sample and grid added, and the energy distance of the time averages of a few runs, cut into blocks "
        "longer than their correlation time, from the density; Bonferroni over entries and tests, chance of any false "
        f"alarm below {FALSE_ALARM:.0%}. Crossing-the-Curl alone has no density here: its noise vanishes on the line "
        "w2 = 0."
    )
