"""Which update maps of the LQ-GAN are monotone, pseudo- or quasimonotone, or Hurwitz: proved or refuted, cell by cell.

Gemp & Mahadevan (arXiv 1808.01531) learn the LQ-GAN in stages because no update direction is even quasimonotone on the
whole game, while Crossing-the-Curl is well behaved on each stage. Here every "yes" is a proof, for all values of the
constants, that was checked anew by expansion, and every "no" a counterexample that was evaluated in exact arithmetic.
No sample decides a cell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from sympy import ImmutableMatrix

import gan_sde as gs
from figures.papers.crossing_the_curl.certificate_text import tables
from figures.registry import Check, Outcome, Settings, claim
from figures.style import PALETTE, letter, new_figure, style
from gan_sde.symbolic.certificates import Proved, Refuted, property_table
from gan_sde.symbolic.certificates.pairs import ViolatingPair
from gan_sde.symbolic.certificates.table import BETA, EXAMPLES, Row, select

MEAN, VARIANCE, WHOLE = "mean (w1, b), N = 1", "variance (w2, a)", "whole game (w2, w1, a, b)"
FAMILY = "linear family on (w2, a)"
MAPS = ("F", "F_alt", "F_unr", "F_reg", "F_con", "J^T F", "F_eg", "F_cc", "F_eg'", "F_cc'")
COLUMNS = ("monotone", "pseudo", "quasi", "Hurwitz loc.", "Hurwitz glob.")

EXPECTED: dict[str, dict[str, str]] = {
    MEAN: {
        "F": "yes yes yes no no",
        **dict.fromkeys(("F_alt", "F_unr", "F_reg", "F_con", "J^T F", "F_eg", "F_cc"), "yes yes yes yes yes"),
    },
    VARIANCE: {
        "F": "no no no no no",
        **dict.fromkeys(("F_alt", "F_unr", "F_reg", "F_con", "J^T F"), "no no no yes no"),
        **dict.fromkeys(("F_eg", "F_cc"), "no yes yes yes no"),
        **dict.fromkeys(("F_eg'", "F_cc'"), "yes yes yes yes yes"),
    },
    WHOLE: {
        "F": "no no no no no",
        **dict.fromkeys(("F_alt", "F_unr", "F_reg", "F_con", "J^T F", "F_eg", "F_cc"), "no no no yes no"),
    },
}
"""What principal minors, the second-order test and eigenvalues worked out by hand say, in the order of `COLUMNS`."""


def build(dimensions: Sequence[int]) -> list[Row]:
    """Certificates of the LQ-GAN in some dimensions."""
    return property_table({n: gs.games.get("lq-gan", dim=n) for n in dimensions})


def answers(rows: Sequence[Row], section: str, name: str) -> str:
    """Answers of one map in the order of `COLUMNS`, separated by spaces; empty if it is not in the table."""
    cells = select(rows, section, name)
    if not cells:
        return ""
    rest = select(rows, "equilibrium, N = 1", name) if section == WHOLE else cells
    local = "Hurwitz at the equilibrium" if section != MEAN else "Hurwitz"
    everywhere = "Hurwitz everywhere" if section != MEAN else "Hurwitz"
    found = [cells[c].answer for c in ("monotone", "pseudomonotone", "quasimonotone")]
    return " ".join([*found, rest[local].answer, cells[everywhere].answer])


@claim(
    "property-table",
    title="Crossing-the-Curl is pseudomonotone on every stage of the LQ-GAN; on the whole game no map is quasimonotone",
    source="Gemp & Mahadevan 2018, arXiv 1808.01531; cells derived and certified here",
)
def run(settings: Settings) -> Outcome:
    """Build the certificates, check each anew, and compare the cells with the derivation by hand."""
    rows = build((1, 2, 3) if settings.full else (1, 2))
    checks = [
        valid_check(rows),
        mutation_check(rows),
        *(section_check(rows, section) for section in EXPECTED),
        *(words_check(rows, *words) for words in STATEMENTS),
        stage_check(rows),
        joint_check(rows),
    ]
    return Outcome(draw(rows), tuple(checks), caption(rows), tables(rows))


# -------------------------------------------------------------------- verdicts


def valid_check(rows: Sequence[Row]) -> Check:
    """Whether every certificate survives being checked anew."""
    valid = sum(row.certificate.verify() and row.answer != "unknown" for row in rows)
    return Check(
        "certificates that hold when checked anew", f"{len(rows)} of {len(rows)}", f"{valid} of {len(rows)}", None,
        valid == len(rows),
    )  # fmt: skip


def mutation_check(rows: Sequence[Row], changed: Callable[[ImmutableMatrix], ImmutableMatrix] | None = None) -> Check:
    """Whether certificates notice a wrong map: for proofs its first entry is reversed, for pairs all of it."""
    tried = survived = 0
    for row in rows:
        certificate = row.certificate
        pair = isinstance(certificate, Refuted) and isinstance(certificate.counterexample, ViolatingPair)
        if not isinstance(certificate, Proved) and not (pair and not row.claim.startswith("strongly")):
            continue
        entries = list(certificate.problem.map)
        reversed_ = [-e if pair or i == 0 else e for i, e in enumerate(entries)]
        wrong = ImmutableMatrix(reversed_) if changed is None else changed(certificate.problem.map)
        mutant = replace(certificate, problem=certificate.problem.with_map(wrong))
        tried += 1
        survived += mutant.verify()
    return Check(
        "certificates that survive a sign changed in their map", f"0 of {tried}", f"{survived} of {tried}", None,
        survived == 0,
    )  # fmt: skip


def section_check(rows: Sequence[Row], section: str) -> Check:
    """Compare all cells of one subsystem."""
    expected = EXPECTED[section]
    agreeing = sum(
        a == b
        for name, line in expected.items()
        for a, b in zip(line.split(), answers(rows, section, name).split(), strict=False)
    )
    total = sum(len(line.split()) for line in expected.values())
    return Check(
        f"{section}: cells as derived by hand", f"{total} of {total}", f"{agreeing} of {total}", None, agreeing == total
    )


STATEMENTS = (
    (VARIANCE, "F_cc'", "strongly monotone, modulus 1", "yes"),
    (VARIANCE, "F_cc'", "strongly monotone, modulus 1 + c", "no"),
    (VARIANCE, "F_cc", "monotone exactly where 3*a**2 - sigma**2 - 2*w2**2 >= 0", "yes"),
    (VARIANCE, "F_con", "quasimonotone, any weights", "no"),
    (FAMILY, "alpha = 0, gamma >= beta", "pseudomonotone", "yes"),
    (FAMILY, "alpha > 0, beta + gamma = K > 0", "quasimonotone, any weights", "no"),
    (FAMILY, "alpha = 0, beta = gamma + delta > gamma", "quasimonotone, any weights", "no"),
    (WHOLE, "linear family, beta + gamma = K > 0", "quasimonotone, any weights, mu = 0", "no"),
)
"""Section, map, claim and answer of single rows."""
_HOW = {"yes": "proved", "no": "refuted", "unknown": "unknown", "": "missing"}


def words_check(rows: Sequence[Row], section: str, name: str, words: str, expected: str) -> Check:
    """One row with its certificate."""
    row = select(rows, section, name).get(words)
    found = row.answer if row is not None and row.certificate.verify() else ""
    return Check(f"{name} on {section}: {words}", _HOW[expected], _HOW[found], None, found == expected)


def stage_check(rows: Sequence[Row]) -> Check:
    """Off-diagonals and diagonals of the rows of A: strongly monotone."""
    stages = [r for r in rows if r.section.startswith("row") and not r.section.endswith("jointly")]
    found = {row.answer for row in stages}
    return Check("stages of the N-d game, N >= 2: strongly monotone", "yes", ", ".join(found), None, found == {"yes"})


def joint_check(rows: Sequence[Row]) -> Check:
    """All of (W2, A) at once: not quasimonotone, for any map."""
    joint = [r for r in rows if r.section == "(W2, A), N = 2" and r.claim == "quasimonotone"]
    found = {row.answer for row in joint}
    return Check("(W2, A) jointly, N = 2: quasimonotone", "no", ", ".join(found), None, found == {"no"})


# -------------------------------------------------------------------- picture


def draw(rows: Sequence[Row]) -> Figure:
    """The table by subsystem, and what a counterexample looks like."""
    with style():
        figure, axes = new_figure(1, 4, width=15, height=4.6, width_ratios=[1, 1, 1, 1.25])
        for panel, section in zip(axes[0], (MEAN, VARIANCE, WHOLE), strict=False):
            draw_cells(panel, rows, section)
        draw_plane(axes[0, 3], rows)
        letter(axes)
    return figure


TITLES = {MEAN: "mean $(w_1, b)$", VARIANCE: "variance $(w_2, a)$", WHOLE: "whole 1-d game"}


def draw_cells(axes: Axes, rows: Sequence[Row], section: str) -> None:
    """Cells of one subsystem: blue proved, vermilion refuted."""
    colors = {"yes": PALETTE["blue"], "no": PALETTE["vermilion"], "unknown": PALETTE["grey"]}
    for i, name in enumerate(MAPS):
        for j, answer in enumerate(answers(rows, section, name).split()):
            axes.add_patch(Rectangle((j, i), 0.94, 0.9, color=colors[answer], alpha=0.75, lw=0))
            axes.text(j + 0.47, i + 0.45, answer, ha="center", va="center", fontsize=8, color="white")
    axes.set(xlim=(0, len(COLUMNS)), ylim=(len(MAPS), 0))
    axes.set_xticks(np.arange(len(COLUMNS)) + 0.47, COLUMNS, rotation=35, ha="right", fontsize=8)
    axes.set_yticks(np.arange(len(MAPS)) + 0.45, MAPS, fontsize=8)
    axes.tick_params(length=0)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.set_title(TITLES[section], loc="left")


def draw_plane(axes: Axes, rows: Sequence[Row], name: str = "F_con") -> None:
    """The region where F_cc is monotone, and a pair of points that consensus moves apart."""
    height = np.linspace(0, 6, 400)
    edge = np.sqrt(np.maximum(3 * height**2 - 1, 0) / 2)
    inside = 3 * height**2 > 1
    axes.fill_betweenx(height[inside], -edge[inside], edge[inside], color=PALETTE["sky"], alpha=0.25, lw=0)
    axes.text(0, 1.55, r"$F_{cc}$ monotone:" "\n" r"$3a^2-\sigma^2\geq 2w_2^2$", ha="center", fontsize=8)
    certificate = select(rows, VARIANCE, name)["quasimonotone"].certificate
    pair = certificate.counterexample
    for point, label, color in ((pair.y, "y", PALETTE["green"]), (pair.x, "x", PALETTE["purple"])):
        table = dict(zip(certificate.problem.variables, point, strict=True)) | dict(pair.constants)
        vector = np.array(certificate.problem.map.subs(table), dtype=float).ravel()
        vector /= np.linalg.norm(vector)
        at = np.array(point, dtype=float)
        axes.plot(*at, "o", color=color, ms=4)
        axes.annotate("", at - 0.9 * vector, at, arrowprops={"arrowstyle": "->", "color": color})
        axes.text(at[0] + 0.2, at[1] - 0.07, label, color=color, fontsize=9)
    ends = np.array([pair.y, pair.x], dtype=float)
    axes.plot(*ends.T, "--", color=PALETTE["black"], lw=0.9)
    at_y, at_x, _ = pair.products(certificate.problem)
    axes.text(
        0.03, 0.97,
        rf"consensus, $\beta={EXAMPLES[BETA]}$, $\sigma=1$" "\n"
        rf"$\langle G(y), x-y\rangle = {at_y} > 0$" "\n"
        rf"$\langle G(x), x-y\rangle = {at_x} < 0$",
        transform=axes.transAxes, va="top", fontsize=8,
    )  # fmt: skip
    axes.set(xlim=(-5.5, 6.5), ylim=(0, 3.6), xlabel="$w_2$", ylabel="$a$")
    axes.set_title("Monotone region; a counterexample", loc="left")


def caption(rows: Sequence[Row]) -> str:
    """What is drawn and what decided."""
    proved = sum(row.answer == "yes" for row in rows)
    example = next(iter(EXAMPLES.values()))
    return (
        f"Update maps of the LQ-GAN formed from its own field and Jacobian; {len(rows)} certificates, {proved} proofs "
        f"and {len(rows) - proved} counterexamples. (a-c) Monotone, pseudo-, quasimonotone; Hurwitz (eigenvalues of "
        "the Jacobian with positive real part) at the equilibrium and everywhere. A yes holds for all positive "
        "constants and is an identity between polynomials (sums of squares times factors of known sign) that was "
        f"expanded anew; a no is a point or pair of points in rational numbers, at weights {example} and sigma = 1, "
        "evaluated exactly. F_eg' and F_cc' are F_eg and F_cc divided by 2 a^2. (d) Where F_cc is monotone "
        "(shaded), and two points that show that consensus is not quasimonotone; arrows: directions of motion, -G. "
        "Nothing is estimated, so there are no intervals; the second check changes a sign in every map and must "
        "lose every certificate."
    )
