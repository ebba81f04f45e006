"""Every rate of the staged method, with its standard error and interval, as tables of the report."""

from __future__ import annotations

import numpy as np

import analysis
from figures.papers.crossing_the_curl.mean_stage_rate import FITTED, fit_cells
from figures.papers.crossing_the_curl.staged_readings import (
    LEVEL,
    READINGS,
    Design,
    Series,
    design_samples,
    dimension_exponent,
    mean_estimate,
)
from figures.registry import Table
from figures.table import estimate_cells
from gan_sde.staged import StagedRun, covariance_floor


def k_table(series: list[Series]) -> Table:
    """Exponents of k for each N and each reading of the error."""
    rows = []
    for each in (each for each in series if len(each.k) > 1):
        for reading in READINGS:
            errors = np.array([reading.measure(run) / run.samples for run in each.runs]).T
            fit = analysis.fit_rate(each.k, errors, level=LEVEL)
            span = f"{each.k[0]} to {each.k[-1]} ({len(each.k)})"
            rows += [(reading.name, str(each.n), span, *fit_cells(fit, m)) for m in ("power", "power+plateau")]
    single = ", ".join(str(each.n) for each in series if len(each.k) == 1)
    note = (
        "Residual rows. Slope: p in error ~ k^p, the claim is -1; n: independent replicates at each k; standard error "
        "and interval: bootstrap over replicates. AICc - least: 0 marks the best of power and exponential laws with "
        "and without a plateau, chosen: how often it is the best over the bootstrap; with five budgets AICc holds 20 "
        "against a plateau, its third parameter. The floor is 1/k times a constant, so both readings of the "
        "covariance have one exponent of k."
        + (f" N = {single}: one budget at this size, hence no exponent of k." if single else "")
    )
    return Table("exponents of k", ("error", "N", "k (budgets)", *FITTED), tuple(rows), note)


def n_table(runs: list[StagedRun]) -> Table:
    """Exponents of N for each reading of the error, with the measured values behind them."""
    rows = []
    for reading in READINGS:
        measured, predicted = dimension_exponent(reading, runs)
        rows.append((reading.name, f"{predicted:.3f}", *estimate_cells(measured), f"{measured.n:.0f}"))
    dims = ", ".join(f"N = {run.law.dim} ({len(run.scale)} replicates, k = {run.samples})" for run in runs)
    note = (
        "Residual rows. Model: weighted line through log(error k) against log N, weights from the replicates; "
        f"predicted: the same line through (N + 1) times the floor; n: dimensions, {dims}."
    )
    return Table("exponents of N", ("error", "predicted", "exponent", "s.e.", "95 % interval", "n"), tuple(rows), note)


def design_table(ratios: dict[Design, dict[int, analysis.Estimate]]) -> Table:
    """Every design's error over the floor."""
    rows = [
        (design.label, str(n), str(design_samples(n)), f"{e.n:.0f}", f"{design.multiple(n):g}", *estimate_cells(e))
        for design, found in ratios.items()
        for n, e in found.items()
    ]
    header = ("design", "N", "k", "n", "predicted", "error / floor", "s.e.", "99.9 % interval")
    return Table("covariance error over its floor", header, tuple(rows), "n: independent replicates; Student's t.")


def error_table(series: list[Series]) -> Table:
    """The errors that the exponents are fitted to."""
    rows = []
    for each in series:
        for k, run in zip(each.k, each.runs, strict=True):
            e = mean_estimate(run.covariance_error)
            law = (each.n + 1) * covariance_floor(run.law.covariance, k)
            rows.append((str(each.n), str(k), str(e.n), f"{law:.4g}", *estimate_cells(e)))
    header = ("N", "k", "n", "(N + 1) floor", "mean |AAᵀ - Σ|²", "s.e.", "99.9 % interval")
    return Table("errors of residual rows", header, tuple(rows), "n: independent replicates; Student's t.")
