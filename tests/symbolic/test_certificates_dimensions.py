"""The N-d rows of the property table: answers, counterexamples in fractions, proofs expanded anew, broken maps."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from sympy import ImmutableMatrix, Matrix, Rational, cancel, diag, eye, kronecker_product, zeros

import gan_sde as gs
from gan_sde.symbolic.certificates import Hurwitz, Proved, Refuted, maps
from gan_sde.symbolic.certificates.dimensions_table import dimensions_table, equilibrium_table
from gan_sde.symbolic.certificates.directions import WeakCurvature
from gan_sde.symbolic.certificates.hurwitz import UnstablePoint
from gan_sde.symbolic.certificates.mean_table import mean_maps, mean_table
from gan_sde.symbolic.certificates.pairs import ViolatingPair
from gan_sde.symbolic.certificates.subsystems import Parts, mean_subsystem, row_subsystem
from gan_sde.symbolic.certificates.table import ALPHA, BETA, ETA, EXAMPLES
from tests.symbolic.lq_gan_by_hand import HandGame, inner
from tests.symbolic.test_certificates_signs import expanded_anew
from tests.symbolic.test_certificates_tables import fractions, sign_proofs


@pytest.fixture(scope="module")
def games():
    return {n: gs.games.get("lq-gan", dim=n) for n in (1, 2, 3)}


@pytest.fixture(scope="module")
def rows(games):
    """Of dimension N, keyed by N."""
    return {
        1: equilibrium_table(games[1]),
        2: [*mean_table(games[2]), *dimensions_table(games[2]), *equilibrium_table(games[2])],
        3: dimensions_table(games[3]),
    }


def answers(rows, section):
    return {(row.map, row.claim): row.answer for row in rows if row.section == section}


# -------------------------------------------------------------------- the cells


@pytest.mark.parametrize("dimension", [2, 3])
def test_row_cells(rows, dimension):
    found = answers(rows[dimension], f"row {dimension} of A, jointly")
    for name in ("F_cc", "F_eg"):
        strong = answers(rows[dimension], f"row {dimension} of A, off-diagonals")
        assert strong[name, "strongly monotone, modulus 4 sigma_min(L)^2"] == "yes"
        assert found[name, "quasimonotone"] == found[name, "monotone"] == "no"
    assert found["Gauss-Newton", "strongly monotone, modulus 1/2"] == "yes"
    assert found["Gauss-Newton", "strongly monotone, modulus 1/2 + c"] == "no"
    diagonal = answers(rows[dimension], f"row {dimension} of A, diagonal")
    assert diagonal == {("F_cc'", "strongly monotone, modulus 1"): "yes"}
    assert answers(rows[dimension], f"A, N = {dimension}") == {("Gauss-Newton", "quasimonotone"): "no"}


def test_covariance_cells(rows):
    found = answers(rows[2], "(W2, A), N = 2")
    assert set(found.values()) == {"no"}
    assert {name for name, _ in found} == {"F", "F_reg", "F_con", "F_eg", "F_cc"}


@pytest.mark.parametrize("dimension", [1, 2])
def test_equilibrium_cells(rows, dimension):
    found = answers(rows[dimension], f"equilibrium, N = {dimension}")
    assert [name for (name, _), answer in found.items() if answer == "no"] == ["F"]
    assert set(found.values()) == {"yes", "no"} and len(found) == 8


@pytest.mark.slow
def test_equilibrium_in_three_dimensions(games):
    found = equilibrium_table(games[3])
    assert [row.map for row in found if row.answer == "no"] == ["F"]
    assert all(row.certificate.verify() for row in found)


@pytest.mark.parametrize("dimension", [2, 3])
def test_mean_subsystem_is_a_sum_of_equal_planes(games, dimension):
    """Jacobian of N data dimensions: that of one, times the identity; so moduli and stability are those of N = 1."""
    one = mean_maps(mean_subsystem(games[1]))
    many = mean_maps(mean_subsystem(games[dimension]))
    for name, (map_, modulus) in many.items():
        plane = one[name][0].jacobian(mean_subsystem(games[1]).parameters)
        found = map_.jacobian(mean_subsystem(games[dimension]).parameters)
        assert found == ImmutableMatrix(kronecker_product(plane, eye(dimension)))
        assert modulus == one[name][1]


@pytest.mark.parametrize("dimension", [1, 2])
def test_jacobians_at_the_equilibrium(games, dimension):
    """The block forms, and the squared singular values, in floating point at random data."""
    game = games[dimension]
    at = game.known_equilibria[0]
    slope = Matrix(maps.mismatch(game)[1].subs(at))
    half = len(slope[:, 0])
    turn = Matrix(zeros(half).row_join(-slope)).col_join(slope.T.row_join(zeros(half)))
    square = diag(slope * slope.T, slope.T * slope)
    lower = diag(zeros(half), slope.T * slope)
    expected = {
        maps.simultaneous(game): turn,
        maps.crossing_the_curl(game): square,
        maps.extragradient_direction(game): square,
        maps.consensus(game, BETA): turn + BETA * square,
        maps.alternating(game, ALPHA): turn + ALPHA * lower,
        maps.regularised(game, ETA): turn + 2 * ETA * lower,
        maps.unrolled(game, ALPHA, 2): turn + 4 * ALPHA * lower,
    }
    for map_, matrix in expected.items():
        assert (map_.jacobian(game.parameters).subs(at) - matrix).applyfunc(cancel) == zeros(2 * half)
    table = {c: Rational(3 + k, 5 - k) for k, c in enumerate(Parts(game).constants())}
    singular = np.linalg.svd(np.array(slope.subs(table), dtype=float), compute_uv=False)
    assert singular.min() > 0
    values = np.linalg.eigvals(np.array(square.subs(table), dtype=float))
    np.testing.assert_allclose(np.sort(values.real), np.sort([*singular**2, *singular**2]), rtol=1e-6)


@pytest.mark.parametrize("dimension", [2, 3])
def test_row_maps(games, dimension):
    """Off-diagonals: ``4 L L^T`` and ``4 L^T L``; Gauss-Newton in closed form."""
    game, parts = games[dimension], Parts(games[dimension])
    n = dimension - 1
    block = Matrix(n, n, lambda i, j: parts.learned.get((i + 1, j + 1), 0))
    part = row_subsystem(game, dimension, "off-diagonals")
    for map_ in (maps.crossing_the_curl(part), maps.extragradient_direction(part)):
        assert map_.jacobian(part.parameters) == 4 * diag(block * block.T, block.T * block)
    part = row_subsystem(game, dimension)
    offset = [parts.scale[dimension, j] - parts.learned[dimension, j] for j in range(1, dimension)]
    a, t = parts.scale[dimension, dimension], parts.learned[dimension, dimension] ** 2
    last = (a**2 - sum(d**2 for d in offset) - t) / (2 * a)
    expected = Matrix([*next(iter(part.players.values())), *offset, last])
    assert (maps.gauss_newton(part) - expected).applyfunc(cancel) == zeros(2 * dimension, 1)


# -------------------------------------------------------------------- certificates checked anew


def by_hand(dimension, row, constants):
    values = fractions(constants)
    names = [v.name for v in row.certificate.problem.variables]
    generator_only = row.section.startswith("A, N")
    if generator_only:
        pairs = [(i, j) for i in range(1, dimension + 1) for j in range(i, dimension + 1)]
        ups = [f"W_{i}{j}" for i, j in pairs]
        hand = HandGame(dimension, values, [*ups, *names])
        zero = [Fraction(0)] * len(ups)
        return lambda point: hand.map(row.map, values, [*zero, *point])[len(ups) :]
    hand = HandGame(dimension, values, names)
    return lambda point: hand.map(row.map, values, point)


def test_pairs_evaluated_anew(rows):
    checked = 0
    for dimension, listed in rows.items():
        for row in listed:
            pair = getattr(row.certificate, "counterexample", None)
            if not isinstance(pair, ViolatingPair):
                continue
            value = by_hand(dimension, row, pair.constants)
            y, x = ([Fraction(int(v.p), int(v.q)) for v in point] for point in (pair.y, pair.x))
            step = [p - q for p, q in zip(x, y, strict=True)]
            at_y, at_x = inner(value(y), step), inner(value(x), step)
            if row.claim.startswith("strongly"):
                assert at_x - at_y <= 0 and any(step)
            else:
                assert at_y > 0 > at_x  # of all three classes at once
            names = [v.name for v in row.certificate.problem.variables]
            diagonal = [k for k, name in enumerate(names) if name in {f"A_{i}{i}" for i in range(1, 4)}]
            assert all(point[k] > 0 for point in (x, y) for k in diagonal)
            checked += 1
    assert checked > 25


def test_rotations_at_the_equilibrium(rows):
    for listed in rows.values():
        for row in listed:
            if isinstance(getattr(row.certificate, "counterexample", None), UnstablePoint):
                matrix = np.array(row.certificate.counterexample.jacobian(row.certificate.problem), dtype=float)
                assert np.array_equal(matrix, -matrix.T)


def test_no_larger_modulus_than_one_half(rows):
    """Two points close to the certificate's direction, in fractions, for three values of c."""
    for dimension in (2, 3):
        row = next(r for r in rows[dimension] if r.claim == "strongly monotone, modulus 1/2 + c")
        found = row.certificate.counterexample
        assert isinstance(found, WeakCurvature)
        for c in (Rational(1, 10), Rational(1), Rational(7)):
            table = {v: Rational(1 + k, 2) for k, v in enumerate(row.certificate.problem.domain.constants)}
            table |= {v: c for v in table if v.name == "c"}
            value = by_hand(dimension, row, table)
            point = [Fraction(str(found.point[v].subs(table))) for v in row.certificate.problem.variables]
            step = [Fraction(str(v)) / 10**6 for v in found.direction]
            moved = [p + v for p, v in zip(point, step, strict=True)]
            slope = inner([p - q for p, q in zip(value(moved), value(point), strict=True)], step)
            modulus = Fraction(str(c)) + Fraction(1, 2)
            assert Fraction(1, 2) * inner(step, step) <= slope < modulus * inner(step, step)


def test_proofs_expanded_anew(rows):
    for listed in rows.values():
        for row in listed:
            proof = row.certificate
            assert proof.verify(), (row.section, row.map, row.claim)
            if not isinstance(proof, Proved):
                continue
            domain = proof.problem.domain
            if isinstance(proof.claim, Hurwitz) and proof.claim.at is not None:
                domain = type(domain)({}, domain.constants)
            for each in sign_proofs(proof.argument):
                assert expanded_anew(each, domain)


# -------------------------------------------------------------------- negative controls


@pytest.mark.parametrize("factor", [-1, 2])
def test_a_changed_map_loses_its_proof(rows, factor):
    tried = 0
    for listed in rows.values():
        for row in listed:
            proof = row.certificate
            if not isinstance(proof, Proved):
                continue
            for entry in range(0, len(proof.problem.map), 7):
                entries = [e * (factor if i == entry else 1) for i, e in enumerate(proof.problem.map)]
                mutant = replace(proof, problem=proof.problem.with_map(ImmutableMatrix(entries)))
                assert not mutant.verify(), (row.section, row.map, row.claim, entry)
                tried += 1
    assert tried > 40


def test_a_changed_map_loses_its_counterexample(rows):
    for listed in rows.values():
        for row in listed:
            proof = row.certificate
            if not isinstance(proof, Refuted) or row.claim.startswith("strongly"):
                continue
            problem = proof.problem
            stable = problem.map + 1000 * Matrix(problem.variables)
            other = stable if isinstance(proof.claim, Hurwitz) else -problem.map
            assert not replace(proof, problem=problem.with_map(ImmutableMatrix(other))).verify(), (row.section, row.map)


def test_examples_are_inside_their_intervals():
    assert all(value > 0 for value in EXAMPLES.values())
