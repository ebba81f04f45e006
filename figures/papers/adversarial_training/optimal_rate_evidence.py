"""Everything that the optimal-rate claim computes, in one place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import analysis
from analysis.control import HJBSolution
from figures.papers.adversarial_training.optimal_rate_problems import (
    GAME,
    INNER_STEPS,
    LR,
    QUADRATIC,
    adversarial_problem,
    competitors,
    random_schedules,
)
from figures.papers.adversarial_training.optimal_rate_runs import (
    Simulated,
    run_adversarial,
    run_seeing,
    simulate,
    solve_moment,
    solve_state,
)

RANDOM = 500
"""Random schedules of each of four families."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Everything that is computed: what the checks judge and the figure shows."""

    schedules: dict[str, dict[str, np.ndarray]]
    trained: dict[str, dict[str, Simulated]]
    sde: Simulated
    moment_policy: HJBSolution
    state_policy: HJBSolution
    seeing: analysis.Estimate
    rivals: np.ndarray
    rival_losses: np.ndarray
    adversarial: dict[str, tuple[float, analysis.Estimate]]


def gather(*, trajectories: int, seed: int) -> Evidence:
    """Run everything."""
    schedules = {problem.name: competitors(problem) for problem in (QUADRATIC, GAME)}
    seeds = iter(range((seed * 100) % 2**63, 2**64))
    trained = {
        problem.name: {
            name: simulate(problem.training(), problem, rates, trajectories=trajectories, seed=next(seeds))
            for name, rates in schedules[problem.name].items()
            if name in ("optimal", "exact optimum", "cosine", "constant")
        }
        for problem in (QUADRATIC, GAME)
    }
    best = schedules["quadratic"]["optimal"]
    sde = QUADRATIC.training().sde(order=1)
    state_policy = solve_state(2 * QUADRATIC.steps(), 201)
    rivals = random_schedules(QUADRATIC.steps(), RANDOM, seed)
    return Evidence(
        schedules, trained,
        sde=simulate(sde, QUADRATIC, best, trajectories=trajectories, seed=next(seeds)),
        moment_policy=solve_moment(QUADRATIC, 240, 201),
        state_policy=state_policy,
        seeing=run_seeing(state_policy, trajectories=trajectories // 4, seed=next(seeds)),
        rivals=rivals,
        rival_losses=QUADRATIC.make(LR).evolve(QUADRATIC.start, rivals, LR)[:, -1],
        adversarial=train_adversarially(trajectories, next(seeds)),
    )  # fmt: skip


def train_adversarially(trajectories: int, seed: int) -> dict[str, tuple[float, analysis.Estimate]]:
    """Exact and simulated moment of adversarial training under its own optimum and under that of plain training."""
    robust = adversarial_problem(INNER_STEPS)
    own = {"own optimum": robust, "optimum of plain training": adversarial_problem(0)}
    rates = {name: problem.best().schedule(LR, problem.steps()) for name, problem in own.items()}
    return {
        name: (
            float(robust.exact(each)[-1]),
            run_adversarial(each, INNER_STEPS, trajectories=trajectories, seed=seed + number),
        )
        for number, (name, each) in enumerate(rates.items())
    }
