"""The learning rate as a control: the optimum in closed form, on a grid, against random rivals and in training.

The SDE of stochastic gradient descent turns a schedule into a control u(t) and the mean loss of a quadratic into ``m' =
-2 a u m + (a lr Sigma / 2) u^2`` (Li, Tai & E, arXiv 1511.06251). Its optimum is full rate until noise and signal
balance, then ``1 / (1 + a t)``. Descent-ascent on an isotropic game and adversarial training of a mean (Gu, Guo & Li,
arXiv 2105.08037) have the same equation with other coefficients. Trainings are discrete: every simulated mean is held
against the exact recursion of the iteration, which also says what the SDE's optimum loses.
"""

from __future__ import annotations

from figures.papers.adversarial_training.optimal_rate_checks import (
    adversarial_checks,
    discrete_checks,
    feedback_check,
    gain_checks,
    grid_checks,
    loss_table,
    rival_checks,
    training_checks,
)
from figures.papers.adversarial_training.optimal_rate_evidence import Evidence, gather
from figures.papers.adversarial_training.optimal_rate_panels import draw
from figures.papers.adversarial_training.optimal_rate_problems import QUADRATIC
from figures.registry import Outcome, Settings, claim


@claim(
    "optimal-rate",
    title="The optimal learning rate is full until noise balances signal and then falls as 1/(1 + a t), on a quadratic "
    "and in a game; no schedule beats it under the SDE, and training loses about 1 % by following it",
    source="Li, Tai & E, arXiv 1511.06251, section 4.1; control of rates: Gu, Guo & Li, arXiv 2105.08037; game and "
    "discrete versions: own derivation",
)
def run(settings: Settings) -> Outcome:
    """Solve, simulate, compare."""
    evidence = gather(trajectories=2_000_000 if settings.full else 200_000, seed=settings.seed)
    checks = (
        *grid_checks(evidence.moment_policy),
        *rival_checks(evidence),
        *training_checks(evidence),
        *discrete_checks(QUADRATIC),
        *gain_checks(evidence),
        *adversarial_checks(evidence),
        feedback_check(evidence),
    )
    return Outcome(draw(evidence), checks, caption(evidence), (loss_table(),))


def caption(evidence: Evidence) -> str:
    """Explain the panels."""
    switch = QUADRATIC.best().switch_time
    return (
        "Quadratic f = x^2 with gradient variance 4, lr 0.1, mean loss 5 at the start, 30 iterations. (a) Least mean "
        "loss at T = 3 from loss m at time t, by the Hamilton-Jacobi-Bellman equation on a grid; contours: its policy "
        "u(t, m); lines: the mean loss under the optimal rate and under full rate. (b) The optimal rate in closed form "
        f"(full until t* = {switch:.3f}, then 1/(1 + 2 (t - t*))), from the grid, and exact for the iteration; grey: "
        "random rivals. (c) Mean loss of simulated trainings (points, 95 %) over exact recursions (lines); dashed: the "
        "SDE's closed form, above the training by O(lr). (d) Loss at T of 2,000 random schedules over the optimum, by "
        "exact moments of the SDE; marks: usual schedules at their best peaks. (e) Were the state x seen, the optimal "
        f"rate would rest near the minimum: mean loss {evidence.seeing.value:.4f} instead of "
        f"{evidence.trained['quadratic']['optimal'].final.value:.4f}. (f) Descent-ascent on x^2/2 + 2 x y - y^2/2, "
        "unit gradient variance: half the mean squared distance; the SDE does not see the coupling, and its optimum "
        "loses more to the exact one, which does. Verdict of simulated means: Bonferroni over all, false alarm below 1 "
        "% in total."
    )
