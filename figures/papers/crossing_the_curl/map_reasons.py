"""Why the maps of the LQ-GAN arrive or do not: verdicts on single steps, the bound, and the energy."""

from __future__ import annotations

import numpy as np
from sympy import simplify

from figures.papers.crossing_the_curl.map_energy import RATES, derived_rate, energy, flow_energy, log_areas
from figures.papers.crossing_the_curl.map_runs import (
    ADAPTIVE,
    BUDGET,
    FIRST_STEP,
    FIXED,
    LONGEST,
    LOWEST,
    MEAN_START,
    MEAN_STEP,
    NEAR,
)
from figures.papers.crossing_the_curl.maps import (
    ALPHA,
    BETA,
    EQUILIBRIUM,
    Function,
    Run,
    function,
    heun_euler,
    projection,
)
from figures.registry import Check

# -------------------------------------------------------------------- single steps


def mean_iterates(step: float) -> dict[str, Function]:
    """One unprojected step on the mean stage, (w1, b) to (w1, b)."""
    field, across = function("F", "mean"), function("F_cc", "mean")
    return {
        "F": lambda x: x - step * field(x),
        "EG": lambda x: x - step * field(x - step * field(x)),
        "F_cc": lambda x: x - step * across(x),
    }


def mean_checks() -> list[Check]:
    """Factors of the distance in one step on the mean stage, where all three iterations are linear."""
    r = MEAN_STEP
    stated = {"F": np.sqrt(1 + r**2), "EG": np.sqrt((1 - r**2) ** 2 + r**2), "F_cc": 1 - r}
    start = np.array([0.0, MEAN_START])
    rows = []
    for name, iterate in mean_iterates(r).items():
        factor = float(np.linalg.norm(iterate(start)) / np.linalg.norm(start))
        rows.append(
            Check(
                f"mean stage, step {r:g}: factor of the distance in one step of {name}",
                f"{stated[name]:.12g}",
                f"{factor:.12g}",
                None,
                bool(abs(factor - stated[name]) < 1e-12),
            )
        )
    return rows


FACTORS = {
    "F": ("1 + 4 rho²", lambda r: 4.0),
    "EG": ("1 - 4 rho² + 16 rho⁴", lambda r: -4.0 + 16 * r**2),
    "F_alt": ("1", lambda r: 0.0),
    "F_unr": ("1 - 4 rho²", lambda r: -4.0),
}
"""Squared modulus of the eigenvalues of one iteration at the equilibrium of the variance stage; less 1, over rho²."""


def factor_check(name: str) -> Check:
    """Measure that modulus on the iteration itself, by central differences."""
    step = FIXED[name][0]
    map_ = function("F" if name == "EG" else name, "variance")

    def iterate(x: np.ndarray) -> np.ndarray:
        return x - step * map_(x - step * map_(x)) if name == "EG" else x - step * map_(x)

    reach, centre = 1e-3, EQUILIBRIUM[[0, 2]]
    columns = [(iterate(centre + move) - iterate(centre - move)) / (2 * reach) for move in reach * np.eye(2)]
    found = float((np.abs(np.linalg.eigvals(np.array(columns).T)) ** 2 - 1).max() / step**2)
    text, stated = FACTORS[name]
    return Check(
        f"{name}, rho = {step:g}: factor of the squared amplitude at the equilibrium is {text}; less 1, over rho²",
        f"{stated(step):.4f}",
        f"{found:.4f}",
        None,
        bool(abs(found - stated(step)) < 1e-4),
    )


def area_check(seed: int, name: str = "F_alt", points: int = 1_000) -> Check:
    """Whether the alternating iteration keeps the area in (w2, ln a)."""
    rng, step = np.random.default_rng(seed), float(ALPHA)
    map_ = function(name, "variance")
    at = np.stack([rng.uniform(-60, 60, points), np.exp(rng.uniform(np.log(0.02), np.log(60), points))])
    kept = 1 + 2 * step * (at[0] - step * (at[1] ** 2 - 1)) > 0.01
    areas = log_areas(lambda x: x - step * map_(x), at[:, kept])
    error = float(np.abs(areas - 1).max())
    return Check(
        f"{name}, rho = {step:g}: factor of the area in (w2, ln a), at {kept.sum()} points",
        "1, to 1e-6",
        f"1, to {error:.1e}" if error < 1e-6 else f"off by {error:.2g}",
        None,
        bool(error < 1e-6),
    )


# -------------------------------------------------------------------- the bound


def consensus_checks(result: Run) -> list[Check]:
    """Whether consensus is held at the bound, drifts along it as the map says, and towards a point that is no rest.

    At ``a = a_min`` the discriminator obeys ``w2' = 4 beta a_min^2 (w2* - w2)``, with ``w2* = (1 - a_min^2) / (4 beta
    a_min^2)``, which solves the variational inequality: the map vanishes in w2 and points against the bound in a.
    """
    low, beta = LOWEST["far"], float(BETA)
    held = result.path[:, 2] == low
    since = int(np.flatnonzero(~held)[-1]) + 1 if not held.all() else 0
    spurious, rate = (1 - low**2) / (4 * beta * low**2), 4 * beta * low**2
    if since >= len(held):
        return [Check("from (50, 30): F_con", "ends at a = a_min", f"a = {result.path[-1, 2]:.3g}", None, False)]
    elapsed = result.times[-1] - result.times[since]
    stated = spurious + (result.path[since, 0] - spurious) * np.exp(-rate * elapsed)
    found = float(result.path[-1, 0])
    w2_part, _, a_part, _ = function("F_con")(np.array([spurious, 0.0, low, 0.0]))
    return [
        Check(
            f"from (50, 30): F_con, held at a = {low:g} since iteration {since}; w2 at the end",
            f"{stated:.6f}",
            f"{found:.6f}",
            None,
            bool(result.iterations == ADAPTIVE["F_con"][1] and abs(found - stated) < 1e-4 * abs(stated)),
        ),
        Check(
            f"F_con: solution of the variational inequality at a = {low:g}, w2 = {spurious:.5g}",
            "0 in w2, above 0 in a",
            f"{abs(w2_part):.1e} in w2, {a_part:.3g} in a",
            None,
            bool(abs(w2_part) < 1e-9 and a_part > 0),
        ),
    ]


def bound_check(longest: float = LONGEST) -> Check:
    """Whether F_alt loses energy from nearby if its steps are capped; without a cap a step on the bound adds some."""
    result = heun_euler(
        function("F_alt"), projection(LOWEST["near"]), NEAR, step=FIRST_STEP, budget=BUDGET, longest=longest
    )
    values = energy(result.path[:, 0], result.path[:, 2])
    ratio = float(values.max() / values[0])
    return Check(
        f"from (3, 0.2): F_alt with steps of at most {longest:g}, largest Hc over its start; does not arrive either",
        "1, to 1e-6",
        f"{ratio:.7g}, at the end {values[-1] / values[0]:.3g}",
        None,
        bool(ratio < 1 + 1e-6 and values[-1] < values[0] and not result.converged),
    )


# -------------------------------------------------------------------- energy


def energy_check() -> Check:
    """Whether the closed forms of the energy's rate are what the toolkit derives, for every sigma."""
    right = [name for name, rate in RATES.items() if simplify(derived_rate(name) - rate) == 0]
    return Check(
        "dHc/dt of Hc = w2² + a²/2 - s ln a along the maps: closed forms that hold, for every s",
        f"{len(RATES)} of {len(RATES)}",
        f"{len(right)} of {len(RATES)}",
        None,
        len(right) == len(RATES),
    )


def conservation_check(name: str) -> Check:
    """Whether the flow of descent-ascent closes: its energy over many turns."""
    values = flow_energy(function(name, "variance"), (3.0, 0.2), 50.0)
    spread = float(np.ptp(values) / values[0])
    return Check(
        f"Hc along the flow of {name} from (3, 0.2), t to 50: relative range",
        "below 1e-8",
        f"{spread:.1e}",
        None,
        spread < 1e-8,
    )


def decay_check(name: str, result: Run) -> Check:
    """Whether the energy falls in every single iteration from far away."""
    rises = int((np.diff(energy(result.path[:, 0], result.path[:, 2])) >= 0).sum())
    return Check(
        f"from (50, 30): iterations of {name}, of {result.iterations}, in which Hc does not fall",
        "0",
        str(rises),
        None,
        rises == 0,
    )
