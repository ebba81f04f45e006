"""The runs of the LQ-GAN paper's experiments: every map with its own start, steps and budget; data N(0, 1)."""

from __future__ import annotations

import numpy as np

from figures.papers.crossing_the_curl.maps import Run, euler, extragradient, function, heun_euler, projection

FAR, NEAR = np.array([50.0, 0.0, 30.0, 0.0]), np.array([3.0, 0.0, 0.2, 0.0])
"""Starts (w2, w1, a, b) of the two experiments."""
LOWEST = {"far": 1e-2, "near": 1e-4}
"""Lower bounds of a."""
ADAPTIVE = {"F_cc": (1e-5, 10_000), "F_eg": (1e-5, 10_000), "F_reg": (1e-5, 10_000), "F_con": (1e-6, 3_000)}
"""First step and budget of the maps followed with step control, from far away."""
FIXED = {"F": (1e-3, 100_000), "EG": (1e-2, 10_000), "F_alt": (5e-3, 10_000), "F_unr": (5e-3, 10_000)}
"""Step and budget of the maps followed with a fixed step, from far away."""
NEARBY = ("F_cc", "F_eg", "F_con", "F_reg", "F_alt", "F_unr")
FIRST_STEP, BUDGET = 1e-5, 10_000
"""Of all maps from nearby."""
MEAN_START, MEAN_STEP = 0.3, 0.5
"""Distance of the start from the equilibrium and step on the mean stage."""
LONGEST = 0.01
"""Cap of the step in the paper's N-dimensional runs; those of one dimension have none."""


def far_runs() -> dict[str, Run]:
    """Every map from (50, 30) with its own step and budget."""
    return tolerant(1e-5) | {name: fixed(name, budget) for name, (_, budget) in FIXED.items()}


def tolerant(tolerance: float) -> dict[str, Run]:
    """The maps with step control from (50, 30); the budget follows the tolerance as the number of steps does."""
    project, share = projection(LOWEST["far"]), np.sqrt(1e-5 / tolerance)
    return {
        name: heun_euler(
            function(name), project, FAR, step=step, budget=int(share * budget), tolerance=tolerance
        )
        for name, (step, budget) in ADAPTIVE.items()
    }  # fmt: skip


def fixed(name: str, budget: int) -> Run:
    """A map with a fixed step from (50, 30)."""
    project, step = projection(LOWEST["far"]), FIXED[name][0]
    if name == "EG":
        return extragradient(function("F"), project, FAR, step=step, budget=budget)
    return euler(function(name), project, FAR, step=step, budget=budget)


def near_runs() -> dict[str, Run]:
    """The maps of the second experiment from (3, 0.2)."""
    project = projection(LOWEST["near"])
    return {name: heun_euler(function(name), project, NEAR, step=FIRST_STEP, budget=BUDGET) for name in NEARBY}
