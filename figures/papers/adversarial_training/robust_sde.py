"""The SDE of adversarial training, and the gradient flow that explains what it regularises.

Gu, Guo & Li, arXiv 2105.08037: training against K ascents of a perturbation is descent on the clean loss plus a penalty
of its input gradient, up to noise and second order in the learning rate.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

import gan_sde as gs
from figures.papers.adversarial_training.robust_flow import (
    Ensemble,
    crossings,
    ensembles,
    flow,
    nearest,
    paired,
)
from figures.papers.adversarial_training.robust_logistic import Attack, input_gradient, train
from figures.papers.adversarial_training.robust_orders import (
    CLEAN,
    OWN,
    SHARED,
    Orders,
    Pair,
    moments,
    trained,
    weak_orders,
)
from figures.papers.adversarial_training.robust_orders import (
    LRS as ORDER_LRS,
)
from figures.papers.adversarial_training.robust_sde_panels import draw
from figures.registry import Check, Outcome, Settings, Table, claim
from gan_sde.algorithms.adversarial import AdversarialTraining, adversarial_sde
from gan_sde.games.adversarial_regression import adversarial_regression

MARGIN = 0.1
FALSE_ALARM = 0.01
"""Chance that any row below that rests on samples fails although what it says is true (Bonferroni over each kind)."""
COARSE, FINE = 0.25, 0.0625
LRS = (COARSE, 0.125, FINE)
EARLY, BETWEEN, LATE = 10.0, 55.0, 200.0
"""Times of the comparison; BETWEEN lies where the flows at the coarse rate say the opposite of the training."""


@claim(
    "adversarial-sde",
    title="Adversarial training follows the SDE of the loss plus a penalty of its input gradient, to weak order 2",
    source="Gu, Guo & Li (2021), arXiv 2105.08037",
)
def run(settings: Settings) -> Outcome:
    """Derive, measure the weak orders, and compare flows with trainings."""
    orders = weak_orders()
    runs = ensembles(LRS, 4000 if settings.full else 300, settings.seed)
    checks = [derivation(), *order_checks(orders), *grid_checks(settings), *flow_checks(runs)]
    return Outcome(draw(orders, runs), tuple(checks), _caption(runs), (_table(orders),))


def derivation() -> Check:
    """The drift that the algorithm's own text gives, minus the formula, in symbols."""
    training = gs.Training(adversarial_regression(), AdversarialTraining(inner_steps=2, perturbations=2))
    rest = (training.sde(2).drift - adversarial_sde(training).drift).expand()
    name = "regression on Gaussian data, K = 2: derived drift minus formula, any lr, B and constants"
    return Check(name, "0", "0" if not any(rest) else str(list(rest)), None, not any(rest))


def order_checks(orders: dict[Pair, Orders]) -> list[Check]:
    """Whether the theorem's order lies in the interval, and that within the margin of the order."""
    rows = []
    for pair, found in orders.items():
        passed = found.fit.confirms(pair.weak_order, MARGIN)
        predicted = f"{pair.weak_order}, to ± {MARGIN:g}" + (" (not 2)" if pair.is_control else "")
        name = f"{'control: ' if pair.is_control else ''}weak order, {pair.label}"
        rows.append(Check(name, predicted, found.fit.value, found.fit.interval, passed))
    return rows


def grid_checks(settings: Settings) -> list[Check]:
    """Sampled trainings against the expectations on the grid, over all five moments."""
    trajectories, rows = (2_000_000 if settings.full else 200_000), []
    limit = norm.isf(FALSE_ALARM / 10 / 2)
    for simulated, attack in ((OWN, OWN), (SHARED, SHARED), (CLEAN, OWN)):
        each = moments(train(simulated, COARSE, trajectories, settings.seed))
        z = np.abs(each.mean(axis=0) - trained(attack, COARSE)) / (each.std(axis=0) / np.sqrt(trajectories))
        same = simulated == attack
        name = f"{trajectories:,} sampled trainings, {simulated.name}, against the grid's {attack.name}: largest |z|"
        agrees = bool(z.max() < limit)
        predicted = f"< {limit:.2f}" if same else f"> {limit:.2f}"
        rows.append(Check(name if same else f"control: {name}", predicted, float(z.max()), None, agrees == same))
    return rows


def flow_checks(runs: dict[tuple[Attack, float], Ensemble]) -> list[Check]:
    """Order of the input gradients and of the losses, in paired trainings."""
    level = 1 - FALSE_ALARM / 6
    rows = []
    for t, predicted in ((EARLY, "< 0"), (BETWEEN, "< 0, against the flow"), (LATE, "> 0")):
        gap = _gap(runs, OWN, COARSE, t, level)
        low, high = gap.interval
        passed = low > 0 if predicted == "> 0" else high < 0
        name = f"E|grad_x L|^2 of training with attacks minus without, lr {COARSE:g}, t = {t:g}"
        rows.append(Check(name, predicted, gap.value, gap.interval, passed))
    position = nearest(runs[OWN, COARSE].times, EARLY)
    cost = paired(runs[OWN, COARSE].loss[position], runs[CLEAN, COARSE].loss[position], level)
    name = f"clean loss of training with attacks minus without, lr {COARSE:g}, t = {EARLY:g}"
    rows.append(Check(name, "> 0", cost.value, cost.interval, cost.interval[0] > 0))
    first, second = crossings(COARSE)
    times = np.array([0.0, BETWEEN])
    ahead = input_gradient(flow(OWN, COARSE, times)[1]) - input_gradient(flow(CLEAN, COARSE, times)[1])
    name = f"flows at lr {COARSE:g}: the order of E|grad_x L|^2 changes at t"
    rows.append(Check(name, "twice, between 30 and 90", f"{first:.1f} and {second:.1f}", None,
                      30 < first < BETWEEN < second < 90 and ahead > 0))  # fmt: skip
    ratios = [_relative_gap(runs, lr) for lr in LRS]
    text = ", ".join(f"{r:.2f}" for r in ratios)
    name = f"gap of E|grad_x L|^2 at t = 2, training over flow, lr {', '.join(f'{lr:g}' for lr in LRS)}"
    rows.append(Check(name, "towards 1", text, None, abs(ratios[-1] - 1) < 0.5 * abs(ratios[0] - 1) + 0.02))
    return rows


def _gap(runs: dict[tuple[Attack, float], Ensemble], attack: Attack, lr: float, t: float, level: float):
    own, clean = runs[attack, lr], runs[CLEAN, lr]
    position = nearest(own.times, t)
    return paired(own.gradient[position], clean.gradient[position], level)


def _relative_gap(runs: dict[tuple[Attack, float], Ensemble], lr: float) -> float:
    own = runs[OWN, lr]
    t = own.times[nearest(own.times, 2.0)]
    times = np.array([0.0, t])
    predicted = input_gradient(flow(OWN, lr, times)[1]) - input_gradient(flow(CLEAN, lr, times)[1])
    return float(_gap(runs, OWN, lr, t, 0.95).value / predicted)


def _table(orders: dict[Pair, Orders]) -> Table:
    rows = []
    for pair, found in orders.items():
        for k, (lr, error) in enumerate(zip(ORDER_LRS, found.errors, strict=True)):
            slope = f"{found.slopes[k - 1]:.3f}" if k else ""
            rows.append((pair.label, f"{lr:g}", f"{error:.3e}", slope))
    return Table(
        "weak errors at t = 2, eight points, K = 2, B = 2",
        ("training and SDE", "lr", "length of the error of 1st and 2nd moments", "slope from the rate before"),
        tuple(rows),
        "No sampling: both processes on a grid of quintic splines; its error, 3e-7, shows at the smallest rates.",
    )


def _caption(runs: dict[tuple[Attack, float], Ensemble]) -> str:
    own, clean = runs[OWN, COARSE], runs[CLEAN, COARSE]
    gap = (own.gradient - clean.gradient).mean(axis=1)
    after = int(np.argmax(gap > 0))
    first, second = crossings(COARSE)
    says = f"between t = {own.times[after - 1]:.0f} and {own.times[after]:.0f}" if after else "not before t = 200"
    count = own.loss.shape[1]
    return (
        "Logistic regression on eight points that a line separates, minibatches of 2, K = 2 ascents of rate 2 lr. "
        "(a) Length of the error at t = 2 of the SDE's first and second moments, against training with all batches "
        "enumerated; no sampling. Crosses: controls, the order-2 SDE of another training. (b) Slopes between "
        "neighbouring rates; shaded: the verdict's margin for the order by the five largest rates. (c) Flows "
        f"of the order-2 drift (lines) and means of trainings (points) at lr = {COARSE:g}, over the input gradient "
        f"E|grad_x L|^2. (d), (e) Clean loss and input gradient, {count:,} trainings each; bars: 95 %, mostly hidden "
        "by the points. (f) Input gradient with attacks minus without. Attacks lower it as long as the expansion "
        f"holds, at some cost in clean loss. Later the flow is no guide: at lr = {COARSE:g} it says that the order "
        f"changes at t = {first:.0f} and back at t = {second:.0f}, because on separable data theta grows without "
        "bound along it. Training comes to rest instead, since the perturbation grows with |theta|, and its order "
        f"changes once, {says}, when plain training has reached smaller gradients."
    )
