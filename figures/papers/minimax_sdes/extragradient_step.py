"""How the extrapolation rate decides what extragradient (SEG) does on quadratic games.

On ``f = a |x|^2 / 2 + lam x y - a |y|^2 / 2`` its SDE has ``m' = -k m + lr v`` with ``k = 2 [a + rho (lam^2 - a^2)]``
and, on one sample for both evaluations, ``v = sigma^2 [(1 - rho a)^2 + rho^2 lam^2]``: it converges iff ``k > 0``, has
the rate of Hamiltonian descent (SHGD) at ``rho^H = (a^2 + lam^2 - a) / (lam^2 - a^2)``, and its stationary variance is
lowest at ``rho^V = 1 / (a + lam)``. For the algorithm itself ``rho^V`` is right at every learning rate: with ``w = a +
i lam`` its stationary m is ``lr sigma^2 / (k / |1 - rho w|^2 - lr |w|^2)``, which grows with the SDE's.

Compagnoni, Orvieto, Kersting, Proske & Lucchi (2024), arXiv 2402.12508.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

import analysis
from figures.papers.minimax_sdes.agreement import FALSE_ALARM
from figures.papers.minimax_sdes.extragradient_panels import draw, label
from figures.papers.minimax_sdes.extragradient_runs import (
    CONVEX,
    NONCONVEX,
    SIGMA,
    Curve,
    Scan,
    Setting,
    curves,
    noiseless_rates,
    scan,
)
from figures.papers.minimax_sdes.least_variance import exact_minimiser, measured_minimiser
from figures.registry import Check, Outcome, Settings, claim

COMPARISONS = 1000
LEVEL = 0.999
TOO_FAR = -20.0


@claim(
    "extragradient-step",
    title="Extragradient converges iff 2 [a + rho (lam² - a²)] > 0; rho^H gives Hamiltonian descent's rate, "
    "rho^V = 1 / (a + lam) the least stationary variance",
    source="Compagnoni et al. 2024, arXiv 2402.12508, quadratic games; independent samples: own derivation",
)
def run(settings: Settings) -> Outcome:
    """Check the claim and draw the figure."""
    size, seed = (10 if settings.full else 1), 100 * settings.seed
    runs = [curves(CONVEX, 1_000 * size, seed), curves(NONCONVEX, 1_000 * size, seed + 1)]
    scans = [
        [scan(CONVEX, batches, 3_000 * size, 2_400, seed + 2) for batches in ("shared", "independent")],
        [scan(NONCONVEX, "shared", 3_000 * size, 4_500, seed + 3)],
    ]
    checks = (
        *(growth_check(curve) for group in runs for curve in group if not curve.is_sde),
        *(curve_check(curve) for group in runs for curve in group),
        *(sign_check(setting) for setting in (CONVEX, NONCONVEX)),
        far_check(),
        *(variance_check(found) for group in scans for found in group),
        *(minimiser_check(found) for group in scans for found in group),
        *(neighbours_check(group[0]) for group in scans),
        minimiser_check(scans[0][1], batches="shared", control=True),
    )
    return Outcome(draw(runs, scans), checks, _caption())


def _named(curve: Curve) -> str:
    text = label(curve.setting, curve.rho).replace("$", "").replace("\\rho", "rho")
    return f"a = {curve.setting.a:g}, lam = {curve.setting.lam:g}, {text}"


def growth_check(curve: Curve) -> Check:
    """Whether the noisy algorithm diverges exactly if k < 0, over the second half of its run.

    With k > 0 the energy falls to its floor and stays, with k < 0 it grows like ``exp(-k t)``; |k| / 2 lies between.
    """
    rate = curve.law.rate(curve.setting.lr)
    half = len(curve.time) // 2
    change = _log_ratio(curve.energies[:, -1], curve.energies[:, half])
    span = curve.time[-1] - curve.time[half]
    low, high = (float(edge / span) for edge in change.interval)
    bound = abs(rate) / 2
    return Check(
        f"{_named(curve)}: growth rate of E|z|² in the second half, algorithm with noise",
        f"k = {rate:g}: " + (f"settles, < {bound:g}" if rate > 0 else f"diverges, > {bound:g}"),
        float(change.value / span),
        (low, high),
        high < bound if rate > 0 else low > bound,
    )


def _log_ratio(late: np.ndarray, early: np.ndarray) -> analysis.Estimate[float]:
    """Log of the quotient of two means over the same trajectories."""
    influence = late / late.mean() - early / early.mean()
    se = float(influence.std(ddof=1) / np.sqrt(len(late)))
    return analysis.normal_estimate(float(np.log(late.mean() / early.mean())), se, n=len(late), level=LEVEL)


def curve_check(curve: Curve) -> Check:
    """Every checkpoint of a run against its exact law."""
    kind = "SDE against its closed form" if curve.is_sde else "algorithm against its recursion"
    return curve.agreement.check(f"{_named(curve)}: m at the end, {kind}", float(curve.exact[-1]), COMPARISONS)


def sign_check(setting: Setting, *, shift: float = 0.0) -> Check:
    """Whether the algorithm without noise decays exactly where k > 0; ``shift`` moves the prediction (a control)."""
    rhos = np.linspace(*setting.range, 81)
    predicted = np.array([setting.law(rho + shift).rate(setting.lr) for rho in rhos])
    laws = [setting.law(rho) for rho in rhos]
    # the algorithm itself adds lr (p^2 + q^2) to the growth rate
    clear = np.abs(predicted) > setting.lr * np.array([law.contraction**2 + law.rotation**2 for law in laws])
    wrong = int(((noiseless_rates(setting, rhos) > 0) != (predicted > 0))[clear].sum())
    return Check(
        f"a = {setting.a:g}, lam = {setting.lam:g}: of {clear.sum()} rho in {list(setting.range)}, those where decay "
        "contradicts the sign of k",
        "0",
        str(wrong),
        None,
        wrong == 0,
    )


def far_check() -> Check:
    """The condition is the SDE's: with rho far out the algorithm's own step is too long."""
    (rate,) = noiseless_rates(CONVEX, np.array([TOO_FAR]), steps=20)
    k, exact = CONVEX.law(TOO_FAR).rate(CONVEX.lr), CONVEX.law(TOO_FAR).discrete_rate(CONVEX.lr)
    return Check(
        f"a = 3, lam = 1, rho = {TOO_FAR:g}: k = {k:g} > 0, yet at lr 0.01 the algorithm diverges; its rate",
        f"{exact:.4f}",
        f"{rate:.4f}",
        None,
        bool(k > 0 > rate and abs(rate - exact) < 1e-6 * abs(exact)),
    )


def variance_check(found: Scan) -> Check:
    """All measured stationary energies against exact ones."""
    agreement, setting = found.agreement, found.setting
    limit = norm.isf(FALSE_ALARM / 2 / COMPARISONS)
    return Check(
        f"a = {setting.a:g}, lam = {setting.lam:g}, {found.batches} sample: m at {len(found.rhos)} rho, largest |z|",
        f"< {limit:.2f}",
        f"{agreement.worst:.2f}",
        None,
        bool(agreement.worst < limit),
    )


def minimiser_check(found: Scan, *, batches: str | None = None, control: bool = False) -> Check:
    """Where the measured curve is lowest, against the exact minimiser of the algorithm."""
    setting = found.setting
    predicted = exact_minimiser(setting, batches or found.batches, discrete=True)
    estimate = measured_minimiser(found, LEVEL)
    low, high = estimate.interval
    inside = low <= predicted <= high
    text = f"{predicted:.4f}" + (" (control: outside)" if control else "")
    if not control and found.batches == "shared":
        text = f"rho^V = {setting.rho_v:.4f}"
        inside = low <= setting.rho_v <= high
    prefix = "control: shared sample's rho^V for the " if control else ""
    return Check(
        f"{prefix}a = {setting.a:g}, lam = {setting.lam:g}, {found.batches} sample: rho of the least variance",
        text,
        float(estimate.value),
        (float(low), float(high)),
        bool(inside != control),
    )


def neighbours_check(found: Scan) -> Check:
    """At rho^V the variance is below that on both sides, one-sided tests, no curve fitted.

    The sides are the nearest measured rho at which the exact variance is more than 5 % higher.
    """
    at = int(np.argmin(np.abs(found.rhos - found.setting.rho_v)))
    higher = np.flatnonzero(found.exact > 1.05 * found.exact[at])
    left, right = higher[higher < at].max(), higher[higher > at].min()
    means = found.means.mean(axis=1)
    ses = found.means.std(axis=1, ddof=1) / np.sqrt(found.means.shape[1])
    scores = [float((means[i] - means[at]) / np.hypot(ses[i], ses[at])) for i in (left, right)]
    return Check(
        f"a = {found.setting.a:g}, lam = {found.setting.lam:g}: variance at rho^V against rho = "
        f"{found.rhos[left]:g} and {found.rhos[right]:g}, smaller z",
        f"> {norm.isf(1e-3):.2f}",
        min(scores),
        None,
        min(scores) > norm.isf(1e-3),
    )


def _caption() -> str:
    moved, of_sde = (exact_minimiser(CONVEX, "independent", discrete=discrete) for discrete in (True, False))
    return (
        "Extragradient (SEG) with look-ahead of length rho, additive noise of standard deviation "
        f"{SIGMA:g}, start (0.1, 0.1). Top: a = 3, lam = 1, strongly convex-concave; bottom: a = -1, lam = 2, where f "
        "is concave in x and convex in y, so that what attracts is a stationary point and no minimax solution. (a, d) "
        "Mean energies: lines, closed forms of the SDEs; dots, algorithms; squares, simulated SDEs; error bars three "
        "standard errors. (b, e) Decay rates: the SDE's k is linear in rho, the algorithm follows up to terms in lr; "
        f"at rho = {TOO_FAR:g} in the first game k > 0 and yet the algorithm diverges: its step is too long. (c, f) "
        "Stationary energies of the algorithm, from time averages of runs that start at the equilibrium, corrected by "
        "the exact remainder of their transient. With one sample for look-ahead and move the minimum is at rho^V, for "
        "the algorithm at every learning rate; with two samples it moves, in the first game to a negative rho = "
        f"{moved:.3f} (SDE: {of_sde:.3f}): what makes looking ahead useful there is that the sample is used again. "
        f"Minimisers: a curve with four free numbers fitted to the points nearby, intervals {LEVEL:.1%}. Other "
        f"verdicts: Bonferroni, false alarm below {FALSE_ALARM:.0%}."
    )
