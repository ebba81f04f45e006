"""Evidence on invariant measures against closed forms, Gramians, hand-made counterexamples and known failures."""

import numpy as np
import pytest
from scipy.linalg import expm

from analysis import Grid, fokker_planck, stationary_covariance, transient_covariance
from analysis.assumptions import (
    Spheres,
    dissipativity,
    ellipticity,
    foster_lyapunov,
    invariant_measure_evidence,
    linear_law,
    lipschitz,
    monotonicity,
)

RADII = np.geomspace(0.1, 100, 10)
PLANE = Spheres([0.0, 0.0], RADII)


def constant(matrix):
    return lambda x: np.tile(np.asarray(matrix, dtype=float), (len(x), 1, 1))


def linear(matrix, offset=0.0):
    return lambda x: x @ np.asarray(matrix, dtype=float).T + offset


def evidence(drift, noise, **options):
    options = {"centre": np.zeros(2), "radii": RADII} | options
    return invariant_measure_evidence(drift, noise, **options)


# -------------------------------------------------------------------- exact linear algebra


@pytest.mark.parametrize("rate", [0.3, 1.0, 7.0])
def test_undamped_linear_game_has_no_invariant_measure(rate):
    found = linear_law([[0.0, -rate], [rate, 0.0]], np.diag([2.0, 0.0]))
    assert found.verdict == "none" and not found.ergodic
    assert found.reason == f"no invariant measure: the linear part has eigenvalues ±{rate:g}i (undamped)"
    # the trace of the covariance grows as the trace of the noise times t, in closed form
    trace = np.trace(transient_covariance([[0.0, rate], [-rate, 0.0]], np.diag([2.0, 0.0]), 50 * 2 * np.pi / rate))
    assert np.isclose(trace, 2.0 * 50 * 2 * np.pi / rate)


@pytest.mark.parametrize("damping", [1e-3, 1.0, 5.0])
def test_damped_linear_wgan_is_degenerate_but_ergodic(damping):
    matrix, noise = np.array([[-damping, -1.0], [1.0, 0.0]]), np.diag([3.0, 0.0])
    found = linear_law(matrix, noise)
    assert (found.noise_rank, found.kalman_rank, found.verdict) == (1, 2, "degenerate ergodic")
    assert found.reason == "degenerate noise (rank 1 of 2), yet controllable and stable: ergodic"
    assert np.linalg.eigvalsh(stationary_covariance(-matrix, noise))[0] > 0  # a density: full support
    # noise that both modes share, in two copies of the game: they stay together
    twin, both = np.kron(np.eye(2), matrix), np.kron(np.ones((2, 2)), noise)
    found = linear_law(twin, both)
    assert (found.noise_rank, found.kalman_rank, found.verdict) == (1, 2, "singular")


def test_linear_cases_that_differ_in_what_the_noise_reaches():
    undamped_apart = np.diag([-1.0, 0.0])
    assert linear_law(undamped_apart, np.diag([1.0, 0.0])).verdict == "not attracting"
    assert linear_law(undamped_apart, np.diag([1.0, 1.0])).verdict == "none"
    assert linear_law(undamped_apart, np.diag([1.0, 0.0]), offset=[0.0, 1.0]).verdict == "none"
    assert linear_law(undamped_apart, np.diag([1.0, 0.0]), offset=[1.0, 0.0]).verdict == "not attracting"
    assert linear_law(np.diag([-1.0, -2.0]), np.diag([1.0, 0.0])).verdict == "singular"
    assert linear_law(np.diag([-1.0, -2.0]), np.diag([1.0, 0.0]), offset=[3.0, 1.0]).verdict == "singular"
    assert linear_law(np.diag([-1.0, -2.0]), np.eye(2)).verdict == "ergodic"
    unstable = linear_law([[0.2, -1.0], [1.0, 0.2]], np.eye(2))
    assert "(unstable)" in unstable.reason and "0.2±1i" in unstable.reason
    assert linear_law([[0.2, -1.0], [1.0, 0.2]], np.zeros((2, 2))).verdict == "not attracting"


@pytest.mark.parametrize("seed", range(8))
def test_reach_of_the_noise_is_the_rank_of_the_gramian(seed):
    """Independent oracle: the covariance after unit time from a point, by quadrature."""
    rng = np.random.default_rng(seed)
    d, inner = 5, int(rng.integers(1, 6))
    turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
    block = rng.normal(size=(d, d)) - 2 * np.eye(d)
    block[inner:, :inner] = 0  # what enters the first `inner` coordinates stays there
    entry = np.concatenate([rng.normal(size=inner), np.zeros(d - inner)])
    a, s = turn @ block @ turn.T, turn @ entry
    nodes, weights = np.polynomial.legendre.leggauss(40)
    flows = [expm(a * (t + 1) / 2 * 2) @ s for t in nodes]
    gramian = sum(w * np.outer(v, v) for w, v in zip(weights, flows, strict=True))
    values = np.linalg.eigvalsh(gramian)
    found = linear_law(a, np.outer(s, s))
    assert found.kalman_rank == inner == int(np.sum(values > 1e-13 * values[-1]))


# -------------------------------------------------------------------- profiles


def test_profiles_of_linear_fields_are_eigenvalues():
    rng = np.random.default_rng(3)
    a = rng.normal(size=(4, 4)) - 2 * np.eye(4)
    spheres = Spheres(np.ones(4), [0.5, 3.0])
    symmetric = np.linalg.eigvalsh((a + a.T) / 2)
    field = linear(a, -a @ np.ones(4))
    np.testing.assert_allclose(dissipativity(field, spheres).values, symmetric[-1], rtol=1e-9)
    np.testing.assert_allclose(monotonicity(field, spheres).values, symmetric[-1], rtol=1e-7)
    np.testing.assert_allclose(lipschitz(field, spheres).values, np.linalg.norm(a, 2), rtol=1e-7)
    root = rng.normal(size=(4, 4))
    least = np.linalg.eigvalsh(root @ root.T)[0]
    np.testing.assert_allclose(ellipticity(constant(root @ root.T), spheres).values, -least, rtol=1e-9)


def test_refinement_finds_a_ridge_that_the_sample_misses():
    """z.b / |z|^2 is positive only within 0.001 of one line: a sampled direction hits it once in 1,600."""

    def drift(x):
        angle = np.arctan2(x[:, 1], x[:, 0]) - 0.7
        return x * (1e-3 - np.abs(np.sin(angle)))[:, None]

    profile = dissipativity(drift, Spheres([0.0, 0.0], [1.0, 10.0], directions=32))
    np.testing.assert_allclose(profile.values, 1e-3, atol=1e-5)
    sample = Spheres([0.0, 0.0], [1.0, 10.0], directions=32).points(0).reshape(-1, 2)
    assert np.all(np.sum(sample * drift(sample), axis=1) < 0)  # the sample alone would call it dissipative
    angles = np.arctan2(profile.points[:, 1], profile.points[:, 0])
    np.testing.assert_allclose(np.abs(np.sin(angles - 0.7)), 0, atol=1e-4)


def test_double_well_is_monotone_and_dissipative_only_outside():
    def drift(x):
        return x - x**3

    profile = dissipativity(drift, Spheres([0.0, 0.0], [0.5, 1.3, 1.5, 4.0]))
    np.testing.assert_allclose(profile.values, 1 - np.array([0.5, 1.3, 1.5, 4.0]) ** 2 / 2, rtol=1e-9)
    assert profile.beyond() == 1.5  # sqrt 2 in closed form
    growth = lipschitz(drift, Spheres([0.0, 0.0], [1.0, 10.0])).values
    np.testing.assert_allclose(growth, [2.0, 299.0], rtol=1e-6)
    assert monotonicity(drift, PLANE).values[0] > 0


def test_bounds_are_respected():
    half = Spheres([0.0, 1.0], [0.5, 5.0], low=[-np.inf, 0.2])
    found = half.supremum(lambda x: -x[:, 1])
    np.testing.assert_allclose(found.values, [-0.5, -0.2], atol=1e-5)
    assert np.all(found.points[:, 1] >= 0.2)


# -------------------------------------------------------------------- Foster-Lyapunov functions


def test_quadratic_functions_hold_on_new_points():
    """L V <= -c V + d by hand on 20,000 fresh points, for a game that no Euclidean norm contracts."""
    a = np.array([[-0.2, 4.0], [-0.1, -0.2]])
    drift, noise = linear(a), constant(np.diag([1.0, 0.1]))
    assert np.linalg.eigvalsh((a + a.T) / 2)[-1] > 0
    found = foster_lyapunov(drift, noise, PLANE)
    x = np.random.default_rng(5).normal(size=(20_000, 2)) * np.geomspace(0.1, 30, 20_000)[:, None]
    p = found.matrix
    v = 1 + np.einsum("ni,ij,nj->n", x, p, x)
    lv = 2 * np.einsum("ni,ij,nj->n", x, p, drift(x)) + np.trace(p @ np.diag([1.0, 0.1]))
    assert found.source == "Lyapunov equation at the centre" and np.isclose(np.trace(p), 2)
    pull = p @ a + a.T @ p
    np.testing.assert_allclose(pull, pull[0, 0] * np.eye(2), atol=1e-6)
    assert found.rate > 0 and np.all(lv <= -found.rate * v + found.constant + 1e-9 * v)
    assert not np.all(lv <= -3 * found.rate * v)


def test_the_linear_program_finds_what_the_other_proposals_miss():
    """Contracting at the centre like the identity, far out only in a stretched norm."""
    far = np.array([[-0.2, 4.0], [-0.1, -0.2]])

    def drift(x):
        near = np.exp(-np.sum(x * x, axis=1))[:, None]
        return near * -x + (1 - near) * x @ far.T

    found = foster_lyapunov(drift, constant(np.eye(2)), PLANE)
    assert found.source == "linear program"
    assert np.linalg.eigvalsh(found.matrix @ far + far.T @ found.matrix)[-1] < 0


@pytest.mark.parametrize("matrix", [[[0.0, -1.0], [1.0, 0.0]], [[0.1, -1.0], [1.0, -0.05]], [[0.0, 1.0], [0.0, 0.0]]])
def test_no_function_for_unstable_or_undamped_games(matrix):
    assert foster_lyapunov(linear(matrix), constant(np.eye(2)), PLANE) is None


# -------------------------------------------------------------------- in words


def test_words_for_linear_games():
    undamped, damped = (linear([[-c, -1.0], [1.0, 0.0]], offset=[0.0, 0.3]) for c in (0.0, 1.0))
    noise = constant(np.diag([1.0, 0.0]))
    start = "no invariant measure: the linear part has eigenvalues ±1i (undamped)"
    assert evidence(undamped, noise).summary.startswith(start)
    found = evidence(damped, noise)
    assert found.verdict == "degenerate ergodic"
    assert found.summary.startswith("degenerate noise (rank 1 of 2), yet controllable and stable: ergodic")
    assert not found.elliptic and found.lyapunov is not None


def test_words_for_a_double_well():
    found = evidence(lambda x: x - x**3, constant(0.2 * np.eye(2)))
    assert found.verdict == "supported" and found.linear is None
    assert found.summary.startswith("evidence for: dissipative beyond radius")
    assert "uniformly elliptic (least eigenvalue 0.2 on the sample)" in found.summary
    assert f"on {found.points:,} points up to radius 100" in found.summary


def test_words_for_bounded_drift():
    """The conditions of Veretennikov as Cao & Guo state them: z.b <= -r |z|, all bounded, elliptic."""
    found = evidence(lambda x: -x / np.sqrt(1 + np.sum(x * x, axis=1))[:, None], constant(np.eye(2)))
    assert found.verdict == "supported" and found.bounded
    assert found.lyapunov.weakening and "the weaker the farther out" in found.summary
    radii = found.dissipativity.radii
    np.testing.assert_allclose(found.dissipativity.values * radii, -radii / np.sqrt(1 + radii**2), rtol=1e-9)


def test_degenerate_noise_supports_existence_only():
    found = evidence(lambda x: -x - x**3, constant(np.diag([1.0, 0.0])))
    assert found.verdict == "existence only" and "reach 1 of 2" in found.summary


def test_failures_are_undecided_and_never_a_disproof():
    """A Brownian motion pulled by 1/|z|: recurrent or not, no sample can tell; nothing may be claimed."""
    found = evidence(lambda x: -0.1 * x / (1 + np.sum(x * x, axis=1))[:, None], constant(np.eye(2)))
    assert found.lyapunov is None
    outward = evidence(lambda x: x + x**3, constant(np.eye(2)))
    assert outward.verdict == "undecided" and "not dissipative at radius 100" in outward.summary


def test_noise_that_outgrows_the_pull_is_seen():
    """b = -x and sigma sigma^T = k |x|^2 I: second moments grow iff k > 1 in the plane, in closed form."""

    def noise(k):
        return lambda x: (k * np.sum(x * x, axis=1) + 1e-3)[:, None, None] * np.eye(2)

    assert evidence(lambda x: -x, noise(0.9)).verdict == "supported"
    loud = evidence(lambda x: -x, noise(1.1))
    assert loud.verdict == "undecided" and "noise outweighs it" in loud.summary


# -------------------------------------------------------------------- boxes


ROTATION = [[0.0, -1.0], [1.0, 0.0]]
UNIT = {"low": [-1.0, -1.0], "high": [1.0, 1.0]}


def reflected(drift, noise):
    return fokker_planck(drift, noise, Grid.rectangle(UNIT["low"], UNIT["high"], 20))


def test_a_compact_box_is_not_denied_a_law():
    """Undamped rotation has none in the plane, and one if it is reflected: the grid shows it."""
    drift, noise = linear(ROTATION), constant(np.eye(2))
    found = evidence(drift, noise, **UNIT)
    assert found.verdict == "supported" and found.compact and found.linear is None
    words = "evidence for: compact box, so that a law exists if the process is reflected at its faces"
    assert found.summary.startswith(words) and "no invariant measure" not in found.summary
    process = reflected(drift, noise)
    assert process.residual(process.stationary(boundary_limit=1)) < 1e-12
    assert evidence(drift, noise).verdict == "none"  # without a box all is as it was


def test_a_compact_box_promises_one_law_only_with_elliptic_noise():
    """y' = x + 2 y, |x| <= 1, sticks to the face that it comes to, whatever the noise of x does: two laws."""
    drift, noise = linear([[0.0, 0.0], [1.0, 2.0]]), constant(np.diag([1.0, 0.0]))
    found = evidence(drift, noise, **UNIT)
    assert found.at_centre.kalman_rank == 2
    assert found.verdict == "existence only" and "existence, not for uniqueness: compact box" in found.summary
    with pytest.raises(ValueError, match="expected one stationary law, got several"):
        reflected(drift, noise).stationary(boundary_limit=1)
    assert evidence(linear([[-1.0, -1.0], [1.0, 0.0]]), noise, **UNIT).verdict == "existence only"
    pulled = evidence(linear([[-1.0, 0.0], [0.5, -1.0]]), noise, low=[-9.0, -9.0], high=[9.0, 9.0])
    assert pulled.verdict == "supported" and "compact box" in pulled.summary and "dissipative" in pulled.summary


def test_one_face_leaves_the_linear_verdict_open():
    """dX = -dt + dW has no law on the line and, reflected at 0, the exponential one of mean 1 / 2."""
    drift, noise = (lambda x: -np.ones_like(x)), constant([[1.0]])
    assert invariant_measure_evidence(drift, noise, centre=[1.0]).verdict == "none"
    assert invariant_measure_evidence(drift, noise, centre=[1.0], low=[0.0]).verdict == "supported"
    assert evidence(linear(ROTATION), constant(np.eye(2)), low=[-1.0, -1.0]).verdict == "undecided"


def test_spheres_outside_of_the_box_are_left_out():
    wide = evidence(linear(-np.eye(2)), constant(np.eye(2)), **UNIT)
    kept = RADII[RADII <= np.sqrt(2)]  # to the corners; those beyond 1 only by chance
    assert np.array_equal(wide.dissipativity.radii, kept) and wide.extent == kept[-1]
    assert wide.verdict == "supported" and np.all(np.isfinite(wide.ellipticity.values))
    assert foster_lyapunov(linear(-np.eye(2)), constant(np.eye(2)), Spheres([0.0, 0.0], RADII, **UNIT)) is None
    alone = invariant_measure_evidence(lambda x: x, constant([[1.0]]), centre=[0.0], low=[-0.15], high=[0.15])
    assert alone.extent == 0.1 and not alone.bounded and alone.verdict == "supported"
    apart = Spheres([3.0, 3.0], RADII, directions=64, **UNIT).filled()
    assert np.all(apart.inside(apart.points(0)).any(axis=1)) and apart.radii[0] > 2 * np.sqrt(2)


def test_no_summary_claims_a_proof():
    for drift in (linear(-np.eye(2)), linear([[0.0, 1.0], [-1.0, 0.0]]), lambda x: x - x**3, lambda x: x**3):
        for noise in (np.eye(2), np.diag([1.0, 0.0])):
            assert "prove" not in evidence(drift, constant(noise)).summary


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Spheres([0.0], [2.0, 1.0]), "radii: expected positive, increasing numbers"),
        (lambda: Spheres([0.0, 0.0], [1.0], directions=3), "directions: expected an integer >= 4, got 3"),
        (lambda: Spheres([0.0, 0.0], [1.0], low=[0.0, 0.0, 0.0]), "low: expected 2 bounds"),
        (
            lambda: evidence(linear(-np.eye(2)), constant(np.eye(2)), radii=[5.0, 6.0], **UNIT),
            r"radii: expected spheres that meet the box between low \[-1.0, -1.0\] and high \[1.0, 1.0\], got \[5",
        ),
        (lambda: linear_law(np.eye(2), np.eye(3)), r"covariance: expected a covariance of shape \(2, 2\)"),
        (lambda: linear_law(np.eye(2), np.eye(2), [1.0]), r"offset: expected shape \(2,\)"),
        (lambda: dissipativity(lambda x: x[:, :1], PLANE), "drift: expected shape"),
        (lambda: ellipticity(lambda x: x, PLANE), "covariance: expected an array with 3 axes"),
        (lambda: dissipativity(lambda x: x * np.nan, PLANE), "drift: expected finite numbers"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match="^" + message):
        call()
