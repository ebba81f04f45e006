"""Learning rates that fall where the fluctuations say so: what it gains, and what the test behind it can see.

At stationarity of ``x' = x - lr d`` every player p has ``E[(x_p - c) . d_p] = (lr / 2) E|d_p|^2``, at any rate. Yaida
(arXiv 1810.00004) lowers the rate once both sides agree within a tolerance; SASA+ (Zhang et al., arXiv 2002.10597) asks
a statistical test; Cao & Guo (arXiv 2006.02047) point out the use for GANs. Held here against constants, a 1/k decay
tuned by hindsight, and a cosine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from figures.papers.coupled_sdes.schedules_panels import draw
from figures.papers.coupled_sdes.schedules_runs import (
    MENDED,
    RULES,
    YAIDA,
    Curve,
    Problem,
    compare,
    errors_at_drops,
    is_inside,
    log_ratio,
    lq_gan_problem,
    real_data_problem,
)
from figures.papers.coupled_sdes.schedules_tests import BETWEEN, LONG, SHORT, Design, rejections
from figures.registry import Check, Outcome, Settings, Table, claim
from figures.table import estimate_cells

LEVEL = 0.999
"""Coverage of the intervals that decide."""
RULE_NAMES = {"yaida": "Yaida's rule", "mended": "test with power"}
RIVALS = {"constant": "the best constant", "cosine": "the cosine", "inverse": "1/k with the best offset"}
WINS, LOSES = -1, 1
EXPECTED = (
    {
        ("yaida", "constant"): WINS, ("yaida", "cosine"): WINS, ("yaida", "inverse"): WINS,
        ("mended", "constant"): WINS, ("mended", "inverse"): LOSES,
    },
    {(rule, rival): LOSES for rule in RULE_NAMES for rival in RIVALS},
)  # fmt: skip
"""Of each problem, the comparisons that decide. On the LQ-GAN the test with power and the cosine differ by too little
for these runs; the table has that one too."""


@claim(
    "rate-schedules",
    title="Fluctuation-dissipation rules lower the rate when a training has become stationary; they beat the best "
    "constant rate (Yaida's also cosine and 1/k) where the budget is a few relaxation times, and lose to all three "
    "where it is hundreds",
    source="Yaida (2018), arXiv 1810.00004; Cao & Guo (2020), arXiv 2006.02047; Zhang et al. (2020), arXiv 2002.10597",
    reads_data=True,
)
def run(settings: Settings) -> Outcome:
    """Calibrate the test, then compare schedules on the LQ-GAN and on real measurements."""
    runs, replicates = (1000, 20_000) if settings.full else (400, 4096)
    seed = 1000 * settings.seed
    problems = (lq_gan_problem(10_000), real_data_problem(4_000, settings.data))
    results = [(p, compare(p, runs=runs, seed=seed + 100 * i)) for i, p in enumerate(problems)]
    checks = [*calibration_checks(replicates, settings.seed), *comparison_checks(results)]
    return Outcome(draw(results), tuple(checks), _caption(results), (final_table(results), ratio_table(results)))


# -------------------------------------------------------------------- the test


def calibration_checks(replicates: int, seed: int) -> list[Check]:
    """False alarms and power of the test at level 95 %; controls that must fail."""
    few, halved = replicates // 4, replace(SHORT, before=2.0)
    rows = [
        ("stationary, batches of 20 relaxation times", "5 % ± 1 %", LONG, replicates, 0.04, 0.06),
        ("stationary, window shorter than the relaxation", "5 % ± 1 %", SHORT, replicates, 0.04, 0.06),
        ("rate just halved, the same window", ">= 90 %", halved, replicates, 0.9, 1.0),
        ("rate just halved, fewer parameters", "< 30 %: too little to see", replace(halved, m=128), few, 0.0, 0.3),
        ("stationary, batches of about a relaxation time", "< 5 %: cautious", BETWEEN, replicates, 0.0, 0.05),
        ("control: lr 50 % too large", ">= 90 %", replace(LONG, claimed=1.5), few, 0.9, 1.0),
        (
            "control: every iteration observed",
            "< 1 %: silenced",
            replace(LONG, observations=2000, every=1),
            few,
            0,
            0.01,
        ),
    ]
    return [_test_check(name, said, design, n, low, high, seed) for name, said, design, n, low, high in rows]


def _test_check(name: str, said: str, design: Design, replicates: int, low: float, high: float, seed: int) -> Check:
    found = rejections(design, replicates=replicates, seed=seed)
    ends = (max(found.interval[0], 0.0), min(found.interval[1], 1.0))
    step = {1: "each iteration", 2: "every 2nd iteration"}.get(design.every, f"every {design.every}th iteration")
    size = f"{design.m:,} parameters a player, lr {design.lr:g}, {design.observations:,} observations, {step}"
    text = f"test of balance, {name} ({size}): rejected, of {replicates:,}"
    return Check(text, said, found.value, ends, bool(low <= found.value <= high))


# -------------------------------------------------------------------- the schedules


Results = Sequence[tuple[Problem, Mapping[str, Curve]]]


def comparison_checks(results: Results) -> list[Check]:
    """Final errors against each other; logarithms of ratios, negative where the first is better."""
    checks = []
    for (problem, curves), expected in zip(results, EXPECTED, strict=True):
        checks += [_sign(problem, curves, rule, rival, sign) for (rule, rival), sign in expected.items()]
        checks += [_sign(problem, curves, name, "start", WINS) for name in RULES]
        name = f"{problem.name}: best constant inside the grid"
        checks.append(Check(name, "yes", curves["constant"].label, None, is_inside(problem, curves["constant"])))
    problem, curves = results[1]
    for name in RULES:
        ratio = errors_at_drops(problem, curves[name], LEVEL)
        low, high = ratio.interval
        text = f"{problem.name}: {RULE_NAMES[name]}, error at its drops / stationary error"
        checks.append(Check(text, "1 ± 0.25", ratio.value, (low, high), bool(low >= 0.75 and high <= 1.25)))
    return checks


def _sign(problem: Problem, curves: Mapping[str, Curve], first: str, second: str, sign: int) -> Check:
    ratio = log_ratio(curves[first], curves[second], LEVEL)
    low, high = ratio.interval
    against = "the first rate kept" if second == "start" else RIVALS[second]
    name = f"{problem.name}: log of final errors, {RULE_NAMES[first]} over {against}"
    passed = low > 0 if sign == LOSES else high < 0
    return Check(name, "> 0: loses" if sign == LOSES else "< 0: wins", ratio.value, (low, high), bool(passed))


def ratio_table(results: Results) -> Table:
    """Every rule against every rival on both problems: by what factor its final error is larger."""
    rows = []
    for problem, curves in results:
        for rule, name in RULE_NAMES.items():
            for rival, against in RIVALS.items():
                ratio = log_ratio(curves[rule], curves[rival], LEVEL)
                low, high = (float(np.exp(end)) for end in ratio.interval)
                verdict = "wins" if high < 1 else "loses" if low > 1 else "undecided"
                rows.append((problem.name, name, against, f"{np.exp(ratio.value):.3g}", f"[{low:.3g}, {high:.3g}]",
                             verdict))  # fmt: skip
    header = ("problem", "rule", "against", "ratio of final errors", f"{LEVEL:.1%} interval", "the rule")
    note = "Rivals know the budget, and two of them were tuned by hindsight; the rules know neither."
    return Table("rules against rates that are set in advance", header, tuple(rows), note)


def final_table(results: Results) -> Table:
    """Final errors of all schedules."""
    rows = [
        (problem.name, curve.label, str(len(curve.errors)), *estimate_cells(curve.final))
        for problem, curves in results
        for curve in curves.values()
    ]
    header = ("problem", "schedule", "runs", "E|x_N - x*|²", "s.e.", "95 % interval")
    note = "Constants and offsets are the best of eight, chosen on runs of another seed."
    return Table("final errors", header, tuple(rows), note)


def _caption(results: Results) -> str:
    (lq_gan, slow), (real, fast) = results
    runs = len(slow["start"].errors)
    return (
        f"Mean squared distance to the equilibrium (a, d), learning rates (b, e) and final errors (c, f) of {runs} "
        "independent runs a schedule; bands and bars: 95 % intervals, in b and e the middle 80 % of the runs' own "
        "rates. Yaida's rule sees every iteration and multiplies the rate by 0.5 when dissipation and "
        "fluctuation of both players agree within 10 % over the later half of a stage; the test with power sees every "
        "second one and divides by 10 when 20 batch means show balance at level 95 % with an interval of at most half "
        f"the fluctuation to either side; both check every {YAIDA.period} or {2 * MENDED.period} iterations and know "
        "neither equilibrium nor curvature. Constants and the 1/k decay are the best of eight, by hindsight. On the "
        f"LQ-GAN (a-c, {lq_gan.steps:,} iterations) the budget is {lq_gan.relaxations:.0f} relaxation times of the "
        "slowest direction at the first rate: a constant must be large to arrive and small to settle, and rates that "
        f"fall win: {_factor(slow, 'yaida', 'constant')} of the best constant's error is left by Yaida's rule, "
        f"{_factor(slow, 'mended', 'constant')} by the test with power, which 1/k and cosine beat. On the linear WGAN "
        f"(d-f, {real.steps:,} iterations) it is {real.relaxations:.0f}: a small constant "
        "arrives all the same, whereas every stage of a rule lasts until a few strongly fluctuating parameters have "
        f"shown their balance; the rules end at {_factor(fast, 'yaida', 'constant')} and "
        f"{_factor(fast, 'mended', 'constant')} times the error of the best constant and at "
        f"{_factor(fast, 'yaida', 'inverse')} and {_factor(fast, 'mended', 'inverse')} times that of 1/k. At the drops "
        "the distance is the stationary one or nearly so (last rows): the rules act when they should, and it is the "
        "waiting that costs."
    )


def _factor(curves: Mapping[str, Curve], first: str, second: str) -> str:
    """Ratio of final errors."""
    return f"{np.exp(log_ratio(curves[first], curves[second], LEVEL).value):.2g}"
