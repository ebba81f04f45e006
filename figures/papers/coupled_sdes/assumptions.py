"""Which SDEs of games have an invariant measure: conditions of theorems, checked, against simulation.

For linear games with constant noise linear algebra decides: undamped games have none, and the linear Wasserstein GAN
with a penalty on its critic has one although only the critic is noisy. For others dissipativity, ellipticity and a
quadratic Foster-Lyapunov function are looked for on points of spheres: evidence for, or none, and never a proof.

Cao & Guo (2023), arXiv 2006.02047, invariant measure; Veretennikov (1997), doi 10.1016/S0304-4149(97)00056-2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

import analysis
from analysis.assumptions import Evidence, linear_law
from figures.papers.coupled_sdes import assumption_panels
from figures.papers.coupled_sdes.assumption_systems import (
    DAMPED,
    DECAY,
    DIRAC,
    DURATION,
    QUADRATIC,
    SYSTEMS,
    UNDAMPED,
    System,
)
from figures.registry import Check, Outcome, Settings, Table, claim

Array = np.ndarray

TRAJECTORIES = 4_000
FALSE_ALARM = 0.01
"""Chance that any test of the whole claim rejects a right statement (Bonferroni)."""
TESTS = len(SYSTEMS) + 5
LEVEL = FALSE_ALARM / TESTS


@dataclass(frozen=True, eq=False)
class Study:
    """Evidence on one SDE, and the second moment of its simulation.

    Parameters
    ----------
    system
        The game.
    evidence
        From drift and covariance alone.
    times
        Of the simulation, ``(n,)``.
    squares
        Squared distances from the equilibrium, ``(trajectories, n)``.
    """

    system: System
    evidence: Evidence
    times: Array
    squares: Array

    @property
    def mean(self) -> Array:
        """Second moment about the equilibrium, ``(n,)``."""
        return self.squares.mean(axis=0)

    @property
    def se(self) -> Array:
        """Its standard error."""
        return self.squares.std(axis=0, ddof=1) / np.sqrt(len(self.squares))

    @property
    def growth(self) -> analysis.Estimate[float]:
        """Growth of the second moment per unit of time over the second half, from differences within each run."""
        middle = len(self.times) // 2
        change = (self.squares[:, -1] - self.squares[:, middle]) / (self.times[-1] - self.times[middle])
        n = len(change)
        return analysis.normal_estimate(
            float(change.mean()), float(change.std(ddof=1) / np.sqrt(n)), n=n, level=1 - LEVEL
        )


@claim(
    "invariant-assumptions",
    title="Linear algebra decides which linear games have an invariant measure, also with degenerate noise; for others "
    "dissipativity and Foster-Lyapunov functions found on samples agree with what simulations do",
    source="Cao & Guo (2023), arXiv 2006.02047, conditions for an invariant measure",
)
def run(settings: Settings) -> Outcome:
    """Collect evidence on every game and simulate its SDE."""
    trajectories = TRAJECTORIES * (10 if settings.full else 1)
    studies = [study(s, trajectories, settings.seed * 100 + i) for i, s in enumerate(SYSTEMS)]
    named = {each.system.name: each for each in studies}
    checks = [check for each in studies for check in (verdict_check(each), behaviour_check(each))]
    checks += [stationary_check(named[s.name]) for s in (DAMPED, QUADRATIC)]
    checks += [noise_rate_check(named[s.name]) for s in (UNDAMPED, DIRAC)]
    checks += [undamped_training_check(trajectories, settings.seed * 100 + 50), bound_check(named[DECAY.name])]
    checks += control_checks()
    return Outcome(assumption_panels.draw(studies), tuple(checks), _caption(trajectories), (_table(studies),))


def study(system: System, trajectories: int, seed: int) -> Study:
    """Collect evidence and simulate the SDE from near the equilibrium."""
    times, squares = system.squares(system.sde(), trajectories, seed % 2**64)
    return Study(system, system.evidence(seed % 2**32), times, squares)


def verdict_check(each: Study) -> Check:
    """What the evidence says, before any simulation."""
    found = each.evidence.verdict
    return Check(f"{each.system.name}: verdict", each.system.verdict, found, None, found == each.system.verdict)


def behaviour_check(each: Study) -> Check:
    """Whether the second moment of the SDE settles: its change over the second half against its error."""
    growth, settles = each.growth, each.system.settles
    low, high = growth.interval
    passed = low <= 0 <= high if settles else low > 0
    predicted = "settles: 0" if settles else "grows: > 0"
    name = f"{each.system.name}: growth of E|x - x*|² per unit of time, t > {DURATION / 2:g}"
    return Check(name, predicted, growth.value, growth.interval, bool(passed and np.isfinite(growth.value)))


def stationary_check(each: Study) -> Check:
    """Second moment at the end against the Lyapunov equation, exact for linear games."""
    system = each.system
    truth = float(np.trace(stationary(system)))
    found = analysis.normal_estimate(float(each.mean[-1]), float(each.se[-1]), n=len(each.squares), level=1 - LEVEL)
    name = f"{system.name}: E|x - x*|² at the end"
    return Check(name, f"{truth:.5f} (Lyapunov)", found.value, found.interval, bool(found.contains(truth)))


def stationary(system: System) -> Array:
    """Stationary covariance of a linear game's SDE."""
    game = system.make().game
    return analysis.stationary_covariance(game.jacobian, game.noise_covariance, system.lr, system.batch_size)


def noise_rate_check(each: Study) -> Check:
    """Where z.b = 0 everywhere, the second moment grows as the trace of the noise times t, exactly."""
    covariance = each.system.coefficients()[1]
    truth = float(np.trace(covariance(np.array([each.system.centre]))[0]))
    found = each.growth
    name = f"{each.system.name}: growth of E|x - x*|² per unit of time, in closed form"
    predicted = f"{truth:.4f} (lr × noise / batch)"
    return Check(name, predicted, found.value, found.interval, bool(found.contains(truth)))


def undamped_training_check(trajectories: int, seed: int) -> Check:
    """The training grows exponentially, m' = (1 + lr^2) m + lr^2 sigma^2 / B, which the SDE of order 1 does not see."""
    system = UNDAMPED
    training = system.make()
    times, squares = system.squares(training, trajectories, seed % 2**64)
    steps = round(times[-1] / system.lr)
    factor, noise = 1 + system.lr**2, system.lr**2 / system.batch_size * float(np.trace(training.game.noise_covariance))
    truth = noise * (factor**steps - 1) / (factor - 1)
    final = squares[:, -1]
    n = len(final)
    found = analysis.normal_estimate(float(final.mean()), float(final.std(ddof=1) / np.sqrt(n)), n=n, level=1 - LEVEL)
    name = f"{system.name}, the training itself: E|x - x*|² after {steps} iterations"
    return Check(name, f"{truth:.1f} (exact)", found.value, found.interval, bool(found.contains(truth)))


def bound_check(each: Study) -> Check:
    """L V <= -c V + d found on the sample bounds E V by d / c for ever, from a start with V below."""
    found = each.evidence.lyapunov
    if found is None or not np.allclose(found.matrix, np.eye(2)):
        return Check(f"{each.system.name}: bound by the Foster-Lyapunov function", "E V <= d / c", "none", None, False)
    bound = found.constant / found.rate
    high = 1 + each.mean + norm.isf(LEVEL / len(each.times)) * each.se
    name = f"{each.system.name}: E V = 1 + E|x|² under the bound d / c of L V <= -c V + d"
    measured = f"at most {1 + each.mean.max():.3f}"
    return Check(name, f"<= {bound:.2f}", measured, None, bool(high.max() <= bound))


def control_checks() -> list[Check]:
    """The linear verdict must see the sign of the damping, and where the noise goes."""
    noise = np.diag([1.0, 0.0])
    cases = (
        ("damping of the wrong sign", [[1.0, -1.0], [1.0, 0.0]], noise, "none"),
        ("players that do not interact, noise in one", [[-1.0, 0.0], [0.0, 0.0]], noise, "not attracting"),
        ("no noise", [[-1.0, -1.0], [1.0, 0.0]], 0 * noise, "singular"),
    )
    rows = []
    for name, matrix, covariance, expected in cases:
        found = linear_law(matrix, covariance).verdict
        rows.append(Check(f"control: linear WGAN, penalty, but {name}", expected, found, None, found == expected))
    return rows


# -------------------------------------------------------------------- report


def _table(studies: list[Study]) -> Table:
    rows = []
    for each in studies:
        found = each.evidence
        profile = found.dissipativity
        rows.append(
            (
                each.system.name, f"{_clean(profile.values[0])} … {_clean(profile.values[-1])}",
                _clean(found.monotonicity.values.max()),
                f"{found.least_noise:.2g}", f"{found.lipschitz.values[0]:.3g} … {found.lipschitz.values[-1]:.3g}",
                found.summary,
            )
        )  # fmt: skip
    header = ("SDE", "sup z·b / |z|²", "sup λ(Db + Dbᵀ)/2", "least noise", "sup |Db|", "evidence")
    note = (
        "Suprema found on spheres of radius 0.1 … 100 about the equilibrium, by sampling and local search. They are "
        "lower bounds of the true ones. The first and fifth column give the innermost and the outermost sphere."
    )
    return Table("Conditions of theorems on invariant measures", header, tuple(rows), note)


def _clean(value: float) -> str:
    """Three digits, rounding errors as 0."""
    return "0" if abs(value) < 1e-9 else f"{value:.3g}"


def _caption(trajectories: int) -> str:
    return (
        "a: largest z·b / |z|² found on every sphere about the equilibrium, z = x - x*, by sampling and local search; "
        "below 0 the drift is dissipative there. b: second moment about the equilibrium of the order-1 SDE, "
        f"{trajectories:,} independent runs, bands 95 %; grey: closed forms, lr × noise / batch × t where z·b = 0, and "
        "the Lyapunov equation. c: what the checks say of drift and noise, and how the second moment grew over the "
        "second half of the time (± 95 %). The evidence is one-sided: 'undecided' means that no condition that was "
        "tried holds on the sample. The penalty on the discriminator alone does not hold the Dirac-GAN's generator, "
        "which wanders off; weight decay does. Under F_cc and consensus the LQ-GAN settles near its equilibrium, "
        "though far out neither pulls back enough for a quadratic V: what is seen there may be metastable. F turns "
        f"around the equilibrium without damping. Every test has level {LEVEL:.1g}, so that a false alarm anywhere has "
        f"a chance below {FALSE_ALARM:.0%}. A test that finds no growth only excludes growth beyond its interval."
    )
