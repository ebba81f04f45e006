"""The README's table of claims, made from a report: ``python -m figures.readme_table results/report.json``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from figures.table import measured_text

SELECTED = (
    "descent-ascent, no noise: log growth of distance² in 1000 iterations",
    "one batch, B = 16, N(0, 1): variance a²",
    "one batch, B = 16, N(1, 1): variance a² at rate 0.005",
    "alternating: order-2 SDE",
    "control: one batch, no covariance between the players, an order-2 SDE",
    "Crossing-the-Curl, two batches: order-2 SDE",
    "heavy ball, 1 - mu = 1.5 lr: order-2 SDE",
    "control: b1 with the wrong sign, 35 order-2 SDEs",
    "LQ-GAN, LOLA, two batches: order-2 SDE",
    "Dirac-GAN, alternating: order-2 SDE",
    "linear WGAN, penalty: verdict",
    "linear WGAN, no penalty: growth of E|x - x*|² per unit of time, in closed form",
    "SGDA training, lr 0.2: trace of the covariance",
    "SDE, order 1, lr 0.2: trace of the covariance",
    "correlated: largest |C - closed form| / MCSE of three entries",
    "LQ-GAN, consensus: exponent of lr in the sliced W2",
    "LQ-GAN, SDE: rate of the slowest mode",
    "Dirac-GAN without decay: Var(theta) in a box twice as wide",
    "shared, training, exact form, FDR1, generator: relative gap at lr 0.1",
    "shared, training, SDE's form, FDR1, generator: relative gap at lr 0.1",
    "test of FDR1 at 5 %, 128 chains x 30 iterations, stationary: rejected, of 16,384",
    "LQ-GAN, consensus: log of final errors, Yaida's rule over the best constant",
    "linear WGAN, diabetes (age, sex, bmi, bp): log of final errors, Yaida's rule over the best constant",
    "three players, any cubic losses: <F, F_cc>",
    "from (50, 30): iterations to distance 1e-4",
    "F_cc: det sym J - 8 a² (3 a² - sigma² - 2 w2²), for every sigma",
    "N = 4: F_cc: laws from which every start arrives",
    "F_con: share of starts that end at the bound",
    "certificates that hold when checked anew",
    "certificates that survive a sign changed in their map",
    "F_cc' on variance (w2, a): strongly monotone, modulus 1",
    "exponent of E|x_k - x*|²",
    "exponent: E(a - σ)², 1 sample",
    "exponent of k, |AAᵀ - Σ|², N = 16",
    "exponent of N: covariance, over its floor",
    "exponent of N: covariance, |AAᵀ - Σ|²",
    "generator in closed form: distance / distance of sample moments",
    "2,000 random schedules, exact moments of the SDE: least loss at T over the optimum",
    "training: robust loss at the end, best schedule minus state seen",
    "weak order, one a sample, order-2 SDE",
    "breast cancer, attacks in training: under attack",
    "breast cancer, adaptive for best fixed rate of five: under attack",
    "SGDA, additive noise, gamma 0, algorithm: m at the end",
    "a = 3, lam = 1, shared sample: rho of the least variance",
    "bilinear, training: m at the end, best at rest over exact optimum",
    "SEG rho 2: power of lr of the difference of the decay rates (exact)",
    "linear field, eps 0.09, simultaneous: rate of the modified flow",
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
