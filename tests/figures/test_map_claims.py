"""The verdicts on the LQ-GAN's maps: they hold for the right ingredients and fail for wrong ones."""

from dataclasses import replace

import numpy as np
import pytest
from sympy import Rational

from figures.papers.crossing_the_curl import map_energy, map_fields, map_reasons, map_runs, map_trajectories
from figures.papers.crossing_the_curl.map_runs import FAR, LOWEST
from figures.papers.crossing_the_curl.maps import W2, A, Run, function, heun_euler, projection
from figures.registry import Settings

# -------------------------------------------------------------------- trajectories


@pytest.fixture(scope="module")
def coarse():
    """The step-controlled runs at a tolerance that needs a third of the iterations."""
    return map_runs.tolerant(1e-4)


def test_ranking(coarse):
    order = ("F_cc", "F_eg", "F_reg")
    assert map_trajectories.ranking_check("", coarse, order).passed
    assert not map_trajectories.ranking_check("", coarse, order[::-1]).passed
    assert not map_trajectories.ranking_check("", coarse, ("F_cc", "F_con")).passed  # longer, but does not arrive
    cut = {**coarse, "F_reg": Run(coarse["F_reg"].path[:-1], coarse["F_reg"].times[:-1])}
    assert not map_trajectories.ranking_check("", cut, order).passed
    assert not map_trajectories.ranking_check("", coarse, ("F_cc", "F_cc")).passed


def test_budget(coarse):
    short = map_runs.fixed("F_alt", 1_000)
    assert map_trajectories.budget_check("", "", short).passed
    assert not map_trajectories.budget_check("", "", coarse["F_cc"]).passed
    blown = replace(short, path=short.path * np.nan)
    assert not map_trajectories.budget_check("", "", blown).passed
    assert not map_trajectories.longer_check("F_alt", 1_000).passed


def test_one_step_on_the_mean_stage(monkeypatch):
    assert all(check.passed for check in map_reasons.mean_checks())
    right = map_reasons.mean_iterates(0.5)
    monkeypatch.setattr(map_reasons, "mean_iterates", lambda step: {**right, "EG": right["F"]})
    assert [check.passed for check in map_reasons.mean_checks()] == [True, False, True]


@pytest.mark.parametrize("name", map_reasons.FACTORS)
def test_factor_at_the_equilibrium(name, monkeypatch):
    assert map_reasons.factor_check(name).passed
    text, stated = map_reasons.FACTORS[name]
    monkeypatch.setitem(map_reasons.FACTORS, name, (text, lambda r: stated(r) + 1e-3))
    assert not map_reasons.factor_check(name).passed


def test_only_alternating_keeps_the_area():
    assert map_reasons.area_check(3, "F_alt").passed
    assert not map_reasons.area_check(3, "F").passed
    assert not map_reasons.area_check(3, "F_unr").passed


def test_consensus_is_held_at_the_bound(coarse):
    held = map_runs.ADAPTIVE["F_con"]
    result = heun_euler(function("F_con"), projection(LOWEST["far"]), FAR, step=held[0], budget=held[1])
    assert all(check.passed for check in map_reasons.consensus_checks(result))
    late = result.path.copy()
    late[-1, 0] += 1.0
    assert [c.passed for c in map_reasons.consensus_checks(replace(result, path=late))] == [False, True]
    assert not map_reasons.consensus_checks(coarse["F_cc"])[0].passed


def test_energy_rates(monkeypatch):
    assert map_reasons.energy_check().passed
    for name, rate in map_energy.RATES.items():
        with monkeypatch.context() as patch:
            patch.setitem(map_energy.RATES, name, rate + Rational(1, 1000) * A * W2)
            assert not map_reasons.energy_check().passed


def test_energy_is_kept_by_the_field_alone(coarse):
    assert map_reasons.conservation_check("F").passed
    assert not map_reasons.conservation_check("F_alt").passed
    assert map_reasons.decay_check("F_cc", coarse["F_cc"]).passed
    assert not map_reasons.decay_check("F", map_runs.fixed("F", 2_000)).passed
    assert not map_reasons.decay_check("F_con", coarse["F_con"]).passed


def test_a_step_on_the_bound_adds_energy_unless_capped():
    assert map_reasons.bound_check().passed
    assert not map_reasons.bound_check(np.inf).passed


# -------------------------------------------------------------------- regions


@pytest.mark.parametrize("name", map_fields.NAMES)
def test_regions(name):
    formula = map_fields.SMALLEST[name]
    assert map_fields.eigenvalue_check(name, formula).passed
    assert not map_fields.eigenvalue_check(name, formula + W2**2 / 10**9).passed
    assert map_fields.boundary_check(name, map_fields.INSIDE).passed
    assert not map_fields.boundary_check(name, map_fields.INSIDE + W2**2).passed
    assert map_fields.pair_check(name, 2_000, 5).passed
    other = {"F_cc": "F", "F_eg": "F_con"}[name]
    assert not map_fields.pair_check(name, 2_000, 5, map_=function(other, "variance")).passed


def test_the_eigenvalues_of_the_two_maps_differ_and_their_signs_do_not():
    at = map_fields.plane()
    found = [map_fields.smallest_eigenvalue(name, at) for name in map_fields.NAMES]
    assert np.abs(found[0] - found[1]).max() > 10
    assert map_fields.same_sign_check().passed


def test_region_claim():
    outcome = map_fields.run(Settings(seed=11))
    assert all(check.passed for check in outcome.checks)


@pytest.mark.slow
def test_trajectory_claim():
    outcome = map_trajectories.run(Settings(seed=11))
    assert all(check.passed for check in outcome.checks)
