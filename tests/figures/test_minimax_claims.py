"""The verdicts on the minimax SDEs: they hold for the right ingredients and fail for wrong ones.

Statistical comparisons have a false-alarm rate below 1 % over all checkpoints of a test; seeds are fixed.
"""

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

import gan_sde as gs
from figures.papers.minimax_sdes import (
    closed_form_runs,
    closed_forms,
    derived_sdes,
    extragradient_step,
    fields,
    games,
    least_variance,
)
from figures.papers.minimax_sdes import coupled_paths as coupled
from figures.papers.minimax_sdes import extragradient_runs as runs
from figures.papers.minimax_sdes.agreement import Agreement
from figures.papers.minimax_sdes.games import RHO, X, Y
from figures.registry import Settings
from gan_sde.algorithms.rate import Fixed

# -------------------------------------------------------------------- the extrapolation rate as a coordinate


@pytest.mark.parametrize("batches", ["shared", "independent"])
def test_a_rate_in_the_state_is_the_fixed_rate(batches):
    """Path by path on the same random numbers, 20 of each."""
    game = games.quadratic(3, 1, 1)
    options = {"start": (0.3, -0.2), "lr": 0.02, "steps": 30, "seed": 3, "every": 1, "backend": "reference"}
    found = games.simulate(games.extragradient(game, batches), rhos=[0.25], trajectories=20, **options)
    fixed = gs.Training(game, gs.algorithms.get("extragradient", extrapolation=Fixed(0.25), batches=batches))
    other = games.simulate(fixed, trajectories=20, **options)
    np.testing.assert_allclose(found.paths, other.paths, atol=1e-14)
    moved = games.simulate(games.extragradient(game, batches), rhos=[0.26], trajectories=20, **options)
    assert np.abs(moved.paths - other.paths).max() > 1e-4


def test_rho_zero_is_descent_ascent_and_rates_do_not_mix():
    game = games.quadratic(0, 2, 1)
    options = {"start": (0.3, -0.2), "lr": 0.02, "steps": 30, "seed": 3, "every": 1, "backend": "reference"}
    found = games.simulate(games.extragradient(game), rhos=[0.0, 0.5], trajectories=10, **options)
    plain = games.simulate(gs.Training(game, gs.algorithms.get("sgda")), trajectories=20, **options)
    np.testing.assert_allclose(found.paths[0], plain.paths[0, :10], atol=1e-14)
    assert found.paths.shape == (2, 10, 31, 2)
    np.testing.assert_array_equal(found.paths[:, :, 0], np.broadcast_to((0.3, -0.2), (2, 10, 2)))


# -------------------------------------------------------------------- agreement


def test_agreement_is_calibrated_and_has_power():
    """400 replicates of 500 exponential means at 5 checkpoints: about 1 % rejected; a law 20 % off always."""
    rng = np.random.default_rng(1)
    law = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    rejected = missed = 0
    for _ in range(400):
        samples = rng.exponential(law, size=(500, 5))
        found = Agreement.of(samples, law)
        rejected += not found.check("", 5.0, 5).passed
        missed += Agreement.of(samples, 1.2 * law).check("", 6.0, 5).passed
        assert found.check("", 5.0, 5, rejected=True).passed != found.check("", 5.0, 5).passed
    assert rejected <= 14  # P(more) < 1e-4 at 1 %
    assert missed <= 20


@pytest.mark.parametrize("spoilt", [np.nan, np.inf])
def test_agreement_of_diverged_runs_fails_as_a_control_too(spoilt):
    samples = np.random.default_rng(2).exponential(1.0, size=(500, 3))
    samples[7, 1] = spoilt
    with np.errstate(invalid="ignore"):
        found = Agreement.of(samples, np.ones(3))
    assert not found.check("", 1.0, 3).passed
    assert not found.check("", 1.0, 3, rejected=True).passed


# -------------------------------------------------------------------- derived SDEs


def test_derived_sdes_are_the_published_ones():
    assert all(check.passed for check in derived_sdes.derived_checks())


@pytest.mark.parametrize("name", ["shared", "independent", "hamiltonian"])
def test_other_sdes_are_not(name, monkeypatch):
    drift, covariance = derived_sdes.published(name)
    right = derived_sdes.published
    wrong = {name: (drift, covariance + RHO**3 * sp.eye(2))}
    monkeypatch.setattr(derived_sdes, "published", lambda key: wrong.get(key) or right(key))
    assert sum(not check.passed for check in derived_sdes.derived_checks()) == 1
    wrong[name] = (drift - 2 * RHO * sp.Matrix([Y, X]), covariance)
    assert sum(not check.passed for check in derived_sdes.derived_checks()) == 1


def test_the_derived_covariance_keeps_the_square_of_rho():
    sde = games.extragradient(games.quadratic(3, 1, 1)).sde(1)
    assert sp.degree(sde.covariance[0, 0], RHO) == 2


def test_the_nonlinear_difference_needs_the_curvature(monkeypatch):
    monkeypatch.setattr(derived_sdes, "_curvature", lambda *_: sp.Integer(0))
    assert not derived_sdes.nonlinear_check().passed


# -------------------------------------------------------------------- closed forms


@pytest.fixture(scope="module")
def cases():
    """Extragradient at two of the three schedules; the rest is run by the claim."""
    return [case for gamma in (0.0, 0.5) for case in closed_form_runs.extragradient_cases(gamma, 400, 7)]


def test_runs_follow_their_laws(cases):
    assert len(cases) == 12
    for case in cases:
        assert case.agreement().check("", float(case.exact[-1]), 1600).passed, case.label
    assert all(check.passed for check in closed_forms.floor_checks(cases))


def test_wrong_laws_are_rejected(cases):
    found = {(case.name, case.is_sde, case.gamma): case for case in cases}
    sgda, far = found["SGDA", False, 0.0], found["SEG rho 5", True, 0.0]
    assert not sgda.agreement(sgda.closed_form).check("", 1.0, 1600).passed
    without = replace(far.law, additive=closed_form_runs.SIGMA**2)
    wrong = replace(far, law=without, exact=without.solve(far.time, closed_form_runs.ENERGY, closed_form_runs.LR))
    assert not wrong.agreement().check("", 1.0, 1600).passed
    # the other schedule's law, and the law of a rate that is not integrated over its iteration
    half = found["SEG rho 0.5", True, 0.5]
    other = half.law.solve(half.time, closed_form_runs.ENERGY, closed_form_runs.LR, 1.0)
    assert not half.agreement(other).check("", 1.0, 1600).passed


def test_schedules_integrate_exactly():
    for gamma in (0.0, 0.5, 1.0):
        rates = closed_form_runs.falling_rates(gamma, continuous=True)
        total = {0.0: 20.0, 0.5: 2 * (np.sqrt(21) - 1), 1.0: np.log(21)}[gamma]
        assert rates.sum() == pytest.approx(total)
        discrete = closed_form_runs.falling_rates(gamma, continuous=False)
        assert discrete[[0, 100]] == pytest.approx([0.01, 0.01 / 2**gamma])


def test_coupled_distances():
    both = coupled.coupled_paths(150, 5)
    assert all(check.passed for check in closed_forms.coupled_checks(both))
    mixed = replace(both, sde=replace(both.sde, paths=both.sde.paths[:, ::-1]))
    assert not any(check.passed for check in closed_forms.coupled_checks(mixed))


# -------------------------------------------------------------------- the extrapolation rate


@pytest.fixture(scope="module")
def found():
    return runs.scan(runs.CONVEX, "shared", 1_500, 1_200, 11)


def test_variance_over_the_rate(found):
    assert extragradient_step.variance_check(found).passed
    assert not extragradient_step.variance_check(replace(found, exact=1.1 * found.exact)).passed
    assert extragradient_step.minimiser_check(found).passed
    assert extragradient_step.neighbours_check(found).passed
    # the same energies under a wrong name of the rates
    shifted = replace(found, rhos=found.rhos + 0.02)
    assert not extragradient_step.minimiser_check(shifted).passed
    assert not extragradient_step.neighbours_check(replace(found, means=found.means[::-1])).passed


@pytest.mark.parametrize("setting", [runs.CONVEX, runs.NONCONVEX], ids=["convex", "nonconvex"])
def test_the_fit_finds_the_minimum_of_exact_values(setting):
    """Noise of 0.6 % a point, 3000 runs each: the fitted minimum is unbiased within a tenth of its interval."""
    exact = np.array([setting.law(rho).discrete_floor(setting.lr) for rho in setting.scanned])
    noise = np.random.default_rng(0).normal(size=(len(exact), 3000)) * 0.006 * np.sqrt(3000)
    noise -= noise.mean(axis=1, keepdims=True)
    scan = runs.Scan(setting, "shared", np.array(setting.scanned), exact[:, None] * (1 + noise), exact)
    estimate = least_variance.measured_minimiser(scan, 0.999)
    assert abs(estimate.value - setting.rho_v) < 0.1 * (estimate.interval[1] - estimate.interval[0])
    assert least_variance.exact_minimiser(setting, "shared", discrete=True) == pytest.approx(setting.rho_v, abs=1e-6)


def test_sign_of_the_rate():
    assert extragradient_step.sign_check(runs.CONVEX).passed
    assert not extragradient_step.sign_check(runs.CONVEX, shift=0.3).passed
    assert extragradient_step.far_check().passed


def test_growth_verdicts():
    """Energies that grow or settle, against the sign of k."""
    time, rng = np.linspace(0, 2, 51), np.random.default_rng(0)
    settled = rng.exponential(1.0, size=(500, 51))
    for rho, energies, passed in (
        (0.0, settled * np.exp(2 * time), True),
        (0.0, settled, False),
        (1.0, settled, True),
        (1.0, settled * np.exp(4 * time), False),
    ):
        curve = runs.Curve(runs.NONCONVEX, rho, False, time, energies)
        assert extragradient_step.growth_check(curve).passed == passed


# -------------------------------------------------------------------- fields


def test_fields():
    assert all(check.passed for check in fields.field_checks())


def test_fields_of_another_game(monkeypatch):
    wrong = {"descent": sp.Matrix([-Y, X - Y]), "ahead": games.noiseless_drift("ahead")}
    monkeypatch.setattr(fields, "noiseless_drift", wrong.__getitem__)
    assert not all(check.passed for check in fields.field_checks())


def test_factors_of_one_iteration():
    factors = fields.one_iteration(0.032, 40_000, 5, backend="reference")
    assert all(found.check().passed for found in factors)
    by_kind = {(f.rho, f.is_sde): f for f in factors}
    for rho in (2.0, None):
        algorithm = by_kind[rho, False]
        assert algorithm.check(by_kind[rho, True].exact, "control").passed
        wrong = replace(algorithm, is_sde=True)
        assert not wrong.check().passed


@pytest.mark.parametrize("rho", fields.METHODS)
def test_orders_of_the_decay_rates(rho, monkeypatch):
    assert fields.exact_slope(rho).passed
    monkeypatch.setitem(fields.ORDERS, rho, 3 - fields.ORDERS[rho])
    assert not fields.exact_slope(rho).passed


def test_leading_difference_of_the_decay_rates():
    for rho in fields.METHODS:
        law = fields.law_of(rho)
        expected = law.contraction**2 - law.rotation**2
        assert fields.gap(law, 1e-5) / 1e-5 == pytest.approx(expected, abs=1e-2)


# -------------------------------------------------------------------- whole claims


@pytest.mark.slow
@pytest.mark.parametrize("module", [closed_forms, extragradient_step, fields])
def test_claims(module):
    outcome = module.run(Settings(seed=11))
    assert [check.name for check in outcome.checks if not check.passed] == []
