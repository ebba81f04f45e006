"""The fields that the minimax SDEs follow on ``f = x y``, and how fast they and the algorithms decay under noise.

The field ``-F`` of descent-ascent turns about the equilibrium, ``DF F`` points at it, and extragradient's drift ``-F +
rho DF F`` turns inwards at an angle whose cotangent is rho. With noise in lam, ``E |z|^2`` of algorithm and SDE fall by
exact factors an iteration, ``(1 - lr p)^2 + (lr q)^2 + lr^2 w`` and ``exp(-lr k)`` with ``k = 2 p - lr w``. The decay
rates differ by ``lr (p^2 - q^2)``: of order lr, and of order lr^2 at ``rho = 1 / lam``, where ``p = q``.

Compagnoni, Orvieto, Kersting, Proske & Lucchi (2024), arXiv 2402.12508; difference of the rates: own derivation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sympy import Matrix, simplify

import analysis
from figures.papers.minimax_sdes.agreement import FALSE_ALARM
from figures.papers.minimax_sdes.decay import (
    LRS,
    METHODS,
    NAMES,
    ORDERS,
    Factor,
    decay,
    gap,
    gaps,
    law_of,
    one_iteration,
)
from figures.papers.minimax_sdes.field_panels import draw
from figures.papers.minimax_sdes.games import RHO, X, Y, noiseless_drift
from figures.registry import Check, Outcome, Settings, claim

EXACT_LRS = tuple(2.0**-k for k in range(8, 13))
MARGIN = 0.1


@claim(
    "minimax-fields",
    title="Extragradient adds an inward turn to the field of descent-ascent; under noise in the coupling algorithm and "
    "SDE decay by exact factors, at rates O(lr) apart",
    source="Compagnoni et al. 2024, arXiv 2402.12508, vector fields and multiplicative noise; rates: own derivation",
)
def run(settings: Settings) -> Outcome:
    """Check the claim and draw the figure."""
    size, seed = (10 if settings.full else 1), 100 * settings.seed
    factors = [f for number, lr in enumerate(LRS) for f in one_iteration(lr, 300_000 * size, seed + number)]
    decays = {rho: decay(rho, 5_000 * size, seed + 10) for rho in METHODS}
    checks = (
        *field_checks(),
        *(found.check() for found in factors),
        *(exact_slope(rho) for rho in METHODS),
        *(measured_slope(rho, factors) for rho in (2.0, None)),
        *controls(factors),
    )
    return Outcome(draw(factors, decays), checks, CAPTION)


def field_checks() -> list[Check]:
    """``-F`` is tangential, ``DF F = -z``, and the sum meets the radius at an angle with cotangent rho."""
    z, field, ahead = Matrix([X, Y]), noiseless_drift("descent"), noiseless_drift("ahead")
    inwards = ((ahead - field) / RHO).applyfunc(simplify)
    tangent = Matrix([-Y, X])
    rows = (
        ("z . (-F)", z.dot(field)),
        ("DF F + z", next((e for e in inwards + z if e != 0), 0)),
        ("radial part of -F + rho DF F, plus rho times its tangential part", z.dot(ahead) + RHO * tangent.dot(ahead)),
    )
    return [
        Check(f"f = x y, derived drifts: {name}", "0", str(simplify(value)), None, bool(simplify(value) == 0))
        for name, value in rows
    ]


def exact_slope(rho: float | None) -> Check:
    """Power of lr with which the exact rates of algorithm and SDE differ."""
    law = law_of(rho)
    order = analysis.weak_order(EXACT_LRS, [gap(law, lr) for lr in EXACT_LRS], np.zeros(len(EXACT_LRS)))
    low, high = order.interval
    return Check(
        f"{NAMES[rho]}: power of lr of the difference of the decay rates (exact)",
        f"{ORDERS[rho]} ± {MARGIN:g}",
        order.value,
        order.interval,
        bool(ORDERS[rho] - MARGIN <= low and high <= ORDERS[rho] + MARGIN),
    )


def measured_slope(rho: float | None, factors: Sequence[Factor]) -> Check:
    """The same power from the simulations, against that of the exact differences at the same learning rates."""
    order = analysis.weak_order(*gaps(rho, factors), level=0.999)
    exact = analysis.weak_order(LRS, [gap(law_of(rho), lr) for lr in LRS], order.norm_ses)
    low, high = order.interval
    return Check(
        f"{NAMES[rho]}: the same, both simulated, lr {LRS[0]:g} to {LRS[-1]:g}",
        f"{exact.value:.3f}",
        order.value,
        order.interval,
        bool(low <= exact.value <= high),
    )


def controls(factors: Sequence[Factor]) -> list[Check]:
    """The algorithm's factor is not the SDE's, and the noise in lam counts."""
    far = {(f.rho, f.is_sde): f for f in factors if f.lr == LRS[-1]}
    rows = []
    for rho in (2.0, None):
        algorithm = far[rho, False]
        quiet = float(algorithm.law.factor(algorithm.lr) - algorithm.lr**2 * algorithm.law.multiplicative)
        rows += [
            algorithm.check(
                far[rho, True].exact, f"control: {NAMES[rho]}, algorithm, lr {algorithm.lr:g}, against the SDE's factor"
            ),
            algorithm.check(
                quiet, f"control: {NAMES[rho]}, algorithm, lr {algorithm.lr:g}, against that without noise"
            ),
        ]
    return rows


CAPTION = (
    "(a-d) f = x y: drifts of the derived SDEs, directions (arrows, all of one length) and the flow from four points, "
    "for as long as it takes to turn twice or to fall to 2 %. Descent-ascent circles; DF F, which is also the drift of "
    "Hamiltonian descent here, points at the equilibrium; extragradient adds rho of it, and a "
    "large rho leaves no turn. (e) f = (2 "
    "+ N(0, 1)) x y, separate samples in both evaluations: mean energy of the algorithms (points; error bars three "
    "standard errors) over their exact law (lines) and the SDE's (dashed); rho = 1 and SHGD all but coincide. (f) "
    "Decay rate -log(factor of E|z|²) / lr of the algorithm minus that of its SDE, both from independent single "
    "iterations (bars 95 %), over the exact difference lr (p² - q²) + O(lr²), colours as in (e): of order lr, but lr² "
    "at rho = 1 / lam, where p = q (there too small to be measured here). Verdicts: Bonferroni, "
    f"false alarm anywhere below {FALSE_ALARM:.0%}; slopes 99.9 %."
)
