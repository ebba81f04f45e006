"""Accuracy under attack on real data: what adversarial training buys, and what an adaptive learning rate adds.

After Gu, Guo & Li, arXiv 2105.08037, who pose adversarial training as a game and choose its learning rate by stochastic
control. The data are scikit-learn's; nothing else enters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

import analysis
from figures.papers.adversarial_training.robust_accuracy_panels import draw
from figures.papers.adversarial_training.robust_training import (
    FULL,
    RATES,
    Arm,
    Splits,
    accuracy,
    certified,
    make_splits,
    train,
)
from figures.registry import Check, Outcome, Settings, Table, claim

FALSE_ALARM = 0.01
"""Chance that any interval below misses although what its row says is true (Bonferroni)."""
INTERVALS = 14
SAME = 0.02
"""Differences of accuracy within this count as none."""


@dataclass(frozen=True, eq=False)
class Study:
    """One data set: the splits, and what each arm learnt.

    Parameters
    ----------
    radius
        Of the attack in training, in standard deviations of a column.
    image
        Shape of the inputs where they are pictures.
    weights, rates
        Of each arm, ``(seeds, columns)`` and ``(seeds, epochs)``.
    """

    name: str
    radius: float
    image: tuple[int, int] | None
    splits: Splits
    weights: Mapping[Arm, np.ndarray]
    rates: Mapping[Arm, np.ndarray]

    def accuracy(self, arm: Arm, factor: float = 1.0) -> np.ndarray:
        """On the test part, under attack with ``factor`` times the radius of training, ``(seeds,)``."""
        return accuracy(self.weights[arm], self.splits.test_x, self.splits.test_y, factor * self.radius)

    def arm(self, attacked: bool, lr: float, adaptive: bool = False) -> Arm:
        """An arm of this study."""
        return Arm(self.radius if attacked else 0.0, lr, adaptive)

    @property
    def best(self) -> Arm:
        """The fixed rate with the best mean accuracy under attack: chosen on the test part, so in its favour."""
        return max((self.arm(True, lr) for lr in RATES), key=lambda arm: self.accuracy(arm).mean())


@claim(
    "robust-accuracy",
    title="Adversarial training buys accuracy under attack; an adaptive rate saves choosing a rate, and buys no more",
    source="after Gu, Guo & Li (2021), arXiv 2105.08037; data: scikit-learn",
)
def run(settings: Settings) -> Outcome:
    """Train all arms on both data sets, attack them, and compare them split by split."""
    first = 1000 * settings.seed
    seeds = range(first, first + (100 if settings.full else 40))
    studies = [study(name, seeds) for name in ("breast cancer", "digits 3 and 8")]
    checks = [check for each in studies for check in compare(each)]
    return Outcome(
        draw(studies, [comparisons(each) for each in studies]),
        tuple(checks),
        _caption(studies, len(seeds)),
        (_table(studies),),
    )


def load(name: str) -> tuple[np.ndarray, np.ndarray, float, tuple[int, int] | None]:
    """Inputs, labels 1 and -1, radius of the attack and shape of the pictures."""
    from sklearn.datasets import load_breast_cancer, load_digits

    if name == "breast cancer":
        table = load_breast_cancer()
        return table.data, np.where(table.target == 1, 1, -1), 0.5, None
    table = load_digits()
    kept = np.isin(table.target, (3, 8))
    return table.data[kept], np.where(table.target[kept] == 3, 1, -1), 0.3, (8, 8)


def study(name: str, seeds: range) -> Study:
    """Train every arm on one data set."""
    x, y, radius, image = load(name)
    splits = make_splits(x, y, seeds)
    arms = [Arm(radius, lr, adaptive) for lr in RATES for adaptive in (False, True)]
    arms += [Arm(0.0, FULL, adaptive) for adaptive in (False, True)]
    learnt = {arm: train(splits, arm, seeds) for arm in arms}
    weights, rates = ({arm: pair[part] for arm, pair in learnt.items()} for part in (0, 1))
    return Study(name, radius, image, splits, weights, rates)


def difference(first: np.ndarray, second: np.ndarray) -> analysis.Estimate:
    """Mean difference over the splits, ``(seeds,)`` each, with an interval at a level for all rows together."""
    gap = first - second
    se = float(gap.std(ddof=1) / np.sqrt(len(gap)))
    return analysis.normal_estimate(
        float(gap.mean()), se, n=len(gap), level=1 - FALSE_ALARM / INTERVALS, dof=len(gap) - 1
    )


def comparisons(each: Study) -> dict[str, analysis.Estimate]:
    """Paired differences of accuracy, by what is compared."""
    under, top = each.accuracy, RATES[-1]
    robust, clean = each.arm(True, FULL), each.arm(False, FULL)
    adaptive, highest = each.arm(True, FULL, True), each.arm(True, top, True)
    return {
        "attacks in training: under attack": difference(under(robust), under(clean)),
        "attacks in training: unattacked": difference(under(robust, 0), under(clean, 0)),
        f"adaptive for fixed rate {FULL:g}: under attack": difference(under(adaptive), under(robust)),
        f"adaptive for fixed rate {top:g}: under attack": difference(under(highest), under(each.arm(True, top))),
        "adaptive for best fixed rate of five: under attack": difference(under(adaptive), under(each.best)),
        f"adaptive, up to {top:g} instead of {FULL:g}: under attack": difference(under(highest), under(adaptive)),
    }


def compare(each: Study) -> list[Check]:
    """What helps and what does not, split by split."""
    found = comparisons(each)
    verdicts = {
        "> 0": lambda low, high: low > 0,
        "< 0": lambda low, high: high < 0,
        f"no gain, < {SAME:g}": lambda low, high: high < SAME,
        f"none, within {SAME:g}": lambda low, high: -SAME < low and high < SAME,
    }
    predicted = ("> 0", "< 0", "> 0", "> 0", f"no gain, < {SAME:g}", f"none, within {SAME:g}")
    rows = [
        Check(f"{each.name}, {name}", expected, gap.value, gap.interval, verdicts[expected](*gap.interval))
        for (name, gap), expected in zip(found.items(), predicted, strict=True)
    ]
    return [*rows, random_control(each), strongest(each)]


def random_control(each: Study) -> Check:
    """Perturbations of the same size but with random signs: attacks in training must not help against those."""
    splits = each.splits
    signs = np.random.default_rng(0).choice([-1.0, 1.0], size=splits.test_x.shape)
    signs[..., -1] = 0
    moved = splits.test_x + each.radius * signs
    found = [accuracy(each.weights[each.arm(a, FULL)], moved, splits.test_y, 0.0) for a in (True, False)]
    gap = difference(*found)
    name = f"control: {each.name}, attacks in training: under random signs of the same size"
    return Check(name, f"no gain, < {SAME:g}", gap.value, gap.interval, gap.interval[1] < SAME)


def strongest(each: Study) -> Check:
    """The test attack against the strongest one, which a linear score has in closed form, over all arms and radii."""
    x, y = each.splits.test_x, each.splits.test_y
    gaps = [
        np.abs(accuracy(w, x, y, f * each.radius) - certified(w, x, y, f * each.radius)).max()
        for w in each.weights.values()
        for f in (0.5, 1.0, 1.5)
    ]
    worst = float(max(gaps))
    return Check(
        f"{each.name}: accuracy under the test attack minus under the strongest one", "0", worst, None, worst == 0
    )


def _table(studies: list[Study]) -> Table:
    rows = []
    for each in studies:
        for arm in each.weights:
            cells = [each.accuracy(arm, f) for f in (0.0, 0.5, 1.0, 1.5)]
            texts = [f"{c.mean():.3f} ± {c.std(ddof=1) / np.sqrt(len(c)):.3f}" for c in cells]
            rows.append((each.name, arm.name, *texts, f"{each.rates[arm][:, -1].mean():.3g}"))
    header = (
        "data",
        "training",
        "unattacked",
        "half radius",
        "radius of training",
        "1.5 of it",
        "rate in the last epoch",
    )
    return Table("accuracy on the test part", header, tuple(rows), "Mean over the splits and its standard error.")


def _caption(studies: list[Study], seeds: int) -> str:
    parts = []
    for each in studies:
        points = [f"{100 * gap.value:+.0f}" for gap in comparisons(each).values()]
        parts.append(
            f"{each.name}: attacks in training {points[0]} points under attack and {points[1]} without; adaptive rate "
            f"{points[2]} for the fixed rate {FULL:g}, {points[3]} for {RATES[-1]:g}, {points[4]} for the best one, "
            f"{each.best.lr:g}"
        )
    return (
        "Logistic regression on standardised columns, 40 epochs in minibatches of 16, trained on clean inputs or on "
        "inputs moved by 4 projected sign-gradient ascents within 0.5 (breast cancer) or 0.3 (digits) standard "
        f"deviations a column; tested under 10 ascents, on 30 % held out. {seeds} random splits, the same for every "
        "arm; bands: 95 % over splits of these data. (a), (d) Accuracy against the radius of the test attack. (b), (e) "
        "Accuracy of training under attack against the learning rate, or the highest rate that the adaptive rule may "
        "take. (c) Paired differences, intervals at 99 % for all together. (f) Mean weights on the pixels. "
        f"{'; '.join(parts)}. The adaptive rule is the one-step form of the optimal control, from batch estimates. It "
        "makes a rate that is too high harmless, but it is no better than a fixed rate that suits."
    )
