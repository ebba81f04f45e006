"""Learning rates by Hamilton-Jacobi-Bellman and Isaacs equations on a game that is not quadratic.

Gu, Guo & Li, arXiv 2105.08037: the rate as the control of an SDE; Guo & Mounjid, arXiv 2112.00222: both players' rates.
The game is that of `shifted_logistic`: a logistic regression against one shift of its inputs, two parameters in all, so
that the equations can be solved on a grid. Policies are judged in training, one sample an iteration, not in the SDE.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

import analysis
from analysis.control import HJBSolution, OpenLoop
from figures.papers.adversarial_training.feedback_rate_panels import draw
from figures.papers.adversarial_training.rate_policies import (
    Policy,
    Run,
    both_rates,
    clock_only,
    feedback,
    grid,
    seen,
    shuffled,
    train,
    train_by_schedule,
    tuned,
)
from figures.papers.adversarial_training.shifted_logistic import (
    ITERATIONS,
    LR,
    START,
    Array,
    least_robust_loss,
    payoff,
    robust_loss,
)
from figures.registry import Check, Outcome, Settings, claim

FALSE_ALARM = 0.01
"""Chance that any comparison below errs (Bonferroni over all)."""
COMPARISONS = 17
LEVEL = 1 - FALSE_ALARM / COMPARISONS
CONSTANT, HARMONIC, CLOCK, STATE = "best constant", "best 1/k", "best schedule", "state seen"
BLIND, NOISELESS = "another's state seen", "noise ignored"
AGAINST = (0.0, 0.2, 1.0)
"""Constant rates to which a player of the game deviates."""
SCALED, GAIN = (0.5, 1.5), 0.001
"""Factors of Isaacs' rates to which a player deviates; what it may gain, as the equation is that of the SDE, from which
training differs by the order of the rate: a fortieth of what most constant rates lose."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Solutions, excess of the robust loss at the end by policy, and payoffs of the game by pair of rules."""

    policy: HJBSolution
    clock: OpenLoop
    schedules: Mapping[str, Array]
    excess: Mapping[str, Array]
    seen: Run
    value: tuple[float, float]
    payoffs: Mapping[str, Array]


@claim(
    "feedback-rate",
    title="On a logistic game the rate that sees the state ends far closer to the robust optimum than the schedule "
    "best by the SDE, and that closer than the best constant and 1/k; with a rate each, both players lose by a "
    "constant rate against Isaacs' policies, and gain next to nothing by a multiple of their own",
    source="Gu, Guo & Li, arXiv 2105.08037; Guo & Mounjid, arXiv 2112.00222; the game and its solution: own",
)
def run(settings: Settings) -> Outcome:
    """Solve, train, compare."""
    evidence = gather(200_000 if settings.full else 20_000, settings.seed)
    checks = (*order_checks(evidence), *export_checks(evidence), *control_checks(evidence), *saddle_checks(evidence))
    return Outcome(draw(evidence), checks, _caption(evidence))


def gather(count: int, seed: int) -> Evidence:
    """Solve everything and train under every policy."""
    policy, clock = feedback(), clock_only()
    k = np.arange(ITERATIONS)
    schedules = {
        CONSTANT: tuned(lambda u: np.full(ITERATIONS, u), np.geomspace(0.1, 0.4, 9)),
        HARMONIC: tuned(lambda u: np.minimum(1, u / (1 + k)), np.geomspace(1, 5, 9)),
        CLOCK: clock.schedule(LR, ITERATIONS),
    }
    seeds = iter(range(100 * seed % 2**62, 2**63))
    least = least_robust_loss()
    excess = {name: train_by_schedule(rates, count, next(seeds)) - least for name, rates in schedules.items()}
    rule = seen(policy.policy, policy.grid)
    runs = {
        STATE: train(rule, count, next(seeds)),
        BLIND: train(shuffled(rule), count, next(seeds)),
        NOISELESS: train(seen(feedback(noise=False).policy, policy.grid), count, next(seeds)),
    }
    excess |= {name: robust_loss(each.theta) - least for name, each in runs.items()}
    value, payoffs = _play(count, seeds)
    return Evidence(policy, clock, schedules, excess, runs[STATE], value, payoffs)


def _play(count: int, seeds: Iterator[int]) -> tuple[tuple[float, float], dict[str, Array]]:
    """Both values of the game of rates at the start, and payoffs of trainings in which one player deviates."""
    solution, nodes = both_rates(), grid(61, 25)
    here = nodes.interpolation([START])
    value = tuple(float((here @ each[0].ravel())[0]) for each in (solution.upper, solution.lower))
    model, adversary = seen(solution.minimiser, nodes), seen(solution.maximiser, nodes)
    pairs: dict[str, tuple[Policy, Policy]] = {"both follow": (model, adversary)}
    for rate in AGAINST:
        if rate:
            pairs[f"model at {rate:g}"] = (_constant(rate), adversary)
        pairs[f"adversary at {rate:g}"] = (model, _constant(rate))
    for factor in SCALED:
        pairs[f"model, {factor:g} × Isaacs"] = (_scaled(model, factor), adversary)
        pairs[f"adversary, {factor:g} × Isaacs"] = (model, _scaled(adversary, factor))
    payoffs = {}
    for name, (first, second) in pairs.items():
        ends = train(_together(first, second), count, next(seeds))
        payoffs[name] = payoff(ends.theta, ends.delta)
    return value, payoffs


def _constant(rate: float) -> Policy:
    return lambda k, theta, delta: np.full((len(theta), 1), rate)


def _scaled(policy: Policy, factor: float) -> Policy:
    return lambda k, theta, delta: np.minimum(factor * policy(k, theta, delta), 1.0)


def _together(model: Policy, adversary: Policy) -> Policy:
    return lambda k, theta, delta: np.hstack([model(k, theta, delta), adversary(k, theta, delta)])


def mean_of(values: Array) -> analysis.Estimate[float]:
    """Mean of independent numbers."""
    return analysis.normal_estimate(
        float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))), n=len(values), level=LEVEL
    )


def difference(top: Array, bottom: Array) -> analysis.Estimate[float]:
    """Difference of two independent means."""
    first, second = mean_of(top), mean_of(bottom)
    return analysis.normal_estimate(
        first.value - second.value, float(np.hypot(first.se, second.se)), n=len(top), level=LEVEL
    )


def _positive(name: str, found: analysis.Estimate[float], predicted: str = "> 0") -> Check:
    return Check(name, predicted, float(found.value), found.interval, bool(found.interval[0] > 0))


def order_checks(evidence: Evidence) -> list[Check]:
    """Constant, 1/k, schedule, feedback: each ends lower than the one before."""
    order = (CONSTANT, HARMONIC, CLOCK, STATE)
    rows = []
    for worse, better in pairwise(order):
        found = difference(evidence.excess[worse], evidence.excess[better])
        rows.append(_positive(f"training: robust loss at the end, {worse} minus {better}", found))
    share = evidence.excess[STATE].mean() / evidence.excess[CLOCK].mean()
    rows.append(Check("training: excess over the optimum, state seen / best schedule", "< 0.1", float(share), None,
                      share < 0.1))  # fmt: skip
    return rows


def export_checks(evidence: Evidence) -> list[Check]:
    """On one grid the schedule cannot do better than the policy; nor worse than any single change of it."""
    least = least_robust_loss()
    value = float(evidence.policy.value_at(0, [START])[0]) - least
    cost = evidence.clock.cost - least
    rises = float(np.diff(evidence.clock.costs).max(initial=-np.inf))
    return [
        Check("on the grid: excess of the best schedule, over that with the state seen", f"> {value:.2g}", cost, None,
              cost > value),
        Check("on the grid: largest change of the schedule's cost in a sweep", "<= 0", rises, None, rises <= 1e-12),
    ]  # fmt: skip


def control_checks(evidence: Evidence) -> list[Check]:
    """What must fail: the right rule on a wrong state, and the rule of a problem without noise."""
    return [
        _positive(f"control: training, robust loss, {name} minus {CLOCK}",
                  difference(evidence.excess[name], evidence.excess[CLOCK]), "> 0: loses")
        for name in (BLIND, NOISELESS)
    ]  # fmt: skip


def saddle_checks(evidence: Evidence) -> list[Check]:
    """Isaacs' condition on the grid, the value in training, and that no deviation pays."""
    upper, lower = evidence.value
    both = evidence.payoffs["both follow"]
    found = mean_of(both)
    rows = [
        Check("Isaacs: upper minus lower value at the start", "< 1e-4", upper - lower, None, 0 <= upper - lower < 1e-4),
        Check("training: mean payoff at the end, both players at Isaacs' rates", f"{upper:.4f} ± 0.002",
              float(found.value), found.interval,
              upper - 0.002 < found.interval[0] and found.interval[1] < upper + 0.002),
    ]  # fmt: skip
    for name, values in evidence.payoffs.items():
        if name != "both follow":
            loss = difference(values, both) if name.startswith("model") else difference(both, values)
            if name.endswith("Isaacs"):
                said, passed = f"> {-GAIN:g}", loss.interval[0] > -GAIN
                rows.append(Check(f"training: loss of {name}", said, float(loss.value), loss.interval, passed))
            else:
                rows.append(_positive(f"training: what the {name} loses by leaving Isaacs' rates", loss))
    return rows


def _caption(evidence: Evidence) -> str:
    means = {name: f"{values.mean():.2g}" for name, values in evidence.excess.items()}
    count = len(evidence.excess[STATE])
    return (
        "Logistic regression on eight margins, two of them on the wrong side, against one shift delta of all inputs; "
        f"lr {LR:g}, {ITERATIONS} iterations from theta = {START[0]:g}, delta = {START[1]:g}, one sample a player. "
        "(a) Best rate of both players by the Hamilton-Jacobi-Bellman equation of the SDE, at delta = 0.2, over time; "
        "(b) the same over the state halfway, star: saddle point. (c) Schedules, and the mean rate under the policy. "
        f"(d) Robust loss at the end over its least value, {count:,} trainings each, intervals {LEVEL:.2%}: a constant "
        f"{means[CONSTANT]}, 1/k {means[HARMONIC]}, the best schedule {means[CLOCK]}, the policy {means[STATE]}; "
        "black: controls. The policy knows the loss and sees the state exactly: it stops where training happens to "
        "pass the optimum, which no schedule can. Fed with another run's state it is worse than a constant rate. (e) "
        "Distribution of the same. (f) Game of rates: mean payoff at the end if both follow Isaacs' policies, which is "
        "the value on the grid (line), and if one player takes a constant rate instead: if the model does, its loss "
        "rises; if the adversary does, it falls; or a multiple of its own Isaacs rate, which changes the payoff by "
        f"less than {GAIN:g} in its favour. All comparisons together err with a chance below "
        f"{FALSE_ALARM:.0%}."
    )
