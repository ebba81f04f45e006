"""Every map of the LQ-GAN paper from its own starts, with the iterations and steps of its experiments.

The statement is that of Gemp & Mahadevan (arXiv 1808.01531): from far away Crossing-the-Curl reaches the equilibrium
first, the extragradient direction and the regularised map later, and descent-ascent, extragradient, alternating and
unrolled training not within their budgets; consensus runs to the bound of the generator's scale. Data N(0, 1).

Why is decided here too. Near the equilibrium an iteration multiplies the squared amplitude by ``1 + 4 rho^2`` for
descent-ascent, 1 for alternating training, ``1 - 4 rho^2`` for unrolled training at its own step, and ``1 - 4 rho^2 +
16 rho^4`` for extragradient: the first two never arrive, the last two need more than their budget.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from figures.papers.crossing_the_curl.map_panels import draw
from figures.papers.crossing_the_curl.map_reasons import (
    area_check,
    bound_check,
    consensus_checks,
    conservation_check,
    decay_check,
    energy_check,
    factor_check,
    mean_checks,
)
from figures.papers.crossing_the_curl.map_runs import FIXED, far_runs, fixed, near_runs, tolerant
from figures.papers.crossing_the_curl.maps import Run
from figures.registry import Check, Outcome, Settings, claim


@claim(
    "lq-gan-maps",
    title="Of the LQ-GAN's maps Crossing-the-Curl reaches the equilibrium in the fewest iterations; descent-ascent, "
    "extragradient, alternating and unrolled training not within their budgets, consensus ends at the bound",
    source="Gemp & Mahadevan, arXiv 1808.01531, experiments on the LQ-GAN; reasons: own derivation",
)
def run(settings: Settings) -> Outcome:
    """Check the claim and draw the figure."""
    far, near = far_runs(), near_runs()
    tolerances = (1e-6, 3e-6, 3e-5, 1e-4) if settings.full else (3e-5, 1e-4)
    checks = (
        *mean_checks(),
        ranking_check("from (50, 30)", far, ("F_cc", "F_eg", "F_reg")),
        *(ranking_check(f"from (50, 30), tolerance {t:g}", tolerant(t), ("F_cc", "F_eg", "F_reg")) for t in tolerances),
        *(budget_check("from (50, 30)", name, far[name]) for name in FIXED),
        *(factor_check(name) for name in FIXED),
        longer_check("EG", 80_000),
        longer_check("F_unr", 300_000),
        area_check(settings.seed),
        *consensus_checks(far["F_con"]),
        energy_check(),
        conservation_check("F"),
        *(decay_check(name, far[name]) for name in ("F_cc", "F_eg")),
        ranking_check("from (3, 0.2)", near, ("F_cc", "F_eg", "F_con", "F_reg")),
        *(budget_check("from (3, 0.2)", name, near[name]) for name in ("F_alt", "F_unr")),
        bound_check(),
    )
    return Outcome(draw(far, near), checks, CAPTION)


CAPTION = (
    "Deterministic LQ-GAN, data N(0, 1). (a) Mean stage: descent-ascent F rotates; one step of length 0.5 of F, of "
    "extragradient (EG, by way of its open look-ahead arrow) and of Crossing-the-Curl. (b) Variance stage from (50, "
    "30) over the directions of -F, (c) distance to the equilibrium of the same runs; a run ends at 1e-4 or with its "
    "budget. (d-i) From (3, 0.2), one map a panel over its own directions, k the iterations it takes. Fixed steps: "
    "F 0.001, EG 0.01, F_alt and F_unr 0.005; the others, and all of (d-i), Heun-Euler with step control at tolerance "
    "1e-5, which takes two evaluations of the map an iteration. EG and F_unr do arrive if they are run on. F repels: "
    "it leaves the equilibrium in ever wider cycles; alternating training at its own step has nothing that attracts, "
    "since it keeps the area in (w2, ln a). In (h) the path widens because step control sees no error on the lower "
    "bound of a and lets one step grow long; with capped steps the cycles narrow, too slowly to arrive in the budget."
)


# -------------------------------------------------------------------- who arrives


def ranking_check(where: str, runs: dict[str, Run], order: tuple[str, ...]) -> Check:
    """Whether the maps named all arrive, in ever more iterations."""
    counts = [runs[name].iterations for name in order]
    arrived = all(runs[name].converged for name in order)
    return Check(
        f"{where}: iterations to distance 1e-4",
        " < ".join(order) + ", all within the budget",
        " < ".join(map(str, counts)) if arrived and counts == sorted(counts) else f"{counts}, arrived: {arrived}",
        None,
        bool(arrived and all(first < second for first, second in pairwise(counts))),
    )


def budget_check(where: str, name: str, result: Run) -> Check:
    """Whether a map is still away from the equilibrium at the end of its budget."""
    return Check(
        f"{where}: {name} within {result.iterations} iterations",
        "does not arrive",
        f"distance {result.distance[-1]:.3g} at the end, {result.distance.min():.3g} at the least",
        None,
        bool(not result.converged and np.isfinite(result.path).all()),
    )


def longer_check(name: str, budget: int) -> Check:
    """Whether a map that its linearisation sends to the equilibrium arrives if it is run on."""
    result = fixed(name, budget)
    return Check(
        f"from (50, 30): {name} run on to {budget} iterations",
        "arrives",
        f"after {result.iterations} iterations" if result.converged else f"distance {result.distance[-1]:.3g}",
        None,
        result.converged,
    )
