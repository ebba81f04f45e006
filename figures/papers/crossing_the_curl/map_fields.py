"""Where Crossing-the-Curl and the extragradient direction are monotone on the variance stage of the LQ-GAN.

A differentiable map is monotone on a convex set where the symmetric part of its Jacobian has no negative eigenvalue.
Gemp & Mahadevan (arXiv 1808.01531) draw that region for both maps in the plane of (w2, a). With s = sigma^2 the
smallest eigenvalue is ``5 a^2 - s - sqrt((a^2 - s)^2 + 16 a^2 w2^2)`` for F_cc and ``min(4 a^2, 2 (3 a^2 - s - 2
w2^2))`` for F_eg, and both have the boundary ``3 a^2 - s = 2 w2^2``.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sympy import Expr, ImmutableMatrix, Min, lambdify, simplify, sqrt

from figures.papers.crossing_the_curl.maps import SIGMA, W2, A, Function, direction, function, game
from figures.registry import Check, Outcome, Settings, claim
from figures.style import PALETTE, letter, new_figure, style

NAMES = ("F_cc", "F_eg")
LABELS = {"F_cc": "Crossing-the-Curl $F_{cc}$", "F_eg": "Extragradient direction $F_{eg}$"}
_S = SIGMA**2
SMALLEST: dict[str, Expr] = {
    "F_cc": 5 * A**2 - _S - sqrt((A**2 - _S) ** 2 + 16 * A**2 * W2**2),
    "F_eg": Min(4 * A**2, 2 * (3 * A**2 - _S - 2 * W2**2)),
}
"""Smallest eigenvalue of the symmetric part of the Jacobian."""
INSIDE: Expr = 3 * A**2 - _S - 2 * W2**2
"""Positive inside the region of monotonicity."""
SPACING = 0.025
REACH, DIRECTIONS, MARGIN = 1e-5, 180, 0.2
"""Distance and directions of the pairs of points at which the maps themselves are compared, and how large ``|3 a^2 - 1
- 2 w2^2|`` has to be for that: there an eigenvalue below 0 is at most -0.16, a direction misses by 0.009, which costs
0.02."""


@claim(
    "lq-gan-regions",
    title="On the variance stage F_cc and F_eg are monotone in one and the same region, 3 a² - sigma² >= 2 w2²",
    source="Gemp & Mahadevan, arXiv 1808.01531, monotone regions",
)
def run(settings: Settings) -> Outcome:
    """Check the claim and draw the figure."""
    points = 200_000 if settings.full else 20_000
    checks = (
        *(eigenvalue_check(name, SMALLEST[name]) for name in NAMES),
        *(boundary_check(name, INSIDE) for name in NAMES),
        same_sign_check(),
        *(pair_check(name, points, settings.seed) for name in NAMES),
    )
    caption = (
        "Smallest eigenvalue of the symmetric part of the Jacobian on the variance stage, sigma = 1; contours from the "
        "Jacobians that the toolkit derives. Thick line: 3 a² - 1 = 2 w2², inside of which (shaded) both maps are "
        "monotone; star: equilibrium. The formulas are decided in symbols, and by comparing the maps at pairs of "
        f"nearby points, along {DIRECTIONS} directions each."
    )
    return Outcome(draw(), checks, caption)


# -------------------------------------------------------------------- what the toolkit derives


@cache
def symmetric_jacobian(name: str) -> ImmutableMatrix:
    """Symmetric part of a map's Jacobian on the variance stage, ``2 x 2``."""
    jacobian = direction(name, "variance").jacobian(game("variance").parameters)
    return ImmutableMatrix((jacobian + jacobian.T) / 2)


def smallest_eigenvalue(name: str, at: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Smallest eigenvalue of it at sigma = 1, on arrays of w2 and a."""
    entries = lambdify((W2, A), list(symmetric_jacobian(name).subs(SIGMA, 1)), modules="numpy")
    matrices = np.stack(np.broadcast_arrays(*entries(*at), at[0])[:-1], axis=-1)
    return np.linalg.eigvalsh(matrices.reshape(*matrices.shape[:-1], 2, 2))[..., 0]


def plane() -> tuple[np.ndarray, np.ndarray]:
    """The grid of the figure: w2 in [-5, 5], a in [0, 5]."""
    w2, a = np.meshgrid(np.arange(-200, 201) * SPACING, np.arange(201) * SPACING)
    return w2, a


# -------------------------------------------------------------------- verdicts


def eigenvalue_check(name: str, formula: Expr) -> Check:
    """Whether the formula is the smallest eigenvalue, on the figure's grid."""
    at = plane()
    stated = lambdify((W2, A), formula.subs(SIGMA, 1), modules="numpy")(*at)
    found = smallest_eigenvalue(name, at)
    error = float((np.abs(found - stated) / (1 + np.abs(found))).max())
    return Check(
        f"{name}: smallest eigenvalue of sym J is {_text(formula)}",
        "relative error < 1e-12",
        f"{error:.1e}",
        None,
        bool(error < 1e-12),
    )


def boundary_check(name: str, inside: Expr) -> Check:
    """Whether sym J is positive semidefinite exactly where ``inside`` is not negative, in symbols for every sigma.

    For a 2 x 2 matrix with one entry ``4 a^2 > 0`` on the diagonal that is the sign of the determinant.
    """
    matrix = symmetric_jacobian(name)
    rest = simplify(matrix.det() - 8 * A**2 * inside)
    corner = simplify(matrix[0, 0] - 4 * A**2)
    return Check(
        f"{name}: det sym J - 8 a² ({_text(inside)}), for every sigma",
        "0",
        str(rest),
        None,
        bool(rest == 0 and corner == 0),
    )


def _text(formula: Expr) -> str:
    return str(formula).replace("**2", "²").replace("*", " ")


def same_sign_check() -> Check:
    """Whether both maps have the same sign on the whole grid; the boundary itself is left out."""
    w2, a = plane()
    away = np.abs(3 * a**2 - 1 - 2 * w2**2) > 1e-9
    signs = [np.sign(smallest_eigenvalue(name, (w2[away], a[away]))) for name in NAMES]
    different = int((signs[0] != signs[1]).sum())
    return Check(
        f"F_cc and F_eg: signs that differ on {away.sum()} grid points", "0", str(different), None, not different
    )


def pair_check(name: str, points: int, seed: int, *, map_: Function | None = None) -> Check:
    """Compare the map at pairs of points, without its Jacobian: violations of monotonicity inside and outside.

    Points within `MARGIN` of the boundary are left out.
    """
    map_ = map_ or function(name, "variance")
    rng = np.random.default_rng(seed)
    x = np.stack([rng.uniform(-5, 5, points), rng.uniform(0.1, 5, points)])
    inside = 3 * x[1] ** 2 - 1 - 2 * x[0] ** 2
    x, inside = x[:, np.abs(inside) > MARGIN], inside[np.abs(inside) > MARGIN]
    violated = np.zeros(x.shape[1], dtype=bool)
    for angle in np.pi * np.arange(DIRECTIONS) / DIRECTIONS:
        move = REACH / 2 * np.array([[np.cos(angle)], [np.sin(angle)]])
        violated |= ((map_(x + move) - map_(x - move)) * move).sum(axis=0) < 0
    wrong = int((violated != (inside < 0)).sum())
    return Check(
        f"{name}: of {len(violated)} points, those where pairs contradict the region",
        "0",
        str(wrong),
        None,
        bool(wrong == 0 and violated.any() and not violated.all()),
    )


# -------------------------------------------------------------------- figure


def draw() -> Figure:
    """Contours of the smallest eigenvalue of both maps."""
    figure, axes = new_figure(1, 2, width=10.5, height=4.6, sharey=True)
    with style():
        for panel, name in zip(axes[0], NAMES, strict=True):
            _contours(panel, name)
        axes[0, 0].set_ylabel("generator's scale $a$")
    letter(axes)
    return figure


def _contours(axes: Axes, name: str) -> None:
    at = plane()
    values = smallest_eigenvalue(name, at)
    levels = [-120, -80, -50, -30, -15, -5, 0, 5, 15, 30, 50, 80]
    kept = [level for level in levels if level and values.min() < level < values.max()]
    axes.contourf(*at, values, levels=[0, values.max()], colors=[PALETTE["sky"]], alpha=0.3)
    negative = [level for level in kept if level < 0]
    for group, dashes in ((negative, "--"), ([level for level in kept if level > 0], "-")):
        lines = axes.contour(*at, values, levels=group, colors="#444444", linewidths=0.8, linestyles=dashes)
        axes.clabel(lines, fontsize=8, fmt="%g")
    w2 = np.linspace(-5, 5, 400)
    axes.plot(w2, np.sqrt((1 + 2 * w2**2) / 3), color=PALETTE["vermilion"], lw=2.4, label="$3a^2 - 1 = 2w_2^2$")
    axes.plot(0, 1, "*", color="black", ms=13, mec="white", zorder=5)
    axes.fill_between([], [], [], color=PALETTE["sky"], alpha=0.3, label="monotone")
    axes.set(title=LABELS[name], xlabel="discriminator's $w_2$", xlim=(-5, 5), ylim=(0, 5))
    axes.legend(loc="lower left")
