"""Basins of the LQ-GAN's maps: ends of iterations and flows against closed forms, and verdicts that must fail.

Nothing here is random but the starts of one check, with a fixed seed.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from sympy import Rational

import gan_sde as gs
from figures.papers.crossing_the_curl import basins, basins_iteration
from figures.papers.crossing_the_curl.basins_flow import critical_bound, edge, follow, release, saddle, stuck_side
from figures.papers.crossing_the_curl.basins_iteration import (
    LOWEST,
    RATE,
    End,
    Ends,
    grid,
    iterate,
    iteration,
    stage_map,
)
from figures.papers.crossing_the_curl.map_energy import energy
from figures.registry import Settings
from gan_sde.symbolic.update import ETA, batch_expectation

STARTS = grid(12, 9)


@pytest.fixture(scope="module")
def consensus():
    return iterate("F_con", STARTS)


# -------------------------------------------------------------------- iterations


@pytest.mark.parametrize("name", ["F_cc'", "F_eg'"])
def test_scaled_maps_are_the_scaled_algorithms(name):
    game = gs.games.get("lq-gan")
    options = {"F_cc'": ("crossing-the-curl", {}), "F_eg'": ("linear-family", {"alpha": 0, "beta": 0, "gamma": 1})}
    algorithm, others = options[name]
    update, batches = gs.Training(game, gs.algorithms.get(algorithm, **{**others, "scaled": True})).map
    move = batch_expectation(
        game, batches, [((x - u) / ETA).expand() for x, u in zip(game.parameters, update, strict=True)]
    )
    at = dict(zip(game.parameters, (0.7, 0, 1.3, 0), strict=True))
    values = [float(e.subs({s: at.get(s, {"mu": 0, "sigma": 1}.get(s.name)) for s in e.free_symbols})) for e in move]
    assert stage_map(name)(np.array([[0.7], [1.3]]))[:, 0] == pytest.approx([values[0], values[2]], rel=1e-12)


def test_iterations_by_hand():
    x = np.array([0.3, 1.2])
    field = np.array([x[1] ** 2 - 1, -2 * x[0] * x[1]])
    ahead = x - 0.1 * field
    looked = np.array([ahead[1] ** 2 - 1, -2 * ahead[0] * ahead[1]])
    assert iteration("F", 0.1)(x[:, None])[:, 0] == pytest.approx(ahead)
    assert iteration("EG", 0.1)(x[:, None])[:, 0] == pytest.approx(x - 0.1 * looked)
    alternating = [ahead[0], x[1] - RATE * -2 * (x[0] - RATE * field[0]) * x[1]]  # the generator sees the new w2
    assert iteration("F_alt")(x[:, None])[1, 0] == pytest.approx(alternating[1])
    assert iteration("F", 1.0)(np.array([[-5.0], [0.5]]))[1, 0] == LOWEST


def test_counts_and_ends():
    """On the bound the scaled w2 shrinks by 1 - 2 rho an iteration; every kind of end occurs."""
    w2 = np.array([[0.5, 0.25], [1.0, 1.0]])
    ends = iterate("F_cc'", w2)
    assert np.all(ends.end == End.ARRIVED)
    assert ends.taken.tolist() == [np.ceil(np.log(1e-3 / w) / np.log(1 - 2 * RATE)) for w in (0.5, 0.25)]
    assert iterate("F_cc'", w2, budget=100).end.tolist() == [End.ON_THE_WAY] * 2
    assert iterate("F_eg", np.array([[20.0], [5.0]])).end.tolist() == [End.DIVERGED]
    assert iterate("F_con", np.array([[20.0], [5.0]])).end.tolist() == [End.AT_THE_BOUND]


def test_touching_the_bound_is_not_being_held_there():
    """Descent-ascent slides along the bound and leaves it: only a start held for half of the budget counts."""
    start = np.array([[-3.0], [1.0]])
    passing = iterate("F", start, budget=300)
    assert passing.final[1, 0] == LOWEST and passing.end[0] == End.ON_THE_WAY
    assert iterate("F", start, budget=600).end[0] == End.AT_THE_BOUND
    assert iterate("F", start, budget=2000).end[0] == End.ON_THE_WAY


def test_every_iteration_of_crossing_the_curl_shrinks_the_scale_after_the_first():
    """a - 2 rho a (a^2 - 1) is at most 3.92 for any a, and from there w2 shrinks: why all starts arrive."""
    a = np.linspace(LOWEST, 1000, 1_000_001)
    after = np.maximum(a - 2 * RATE * a * (a**2 - 1), LOWEST)
    assert after.max() < 3.92
    assert np.abs(1 - 4 * RATE * after**2).max() < 1


def test_shares():
    arrived, circling = iterate("F_cc", STARTS), iterate("F", STARTS, budget=500)
    assert basins.share_check("", arrived, 1.0).passed and not basins.share_check("", arrived, 0.0).passed
    assert basins.share_check("", circling, 0.0).passed and not basins.share_check("", circling, 1.0).passed
    assert basins.rate_check("F_eg", STARTS, RATE, all_arrive=False).passed
    assert not basins.rate_check("F_eg", STARTS, RATE, all_arrive=True).passed
    assert basins.far_check("F_cc", 4, 200).passed and not basins.far_check("F_eg", 4, 200).passed


# -------------------------------------------------------------------- flows


def test_flow_against_scipy():
    start = np.array([[2.0, -1.0], [0.5, 3.0]])
    flow = follow("F_reg", start)
    assert np.all(flow.ends.end == End.ARRIVED)
    for column, time in enumerate(flow.ends.taken):
        exact = solve_ivp(
            lambda _, x: -stage_map("F_reg")(x), (0, time), start[:, column], method="DOP853", rtol=1e-11, atol=1e-13
        )
        assert flow.ends.final[:, column] == pytest.approx(exact.y[:, -1], abs=1e-5)


def test_the_flow_leaves_the_bound_where_the_map_says():
    """Sliding along the bound w2 rises at the rate 1 - a_min^2 and F leaves it at w2 = 0 with the energy of there."""
    flow = follow("F", np.array([[-10.0, 0.5], [1.0, 1.0]]))
    kept = energy(*flow.ends.final)
    assert kept[0] == pytest.approx(energy(0.0, np.array(LOWEST)), abs=1e-3)
    assert kept[1] == pytest.approx(0.75, abs=1e-4)
    assert basins.level_check(flow).passed
    assert not basins.level_check(follow("F_reg", flow.ends.starts)).passed


def test_energy_falls_along_all_flows_but_those_of_f_and_consensus():
    for name in ("F_reg", "F_eg", "F_eg'", "F_cc", "F_cc'"):
        assert basins.falling_check(name, follow(name, STARTS)).passed
        assert basins.flow_check(name, follow(name, STARTS)).passed
    assert not basins.falling_check("F_con", follow("F_con", STARTS)).passed
    lost = follow("F_con", STARTS)
    assert not basins.flow_check("F_cc", lost).passed and not basins.flow_check("F", lost).passed


# -------------------------------------------------------------------- consensus


def test_saddle(monkeypatch):
    assert stage_map("F_con")(saddle()) == pytest.approx(0, abs=1e-14)
    assert all(check.passed for check in basins.saddle_checks())
    monkeypatch.setattr(basins, "SADDLE", (basins.SADDLE[0] + Rational(1, 10**6), basins.SADDLE[1]))
    assert not basins.saddle_checks()[0].passed


def test_edge_parts_the_plane(consensus):
    """Starts 1e-3 on either side of the edge, and the grid; an edge that is moved is found out."""
    w2, a = edge()
    at = np.geomspace(0.011, 9, 15)
    on = np.interp(np.log(at), np.log(a), w2)
    starts = np.stack([np.concatenate([on - 1e-3, on + 1e-3]), np.concatenate([at, at])])
    ends = follow("F_con", starts).ends
    assert np.all(ends.end == np.repeat([End.ARRIVED, End.AT_THE_BOUND], 15))
    assert np.array_equal(stuck_side(starts), np.repeat([False, True], 15))
    assert basins.edge_check("flow", ends, 0.0).passed
    assert basins.edge_check("iteration", consensus, 40 / 12).passed
    assert basins.edge_check("flow", follow("F_con", STARTS).ends, 0.0).passed  # some leave the bound after t = 18
    moved = Ends(starts + np.array([[2e-3], [0]]), ends.final, ends.end, ends.taken)
    assert not basins.edge_check("flow", moved, 0.0).passed


def test_area():
    size = basins.Size(40, 30, 1)
    ends = iterate("F_con", grid(40, 30))
    assert basins.area_check(ends, size).passed
    assert not basins.area_check(
        replace(ends, end=np.where(stuck_side(ends.starts + np.array([[-1], [0]])), 2, 0)), size
    ).passed
    assert basins.resolution_check("F_con", ends, iterate("F_con", grid(20, 15)), size).passed
    assert not basins.resolution_check("F_con", ends, iterate("F_cc", grid(20, 15)), size).passed


def test_spurious_solution(monkeypatch):
    assert basins.spurious_check().passed
    monkeypatch.setattr(basins, "BETA", Rational(11, 100))
    assert not basins.spurious_check().passed


def test_critical_bound(monkeypatch):
    """The orbit on the edge crosses the release points where its a is least: there its velocity in a is 0."""
    critical = critical_bound()
    w2, a = edge(lowest=1e-8)
    assert critical == pytest.approx(a.min(), rel=1e-4)
    assert release(critical) == pytest.approx(w2[np.argmin(a)], abs=0.05)
    assert basins.critical_check(1.02).passed and basins.critical_check(0.98).passed
    monkeypatch.setattr(basins, "critical_bound", lambda: 1.1 * critical)
    assert not basins.critical_check(0.95).passed


def test_starts_of_the_flow_are_starts_of_the_iteration():
    size = basins.Size(8, 4, 4)
    assert size.chosen.tolist() == [18, 22]
    assert basins_iteration.grid(8, 4)[:, size.chosen] == pytest.approx(np.array([[-7.5, 12.5], [6.25375, 6.25375]]))


@pytest.mark.slow
def test_claim():
    outcome = basins.run(Settings(seed=5))
    assert all(check.passed for check in outcome.checks)
