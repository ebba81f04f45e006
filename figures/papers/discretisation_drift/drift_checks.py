"""What is checked of the discretisation drift: eigenvalues, the Dirac-GAN's radius, modified losses, orders."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sympy import Matrix, simplify

import analysis
from figures.papers.discretisation_drift.drifts import Scheme, flow, iterate, matrix_of
from figures.papers.discretisation_drift.games import (
    DIRAC_H,
    DIRAC_START,
    EPSILONS,
    STRENGTH,
    H,
    dirac_gan,
    linear_game,
    regularised_dirac_gan,
)
from figures.registry import Check

ORDERS = ("simultaneous", "alternating")
RATES = (1.0, 2.5)
"""Unequal rates alpha and lam of the comparison of clocks."""
STEPS = tuple(2.0**-k for k in range(4, 10))
TIME = 2.0
MARGIN = 0.1
LONG = 100_000
TURN = 300
"""Iterations of the Dirac-GAN in which it turns more than twice."""

READINGS = {
    "original flow": 1,
    "derived, common clock": 2,
    "published, common clock": 1,
    "published, own clocks": 0,
}
"""Powers of h with which the flows differ from the iterates at a fixed time."""


# -------------------------------------------------------------------- linear field


def linear_checks() -> list[Check]:
    """Eigenvalues of one iteration and of the modified field against their closed forms."""
    rows = []
    for eps in EPSILONS:
        for order in ORDERS:
            scheme = Scheme(linear_game(eps), order)
            modulus = np.abs(np.linalg.eigvals(matrix_of(scheme.step(H))))
            rate = np.linalg.eigvals(matrix_of(scheme.modified(H))).real
            if order == "simultaneous":
                size, exponent = np.hypot(1 - H * eps, H), -eps - H / 2 * (eps**2 - 1)
            else:
                size, exponent = 1 - H * eps, -eps - H / 2 * eps**2
            name = f"linear field, eps {eps:g}, {order}"
            rows.append(_equal(f"{name}: |eigenvalues| of an iteration", size, modulus))
            rows.append(_equal(f"{name}: rate of the modified flow", exponent, rate))
            stable, predicted = bool((modulus < 1).all()), bool((rate < 0).all())
            rows.append(
                Check(
                    f"{name}: iterates {'stable' if stable else 'unstable'}, original flow stable (rate {-eps:g})",
                    "modified flow agrees",
                    f"{'stable' if predicted else 'unstable'}: {rate[0]:.4f} for log|eigenvalue| / h = "
                    f"{np.log(modulus[0]) / H:.4f}",
                    None,
                    stable == predicted,
                )
            )
    return rows


def _equal(name: str, predicted: float, measured: np.ndarray) -> Check:
    """Whether computed numbers equal a closed form to rounding."""
    worst = float(measured[np.argmax(np.abs(measured - predicted))])
    return Check(name, f"{predicted:.6f}", f"{worst:.6f}", None, bool(abs(worst - predicted) < 1e-12))


# -------------------------------------------------------------------- Dirac-GAN


def radius_check(path: np.ndarray) -> Check:
    """Simultaneous updates multiply the squared distance by ``1 + h^2 s^2`` exactly, s the slope of the loss."""
    squares = (path**2).sum(axis=1)
    slope = 1 / (1 + np.exp(path[:-1, 0] * path[:-1, 1]))
    error = float(np.abs(squares[1:] / squares[:-1] - 1 - DIRAC_H**2 * slope**2).max())
    return Check(
        f"Dirac-GAN, simultaneous: |z|² times 1 + h² s² an iteration, worst of {len(path) - 1}",
        "error < 1e-12",
        f"{error:.1e} (|z| ends at {np.sqrt(squares[-1]):.2f})",
        None,
        error < 1e-12,
    )


def bounded_checks(path: np.ndarray) -> list[Check]:
    """Alternating updates keep their distance over the paper's run; over a long one they leave, too."""
    early, late = (np.linalg.norm(part, axis=1).max() for part in (path[:TURN], path[TURN:]))
    long = iterate(Scheme(dirac_gan(), "alternating").step(DIRAC_H), DIRAC_START, LONG)
    growth = outward_rate(np.linalg.norm(long, axis=1))
    radius = np.linalg.norm(
        iterate(Scheme(dirac_gan(), "simultaneous").step(DIRAC_H), DIRAC_START, LONG // 100), axis=1
    )
    other = outward_rate(radius)
    return [
        Check(
            f"Dirac-GAN, alternating: largest |z| of iterations {TURN} to {len(path) - 1}, over that before",
            "1 ± 0.001: bounded",
            f"{late / early:.6f}",
            None,
            bool(abs(late / early - 1) < 1e-3),
        ),
        Check(
            f"Dirac-GAN, alternating, {LONG:,} iterations: growth rate of the outer radius (simultaneous: {other:.2g})",
            "not 0: leaves, but 1000 times slower than simultaneous",
            f"{growth:.2e}",
            None,
            bool(1e-8 < growth < other / 1000),
        ),
    ]


def outward_rate(radius: np.ndarray) -> float:
    """Slope in time of the log of the largest radius in each window of `TURN` iterations."""
    windows = radius[: len(radius) // TURN * TURN].reshape(-1, TURN).max(axis=1)
    fit = analysis.line_fit(DIRAC_H * TURN * np.arange(len(windows), dtype=float), np.log(windows))
    return fit.estimate(1).value


def regularised_checks(path: np.ndarray) -> list[Check]:
    """Explicit regularisation by c: near the equilibrium |z|² falls by ``(1 - h c / 2)^2 + h^2 / 4``."""
    rows = []
    for c in (DIRAC_H / 4 + STRENGTH, DIRAC_H / 4):
        step = Scheme(regularised_dirac_gan(c), "simultaneous").step(DIRAC_H)
        tiny = iterate(step, (1e-6, 1e-6), 50)
        measured = float((np.linalg.norm(tiny[-1]) / np.linalg.norm(tiny[0])) ** (2 / 50))
        predicted = (1 - DIRAC_H * c / 2) ** 2 + DIRAC_H**2 / 4
        rows.append(
            Check(
                f"Dirac-GAN, explicit regularisation {c:g}: factor of |z|² near the equilibrium",
                f"{predicted:.7f}",
                f"{measured:.7f}",
                None,
                abs(measured - predicted) < 1e-8,
            )
        )
    end = float(np.linalg.norm(path[-1]))
    rows.append(
        Check(f"the same, from (1, 1), {len(path) - 1} iterations: |z|", "< 1e-5", f"{end:.1e}", None, end < 1e-5)
    )
    return rows


def losses_check(*, sign: int = 1) -> Check:
    """Modified losses ``-+E +- (h/4)(|grad_phi E|^2 - |grad_theta E|^2)`` of a zero-sum game; sign -1 is a control."""
    game = dirac_gan()
    sde = Scheme(game, "simultaneous").training.sde(2)
    psi, theta = game.parameters
    payoff = game.payoff
    extra = sign * sde.lr / 4 * (payoff.diff(psi) ** 2 - payoff.diff(theta) ** 2)
    rest = Matrix(sde.drift) + Matrix([(-payoff + extra).diff(psi), (payoff - extra).diff(theta)])
    found = next((e for e in rest.applyfunc(simplify) if e != 0), 0)
    return Check(
        "Dirac-GAN, simultaneous: derived drift + gradients of the modified losses",
        "0",
        str(found) if found == 0 else "not 0",
        None,
        bool(found == 0),
    )


# -------------------------------------------------------------------- clocks


def clock_errors(order: str) -> dict[str, np.ndarray]:
    """Distance at `TIME` of every reading from the iterates, for each of `STEPS`."""
    scheme = Scheme(dirac_gan(), order, RATES)
    errors: dict[str, list[float]] = {name: [] for name in READINGS}
    for h in STEPS:
        end = iterate(scheme.step(h), DIRAC_START, round(TIME / h))[-1]
        flows = {
            "original flow": scheme.modified(h, 1),
            "derived, common clock": scheme.modified(h),
            "published, common clock": scheme.published(h, common_clock=True),
        }
        for name, field in flows.items():
            errors[name].append(float(np.abs(flow(field, DIRAC_START, [TIME])[-1] - end).max()))
        errors["published, own clocks"].append(float(np.abs(own_clocks(scheme, h, TIME) - end).max()))
    return {name: np.array(values) for name, values in errors.items()}


def own_clocks(scheme: Scheme, h: float, time: float) -> np.ndarray:
    """State of the published flow: phi after ``alpha time``, theta after ``lam time``."""
    field = scheme.published(h, common_clock=False)
    return np.array([flow(field, DIRAC_START, [rate * time])[-1][i] for i, rate in enumerate(scheme.rates)])


def order_check(order: str, name: str, errors: np.ndarray) -> Check:
    """Whether the whole 95 % interval of the power of h lies within `MARGIN` of the stated one."""
    found = analysis.weak_order(STEPS, errors, np.zeros(len(STEPS)))
    return _power(f"rates 1 and 2.5, {order}: power of h, {name}", READINGS[name], found)


def local_check(order: str) -> Check:
    """For one iteration, read on its players' own clocks, the published field errs by h^3."""
    scheme = Scheme(dirac_gan(), order, RATES)
    start = np.array(DIRAC_START)
    errors = [float(np.abs(own_clocks(scheme, h, h) - scheme.step(h)(start)).max()) for h in STEPS[:4]]
    found = analysis.weak_order(STEPS[:4], errors, np.zeros(4))
    return _power(f"rates 1 and 2.5, {order}: power of h, published, own clocks, one iteration", 3, found)


def _power(name: str, stated: int, found: analysis.WeakOrder) -> Check:
    low, high = found.interval
    inside = stated - MARGIN <= low and high <= stated + MARGIN
    return Check(name, f"{stated} ± {MARGIN:g}", found.value, found.interval, bool(inside))


def clock_checks(errors: dict[str, dict[str, np.ndarray]]) -> Sequence[Check]:
    """All orders."""
    rows = [order_check(order, name, values) for order in errors for name, values in errors[order].items()]
    return [*rows, *(local_check(order) for order in errors)]
