"""The README's table of claims, made from a report: ``python -m figures.readme_table results/report.json``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from figures.table import measured_text

SELECTED = (
    "descent-ascent, no noise: log growth of distance² in 1000 iterations",
    "two batches, B = 16, N(0, 1): variance a²",
    "one batch, B = 16, N(0, 1): variance a²",
    "one batch, B = 16, N(1, 1): variance a² at rate 0.005",
    "shared, order-1 SDE (exact)",
    "shared, order-2 SDE (exact)",
    "alternating, order-2 SDE (exact)",
    "alternating, order-2 SDE (simulated)",
    "control: shared, order-2 SDE without cross-covariance (exact)",
    "SGDA training, lr 0.2: trace of the covariance",
    "SDE, order 1, lr 0.2: trace of the covariance",
    "shared, training, exact form, FDR1, generator: relative gap at lr 0.1",
    "shared, training, SDE's form, FDR1, generator: relative gap at lr 0.1",
    "from (50, 30): iterations to distance 1e-4",
    "F_cc: det sym J - 8 a² (3 a² - sigma² - 2 w2²), for every sigma",
    "certificates that hold when checked anew",
    "certificates that survive a sign changed in their map",
    "F_cc' on variance (w2, a): strongly monotone, modulus 1",
    "exponent of E|x_k - x*|²",
    "exponent of k, |AAᵀ - Σ|², N = 16",
    "exponent of N: covariance, over its floor",
    "exponent of N: covariance, |AAᵀ - Σ|²",
    "generator in closed form: distance / distance of sample moments",
    "generator sampled: distance / distance of sample moments",
)
"""The rows that stand for their claims; the report has all of them."""


def rows(report: dict) -> Iterator[str]:
    """Markdown rows of the selected checks."""
    yield "| claim | check | predicted | measured | verdict |"
    yield "| --- | --- | --- | --- | --- |"
    for claim in report["claims"]:
        for check in claim["checks"]:
            if check["name"] in SELECTED:
                interval = None if check["interval"] is None else tuple(check["interval"])
                measured = measured_text(check["measured"], interval)
                cells = (f"`{claim['name']}`", check["name"], check["predicted"], measured, check["verdict"])
                yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    print("\n".join(rows(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))))
