"""Laws of SGDA, extragradient (SEG) and Hamiltonian descent (SHGD) on bilinear games, in closed form.

With additive noise ``m = E |z|^2 / 2`` of the SDEs obeys ``m' = -k u m + lr v u^2`` for rates ``lr u(t)``: SGDA has
``k = 0``, SEG ``k = 2 rho lam^2`` and ``v = sigma^2 (1 + rho^2 lam^2)``, SHGD ``k = 2 lam^2``, ``v = sigma^2 lam^2``.
For ``u = (1 + t)^-gamma`` it is solved by exponentials (gamma 0), exponential integrals (1/2) and powers (1). Where the
noise is in lam, m decays to 0 with a rate that the noise lowers. The algorithms themselves obey recursions that are
exact for every rate; SGDA's m grows by ``1 + lr^2 lam^2`` an iteration, of which its SDE of order 1 knows nothing.

Compagnoni, Orvieto, Kersting, Proske & Lucchi (2024), arXiv 2402.12508.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from figures.papers.minimax_sdes import coupled_paths as paths
from figures.papers.minimax_sdes.agreement import FALSE_ALARM, Agreement
from figures.papers.minimax_sdes.closed_form_panels import WIDE, draw
from figures.papers.minimax_sdes.closed_form_runs import (
    ENERGY,
    LAM,
    LR,
    SIGMA,
    Case,
    additive_cases,
    multiplicative_cases,
)
from figures.papers.minimax_sdes.coupled_paths import CoupledPaths, coupled_paths
from figures.papers.minimax_sdes.derived_sdes import derived_checks
from figures.registry import Check, Outcome, Settings, claim

COMPARISONS = 1600
"""At most this many checkpoints are compared in the whole claim."""
DISTANCE_AT = np.array([10, 20, 50, 100, 200, 350, 500])
"""Iterations at which the distance of coupled runs is tested."""


@claim(
    "minimax-closed-forms",
    title="SGDA, extragradient and Hamiltonian descent and their SDEs follow closed-form laws on bilinear games, for "
    "additive and multiplicative noise and falling rates",
    source="Compagnoni et al. 2024, arXiv 2402.12508, sections on bilinear games; discrete laws: own derivation",
)
def run(settings: Settings) -> Outcome:
    """Check the claim and draw the figure."""
    size = 10 if settings.full else 1
    cases = [*additive_cases(2_000 * size, 100 * settings.seed)]
    cases += multiplicative_cases(12_000 * size, 100 * settings.seed + 50)
    coupled = coupled_paths(200, 100 * settings.seed + 60)
    checks = (
        *derived_checks(),
        *(case.agreement().check(f"{case.label}: m at the end", float(case.exact[-1]), COMPARISONS) for case in cases),
        *floor_checks(cases),
        *coupled_checks(coupled),
        *controls(cases),
    )
    return Outcome(draw(cases, coupled), checks, _caption())


def floor_checks(cases: Sequence[Case]) -> list[Check]:
    """Stationary m at the constant rate, averaged over the second half of the runs."""
    kept = [case for case in cases if case.noise == "additive" and case.gamma == 0 and case.name != "SGDA"]
    return [
        Agreement.of(case.settled, np.array([case.floor])).check(f"{case.label}: floor", case.floor, COMPARISONS)
        for case in kept
    ]


def coupled_checks(coupled: CoupledPaths) -> list[Check]:
    """On the same noise algorithm and SDE keep together; even their distance has an exact law."""
    rows = []
    for group, rho in enumerate(paths.RHOS):
        exact = paths.distance_law(rho)
        found = Agreement.of(coupled.distances[group][:, DISTANCE_AT], exact[DISTANCE_AT])
        name = f"same noise, SEG rho {rho:g}: E |algorithm - SDE|² / 2 at the end"
        rows.append(found.check(name, float(exact[-1]), COMPARISONS))
    return rows


def controls(cases: Sequence[Case]) -> list[Check]:
    """Wrong laws that the same test must reject."""
    found = {(case.name, case.is_sde): case for case in cases if case.noise == "additive" and case.gamma == 0}
    sgda, far, far_sde = found["SGDA", False], found["SEG rho 5", False], found["SEG rho 5", True]
    linear = ENERGY + LR * SIGMA**2 * sgda.time
    plain = replace(far.law, additive=SIGMA**2).floor(LR)
    noisy = next(case for case in cases if case.noise == "multiplicative" and case.name == "SHGD" and case.is_sde)
    noiseless = ENERGY * np.exp(-2 * LAM**2 * noisy.time)
    rows = [
        ("SGDA, algorithm, against b + lr sigma² t of its SDE", sgda.agreement(linear), linear[-1]),
        ("SEG rho 5, algorithm, against the SDE's floor", _floor(far, far.law.floor(LR)), far.law.floor(LR)),
        ("SEG rho 5, SDE, against the floor without the rho² lam² of the noise", _floor(far_sde, plain), plain),
        ("SHGD, multiplicative noise, SDE, against k = 2 lam²", noisy.agreement(noiseless), noiseless[-1]),
    ]
    return [
        agreement.check(f"control: {name}", float(predicted), COMPARISONS, rejected=True)
        for name, agreement, predicted in rows
    ]


def _floor(case: Case, predicted: float) -> Agreement:
    return Agreement.of(case.settled, np.array([predicted]))


def _caption() -> str:
    return (
        "SEG: stochastic extragradient, z' = z - lr F(z - rho F(z)), one sample for both evaluations in a-d and f, two "
        "in e; SHGD: Hamiltonian descent; SGDA: descent-ascent. (a) One path of SEG for two rho (lr 0.01, 250 "
        "iterations from the dots) over the path of its SDE on the same noise; (b) their mean energy. (c) f = 2 x y, "
        "noise 1e-3 a coordinate, lr 0.01: k = 0, 4, 40 and 8, with floors lr sigma² (1 + rho² lam²) / (2 rho lam²), "
        "for SHGD lr sigma² / 2. (d) The same under falling rates, gamma = 1/2 in terms of the exponential integral; "
        "noise and distance fall together, to 0. (e) Noise in lam itself, sigma = 1: m falls to 0, no floor. (f) The "
        "algorithms of (c) over the SDE's closed form: at lr k = 0.4 the floor of SEG, rho = 5, lies 11 % above the "
        "SDE's, and SGDA, which its SDE holds at rest, spirals out by (1 + lr² lam²) an iteration. Error bars: "
        f"{WIDE:g} standard errors, in f 95 %. Verdicts: all checkpoints of all runs against their exact laws, with "
        f"Bonferroni's correction, so that a false alarm anywhere has a chance below {FALSE_ALARM:.0%}; the row shows "
        "the last checkpoint. Derived SDEs: the drift keeps a fixed rho exactly (on a linear F as published; on others "
        "the paper keeps its first order only), while an extrapolation rate kappa lr shows at order 2 only, as "
        "(kappa - 1/2) lr DF F."
    )
