"""The merry-go-round: its identities hold for the right ingredients and fail for others. Nothing is random."""

import numpy as np
import pytest
from sympy import Matrix, simplify, symbols

import gan_sde as gs
from figures.papers.crossing_the_curl import merry_go_round
from figures.papers.crossing_the_curl.merry_go_round import (
    FRAME,
    RHO,
    angles,
    axis_check,
    compiled,
    cubic,
    curl,
    curl_check,
    follow,
    games,
    move,
    right_angle_check,
    ring,
    spiral_check,
    step_check,
    tilted_check,
)
from figures.registry import Settings


def test_the_ring_turns_about_its_diagonal():
    x = Matrix(ring().parameters)
    field = move(ring(), "F")
    assert field == -Matrix([1, 1, 1]).cross(x)
    assert curl(field, ring().parameters) == Matrix([-2, -2, -2])
    across = x - Matrix([sum(x) / 3] * 3)
    assert (move(ring(), "F_cc") - 3 * across).applyfunc(simplify) == Matrix([0, 0, 0])
    assert move(ring(), "F_cc") == move(ring(), "F_eg").expand()  # nothing is stretched


@pytest.mark.parametrize("label", ["LQ-GAN, N = 1", "three players, any cubic losses"])
def test_right_angles(label):
    game = games()[label]
    assert right_angle_check(label, game, "F_cc").passed
    assert not right_angle_check(label, game, "F_eg").passed
    assert tilted_check(label, game).passed


def test_the_control_fails_where_nothing_is_stretched():
    assert not tilted_check("bilinear", gs.games.get("bilinear", noise=False)).passed


def test_cubic_losses_are_undetermined():
    field = cubic().field
    x = cubic().parameters
    assert all(entry.coeff(y, 2) != 0 for entry in field for y in x)
    assert len(field.free_symbols) == 3 + 3 * 10  # of 20 coefficients, those of terms with the player's own parameter


def test_curl_identity():
    assert curl_check(curl).passed
    assert not curl_check(lambda field, x: -curl(field, x)).passed
    assert not curl_check(lambda field, x: 2 * curl(field, x)).passed


def test_factors_of_a_step():
    game = gs.games.get("bilinear", noise=False).subs(lam=1)
    assert step_check("", game, "F", 1 + RHO**2).passed
    assert step_check("", game, "F_cc", (1 - RHO) ** 2).passed
    assert not step_check("", game, "F_cc", 1 + RHO**2).passed
    assert not step_check("", ring(), "F", 1 + RHO**2).passed
    x = follow(compiled("ring", "F"), np.array([1.0, 0.0, 0.0]), 0.1, 1)
    across = (FRAME @ x)[:2]
    assert np.sum(across**2, axis=0) == pytest.approx([2 / 3, 2 / 3 * 1.03])


def test_axis_and_spirals(monkeypatch):
    assert axis_check().passed
    assert all(spiral_check(name).passed for name in ("F", "F_eg", "F_cc"))
    path = merry_go_round.variance_path("F_cc")
    monkeypatch.setattr(merry_go_round, "variance_path", lambda name: path[:, ::-1])
    assert spiral_check("F").passed and not spiral_check("F_cc").passed
    monkeypatch.setattr(merry_go_round, "variance_path", lambda name: np.roll(path, 5, axis=1))
    assert not spiral_check("F").passed and not spiral_check("F_cc").passed


def test_angles_follow_the_formula():
    """<F, -J F> = 8 w2^3 a^2, and 90 degrees for F_cc everywhere."""
    at = np.stack(np.meshgrid([-2.0, -0.5, 0.7, 3.0], [0.3, 0.8, 2.5]))
    assert angles("F_cc", at) == pytest.approx(90)
    assert angles("F", at) == pytest.approx(0, abs=1e-5)
    w2, a = symbols("w2 a", real=True)
    field = Matrix([a**2 - 1, -2 * w2 * a])
    direction = -field.jacobian([w2, a]) * field
    assert simplify(field.dot(direction) - 8 * w2**3 * a**2) == 0
    cosine = field.dot(direction) / field.norm() / direction.norm()
    for i, j in ((0, 0), (1, 2), (2, 3)):
        expected = float(cosine.subs({w2: at[0, i, j], a: at[1, i, j]}))
        assert np.cos(np.radians(angles("F_eg", at)[i, j])) == pytest.approx(expected)


def test_claim():
    outcome = merry_go_round.run(Settings())
    assert all(check.passed for check in outcome.checks)
