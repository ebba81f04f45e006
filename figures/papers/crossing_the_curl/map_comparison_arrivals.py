"""Verdicts on the comparison of maps: who arrives, and why others do not."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from figures.papers.crossing_the_curl.map_comparison_following import CLOSE, LONGEST, LOOK_AHEAD_STEP, HeunEuler
from figures.papers.crossing_the_curl.map_comparison_runs import OFF, Comparison, Runs, follow
from figures.papers.crossing_the_curl.map_comparison_statistics import (
    any_laws,
    by_law,
    full_laws,
    law_share,
    rank_correlation,
    share,
)
from figures.papers.crossing_the_curl.map_comparison_theory import Linearisation
from figures.papers.crossing_the_curl.map_comparison_trials import MINIMUM_SCALE, Trials, batched_map
from figures.papers.crossing_the_curl.maps import BETA
from figures.registry import Check

OUT_OF_REACH = 5
"""A forecast of so many budgets: the slowest mode falls less than four-fold within one."""


def never_check(name: str, results: Iterable[Runs], why: str) -> Check:
    """Whether no trial arrives."""
    results = list(results)
    text, interval = law_share(np.concatenate([any_laws(runs) for runs in results]))
    arrived, off = sum(runs.arrived.sum() for runs in results), sum((~(runs.ratio < OFF)).sum() for runs in results)
    total = sum(len(runs.arrived) for runs in results)
    ran = f", {off} ran off" if off else ""
    return Check(
        f"{name}, all N: laws from which some start arrives",
        f"0: {why}",
        f"{text} ({arrived} of {total} trials{ran})",
        interval,
        arrived == 0,
    )


def extragradient_forecast(trials: Trials) -> float:
    """Fewest iterations that EG takes near any of the equilibria.

    A mode ``+- i s`` of F is multiplied by ``1 - r^2 s^2 +- i r s``, squared modulus ``1 - r^2 s^2 + r^4 s^4``. Modes
    with ``r s >= 1`` grow, and then there is no number.
    """
    z = LOOK_AHEAD_STEP**2 * Linearisation(trials).rates
    slowest = np.log(1 / CLOSE) / (-0.5 * np.log1p(-z + z**2)).min(axis=1)
    return float(np.where((z < 1).all(axis=1), slowest, np.inf).min())


def reach_check(name: str, runs: Runs) -> Check:
    """Whether a map arrives for no more laws than the linearisation lets it."""
    forecast = Linearisation(runs.trials).forecast
    first = np.unique(runs.trials.laws, return_index=True)[1]
    reachable = int((forecast[first] <= OUT_OF_REACH * runs.budget).sum())
    text, interval = law_share(full_laws(runs))
    beyond = int(any_laws(runs)[forecast[first] > OUT_OF_REACH * runs.budget].sum())
    return Check(
        f"N = {runs.trials.n}: {name}: laws from which every start arrives",
        f"at most {reachable}: those with a forecast below {OUT_OF_REACH} budgets",
        f"{text} ({runs.arrived.sum()} of {len(runs.arrived)} trials)",
        interval,
        beyond == 0,
    )


def trend_check(name: str, results: Iterable[Runs]) -> Check:
    """Whether a map arrives the more seldom the larger N."""
    pairs = [
        (runs.trials.n, by_law(runs.trials, runs.arrived.astype(float), runs.trials.laws >= 0)) for runs in results
    ]
    dimensions = np.concatenate([np.full(len(shares), n) for n, shares in pairs])
    correlation, interval = rank_correlation(dimensions, np.concatenate([shares for _, shares in pairs]))
    return Check(
        f"{name}: rank correlation of N and the share of starts that arrive, {len(dimensions)} laws",
        "below 0",
        correlation,
        interval,
        interval[1] < 0,
    )


def unexplained(runs: Runs) -> tuple[np.ndarray, np.ndarray]:
    """Trials that should arrive, and those of them that do not.

    Should: the forecast at the equilibrium, and that at the generator where the trial is after half the budget, are
    both at most the other half.
    """
    at_end = Linearisation(runs.trials).forecast
    with np.errstate(divide="ignore"):
        halfway = Linearisation(runs.trials, runs.halfway).forecast
    should = (at_end <= runs.budget / 2) & (halfway <= runs.budget / 2)
    return should, should & ~runs.arrived


def explanation_check(results: Iterable[Runs]) -> Check:
    """Whether every miss has one of two reasons: an ill-conditioned equilibrium, or a nearly singular M on the way."""
    pairs = [unexplained(runs) for runs in results]
    should, failed = (int(sum(part.sum() for part in parts)) for parts in zip(*pairs, strict=True))
    return Check(
        "F_cc and F_eg, all N: misses with the slowest mode in reach, at the equilibrium and at half time",
        "0",
        f"{failed} of {should}",
        None,
        failed == 0 and should > 0,
    )


def rival_check(comparison: Comparison, name: str, better: str) -> Check:
    """Whether one map arrives more often than another: sign test over laws, ties left out."""
    wins = losses = 0
    for n, trials in comparison.trials.items():
        ahead = comparison.runs[n][better].arrived.astype(int) - comparison.runs[n][name].arrived
        total = np.bincount(trials.laws, ahead)
        wins, losses = wins + int((total > 0).sum()), losses + int((total < 0).sum())
    interval = share(wins, wins + losses) if wins + losses else (0.0, 1.0)
    return Check(
        f"all N: laws for which {better} arrives from more starts than {name}, of those where they differ",
        "most, interval above 0.5",
        f"{wins} of {wins + losses}",
        interval,
        interval[0] > 0.5,
    )


def consensus_check(runs: Runs) -> Check:
    """Whether consensus in one dimension misses for two reasons only.

    On the bound of a its map has a second solution, at ``w2 = (sigma^2 - a^2) / (4 beta a^2)``; and near the
    equilibrium its modes decay like ``beta s^2``, s = 2 sigma.
    """
    missed = ~runs.arrived
    held = runs.ends[:, 2] <= MINIMUM_SCALE
    rate = float(BETA) * Linearisation(runs.trials).rates[:, -1]
    slow = np.log(1 / CLOSE) / (rate * LONGEST) > runs.budget
    return Check(
        f"N = 1: F_con: {missed.sum()} misses, on the bound a = {MINIMUM_SCALE:g} or with a forecast above the budget",
        "all",
        f"{(missed & held).sum()} on the bound, {(missed & ~held & slow).sum()} others slow",
        None,
        bool((held | slow)[missed].all()),
    )


def turned_check(trials: Trials, sign: float = -1.0, budget: int = 2000) -> Check:
    """Whether Crossing-the-Curl with its sign turned arrives nowhere."""
    runs = follow(batched_map("F_cc", trials, sign=sign), trials, HeunEuler(), budget)
    text, interval = law_share(any_laws(runs))
    return Check(
        f"control: N = {trials.n}: -F_cc: laws from which some start arrives in {budget} iterations",
        "0",
        text,
        interval,
        not runs.arrived.any(),
    )
