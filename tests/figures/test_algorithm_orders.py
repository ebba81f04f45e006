"""The order table of all algorithms: verdicts, controls that must fail, and that no algorithm is left out."""

from dataclasses import replace

import pytest

import gan_sde as gs
from figures.papers.coupled_sdes.algorithm_orders import (
    ALTERNATING,
    CASES,
    CROSS_NOISE,
    SIMULTANEOUS,
    Case,
    control_check,
    exact_order,
    order_check,
    orders,
)


def test_every_algorithm_with_an_affine_step_is_in_the_table():
    """Adam is not affine in its state, whatever the game; adversarial training has a table of its own."""
    assert {case.name for case in CASES} == set(gs.algorithms.names()) - {"adam", "adversarial-training"}


def test_a_wrong_sde_is_of_order_1():
    """Without the players' covariance on a shared batch; and alternating training with the SDE of simultaneous one."""
    noise = exact_order(CROSS_NOISE, CROSS_NOISE.training().sde(2), independent_players=True)
    drift = exact_order(ALTERNATING, SIMULTANEOUS.training().sde(2, noise="exact"))
    for found in (noise, drift):
        assert order_check("", 1, found).passed and not order_check("", 2, found).passed
    assert control_check("", [noise, drift]).passed


def test_an_interval_that_misses_its_order_or_tells_nothing_fails():
    found = exact_order(CROSS_NOISE, CROSS_NOISE.training().sde(2))
    assert order_check("", 2, found).passed
    for interval in ((1.998, 1.999), (1.5, 2.5)):
        assert not order_check("", 2, replace(found, order=replace(found.order, interval=interval))).passed


@pytest.mark.parametrize("case", [CASES[0], CASES[12], CASES[26]], ids=lambda c: c.label)
def test_rows_and_controls(case):
    found = orders(case)
    assert order_check("", 1, found["order 1"]).passed
    assert order_check("", 2, found["order 2"]).passed
    assert not order_check("", 2, found["order 1"]).passed
    assert not order_check("", 2, found["wrong sign"]).passed
    assert control_check("", [found["wrong sign"]]).passed
    assert not control_check("", [found["wrong sign"], found["order 2"]]).passed


def test_noise_of_another_algorithm_fails():
    """SVAG multiplies the covariance by l: the SDE of plain descent is then wrong even at order 1."""
    case = Case("svag", {"refinement": 4}, "")
    plain = CROSS_NOISE.training().sde(2)
    assert not order_check("", 2, exact_order(case, plain)).passed
    scaled = replace(plain, diffusion=2 * plain.diffusion)
    assert order_check("", 2, exact_order(case, scaled)).passed
