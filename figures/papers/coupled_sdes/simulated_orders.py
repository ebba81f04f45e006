"""The order table by simulation: rows, verdicts and controls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from figures.papers.coupled_sdes.order_experiment import Kind
from figures.papers.coupled_sdes.order_sampling import LENIENCY, LOOKS, TRUNCATION, Found, measured
from figures.papers.coupled_sdes.simulated_cases import DIRAC_GAN, LQ_GAN, ROWS, Row, Scene
from figures.registry import Check, Table

MARGIN = 0.25
"""No interval of an order may reach farther from it."""
FALL_BACK = LENIENCY * MARGIN
"""That of a control may reach so far from 1. The error of a wrong SDE is the sum of a term of order 1 and one of order
2 in different directions; its length is less of a pure power than that of a right one."""
FALSE_ALARM = 0.05
"""Chance that any interval of a table misses the order that it estimates (Bonferroni over all its rows)."""
TABLE_ROWS = 160
"""More intervals than any one table has, so that the level of each does not depend on which rows run."""
LEVEL = 1 - FALSE_ALARM / (TABLE_ROWS * LOOKS)
PRECISION = 0.015
"""Standard error of an order; with `LEVEL` the sampling error is 0.06."""
FULL_PRECISION = 0.0075
"""In a full run."""
SMALL_BATCH = {"LQ-GAN": 8, "Dirac-GAN": 2}
"""Batch sizes of the control of the noise, at which a wrong noise outweighs the next order of the drift."""
TURNED = ("descent, one batch", "alternating", "extragradient, one batch")
"""Rows whose order-2 SDE is also run with b1 turned round."""
WRONG = {
    "wrong sign": "b1 with the wrong sign",
    "no cross-covariance": "no covariance between the players",
}
SLOW = (
    "consensus",
    "gradient-regularised",
    "symplectic adjustment",
    "Crossing-the-Curl",
    "alternating, rate lr",
    "F + 0.2 JᵀF - 0.3 JF",
    "Hamiltonian",
)
"""The noise of these has up to 14 columns, or is large next to their error; on the LQ-GAN they take seconds each."""


@dataclass(frozen=True, eq=False)
class Measured:
    """One line of the table.

    Parameters
    ----------
    scene, row
        Game and algorithm.
    order
        That the SDE claims.
    wrong
        What is wrong with it, a key of `WRONG`, or "".
    found
        The measured order.
    """

    scene: Scene
    row: Row
    order: int
    wrong: str
    found: Found

    @property
    def passed(self) -> bool:
        """Whether the claimed order lies in its interval, and the interval within `MARGIN` of the order."""
        return self.found.fit is not None and self.found.fit.confirms(self.order, MARGIN)

    @property
    def falls_back(self) -> bool:
        """For a control: whether 1 lies in the interval, and the interval nearer to 1 than to 0 or 2."""
        return self.found.fit is not None and self.found.fit.confirms(1, FALL_BACK)

    def check(self) -> Check:
        """The line of the report."""
        fit = self.found.fit
        name = f"{self.scene.name}, {self.row.label}: order-{self.order} SDE"
        predicted, passed = f"{self.order}, to ± {MARGIN:g}", self.passed
        if self.wrong:
            name, passed = f"control: {name}, {WRONG[self.wrong]}", self.falls_back
            predicted = f"1, to ± {FALL_BACK:g} (not 2)"
        measured = "not told from 0" if fit is None else fit.value
        return Check(name, predicted, measured, None if fit is None else fit.interval, passed)


def is_slow(row: Row) -> bool:
    """Whether a row belongs into the long table."""
    return row.label.startswith(SLOW)


def run_rows(scene: Scene, rows: Iterable[Row], precision: float, seed: int) -> list[Measured]:
    """Measure the orders of rows, and of the controls of the drift."""
    lines = []
    for row in rows:
        found = measured(row, scene, precision, seed, LEVEL, wrong=("wrong sign",) if row.label in TURNED else ())
        lines += _measured(scene, row, found)
    return lines


def run_noise_control(scene: Scene, precision: float, seed: int) -> list[Measured]:
    """Descent on one small batch: with the right noise, and without the covariance between the players."""
    small = replace(scene, name=f"{scene.name}, batch size {SMALL_BATCH[scene.name]}",
                    batch_size=SMALL_BATCH[scene.name])  # fmt: skip
    row = replace(ROWS[0], orders=(2,))
    return _measured(small, row, measured(row, small, precision, seed, LEVEL, wrong=("no cross-covariance",)))


def _measured(scene: Scene, row: Row, found: Mapping[Kind, Found]) -> list[Measured]:
    """A key of ``found`` is an order, or what is wrong with an SDE of order 2."""
    return [
        Measured(scene, row, kind if isinstance(kind, int) else 2, kind if isinstance(kind, str) else "", each)
        for kind, each in found.items()
    ]


def first_order_controls(lines: Sequence[Measured]) -> list[Check]:
    """Order-1 SDEs, which lack b1, judged as if they were of order 2: each must be measured, and end below order 2."""
    checks = []
    for scene in (LQ_GAN, DIRAC_GAN):
        fits = {line.row.label: line.found.fit for line in lines if line.scene is scene and line.order == 1}
        if fits:
            kept = [label for label, fit in fits.items() if fit is None or fit.interval[1] >= 2 - MARGIN]
            name = f"control: {scene.name}, no b1, {len(fits)} order-1 SDEs judged as order 2: how many may be"
            checks.append(Check(name, "0", f"{len(kept)}", None, not kept))
    return checks


def table(lines: Sequence[Measured], title: str) -> Table:
    """All lines with variance reduction and verdict."""
    cells = []
    for line in lines:
        fit = line.found.fit
        order = "not told from 0" if fit is None else f"{fit.value:.3f}"
        interval = "" if fit is None else f"[{fit.interval[0]:.3f}, {fit.interval[1]:.3f}]"
        verdict = line.check().passed
        sde = f"{line.order}, {WRONG[line.wrong]}" if line.wrong else str(line.order)
        word = ("falls back" if verdict else "DOES NOT FALL BACK") if line.wrong else "passed" if verdict else "FAILED"
        cells.append(
            (line.row.label, line.row.batches, line.scene.name, sde, order, interval, _range(line.found.steps),
             _range(line.found.pairs), f"{line.found.variance_reduction:,.0f}", word)
        )  # fmt: skip
    header = (
        "algorithm", "batches an iteration", "game", "SDE", "order", "interval", "iterations", "pairs",
        "variance reduced by", "verdict",
    )  # fmt: skip
    return Table(
        title,
        header,
        tuple(cells),
        "An interval is the sampling error, which all keep together with "
        f"{1 - FALSE_ALARM:.0%} (Bonferroni over {TABLE_ROWS} orders, each measured at most {LOOKS} times), and on "
        "either side the truncation error: what one more correction may change, judged by leaving out one of the four "
        "rates and the last of the two corrections and by the growth of the corrections. The order has to lie in it, "
        f"and it within {MARGIN:g} of the order. Rates (iterations to the horizon) and antithetic pairs of "
        "trajectories from each start were chosen by noise-free errors and by a pilot; an order with a truncation "
        f"error above {TRUNCATION:g} was measured again at smaller rates. Variance reduced by: what common random "
        "numbers, antithetic pairs and control variates gain against independent ensembles of the same size (median "
        "over moments, starts and rates). Noise of the SDE that belongs to products of batch means has no counterpart "
        "to share and is drawn independently; all other noise is common.",
    )


def _range(numbers: Sequence[int]) -> str:
    return f"{min(numbers):,} … {max(numbers):,}"
