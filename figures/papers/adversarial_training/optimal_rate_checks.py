"""What the optimal-rate claim asserts, check by check."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

import analysis
from analysis.control import HJBSolution, ScalarMoment, optimal_rate
from figures.papers.adversarial_training.optimal_rate_evidence import Evidence
from figures.papers.adversarial_training.optimal_rate_problems import GAME, LR, QUADRATIC, Problem
from figures.papers.adversarial_training.optimal_rate_runs import policy_error, ratio_of
from figures.registry import Check, Table

FALSE_ALARM = 0.01
"""Chance that any comparison of a simulated mean with its exact value rejects a right one (Bonferroni)."""
COMPARISONS = 11
"""Simulated means that are compared."""


# -------------------------------------------------------------------- the SDE's control problem


def grid_checks(solution: HJBSolution) -> list[Check]:
    """The policy and the cost of the Hamilton-Jacobi-Bellman solution against the closed form."""
    error = policy_error(QUADRATIC, solution)
    states, _ = solution.trajectory([QUADRATIC.start])
    best = float(QUADRATIC.best().value(QUADRATIC.horizon))
    excess = float(states[-1, 0] / best - 1)
    return [
        Check("HJB on a grid: largest error of the policy u(t, m), 0 <= u <= 1", "< 0.01", error, None, error < 0.01),
        Check("HJB on a grid: loss at T along its path, over the closed form", "< 1e-3", excess, None,
              0 <= excess + 1e-9 < 1e-3),
    ]  # fmt: skip


def rival_checks(evidence: Evidence) -> list[Check]:
    """Whether random schedules, constant or falling, stay above the closed form, and beat a wrong one."""
    moment, steps, horizon = QUADRATIC.make(LR), QUADRATIC.steps(), QUADRATIC.horizon
    best = float(QUADRATIC.best().value(horizon))
    margin = float(evidence.rival_losses.min() / best - 1)
    # the formula with twice the noise: a rate that falls too early
    wrong = optimal_rate(ScalarMoment(moment.decay, 2 * moment.noise), QUADRATIC.start)
    bad = float(moment.evolve(QUADRATIC.start, wrong.schedule(LR, steps) / LR, LR)[-1])
    beaten = int((evidence.rival_losses < bad).sum())
    count = len(evidence.rivals)
    return [
        Check(f"{count:,} random schedules, exact moments of the SDE: least loss at T over the optimum", "> -1e-6",
              margin, None, margin > -1e-6),
        Check("control: rate from twice the noise, beaten by random schedules", "at least one", f"{beaten} of {count}",
              None, beaten > 0),
    ]  # fmt: skip


# -------------------------------------------------------------------- training


def agreement(name: str, exact: float, found: analysis.Estimate) -> Check:
    """Whether a simulated mean is its exact value, at a level for all comparisons together."""
    limit = norm.isf(FALSE_ALARM / COMPARISONS / 2)
    return Check(name, f"{exact:.5f}", float(found.value), found.interval, abs(found.value - exact) <= limit * found.se)


def training_checks(evidence: Evidence) -> list[Check]:
    """Simulated ends against exact ones: the SDE's closed form, and the recursion of each training."""
    best = float(QUADRATIC.best().value(QUADRATIC.horizon))
    rows = [agreement("quadratic, SDE under the optimal rate: m(T)", best, evidence.sde.final)]
    for problem in (QUADRATIC, GAME):
        for name, found in evidence.trained[problem.name].items():
            exact = float(problem.exact(evidence.schedules[problem.name][name])[-1])
            rows.append(agreement(f"{problem.name}, training, {name}: m(T)", exact, found.final))
    optimal = evidence.trained["quadratic"]["optimal"]
    middle = int(np.argmin(np.abs(optimal.time - QUADRATIC.best().switch_time)))
    z = abs(optimal.moment[middle] - QUADRATIC.best().value(optimal.time[middle])) / optimal.se[middle]
    name = f"control: quadratic, training against the SDE's m at t = {optimal.time[middle]:g}"
    rows.append(Check(name, "rejected, |z| > 6", f"|z| {z:.1f}", None, bool(z > 6)))
    return rows


def excess(problem: Problem, rates: np.ndarray, lr: float = LR) -> float:
    """By how much the exact moment at the end exceeds that of the exact optimum, relatively."""
    best = problem.exact(problem.chain(lr).optimal_schedule(problem.start, len(rates)), lr)[-1]
    return float(problem.exact(rates, lr)[-1] / best - 1)


def feedback_schedule(problem: Problem, lr: float) -> np.ndarray:
    """The SDE's rate as a function of the moment, followed along the exact recursion."""
    chain, moment = problem.chain(lr), problem.start
    rates = np.empty(problem.steps(lr))
    for k in range(len(rates)):
        rate = chain.moment.feedback(moment)
        rates[k], moment = lr * rate, float(chain.step(moment, rate))
    return rates


def loss_table() -> Table:
    """What the SDE's optimum loses, by learning rate, problem and way of following it."""
    rows = []
    for problem in (QUADRATIC, GAME):
        for lr in (0.2, 0.1, 0.05, 0.025):
            n, best = problem.steps(lr), problem.best(lr)
            ways = (best.schedule(lr, n), lr * best.rate(np.arange(n) * lr), feedback_schedule(problem, lr))
            exact = problem.exact(problem.chain(lr).optimal_schedule(problem.start, n), lr)[-1]
            losses = (f"{100 * excess(problem, way, lr):.3f} %" for way in ways)
            rows.append((problem.name, f"{lr:g}", f"{exact:.5f}", f"{float(best.value(problem.horizon)):.5f}", *losses))
    return Table(
        "Loss of the SDE's optimum in training, over the exact optimum of the iteration",
        ("problem", "lr", "exact m(T)", "SDE's m(T)", "u(t) at midpoints", "u(t) at beginnings", "u(m) of the exact m"),
        tuple(rows),
        "Exact moments, no simulation. The rates are the SDE's: read off at the middle or at the beginning of each "
        "iteration, or as a function of the moment that the training really has. All lose in the second order of lr "
        "(logarithms apart). Midpoints are better on the quadratic, beginnings a little in the game. The "
        "function of the moment is best on the quadratic at small lr, and worst in the game, "
        "for the moment stays high through the coupling, which the SDE does not see, and full rate is kept too long.",
    )


def discrete_checks(problem: Problem) -> list[Check]:
    """What the SDE's optimum loses in training against the exact optimum of the iteration."""
    lrs = np.array([0.1, 0.05, 0.025])
    middle, closed = [], []
    for lr in lrs:
        middle.append(excess(problem, problem.best(lr).schedule(lr, problem.steps(lr)), lr))
        closed.append(excess(problem, feedback_schedule(problem, lr), lr))
    early = excess(problem, LR * problem.best().rate(np.arange(problem.steps()) * LR))
    order = float(np.polyfit(np.log(lrs), np.log(closed), 1)[0])
    return [
        Check("quadratic, exact: loss of the SDE's schedule u(t) over the exact optimum, lr 0.1, 0.05, 0.025",
              "positive, falls with lr", ", ".join(f"{100 * x:.2f} %" for x in middle), None,
              bool(0 < middle[2] < middle[1] < middle[0] < 0.02)),
        Check("quadratic, exact: power of lr of the same loss for the SDE's feedback u(m)", "2 ± 0.2", order, None,
              abs(order - 2) < 0.2),
        Check("control: rates taken at the beginning of an iteration lose more than at its middle",
              f"> {100 * middle[0]:.2f} %", f"{100 * early:.2f} %", None, early > middle[0]),
    ]  # fmt: skip


def gain_checks(evidence: Evidence) -> list[Check]:
    """Loss of usual schedules, each at its best peak, over that of the optimum, at equal numbers of iterations."""
    rows = []
    for problem in (QUADRATIC, GAME):
        trained, schedules = evidence.trained[problem.name], evidence.schedules[problem.name]
        for name in ("constant", "cosine"):
            gain = ratio_of(trained[name].final, trained["optimal"].final)
            exact = float(problem.exact(schedules[name])[-1] / problem.exact(schedules["optimal"])[-1])
            rows.append(Check(f"{problem.name}, training: m(T) of the best {name} rate / optimal rate",
                              f"> 1 (exact {exact:.3f})", float(gain.value), gain.interval,
                              bool(gain.value - 4 * gain.se > 1)))  # fmt: skip
    lost = excess(GAME, evidence.schedules["game"]["optimal"])
    rows.append(Check("game, exact: loss of the SDE's schedule over the exact optimum", "positive, < 2 %",
                      f"{100 * lost:.2f} %", None, 0 < lost < 0.02))  # fmt: skip
    return rows


def adversarial_checks(evidence: Evidence) -> list[Check]:
    """Adversarial training of a mean: moments, and what it costs to keep the rate of plain training."""
    rows = [
        agreement(f"adversarial training, {name}: m(T)", exact, found)
        for name, (exact, found) in evidence.adversarial.items()
    ]
    (own, _), (plain, _) = evidence.adversarial.values()
    rows.append(Check("adversarial training, exact: m(T) with the plain optimum / own optimum", "> 1", plain / own,
                      None, plain > own))  # fmt: skip
    return rows


def feedback_check(evidence: Evidence) -> Check:
    """A controller that sees the state does better than any schedule."""
    open_loop = float(QUADRATIC.exact(evidence.schedules["quadratic"]["exact optimum"])[-1])
    found = evidence.seeing
    name = "quadratic, training with the HJB policy u(t, x) of the seen state: m(T)"
    return Check(name, f"< {open_loop:.5f}, the best schedule", float(found.value), found.interval,
                 bool(found.value + 4 * found.se < open_loop))  # fmt: skip
