"""The affine game of these claims, a finite sum of three quadratic payoffs, and the plain ways to train on it."""

from __future__ import annotations

import gan_sde as gs

SCHEMES = {
    "shared": gs.algorithms.get("sgda"),
    "independent": gs.algorithms.get("sgda", batches="independent"),
    "alternating": gs.algorithms.get("sgda", order="alternating"),
}
"""Simultaneous training with one batch for both players or one each, and alternating training."""

SAMPLES = (
    (1.2, 0.9, 0.7, 0.2, -0.3),
    (0.7, 1.7, 1.2, -0.4, 0.2),
    (1.6, 0.5, 0.5, 0.1, 0.25),
)
"""Payoffs ``a theta^2/2 + lam theta omega - c omega^2/2 + p theta + q omega``: all terms differ, so all are noisy."""
