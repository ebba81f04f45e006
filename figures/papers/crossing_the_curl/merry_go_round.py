"""The merry-go-round: descent-ascent rides in circles, Crossing-the-Curl steps across them to the centre.

The picture with which Gemp & Mahadevan (arXiv 1808.01531) introduce their direction. In three dimensions
``(J - J^T) F = curl F x F``, the velocity F turned about the axis of rotation: ``F_cc = (J^T - J) F / 2`` is across F
in the plane of rotation. In any dimension ``<F, F_cc> = 0`` because ``J - J^T`` is antisymmetric. The extragradient
direction ``-J F`` is across F only where F does not stretch.

Three players in a ring, ``f_i = x_i (x_(i+1) - x_(i-1))``, have ``F = -(1, 1, 1) x x`` and ``curl F = -2 (1, 1, 1)``:
F circles about the diagonal, ``F_cc = 3 P x`` with P the projection across the diagonal. With ``|F| = sqrt(3) |P x|``
a step of descent multiplies the squared distance to the axis by ``1 + 3 rho^2``, one of F_cc by ``(1 - 3 rho)^2``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from sympy import (
    Add,
    Expr,
    Function,
    ImmutableMatrix,
    Symbol,
    expand,
    factor,
    itermonomials,
    lambdify,
    simplify,
    symbols,
)

import gan_sde as gs
from figures.papers.crossing_the_curl.map_energy import energy
from figures.papers.crossing_the_curl.maps import function
from figures.registry import Check, Outcome, Settings, claim
from figures.style import PALETTE, letter, new_figure, style
from gan_sde.symbolic.update import ETA, batch_expectation

METHODS: dict[str, tuple[str, dict[str, object]]] = {
    "F": ("sgda", {}),
    "F_eg": ("linear-family", {"alpha": 0, "beta": 0, "gamma": 1}),
    "F_cc": ("crossing-the-curl", {}),
}
RHO = Symbol("rho")
Direction = Callable[[np.ndarray], np.ndarray]

# -------------------------------------------------------------------- games


@cache
def ring() -> gs.Game:
    """Three players in a ring."""
    x = symbols("x_1:4")
    losses = {f"player {i + 1}": x[i] * (x[(i + 1) % 3] - x[i - 1]) for i in range(3)}
    return gs.Game.general_sum(losses=losses, parameters={f"player {i + 1}": [x[i]] for i in range(3)}, data={})


@cache
def cubic(players: int = 3) -> gs.Game:
    """Players of one parameter each, whose losses are cubic polynomials with undetermined coefficients."""
    x = symbols(f"x_1:{players + 1}")
    terms = sorted(itermonomials(x, 3), key=str)
    losses = {
        f"player {i + 1}": sum(Symbol(f"c_{i + 1}_{number}") * term for number, term in enumerate(terms))
        for i in range(players)
    }
    parameters = {f"player {i + 1}": [x[i]] for i in range(players)}
    return gs.Game.general_sum(losses=losses, parameters=parameters, data={})


@cache
def games() -> dict[str, gs.Game]:
    """The games on which orthogonality is decided."""
    return {
        "LQ-GAN, N = 1": gs.games.get("lq-gan"),
        "LQ-GAN, N = 2": gs.games.get("lq-gan", dim=2),
        "three players, any cubic losses": cubic(),
    }


def move(game: gs.Game, name: str) -> ImmutableMatrix:
    """Expected move of one iteration over minus the rate, as the toolkit derives it from the algorithm's text."""
    algorithm, options = METHODS[name]
    update, batches = gs.Training(game, gs.algorithms.get(algorithm, **options)).map
    return batch_expectation(game, batches, [e.expand() for e in (ImmutableMatrix(game.parameters) - update) / ETA])


# -------------------------------------------------------------------- verdicts


@claim(
    "merry-go-round",
    title="Crossing-the-Curl moves at right angles to descent-ascent, across the plane of rotation: descent-ascent "
    "spirals out, Crossing-the-Curl goes in",
    source="Gemp & Mahadevan, arXiv 1808.01531, the merry-go-round",
)
def run(settings: Settings) -> Outcome:
    """Check the claim and draw the figure."""
    checks = (
        *(right_angle_check(label, game, "F_cc") for label, game in games().items()),
        *(tilted_check(label, game) for label, game in games().items()),
        curl_check(curl),
        step_check("bilinear game", gs.games.get("bilinear", noise=False), "F", 1 + (RHO * Symbol("lam")) ** 2),
        step_check("bilinear game", gs.games.get("bilinear", noise=False), "F_cc", (1 - RHO * Symbol("lam") ** 2) ** 2),
        step_check("ring", ring(), "F", 1 + 3 * RHO**2),
        step_check("ring", ring(), "F_cc", (1 - 3 * RHO) ** 2),
        axis_check(),
        *(spiral_check(name) for name in ("F", "F_eg", "F_cc")),
    )
    return Outcome(draw(), checks, CAPTION)


def right_angle_check(label: str, game: gs.Game, name: str) -> Check:
    """Whether a direction is at right angles to F, identically in all parameters and constants."""
    product = expand((move(game, "F").T * move(game, name))[0])
    return Check(f"{label}: <F, {name}>", "0 identically", _short(product), None, product == 0)


def tilted_check(label: str, game: gs.Game) -> Check:
    """Whether the extragradient direction is not, but ``<F, -J F> = -<F, S F>`` with S the symmetric part of J."""
    field = move(game, "F")
    product = expand((field.T * move(game, "F_eg"))[0])
    rest = expand(product + (field.T * game.symmetric * field)[0])
    return Check(
        f"control, {label}: <F, F_eg>; <F, F_eg> + <F, S F>",
        "not 0; 0 identically",
        f"{_short(product)}; {_short(rest)}",
        None,
        product != 0 and rest == 0,
    )


def curl(field: ImmutableMatrix, x: tuple[Symbol, ...]) -> ImmutableMatrix:
    """Curl of a field in three dimensions."""
    f, g, h = field
    return ImmutableMatrix(
        [h.diff(x[1]) - g.diff(x[2]), f.diff(x[2]) - h.diff(x[0]), g.diff(x[0]) - f.diff(x[1])]
    )  # fmt: skip


def curl_check(turn: Callable[[ImmutableMatrix, tuple[Symbol, ...]], ImmutableMatrix]) -> Check:
    """Whether ``(J - J^T) F = turn(F) x F`` for undetermined functions of three variables."""
    x = symbols("x y z")
    field = ImmutableMatrix([Function(name)(*x) for name in "fgh"])
    jacobian = field.jacobian(x)
    difference = ((jacobian - jacobian.T) * field - turn(field, x).cross(field)).expand()
    rest = sum(abs(entry) for entry in difference)
    return Check("undetermined F(x, y, z): (J - Jᵀ) F - curl F × F", "0 identically", _short(rest), None, rest == 0)


def distance_ratio(game: gs.Game, name: str) -> Expr:
    """Squared distance to the axis after a step of length rho over that before; for the ring, across its diagonal."""
    x = ImmutableMatrix(game.parameters)
    after = x - RHO * move(game, name)

    def squared(point: ImmutableMatrix) -> Expr:
        offset = point - ImmutableMatrix([sum(point) / 3] * 3) if game.dim == 3 else point
        return expand((offset.T * offset)[0])

    return simplify(factor(squared(after)) / factor(squared(x)))


def step_check(label: str, game: gs.Game, name: str, stated: Expr) -> Check:
    """Whether a step multiplies the squared distance by what is stated, whatever the point."""
    found = distance_ratio(game, name)
    return Check(
        f"{label}: factor of the squared distance in one step of {name}",
        str(stated),
        str(found),
        None,
        simplify(found - stated) == 0,
    )


def axis_check() -> Check:
    """Whether a step on the ring keeps the coordinate along the axis."""
    moves = [expand(sum(move(ring(), name))) for name in METHODS]
    return Check(
        "ring: sum of the coordinates of F, F_eg, F_cc", "0, 0, 0", ", ".join(map(str, moves)), None, not any(moves)
    )


def spiral_check(name: str) -> Check:
    """Whether iterations on the variance stage turn outwards or inwards, by the energy that F's flow keeps."""
    path = variance_path(name)
    levels = energy(path[0], path[1])
    rising = bool(np.all(np.diff(levels) > 0))
    falling = bool(np.all(np.diff(levels) < 0))
    word = "rises" if rising else "falls" if falling else "neither"
    return Check(
        f"LQ-GAN, variance stage, {path.shape[1] - 1} iterations of {name}: Hc in every one",
        "rises" if name == "F" else "falls",
        f"{word}, {levels[0]:.3f} to {levels[-1]:.3f}",
        None,
        rising if name == "F" else falling,
    )


def _short(value: Expr) -> str:
    return str(value) if value == 0 else f"a sum of {len(Add.make_args(value))} terms"


# -------------------------------------------------------------------- paths


def follow(map_: Direction, start: np.ndarray, rate: float, iterations: int) -> np.ndarray:
    """Iterates ``x <- x - rate map(x)`` as columns, ``(d, iterations + 1)``."""
    points = [np.asarray(start, dtype=float)]
    for _ in range(iterations):
        points.append(points[-1] - rate * map_(points[-1]))
    return np.array(points).T


@cache
def compiled(label: str, name: str) -> Direction:
    """A direction of the ring or of the bilinear game with ``lam = 1``, on arrays ``(d, ...)``."""
    game = ring() if label == "ring" else gs.games.get("bilinear", noise=False).subs(lam=1)
    values = lambdify(game.parameters, list(move(game, name)), modules="numpy")
    return lambda x: np.array(values(*x), dtype=float)


VARIANCE_START, VARIANCE_RATES = (1.4, 1.4), {"F": (0.03, 260), "F_eg": (0.01, 400), "F_cc": (0.01, 400)}
"""Start on the variance stage, and rate and iterations of each map."""


@cache
def variance_path(name: str) -> np.ndarray:
    """Iterates on the variance stage at sigma = 1, ``(2, n)`` of (w2, a)."""
    rate, iterations = VARIANCE_RATES[name]
    return follow(function(name, "variance"), np.array(VARIANCE_START), rate, iterations)


# -------------------------------------------------------------------- figure

COLOURS = {"F": PALETTE["vermilion"], "F_eg": PALETTE["sky"], "F_cc": PALETTE["blue"]}
LABELS = {"F": "descent-ascent $-F$", "F_eg": "extragradient direction $JF$", "F_cc": "Crossing-the-Curl $-F_{cc}$"}
FRAME = np.array([[1, -1, 0], [1, 1, -2], [1, 1, 1]]) / np.sqrt([[2], [6], [3]])
"""Rows: two directions across the ring's axis, and the axis."""


def draw() -> Figure:
    """The ring in three dimensions, the bilinear game, the variance stage, and angles to F on it."""
    figure, axes = new_figure(2, 2, width=11.0, height=9.6)
    with style():
        place = axes[0, 0].get_subplotspec()
        axes[0, 0].remove()
        axes[0, 0] = figure.add_subplot(place, projection="3d")
        _carousel(axes[0, 0])
        _bilinear(axes[0, 1])
        _variance(axes[1, 0])
        _angles(axes[1, 1])
        lines = [Line2D([], [], color=COLOURS[name], lw=2.5) for name in LABELS]
        figure.legend(lines, list(LABELS.values()), loc="outside upper center", ncols=3, fontsize=10.5)
    letter(axes)
    return figure


def _carousel(axes: Axes) -> None:
    turn = np.linspace(0, 2 * np.pi, 200)
    for radius in (0.5, 1.0, 1.5):
        axes.plot(radius * np.cos(turn), radius * np.sin(turn), 0, color="#c8c8c8", lw=0.9)
    axes.plot([0, 0], [0, 0], [-0.25, 1.15], color="black", lw=1.2)
    axes.quiver(0, 0, 0.55, 0, 0, 0.75, color="black", lw=2, arrow_length_ratio=0.2)
    axes.text(0.08, 0, 1.32, "$-$curl $F$", fontsize=11)
    rider = np.array([0.0, -1.0, 0.0])
    outward = FRAME @ follow(compiled("ring", "F"), FRAME.T @ rider, 0.08, 46)
    axes.plot(*outward, ".-", color=COLOURS["F"], ms=4, lw=1.3)
    other = np.array([np.cos(0.35), np.sin(0.35), 0.0])
    inward = FRAME @ follow(compiled("ring", "F_cc"), FRAME.T @ other, 0.08, 14)
    axes.plot(*inward, ".-", color=COLOURS["F_cc"], ms=5, lw=1.6)
    for at in (rider, other):
        for name, length in (("F", 0.4), ("F_cc", 0.2)):
            arrow = -length * FRAME @ compiled("ring", name)(FRAME.T @ at)
            axes.quiver(*at, *arrow, color=COLOURS[name], lw=2.4, arrow_length_ratio=0.28)
        axes.plot(*at[:, None], "o", color="black", ms=5)
    axes.view_init(elev=34, azim=-62)
    axes.set(xlim=(-1.25, 1.25), ylim=(-1.25, 1.25), zlim=(-0.45, 1.3))
    axes.set_box_aspect((2.5, 2.5, 1.75), zoom=1.22)
    axes.set_axis_off()
    axes.set_title("Three players in a ring: the merry-go-round")


def _bilinear(axes: Axes) -> None:
    at = np.stack(np.meshgrid(*2 * [np.linspace(-1.8, 1.8, 13)]))
    velocity = -compiled("bilinear", "F")(at)
    velocity /= np.maximum(np.hypot(*velocity), 1e-12)
    axes.quiver(*at, *velocity, pivot="mid", color="#c4c4c4", scale=26, width=0.0035)
    start = np.array([0.7, 0.0])
    axes.plot(*follow(compiled("bilinear", "F"), start, 0.15, 78), ".-", color=COLOURS["F"], ms=4, lw=1)
    starts = {"F_eg": 60, "F_cc": 150}
    for name, angle in starts.items():
        at = 1.6 * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
        axes.plot(*follow(compiled("bilinear", name), at, 0.15, 25), ".-", color=COLOURS[name], ms=6, lw=1.6)
        axes.plot(*at, "o", color="black", ms=5)
    axes.plot(*start, "o", color="black", ms=5)
    axes.plot(0, 0, "*", color="black", mec="white", ms=14, zorder=6)
    axes.text(-1.75, -1.72, r"$\rho = 0.15$: $|x|^2$ times $1+\rho^2$ or $(1-\rho)^2$", fontsize=9, bbox=_box())
    axes.set(xlim=(-1.85, 1.85), ylim=(-1.85, 1.85), aspect="equal")
    axes.set(xlabel=r"discriminator's $\omega$", ylabel=r"generator's $\theta$", title="Bilinear game, over $-F$")
    axes.grid(False)


def _box() -> dict[str, object]:
    return {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5}


def _variance(axes: Axes) -> None:
    w2, a = np.meshgrid(np.linspace(-3.3, 3.3, 301), np.linspace(0.02, 4, 301))
    levels = [0.6, 1, 1.75, 2.75, 4, 5.5, 7.5]
    lines = axes.contour(w2, a, energy(w2, a), levels=levels, colors="#b5b5b5", linewidths=0.9)
    axes.clabel(lines, levels[1::2], fontsize=8, fmt="%g")
    for name in METHODS:
        path = variance_path(name)
        axes.plot(*path, ".-" if name == "F" else "-", color=COLOURS[name], ms=3, lw=1 if name == "F" else 2.2)
    axes.plot(*VARIANCE_START, "o", color="black", ms=6, zorder=6)
    axes.plot(0, 1, "*", color="black", mec="white", ms=14, zorder=6)
    axes.set(xlim=(-3.3, 3.3), ylim=(0, 4), xlabel="discriminator's $w_2$", ylabel="generator's scale $a$")
    axes.set_title("LQ-GAN, variance stage: levels of $H_c$")
    axes.grid(False)


def angles(name: str, at: np.ndarray) -> np.ndarray:
    """Angle in degrees between F and a map of the variance stage, on points ``(2, ...)``."""
    field, other = function("F", "variance")(at), function(name, "variance")(at)
    cosine = (field * other).sum(axis=0) / np.linalg.norm(field, axis=0) / np.linalg.norm(other, axis=0)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def _angles(axes: Axes) -> None:
    at = np.stack(np.meshgrid(np.linspace(-3.3, 3.3, 332), np.linspace(0.02, 4, 300)))
    levels = np.arange(0, 181, 15)
    filled = axes.contourf(*at, angles("F_eg", at), levels=levels, cmap="PuOr")
    bar = axes.figure.colorbar(filled, ax=axes, ticks=levels[::2])
    bar.set_label("angle between $F$ and $-JF$ (degrees)")
    axes.axvline(0, color="black", lw=1.2)
    axes.text(0.1, 3.7, "90°: only here for $-JF$,", fontsize=9, bbox=_box())
    axes.text(0.1, 3.42, "everywhere for $F_{cc}$", fontsize=9, bbox=_box())
    axes.plot(0, 1, "*", color="black", mec="white", ms=14, zorder=6)
    axes.set(xlim=(-3.3, 3.3), ylim=(0, 4), xlabel="discriminator's $w_2$", ylabel="generator's scale $a$")
    axes.set_title("Where the extragradient direction is across")
    axes.grid(False)


CAPTION = (
    "(a) Three players, f_i = x_i (x_{i+1} - x_{i-1}), seen along their diagonal: F turns about the axis curl F; "
    "descent by steps of 0.08 rides in circles that widen by 1 + 3 rho² in squared distance a step (orange), F_cc = "
    "(J^T - J) F / 2, at right angles to F in the plane of rotation, goes to the axis (blue); grey: "
    "circles around the axis. There, and in (b) the "
    "bilinear game, -J F = F_cc. (c) LQ-GAN, variance stage, sigma = 1, from (1.4, 1.4), over levels of the energy Hc "
    "that the flow of F keeps: F at rate 0.03, the others at 0.01. (d) There -J F is at right angles to F on the line "
    "w2 = 0 alone, since <F, -J F> = 8 w2³ a². Orthogonality of F and F_cc, the identity (J - J^T) F = curl F x F and "
    "the factors of a step are decided in symbols; directions are derived from the algorithms' texts."
)
