"""The maps on the N-dimensional LQ-GAN from random starts: who reaches a thousandth of the first distance, how fast.

The experiment is that of Gemp & Mahadevan (arXiv 1808.01531): deterministic, random covariances, at most 10,000
iterations. Their trials are 10 covariances with 10 starts each; the publication size here is 25 with 4, as many trials
on more laws, since it is the law that decides and over laws that intervals go.

What is decided: within that budget descent-ascent and extragradient never arrive. Crossing-the-Curl and the
extragradient direction nearly always do in one dimension, but the more seldom the larger N. A miss has one of two
reasons. The eigenvalues of their Jacobian at the equilibrium are the squared singular values of M = dm/dtheta, and the
slowest may need more than the budget. Or the path passes generators with a diagonal entry of A near 0, where M is
singular, and hardly moves for thousands of iterations, partly on the bound of A.
"""

from __future__ import annotations

from collections.abc import Sequence

from figures.papers.crossing_the_curl.map_comparison_arrivals import (
    consensus_check,
    explanation_check,
    extragradient_forecast,
    never_check,
    reach_check,
    rival_check,
    trend_check,
    turned_check,
)
from figures.papers.crossing_the_curl.map_comparison_panels import draw
from figures.papers.crossing_the_curl.map_comparison_runs import Comparison, Runs, compare, follow_named
from figures.papers.crossing_the_curl.map_comparison_speeds import (
    divergence_check,
    faster_check,
    field_check,
    forecast_check,
    order_check,
    paired_check,
    scaled_check,
    step_check,
    tail_check,
)
from figures.papers.crossing_the_curl.map_comparison_trials import draw_trials
from figures.registry import Check, Outcome, Settings, claim

DIMENSIONS, LAWS, STARTS = (1, 2, 4), 25, 3
MORE_LAWS = 100
"""Of Crossing-the-Curl alone, for the forecast of its iterations, which holds where that is long: for one in four."""
OTHER_LAWS = 1_000_003
"""Added to the seed for these."""
FULL_DIMENSIONS, FULL_STARTS = (1, 2, 4, 6, 8, 10), 4


@claim(
    "lq-gan-dimensions",
    title="On N-dimensional LQ-GANs descent-ascent and extragradient never arrive within 10,000 iterations; "
    "Crossing-the-Curl and the direction F_eg do unless M is nearly singular, at the equilibrium or on the way",
    source="Gemp & Mahadevan, arXiv 1808.01531, experiments on the N-dimensional LQ-GAN; reasons: own derivation",
)
def run(settings: Settings) -> Outcome:
    """Check the claim and draw the figure."""
    dimensions, starts = (FULL_DIMENSIONS, FULL_STARTS) if settings.full else (DIMENSIONS, STARTS)
    comparison = compare(dimensions, LAWS, starts, settings.seed)
    others = [draw_trials(n, MORE_LAWS, starts, (settings.seed + OTHER_LAWS) % 2**64) for n in dimensions]
    verdicts = checks(comparison, [follow_named("F_cc", trials) for trials in others])
    return Outcome(draw(comparison), verdicts, CAPTION.format(laws=LAWS, starts=starts, more=MORE_LAWS))


CAPTION = (
    'Deterministic LQ-GAN, {laws} random covariances ("laws") for each N with {starts} random starts each, 10,000 '
    "iterations. (a) Iterations until the distance to the equilibrium is a thousandth of the first one; circles: "
    "medians; above: percentage that did not get there; hollow: maps scaled by 1/(2 a²), N = 1. EG: extragradient "
    "with step 0.001; scaled maps: Euler with step 0.1; the others Heun-Euler with step control, two evaluations of "
    "the map an iteration. (b) Covariances from which every start arrives. (c, d) Iterations of Crossing-the-Curl "
    "against the condition number and against what the slowest mode at the equilibrium needs (line: equality; above "
    "1e7 drawn there); s are the singular values of M. Left of the line's end, open marks are trials that crept past "
    "generators with a singular M. Open, here and in (h): did not arrive. (e) The last factor of ten of the distance "
    "against the linear flow from the same state; line: equality. (f) The extragradient direction against "
    "Crossing-the-Curl; bar and band: median over laws and its interval. (g) Divergence of the generated from the "
    "data's law at the end, cut at 1e-12 and 1e6. (h) The field falls further than the distance: a small field does "
    "not mean that the equilibrium is near. All intervals 95 %, over laws; the forecast of the iterations is judged on "
    "{more} other laws for each N."
)


def checks(comparison: Comparison, more: Sequence[Runs]) -> tuple[Check, ...]:
    """All verdicts; ``more`` are runs of Crossing-the-Curl on other laws."""
    across, direction = comparison.of("F_cc"), comparison.of("F_eg")
    fewest = min(extragradient_forecast(trials) for trials in comparison.trials.values())
    return (
        never_check("F", comparison.of("F"), "Heun's method multiplies every mode by more than 1"),
        never_check("EG", comparison.of("EG"), f"near the equilibria it needs {fewest:,.0f} or more"),
        *(reach_check(name, comparison.runs[n][name]) for n in comparison.dimensions for name in ("F_cc", "F_eg")),
        trend_check("F_cc", across),
        explanation_check([*across, *direction]),
        rival_check(comparison, "F_con", "F_cc"),
        consensus_check(comparison.runs[1]["F_con"]),
        faster_check(comparison, "F_eg", (1,)),
        faster_check(comparison, "F_reg", comparison.dimensions),
        paired_check(comparison),
        forecast_check(more),
        order_check(across),
        tail_check("N = 1", across[:1]),
        tail_check("N > 1", across[1:]),
        step_check(across),
        *(scaled_check(name, runs) for name, runs in comparison.scaled.items()),
        divergence_check(across),
        field_check(across[-1]),
        turned_check(comparison.trials[2]),
    )
