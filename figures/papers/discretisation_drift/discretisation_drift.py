"""Discretisation drift: what finite steps add to the flow of a game, and whether it stabilises or not.

Descent-ascent with step h follows the flow of a modified field more closely than that of the game: ``F`` gains ``(h /
2) DF F`` in simultaneous updates, and in alternating ones the interaction part of the second player changes its sign.
The toolkit derives that field as the drift of its SDE of order 2. It decides stability where the game's own flow is
wrong about it: on a linear field whose flow is stable the iterates spiral out; on the Dirac-GAN, whose flow conserves
the distance, simultaneous updates spiral out, alternating ones hardly do, and a term that cancels the interaction drift
and more brings convergence. With unequal rates the field depends on whose clock it is for.

Rosca, Wu, Dherin & Barrett (2021), arXiv 2105.13922; Dirac-GAN: Mescheder, Geiger & Nowozin, arXiv 1801.04406.
"""

from __future__ import annotations

import numpy as np

from figures.papers.discretisation_drift.drift_checks import (
    LONG,
    ORDERS,
    bounded_checks,
    clock_checks,
    clock_errors,
    linear_checks,
    losses_check,
    radius_check,
    regularised_checks,
)
from figures.papers.discretisation_drift.drift_panels import draw
from figures.papers.discretisation_drift.drifts import Scheme, iterate
from figures.papers.discretisation_drift.games import (
    DIRAC_H,
    DIRAC_START,
    STRENGTH,
    dirac_gan,
    regularised_dirac_gan,
)
from figures.registry import Outcome, Settings, claim

ITERATIONS = 1000


@claim(
    "discretisation-drift",
    title="Finite steps follow a modified flow: it tells when descent-ascent is unstable, and on a common clock it has "
    "order 2 at unequal rates, where the form with a clock a player has order 1",
    source="Rosca et al. 2021, arXiv 2105.13922; common clock: own derivation",
)
def run(settings: Settings) -> Outcome:
    """Check the claim and draw the figure; nothing is random."""
    paths, errors = dirac_paths(), {order: clock_errors(order) for order in ORDERS}
    checks = (
        *linear_checks(),
        radius_check(paths["simultaneous"]),
        *bounded_checks(paths["alternating"]),
        *regularised_checks(paths["simultaneous, regularised"]),
        losses_check(),
        *clock_checks(errors),
    )
    return Outcome(draw(paths, errors), checks, CAPTION)


def dirac_paths() -> dict[str, np.ndarray]:
    """Iterates of the Dirac-GAN from (1, 1): simultaneous, alternating, simultaneous with explicit regularisation."""
    schemes = {
        "simultaneous": Scheme(dirac_gan(), "simultaneous"),
        "alternating": Scheme(dirac_gan(), "alternating"),
        "simultaneous, regularised": Scheme(regularised_dirac_gan(DIRAC_H / 4 + STRENGTH), "simultaneous"),
    }
    return {name: iterate(scheme.step(DIRAC_H), DIRAC_START, ITERATIONS) for name, scheme in schemes.items()}


CAPTION = (
    "(a-c) x' = -eps x + y, y' = -x - eps y, step 0.2, 60 iterations from the black dot: the flow of the game, the "
    "modified flow and the iterates. At eps = 0.09 the game's flow is stable and simultaneous descent is not, as the "
    "modified flow tells; alternating descent is. (d, e) Dirac-GAN: simultaneous updates grow by exactly 1 + h² s² an "
    "iteration, alternating ones turn in a band, and with h/4 + 0.3 times the other player's squared gradient added to "
    "each loss (h/4 cancels the interaction drift) simultaneous updates converge. The band is no invariant: over "
    f"{LONG:,} iterations the alternating iterates move outwards, too, thousands of times slower. (f) Rates h and 2.5 "
    "h on the Dirac-GAN: distance of flows from the iterates at time 2. The derived field, on one clock, has order 2; "
    "the published correction, in which each player's own step stands for the time, is right to h³ for one iteration "
    "on the players' own clocks, but as one flow on the common clock it has order 1, like no correction at all, and on "
    "own clocks, to fixed times, it follows another path. Circles simultaneous, triangles alternating. Verdict: 95 % "
    "interval of the fitted power within 0.1 of the stated one."
)
