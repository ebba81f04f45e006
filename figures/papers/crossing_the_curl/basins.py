"""Basins of attraction of the LQ-GAN's maps on the variance stage: which starts reach the equilibrium, and how fast.

Gemp & Mahadevan (arXiv 1808.01531) follow their maps from two starts. Here every map is iterated from all starts of
a grid over (w2, a), at one common rate, and its projected flow is followed from every few of them: what differs
between the two is due to the rate. Crossing-the-Curl reaches the equilibrium from everywhere, in both.

Consensus does not: a saddle inside the bounds (`basins_flow`) parts the plane, and beyond it the generator's scale is
driven to its bound, where a spurious solution of the variational inequality attracts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sympy import simplify

from figures.papers.crossing_the_curl.basins_flow import (
    DURATIONS,
    SADDLE,
    Flow,
    critical_bound,
    edge,
    follow,
    saddle_matrix,
    stuck_area,
    stuck_side,
)
from figures.papers.crossing_the_curl.basins_iteration import (
    BUDGET,
    LOWEST,
    NAMES,
    RATE,
    SPAN,
    End,
    Ends,
    grid,
    iterate,
    iteration,
)
from figures.papers.crossing_the_curl.basins_panels import draw
from figures.papers.crossing_the_curl.map_energy import energy
from figures.papers.crossing_the_curl.map_reasons import energy_check
from figures.papers.crossing_the_curl.maps import BETA, SIGMA, W2, A, direction
from figures.registry import Check, Outcome, Settings, claim

NOWHERE, EVERYWHERE = ("F", "F_alt", "F_unr", "EG"), ("F_reg", "F_eg'", "F_cc", "F_cc'")
"""Maps of whose iterations, within the budget, none or all arrive."""
FALLING = ("F_alt", "F_unr", "F_reg", "F_eg", "F_eg'", "F_cc", "F_cc'")
"""Maps along whose flows the energy never rises."""


@dataclass(frozen=True)
class Size:
    """Cells of the grid, and of how many rows and columns one is followed by the flow."""

    columns: int
    rows: int
    every: int

    @property
    def chosen(self) -> np.ndarray:
        """Numbers of the starts that the flow follows."""
        numbers = np.arange(self.columns * self.rows).reshape(self.rows, self.columns)
        return numbers[self.every // 2 :: self.every, self.every // 2 :: self.every].ravel()


DEFAULT, FULL = Size(80, 60, 4), Size(200, 150, 5)


@claim(
    "lq-gan-basins",
    title="On the LQ-GAN's variance stage Crossing-the-Curl reaches the equilibrium from every start, descent-ascent "
    "from none; consensus loses the starts beyond a saddle to its bound",
    source="Gemp & Mahadevan, arXiv 1808.01531, maps and bounds; saddle and global statements: own derivation",
)
def run(settings: Settings) -> Outcome:
    """Check the claim and draw the figure."""
    size = FULL if settings.full else DEFAULT
    starts = grid(size.columns, size.rows)
    found = {name: iterate(name, starts) for name in NAMES}
    flows = {name: follow(name, starts[:, size.chosen]) for name in DURATIONS}
    halved = grid(size.columns // 2, size.rows // 2)
    checks = (
        *(share_check(name, found[name], 0.0) for name in NOWHERE),
        *(share_check(name, found[name], 1.0) for name in EVERYWHERE),
        rate_check("F_eg", starts[:, size.chosen], RATE, all_arrive=False),
        rate_check("F_eg", starts[:, size.chosen], RATE / 8, all_arrive=True),
        far_check("F_cc", settings.seed),
        *(flow_check(name, flow) for name, flow in flows.items() if name != "F_con"),
        level_check(flows["F"]),
        energy_check(),
        *(falling_check(name, flows[name]) for name in FALLING),
        *saddle_checks(),
        edge_check("iteration", found["F_con"], 2 * SPAN / size.columns),
        edge_check("flow", flows["F_con"].ends, 0.0),
        area_check(found["F_con"], size),
        spurious_check(),
        *(critical_check(factor) for factor in (1.05, 0.95)),
        *(resolution_check(name, found[name], iterate(name, halved), size) for name in ("F_eg", "F_con")),
    )
    return Outcome(draw(found, flows, (size.rows, size.columns)), checks, caption(size))


# -------------------------------------------------------------------- iterations


def share_check(name: str, ends: Ends, stated: float) -> Check:
    """Whether none or all of the starts arrive within the budget."""
    arrived = ends.share(End.ARRIVED)
    text = f"{int((ends.end == End.ARRIVED).sum())} of {len(ends.end)}"
    if arrived:
        text += f", after {ends.taken[ends.end == End.ARRIVED].max():.0f} iterations at the most"
    return Check(
        f"{name}, rate {RATE:g}: starts that arrive within {BUDGET} iterations",
        "all" if stated else "none",
        text,
        None,
        arrived == stated,
    )


def rate_check(name: str, starts: np.ndarray, rate: float, *, all_arrive: bool) -> Check:
    """Whether starts that diverge do so because the rate is too large."""
    ends = iterate(name, starts, rate=rate)
    arrived, diverged = ends.share(End.ARRIVED), ends.share(End.DIVERGED)
    return Check(
        f"{name}, rate {rate:g}: share of starts that arrive",
        "all" if all_arrive else "less than all, the others diverge",
        f"{arrived:.3f}, {diverged:.3f} diverge",
        None,
        bool(arrived == 1 if all_arrive else arrived < 1 and arrived + diverged == 1),
    )


def far_check(name: str, seed: int, count: int = 1000) -> Check:
    """Whether starts with ``|w2|`` and a up to 1000, a above 1/100, arrive too."""
    rng = np.random.default_rng(seed)
    starts = np.stack([rng.choice([-1, 1], count) * 10 ** rng.uniform(-2, 3, count), 10 ** rng.uniform(-2, 3, count)])
    ends = iterate(name, starts)
    return Check(
        f"{name}, rate {RATE:g}: of {count} starts up to |w2|, a = 1000, those that arrive",
        str(count),
        f"{int((ends.end == End.ARRIVED).sum())}, after {ends.taken.max():.0f} iterations at the most",
        None,
        ends.share(End.ARRIVED) == 1,
    )


def resolution_check(name: str, fine: Ends, coarse: Ends, size: Size) -> Check:
    """Whether the share of arriving starts is that of a grid half as fine, to half a cell of the latter."""
    limit = 1 / size.columns
    shares = fine.share(End.ARRIVED), coarse.share(End.ARRIVED)
    return Check(
        f"{name}: share of arriving starts, {size.columns} x {size.rows} less {size.columns // 2} x {size.rows // 2}",
        f"0 ± {limit:g}",
        f"{shares[0]:.4f} - {shares[1]:.4f} = {shares[0] - shares[1]:.4f}",
        None,
        abs(shares[0] - shares[1]) <= limit,
    )


# -------------------------------------------------------------------- flows


def flow_check(name: str, flow: Flow) -> Check:
    """Whether a flow arrives from all of its starts, or, that of F, from none."""
    arrived = flow.ends.share(End.ARRIVED)
    return Check(
        f"flow of {name}, t to {DURATIONS[name]:g}: share of {len(flow.ends.end)} starts that arrive",
        "0" if name == "F" else "1",
        f"{arrived:g}",
        None,
        arrived == (name != "F"),
    )


def level_check(flow: Flow) -> Check:
    """Whether the flow of F keeps its energy unless it touches the bound, which leaves it with that of (0, a_min)."""
    before, after = energy(*flow.ends.starts), energy(*flow.ends.final)
    touching = float(energy(np.array(0.0), np.array(LOWEST)))
    error = float(np.abs(after - np.minimum(before, touching)).max())
    return Check(
        f"flow of F: Hc at the end is the lesser of that at the start and {touching:.4f}, for all starts",
        "to 0.002",
        f"to {error:.1e}",
        None,
        error < 2e-3,
    )


def falling_check(name: str, flow: Flow) -> Check:
    """Whether no step of a flow, from any start, raises the energy."""
    rise = float(flow.rise.max())
    what = f"flow of {name}: largest change of Hc in a step, from any start"
    return Check(what, "below 1e-9", f"{rise:.1e}", None, rise < 1e-9)


# -------------------------------------------------------------------- consensus


def saddle_checks() -> list[Check]:
    """Whether F_con vanishes at the stated point, when that lies inside the bounds, and whether it is a saddle."""
    at = dict(zip((W2, A), SADDLE, strict=True))
    # simplify decides nested roots of positive numbers only
    values = [simplify(part.subs(at).subs(SIGMA, 1)) for part in direction("F_con", "variance")]
    height = SADDLE[1]
    where = simplify((3 * height**2 + 8 * BETA**2 * height**4).expand() - SIGMA**2)
    eigenvalues = np.sort(np.real(np.linalg.eigvals(saddle_matrix())))
    return [
        Check(
            "F_con at w2 = 1/(2β) + 2β a², a² = (sqrt(9 + 32 β² s) - 3) / (16 β²); s - 3 a² - 8 β² a⁴ there",
            "(0, 0); 0",
            f"({values[0]}, {values[1]}); {where}",
            None,
            values == [0, 0] and where == 0,
        ),
        Check(
            "eigenvalues of the flow of F_con there",
            "one below 0, one above",
            f"{eigenvalues[0]:.4f}, {eigenvalues[1]:.4f}",
            None,
            bool(eigenvalues[0] < 0 < eigenvalues[1]),
        ),
    ]


def edge_check(kind: str, ends: Ends, margin: float) -> Check:
    """Whether the starts that end at the bound are those beyond the orbits into the saddle.

    Those within ``margin`` of the edge in w2 are let off.
    """
    w2, a = edge()
    clear = np.abs(ends.starts[0] - np.interp(np.log(ends.starts[1]), np.log(a), w2)) > margin
    stuck = ends.end == End.AT_THE_BOUND
    wrong = clear & (np.where(stuck, End.AT_THE_BOUND, End.ARRIVED) != ends.end)
    wrong |= clear & (stuck != stuck_side(ends.starts))
    return Check(
        f"F_con, {kind}: of {clear.sum()} starts more than {margin:g} off the edge, those that end on the wrong side",
        "0",
        str(int(wrong.sum())),
        None,
        not wrong.any(),
    )


def area_check(ends: Ends, size: Size) -> Check:
    """Whether the share at the bound is the area beyond the edge, to half a cell."""
    share, area = ends.share(End.AT_THE_BOUND), stuck_area()
    return Check(
        "F_con: share of starts that end at the bound",
        f"{area:.4f} ± {0.5 / size.columns:.4f}, area beyond the edge",
        f"{share:.4f}",
        None,
        abs(share - area) <= 0.5 / size.columns,
    )


def spurious_check(beside: float = 1.0) -> Check:
    """Whether the point on the bound is a fixed point of the iteration that attracts along the bound."""
    pull = 4 * float(BETA) * LOWEST**2
    place = (1 - LOWEST**2) / pull
    step = iteration("F_con")
    w2, a = step(np.array([[place, place + beside], [LOWEST, LOWEST]]))
    kept = (w2[1] - place) / beside
    holds = abs(w2[0] - place) < 1e-8 and np.all(a == LOWEST) and abs(kept - (1 - RATE * pull)) < 1e-8
    return Check(
        f"F_con: iteration at a = {LOWEST:g}, w2* = {place:.6g}, and the factor of a distance to it along the bound",
        f"fixed; 1 - {RATE * pull:.1e}",
        f"moves by {abs(w2[0] - place):.0e}; 1 - {1 - kept:.1e}",
        None,
        bool(holds),
    )


def critical_check(factor: float) -> Check:
    """Whether starts whose flow slides along the bound come back, depending on where the bound is."""
    critical = critical_bound()
    ends = follow("F_con", np.array([[-5.0, -10.0], [0.5, 3.0]]), lowest=factor * critical).ends
    expected = End.ARRIVED if factor > 1 else End.AT_THE_BOUND
    return Check(
        f"flow of F_con, a_min = {factor:g} times {critical:.4g}: ends of (-5, 0.5) and (-10, 3)",
        _word(expected),
        ", ".join(_word(End(end)) for end in ends.end),
        None,
        bool(np.all(ends.end == expected)),
    )


def _word(end: End) -> str:
    return end.name.lower().replace("_", " ")


def caption(size: Size) -> str:
    """Say what the figure shows and how it was made."""
    return (
        f"LQ-GAN, variance stage, sigma = 1, a >= {LOWEST:g}. (a-j) {size.columns} x {size.rows} starts of every map, "
        f"each iterated at the same rate rho = {RATE:g}; F_alt and F_unr with discriminator steps 0.005, F_reg and "
        "F_con with weight 0.1, F_eg' and F_cc' divided by 2a². Colour: iterations until distance 0.001; white lines: "
        f"flow. At the bound: held at a = {LOWEST:g} throughout the last half of {BUDGET} iterations. Star: "
        "equilibrium. The alternating iteration keeps areas and arrives from nowhere, although the flow of F_alt "
        "arrives from everywhere, slowly; unrolled training and extragradient contract by 5e-5 an iteration near the "
        "equilibrium and need more than the budget. F_eg diverges from far away because the rate is too large there: "
        "at an eighth of it all starts arrive. (f) Black line: orbits into the saddle of F_con (cross), the edge of "
        "its basin. (k) Arrivals by iteration. (l) Ends of the iterations and of the flows, the latter from "
        f"{len(size.chosen)} of the starts; the flow of extragradient is that of F. (m) Flow of F_con on a logarithmic "
        "axis: starts that touch the bound at "
        f"w2 < 0 slide to the open circle and come back; were the bound below {critical_bound():.2g}, they would not."
    )
