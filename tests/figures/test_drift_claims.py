"""The verdicts on the discretisation drift: they hold for the right ingredients and fail for wrong ones."""

import numpy as np
import pytest
import sympy as sp

import analysis
from figures.papers.discretisation_drift import discretisation_drift, drift_checks
from figures.papers.discretisation_drift.drifts import Scheme, flow, iterate, matrix_of
from figures.papers.discretisation_drift.games import (
    DIRAC_H,
    DIRAC_START,
    H,
    dirac_gan,
    linear_game,
    regularised_dirac_gan,
)
from figures.registry import Settings


def test_a_step_by_hand():
    """Loops written out, both orders, unequal rates."""
    x, y, h = 0.3, -0.7, 0.1
    for order in drift_checks.ORDERS:
        scheme = Scheme(linear_game(0.2), order, (1.0, 2.5))
        moved = x + h * (-0.2 * x + y)
        seen = moved if order == "alternating" else x
        np.testing.assert_allclose(scheme.step(h)((x, y)), (moved, y + 2.5 * h * (-seen - 0.2 * y)), rtol=1e-14)


@pytest.mark.parametrize("order, second", [("simultaneous", 1), ("alternating", -1)])
def test_modified_field_at_equal_rates(order, second):
    """``f - (h/2)(f_phi f + f_theta g)`` and ``g - (h/2)(+-g_phi f + g_theta g)``, in symbols."""
    scheme = Scheme(dirac_gan(), order)
    phi, theta = scheme.game.parameters
    f, g = (-entry for entry in scheme.game.field)
    sde = scheme.training.sde(2)
    expected = (
        f - sde.lr / 2 * (f.diff(phi) * f + f.diff(theta) * g),
        g - sde.lr / 2 * (second * g.diff(phi) * f + g.diff(theta) * g),
    )
    assert all(sp.simplify(a - b) == 0 for a, b in zip(sde.drift, expected, strict=True))
    # at equal rates both clocks agree, and so do both fields
    np.testing.assert_allclose(
        scheme.modified(0.1)((0.4, 1.1)), scheme.published(0.1, common_clock=True)((0.4, 1.1)), rtol=1e-12
    )


def test_unequal_rates_differ_in_the_cross_term_only():
    alpha, lam, h, at = 1.0, 2.5, 0.1, (0.4, 1.1)
    scheme = Scheme(dirac_gan(), "simultaneous", (alpha, lam))
    phi, theta = scheme.game.parameters
    f, g = (-entry for entry in scheme.game.field)
    point = dict(zip((phi, theta), at, strict=True))
    cross = [float((f.diff(theta) * g).subs(point)), float((g.diff(phi) * f).subs(point))]
    difference = scheme.modified(h)(at) - scheme.published(h, common_clock=True)(at)
    np.testing.assert_allclose(
        difference, [-h / 2 * alpha * (lam - alpha) * cross[0], -h / 2 * lam * (alpha - lam) * cross[1]], rtol=1e-10
    )


def test_linear_field():
    checks = drift_checks.linear_checks()
    assert len(checks) == 12
    assert all(check.passed for check in checks)
    unstable = matrix_of(Scheme(linear_game(0.09), "simultaneous").step(H))
    assert np.linalg.det(unstable) == pytest.approx(1.004324)
    assert np.trace(matrix_of(Scheme(linear_game(0.09), "simultaneous").modified(H))) == pytest.approx(0.01838)


@pytest.mark.parametrize("order", drift_checks.ORDERS)
def test_eigenvalues_of_the_other_order_are_rejected(order, monkeypatch):
    other = dict(zip(drift_checks.ORDERS, drift_checks.ORDERS[::-1], strict=True))[order]
    right = Scheme.step
    monkeypatch.setattr(Scheme, "step", lambda self, h: right(Scheme(self.game, other), h))
    assert not all(check.passed for check in drift_checks.linear_checks())


def test_alternating_on_the_bilinear_game_conserves():
    """``x^2 + y^2 + h x y`` with x first, for 1000 steps; simultaneous steps do not."""
    for order, kept in (("alternating", True), ("simultaneous", False)):
        path = iterate(Scheme(linear_game(0), order).step(H), (0.5, 0.2), 1000)
        form = (path**2).sum(axis=1) + H * path[:, 0] * path[:, 1]
        assert bool(np.ptp(form) < 1e-12) == kept


@pytest.fixture(scope="module")
def paths():
    return discretisation_drift.dirac_paths()


def test_dirac_gan(paths):
    assert drift_checks.radius_check(paths["simultaneous"]).passed
    assert not drift_checks.radius_check(paths["alternating"]).passed
    assert all(check.passed for check in drift_checks.regularised_checks(paths["simultaneous, regularised"]))
    assert not drift_checks.regularised_checks(paths["simultaneous"])[-1].passed


def test_alternating_stays_and_slowly_leaves(paths):
    assert all(check.passed for check in drift_checks.bounded_checks(paths["alternating"]))
    assert not drift_checks.bounded_checks(paths["simultaneous"])[0].passed
    # a band that widens by one in a million a time unit is told from one that stays
    k = np.arange(60_000)
    band = 1.45 + 0.01 * np.sin(0.05 * k)
    assert abs(drift_checks.outward_rate(band)) < 1e-8
    assert drift_checks.outward_rate(band * np.exp(1e-6 * DIRAC_H * k)) == pytest.approx(1e-6, rel=1e-2)


def test_explicit_terms_cancel_the_interaction():
    """With c = h/4 the regularised game's modified drift is that of the plain game without interaction, up to h^2."""
    h = 1e-4
    regular = Scheme(regularised_dirac_gan(h / 4), "simultaneous").modified(h)
    plain = Scheme(dirac_gan(), "simultaneous")
    f, g = (-entry for entry in plain.game.field)
    phi, theta = plain.game.parameters
    point = {phi: 0.4, theta: 1.1}
    own = [float((f.diff(phi) * f).subs(point)), float((g.diff(theta) * g).subs(point))]
    found = (regular((0.4, 1.1)) - plain.modified(h, 1)((0.4, 1.1))) / h
    np.testing.assert_allclose(found, [-own[0] / 2, -own[1] / 2], atol=1e-4)


def test_modified_losses():
    assert drift_checks.losses_check().passed
    assert not drift_checks.losses_check(sign=-1).passed


@pytest.mark.parametrize("order", drift_checks.ORDERS)
def test_clocks(order):
    errors = drift_checks.clock_errors(order)
    assert all(drift_checks.order_check(order, name, values).passed for name, values in errors.items())
    assert drift_checks.local_check(order).passed
    swapped = drift_checks.order_check(order, "derived, common clock", errors["published, common clock"])
    assert not swapped.passed


def test_the_drift_of_the_other_order_has_order_one():
    scheme = Scheme(dirac_gan(), "alternating", drift_checks.RATES)
    wrong = Scheme(dirac_gan(), "simultaneous", drift_checks.RATES)
    errors = []
    for h in drift_checks.STEPS:
        end = iterate(scheme.step(h), DIRAC_START, round(drift_checks.TIME / h))[-1]
        errors.append(np.abs(flow(wrong.modified(h), DIRAC_START, [drift_checks.TIME])[-1] - end).max())
    assert analysis.weak_order(drift_checks.STEPS, errors, np.zeros(len(errors))).value == pytest.approx(1, abs=0.1)


def test_flow_is_accurate():
    """A rotation, against cosine and sine."""
    times = np.linspace(0.5, 10, 5)
    found = flow(Scheme(linear_game(0), "simultaneous").modified(H, 1), (1.0, 0.0), times)
    np.testing.assert_allclose(found, np.stack([np.cos(times), -np.sin(times)], axis=1), atol=1e-9)


def test_claim():
    outcome = discretisation_drift.run(Settings())
    assert [check.name for check in outcome.checks if not check.passed] == []
