"""Verdicts on the comparison of maps: how fast they arrive, what the linearisation says, and other distances."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from figures.papers.crossing_the_curl.map_comparison_following import CLOSE, SCALED_STEP
from figures.papers.crossing_the_curl.map_comparison_runs import Comparison, Runs
from figures.papers.crossing_the_curl.map_comparison_statistics import by_law, median, rank_correlation, share
from figures.papers.crossing_the_curl.map_comparison_theory import Linearisation
from figures.registry import Check

SLOW = 300
"""Forecasts from which the slowest mode, and not the way from the start, decides the iterations."""


def ratios(comparison: Comparison, n: int, name: str = "F_eg") -> np.ndarray:
    """Log of a map's over F_cc's iterations, mean over the starts of each law from which both arrive."""
    first, second = comparison.runs[n]["F_cc"], comparison.runs[n][name]
    valid = first.arrived & second.arrived
    return by_law(comparison.trials[n], np.log(second.iterations / first.iterations), valid)


def faster_check(comparison: Comparison, name: str, dimensions: tuple[int, ...]) -> Check:
    """Whether Crossing-the-Curl takes fewer iterations than another map: sign test over laws, ties left out."""
    values = np.concatenate([ratios(comparison, n, name) for n in dimensions])
    fewer, count = int((values > 0).sum()), int((values != 0).sum())
    interval = share(fewer, count)
    return Check(
        f"N = {', '.join(map(str, dimensions))}: laws for which F_cc takes fewer iterations than {name}",
        "most, interval above 0.5",
        f"{fewer} of {count} (median ratio {np.exp(np.median(values)):.3g})",
        interval,
        interval[0] > 0.5,
    )


def paired_check(comparison: Comparison) -> Check:
    """Whether above one dimension F_cc and F_eg take equally many iterations, to 10 %."""
    middle, interval = median(np.concatenate([ratios(comparison, n) for n in comparison.dimensions if n > 1]))
    low, high = np.exp(interval)
    return Check(
        "N > 1: iterations of F_eg over those of F_cc, median over laws",
        "1 to within 10 %: the same modes at the equilibrium",
        float(np.exp(middle)),
        (float(low), float(high)),
        bool(low > 0.9 and high < 1.1),
    )


def forecast_values(results: Iterable[Runs], least: float = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Forecast, iterations made and condition number: geometric means, one entry a law that is arrived for.

    Only laws with a forecast of at least ``least``.
    """
    parts = []
    for runs in results:
        forecast = Linearisation(runs.trials).forecast
        valid = runs.arrived & (forecast >= least)
        columns = (forecast, runs.iterations, runs.trials.condition)
        parts.append([np.exp(by_law(runs.trials, np.log(values), valid)) for values in columns])
    expected, made, condition = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return expected, made, condition


def forecast_check(results: Iterable[Runs]) -> Check:
    """Whether the slowest mode takes ``ln(1000) / (s_min^2 min(longest, 2 / s_max^2))`` iterations.

    Less where that mode holds a share c of the first distance only, ``1 + ln c / ln 1000`` of it, so 1/3 for a
    hundredth; more where the way from the start is long.
    """
    expected, made, _ = forecast_values(results, SLOW)
    middle, interval = median(made / expected)
    return Check(
        f"F_cc, all N: iterations over forecast, median of {len(made)} laws with forecast >= {SLOW}",
        "1/3 to 2: the slowest mode holds a part of the first distance",
        middle,
        interval,
        bool(interval[0] > 1 / 3 and interval[1] < 2),
    )


def order_check(results: Iterable[Runs]) -> Check:
    """Whether the forecast orders the laws."""
    expected, made, condition = forecast_values(results)
    correlation, interval = rank_correlation(expected, made)
    other, _ = rank_correlation(condition, made)
    return Check(
        f"F_cc, all N: rank correlation of iterations and forecast, {len(made)} laws",
        "interval above 0.5",
        f"{correlation:.3f} ({other:.3f} with the condition number)",
        interval,
        interval[0] > 0.5,
    )


def tail_values(runs: Runs, slower: float = 1.0) -> np.ndarray:
    """Time over that of the linear flow between 1e-2 and 1e-3 of the first distance, geometric mean of each law.

    ``slower`` multiplies the linear flow's time.
    """
    times = slower * Linearisation(runs.trials).tail_times(runs)
    valid = times > 0
    logs = np.log(np.where(valid, runs.times - runs.mark_times, 1) / np.where(valid, times, 1))
    return np.exp(by_law(runs.trials, logs, valid))


def tail_check(where: str, results: Iterable[Runs], slower: float = 1.0) -> Check:
    """Whether the last part of the way takes the time that the eigenvalues at the equilibrium say.

    In one dimension there is one mode, and steps near ``1 / s^2`` let it fall less than the flow: a few per cent.
    """
    values = np.concatenate([tail_values(runs, slower) for runs in results])
    middle, interval = median(values)
    return Check(
        f"{where}: F_cc: time from 1e-2 to 1e-3 over the linear flow's, median of {len(values)} laws",
        "1 to within 10 %",
        middle,
        interval,
        bool(interval[0] > 0.9 and interval[1] < 1.1),
    )


def step_check(results: Iterable[Runs], shorter: float = 1.0) -> Check:
    """Whether step control keeps the step at ``min(longest, 2 / s_max^2)``, by the iterations of the last part.

    ``shorter`` divides that step.
    """
    values = []
    for runs in results:
        modes = Linearisation(runs.trials)
        times = modes.tail_times(runs)
        valid = (times > 0) & (modes.forecast >= SLOW)
        expected = shorter * np.where(valid, times, 1) / modes.step
        values.append(by_law(runs.trials, np.log((runs.iterations - runs.mark_iterations) / expected), valid))
    logs = np.concatenate(values)
    middle, interval = median(np.exp(logs))
    return Check(
        f"F_cc, all N: iterations from 1e-2 to 1e-3 over the forecast of that part, median of {len(logs)} laws",
        "1 to within 20 %: steps of min(0.01, 2/s_max²)",
        middle,
        interval,
        bool(interval[0] > 0.8 and interval[1] < 1.2),
    )


def scaled_check(name: str, runs: Runs) -> Check:
    """Whether a scaled map takes the few dozen iterations of its eigenvalue 2, whatever the law.

    Far above the equilibrium the derivative of ``a - sigma^2 / a`` is 1 instead.
    """
    asymptotic, most = np.log(1 / CLOSE) / -np.log1p(-SCALED_STEP * np.array([2, 1]))
    middle, interval = median(np.exp(by_law(runs.trials, np.log(runs.iterations), runs.arrived)))
    return Check(
        f"N = 1: {name}': iterations, median over laws",
        f"{asymptotic:.0f} = ln 1000 / -ln 0.8, none above {most:.0f} = ln 1000 / -ln 0.9",
        f"{middle:.1f}, {runs.iterations.min()} to {runs.iterations.max()}",
        interval,
        bool(runs.arrived.all() and runs.iterations.max() <= most and abs(middle - asymptotic) <= 6),
    )


# -------------------------------------------------------------------- other distances


def divergence_check(results: Iterable[Runs]) -> Check:
    """Whether the laws of trials that arrived are as near as their generators.

    To second order ``KL = |E|^2 / 2 + sum E_ii^2 / 2`` with ``E = L^-1 A - I``, at most ``|A - L|^2 / s_min(L)^2``.
    """
    results = list(results)
    shares, values = [], []
    for runs in results:
        trials, ok = runs.trials, runs.arrived
        offset = (runs.ends - trials.equilibria)[ok, runs.ends.shape[1] // 2 :]
        bound = (offset**2).sum(axis=1) / np.linalg.svd(trials.factors[ok], compute_uv=False)[:, -1] ** 2
        small = bound < 0.01  # where second order is enough
        shares.append((runs.divergence[ok] / bound)[small])
        values.append(runs.divergence[ok])
    worst, middle = np.concatenate(shares).max(), np.median(np.concatenate(values))
    return Check(
        "F_cc, arrived: KL(generated, data) over |A - L|²/s_min(L)² where that is below 0.01, largest",
        "at most 1.1",
        f"{worst:.3g} (median KL {middle:.2g} nats)",
        None,
        bool(worst < 1.1),
    )


def field_check(runs: Runs) -> Check:
    """Whether the field falls further than the distance: what is left lies along modes that F hardly sees."""
    values = np.exp(by_law(runs.trials, np.log(runs.field_ratio / runs.ratio), np.isfinite(runs.ratio)))
    middle, interval = median(values)
    return Check(
        f"N = {runs.trials.n}: F_cc: |F|/|F at the start| over distance/first distance at the end, median over laws",
        "below 1",
        middle,
        interval,
        bool(interval[1] < 1),
    )
