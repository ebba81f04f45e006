"""The closed-form covariances against long runs, on several quadratic games and three processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from scipy.stats import norm
from sympy import Integer, symbols

import analysis
import gan_sde as gs
from figures.papers.coupled_sdes.quadratic_covariances import (
    ClosedForm,
    QuadraticGame,
    alternating_covariance,
    sde_covariance,
    training_covariance,
)
from figures.papers.coupled_sdes.quadratic_laws import BATCH_SIZE, CHAINS, SPACING, SUBSTEPS
from figures.registry import Check, Table

LR = 0.2
DRAWS = 1_500
LIMIT = 4.0
"""Of |measured - predicted| in Monte Carlo standard errors, for every entry."""

GAMES: Mapping[str, QuadraticGame] = {
    "correlated": QuadraticGame(a=1.0, lam=1.5, c=0.5, var_omega=2.0, var_theta=1.0, covariance=0.8),
    "equal players": QuadraticGame(a=1.0, lam=1.0, c=1.0, var_omega=1.0, var_theta=1.0),
    "one noise": QuadraticGame(a=0.0, lam=1.0, c=1.0, var_omega=2.0, var_theta=0.0),
    "overdamped": QuadraticGame(a=3.0, lam=1.0, c=0.5, var_omega=0.5, var_theta=1.0),
    "concave player": QuadraticGame(a=-0.3, lam=1.2, c=1.0, var_omega=1.0, var_theta=0.7, covariance=-0.4),
}
"""Complex and real eigenvalues, correlated and degenerate noise, a player that would run away on its own."""

KINDS: Mapping[str, ClosedForm] = {
    "simultaneous": training_covariance,
    "alternating": alternating_covariance,
    "SDE, order 1": sde_covariance,
}
ENTRIES = 3 * len(GAMES) * len(KINDS)
ALARM = 2 * ENTRIES * norm.sf(LIMIT)
"""Chance that any entry exceeds the limit although all closed forms are right (Bonferroni)."""


@cache
def _process(kind: str) -> gs.Training | gs.SDE:
    """One process on all games at once: their constants are coordinates of a third player who never moves."""
    a, lam, c, omega, theta, p, q = symbols("a lam c omega theta p q")
    first, mixed, second = symbols("noise_omega noise_mixed noise_theta")  # lower triangular factor of the noise
    payoff = a * theta**2 / 2 + lam * theta * omega - c * omega**2 / 2
    game = gs.Game.general_sum(
        losses={
            "discriminator": -payoff + first * p * omega,
            "generator": payoff + (mixed * p + second * q) * theta,
            "nature": Integer(0),
        },
        parameters={
            "discriminator": [omega],
            "generator": [theta],
            "nature": [a, lam, c, first, mixed, second],
        },
        data={p: gs.Normal(0, 1), q: gs.Normal(0, 1)},
    )
    order = "alternating" if kind == "alternating" else "simultaneous"
    training = gs.Training(game, gs.algorithms.get("sgda", order=order))
    return training.sde(1) if kind.startswith("SDE") else training


def _start(game: QuadraticGame) -> list[float]:
    """Start at rest, then the constants."""
    first = np.sqrt(game.var_omega)
    mixed = game.covariance / first
    return [0, 0, game.a, game.lam, game.c, first, mixed, np.sqrt(game.var_theta - mixed**2)]


@dataclass(frozen=True, eq=False)
class Cell:
    """One process on one game after its long run.

    Attributes
    ----------
    game, kind : str
    measure : analysis.InvariantMeasure
    """

    game: str
    kind: str
    measure: analysis.InvariantMeasure

    def predicted(self, kind: str | None = None, **changes: float) -> np.ndarray:
        """Closed form, of this process or another one, of this game or one with other constants."""
        return KINDS[kind or self.kind](replace(GAMES[self.game], **changes), LR, BATCH_SIZE)

    def scores(self, predicted: np.ndarray) -> np.ndarray:
        """|measured - predicted| of the three entries, in Monte Carlo standard errors."""
        found = self.measure.covariance
        return np.abs((found.value - predicted) / found.se)[np.triu_indices(2)]

    @property
    def worst(self) -> float:
        """Largest score against the cell's own closed form."""
        return float(self.scores(self.predicted()).max())


def cells(draws: int = DRAWS, seed: int = 0) -> list[Cell]:
    """Long runs of every process on every game: independent chains, burn-in found by MSER-5."""
    starts, every = np.repeat([_start(game) for game in GAMES.values()], CHAINS, axis=0), round(SPACING / LR)
    found = []
    for number, kind in enumerate(KINDS):
        run = gs.simulate(
            _process(kind), x0=starts, lr=LR, steps=every * draws, trajectories=len(starts), batch_size=BATCH_SIZE,
            seed=(seed * 100 + 50 + number) % 2**64, record=("paths",), every=every,
            substeps=SUBSTEPS if kind.startswith("SDE") else None, progress=False,
        )  # fmt: skip
        paths = run["path"].sel(param=["omega", "theta"]).values.reshape(len(GAMES), CHAINS, -1, 2)
        found += [Cell(g, kind, analysis.invariant_measure(path)) for g, path in zip(GAMES, paths, strict=True)]
    return sorted(found, key=lambda cell: list(GAMES).index(cell.game))


# -------------------------------------------------------------------- verdicts


def set_checks(found: list[Cell]) -> list[Check]:
    """A row for convergence, then one for each game, and the controls."""
    converged = all(cell.measure.converged for cell in found)
    ess = min(float(np.minimum(c.measure.ess_bulk, c.measure.ess_tail).min()) for c in found)
    rows = [Check(f"convergence of the runs on {len(GAMES)} games", "R-hat < 1.01, ESS > 400, no drift",
                  f"least ESS {ess:,.0f}", None, converged)]  # fmt: skip
    for game in dict.fromkeys(cell.game for cell in found):
        scores = {cell.kind: cell.worst for cell in found if cell.game == game}
        text = ", ".join(f"{kind} {score:.2f}" for kind, score in scores.items())
        name = f"{game}: largest |C - closed form| / MCSE of three entries"
        rows.append(Check(name, f"< {LIMIT:g} (any false alarm: {ALARM:.1%})", text, None,
                          max(scores.values()) < LIMIT))  # fmt: skip
    return [*rows, *(_control(name, scores) for name, scores in control_scores(found).items())]


def control_scores(found: list[Cell]) -> dict[str, dict[str, float]]:
    """Largest score of wrong closed forms by game, where they differ from the right one."""
    wrong: dict[str, dict[str, float]] = {}
    for cell in found:
        rivals = {}
        if cell.kind == "simultaneous":
            rivals["the SDE's closed form for simultaneous training"] = cell.predicted("SDE, order 1")
            rivals["alternating training's for simultaneous training"] = cell.predicted("alternating")
        rivals[f"opposite sign of the interaction, {cell.kind}"] = cell.predicted(lam=-GAMES[cell.game].lam)
        for name, rival in rivals.items():
            if not np.allclose(rival, cell.predicted(), rtol=1e-9, atol=1e-12):
                wrong.setdefault(name, {})[cell.game] = float(cell.scores(rival).max())
    return wrong


def _control(name: str, scores: Mapping[str, float]) -> Check:
    text = ", ".join(f"{game} {score:.1f}" for game, score in scores.items())
    return Check(f"control: {name}, largest |difference| / MCSE", f"rejected, > {LIMIT:g} on every game where it "
                 "differs", text, None, bool(scores) and min(scores.values()) > LIMIT)  # fmt: skip


def set_table(found: list[Cell]) -> Table:
    """Every entry."""
    rows = []
    for cell in found:
        for (i, j), name in (((0, 0), "omega omega"), ((0, 1), "omega theta"), ((1, 1), "theta theta")):
            value, se = cell.measure.covariance.value[i, j], cell.measure.covariance.se[i, j]
            predicted = cell.predicted()[i, j]
            score = abs(value - predicted) / se
            rows.append((cell.game, cell.kind, name, f"{predicted:.6f}", f"{value:.6f}", f"{se:.6f}", f"{score:.2f}"))
    return Table(
        f"Stationary covariances in closed form and in long runs, lr {LR:g}, batch size {BATCH_SIZE}",
        ("game", "process", "entry", "closed form", "measured", "MCSE", "|difference| / MCSE"),
        tuple(rows),
        f"{ENTRIES} entries; with right closed forms any exceeds {LIMIT:g} MCSE with a chance of at most {ALARM:.2%}.",
    )
