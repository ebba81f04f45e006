"""The 1-d property table: its cells against the closed forms, every certificate against an independent check.

Counterexamples are evaluated once more in fractions by `lq_gan_by_hand`, which shares no code with the search; proofs
are expanded once more. Negative controls: a map with a changed sign or factor must lose its certificate.
"""

from dataclasses import fields, is_dataclass, replace
from fractions import Fraction

import numpy as np
import pytest
from sympy import ImmutableMatrix, Integer, Matrix, Rational, cancel, diag, symbols

import gan_sde as gs
from gan_sde.symbolic.certificates import Hurwitz, Proved, Quasimonotone, Refuted, StronglyMonotone, maps
from gan_sde.symbolic.certificates.directions import DecreasingDirection
from gan_sde.symbolic.certificates.family_table import cut_off, family_table, member, scaled_member
from gan_sde.symbolic.certificates.full_table import full_maps, full_table
from gan_sde.symbolic.certificates.hurwitz import UnstablePoint
from gan_sde.symbolic.certificates.mean_table import mean_maps, mean_table
from gan_sde.symbolic.certificates.monotone import DefiniteJacobian
from gan_sde.symbolic.certificates.pairs import ViolatingPair
from gan_sde.symbolic.certificates.signs import SignProof
from gan_sde.symbolic.certificates.subsystems import covariance_subsystem, mean_subsystem, restrict, row_subsystem
from gan_sde.symbolic.certificates.table import EXAMPLES, select
from gan_sde.symbolic.certificates.tables import property_table
from gan_sde.symbolic.certificates.variance_table import variance_maps, variance_table
from tests.symbolic.lq_gan_by_hand import HandGame, inner, jacobian
from tests.symbolic.test_certificates_signs import expanded_anew

w2, w1, a, b, mu, sigma, alpha, beta, gamma, eta = symbols("w2 w1 a b mu sigma alpha beta gamma eta")
K, delta = symbols("K delta")
s = sigma**2
MAPS = ("F", "F_alt", "F_unr", "F_reg", "F_con", "J^T F", "F_eg", "F_cc")


@pytest.fixture(scope="module")
def game():
    return gs.games.get("lq-gan", dim=1)


@pytest.fixture(scope="module")
def rows(game):
    return [*mean_table(game), *variance_table(game), *family_table(game), *full_table(game)]


def same(left, right):
    return all(cancel(p - q) == 0 for p, q in zip(Matrix(left), Matrix(right), strict=True))


# -------------------------------------------------------------------- the maps against their closed forms


def test_variance_maps(game):
    found = variance_maps(covariance_subsystem(game))
    m = a**2 - s
    pulled = [m, -2 * w2 * a + symbols("c") * a * m]
    c = symbols("c")
    expected = {
        "F": [m, -2 * w2 * a],
        "F_alt": [e.subs(c, 2 * alpha) for e in pulled],
        "F_unr": [e.subs(c, 8 * alpha) for e in pulled],  # 4 k alpha with k = 2
        "F_reg": [e.subs(c, 4 * eta) for e in pulled],
        "F_con": [m + 4 * beta * w2 * a**2, -2 * w2 * a + beta * (2 * a * m + 4 * w2**2 * a)],
        "J^T F": [4 * w2 * a**2, 2 * a * m + 4 * w2**2 * a],
        "F_eg": [4 * w2 * a**2, 2 * a * m - 4 * w2**2 * a],
        "F_cc": [4 * w2 * a**2, 2 * a * m],
        "F_eg'": [2 * w2, (m - 2 * w2**2) / a],
        "F_cc'": [2 * w2, a - s / a],
    }
    assert set(found) == set(expected)
    assert all(same(found[name], expected[name]) for name in found)


def test_mean_maps(game):
    found = mean_maps(mean_subsystem(game))
    d = b - mu
    assert same(found["F"][0], [d, -w1])
    assert same(found["F_alt"][0], [d, -w1 + alpha * d])
    assert same(found["F_unr"][0], [d, -w1 + 4 * alpha * d])
    assert same(found["F_reg"][0], [d, -w1 + 2 * eta * d])
    assert same(found["F_con"][0], [d + beta * w1, -w1 + beta * d])
    assert all(same(found[name][0], [w1, d]) for name in ("F_eg", "F_cc", "J^T F"))


def test_full_maps(game):
    found = full_maps(game)
    m = a**2 + b**2 - mu**2 - s
    cross = [4 * w2 * (a**2 + b**2) + 2 * b * w1, 2 * w2 * b + w1, 2 * a * m, 2 * b * m + b - mu]
    assert same(found["F_cc"], cross)
    less = [0, 0, 4 * w2**2 * a, 4 * w2**2 * b + 2 * w1 * w2]
    assert same(found["F_eg"], Matrix(cross) - Matrix(less))
    assert same(found["J^T F"], Matrix(cross) + Matrix(less))


@pytest.mark.parametrize("dimension", [1, 2])
def test_equivalent_maps(dimension):
    game = gs.games.get("lq-gan", dim=dimension)
    assert same(maps.alternating(game, alpha), maps.regularised(game, alpha / 2))
    assert same(maps.unrolled(game, alpha, 2), maps.regularised(game, 2 * alpha))
    field = game.field
    assert cancel((field.T * maps.crossing_the_curl(game))[0]) == 0
    assert not maps.crossing_the_curl(game)[len(game.parameters) // 2 :, 0].has(*game.players["discriminator"])


@pytest.mark.parametrize(
    ("name", "options", "map_"),
    [
        ("crossing-the-curl", {}, maps.crossing_the_curl),
        ("consensus", {"weight": Rational(1, 10)}, lambda game: maps.consensus(game, Rational(1, 10))),
        ("sgda", {}, maps.simultaneous),
    ],
)
def test_maps_are_the_drifts_of_the_algorithms(game, name, options, map_):
    """Two derivations of one thing: the first-order SDE of the algorithm drifts along minus the map."""
    drift = gs.Training(game, gs.algorithms.get(name, **options)).sde(order=1).drift
    assert same(drift, -map_(game))


def test_maps_by_hand_agree(game):
    point = {w2: Rational(2, 3), w1: Rational(-1, 2), a: Rational(3, 4), b: Rational(1, 5)}
    constants = {mu: Rational(1, 3), sigma: Rational(3, 2), **EXAMPLES}
    hand = HandGame(1, fractions(constants), ["w2", "w1", "a", "b"])
    for name, map_ in full_maps(game).items():
        value = map_.subs({**point, **constants})
        assert [Fraction(str(v)) for v in value] == hand.map(
            name, fractions(constants), list(fractions(point).values())
        )


# -------------------------------------------------------------------- the cells


def test_mean_cells(rows):
    for name in MAPS:
        cells = select(rows, "mean (w1, b), N = 1", name)
        assert all(cells[claim].answer == "yes" for claim in ("monotone", "pseudomonotone", "quasimonotone"))
        assert cells["Hurwitz"].answer == ("no" if name == "F" else "yes")
        strong = [row.answer for claim, row in cells.items() if claim.startswith("strongly")]
        assert strong == (["no"] if name in ("F", "F_alt", "F_unr", "F_reg") else ["yes", "no"])
    assert "strongly monotone, modulus beta" in select(rows, "mean (w1, b), N = 1", "F_con")
    assert "strongly monotone, modulus 1" in select(rows, "mean (w1, b), N = 1", "F_cc")


VARIANCE = {  # monotone, pseudo-, quasimonotone; Hurwitz at the equilibrium, everywhere
    "F": "no no no no no",
    "F_alt": "no no no yes no",
    "F_unr": "no no no yes no",
    "F_reg": "no no no yes no",
    "F_con": "no no no yes no",
    "J^T F": "no no no yes no",
    "F_eg": "no yes yes yes no",
    "F_cc": "no yes yes yes no",
    "F_eg'": "yes yes yes yes yes",
    "F_cc'": "yes yes yes yes yes",
}
CLAIMS = ("monotone", "pseudomonotone", "quasimonotone", "Hurwitz at the equilibrium", "Hurwitz everywhere")


@pytest.mark.parametrize("name", VARIANCE)
def test_variance_cells(rows, name):
    cells = select(rows, "variance (w2, a)", name)
    assert " ".join(cells[claim].answer for claim in CLAIMS) == VARIANCE[name]


def test_variance_regions_and_moduli(rows):
    for name in ("F_eg", "F_cc"):
        claim = "monotone exactly where 3*a**2 - sigma**2 - 2*w2**2 >= 0"
        assert select(rows, "variance (w2, a)", name)[claim].answer == "yes"
    cells = select(rows, "variance (w2, a)", "F_cc")
    assert cells["Hurwitz exactly where 3*a**2 - sigma**2 > 0"].answer == "yes"
    cells = select(rows, "variance (w2, a)", "F_cc'")
    assert cells["strongly monotone, modulus 1"].answer == "yes"
    assert cells["strongly monotone, modulus 1 + c"].answer == "no"
    assert cells["strongly monotone on a <= a_max <= sigma, modulus 2"].answer == "yes"
    assert cells["strongly monotone on a <= a_max, sigma <= a_max, modulus 1 + sigma**2/a_max**2"].answer == "yes"
    cells = select(rows, "variance (w2, a)", "F_eg'")
    assert [row.answer for claim, row in cells.items() if "str" in claim] == ["yes", "no", "yes"]


@pytest.mark.parametrize(
    ("name", "eigenvalues"),
    [
        ("F", [2j, -2j]),
        ("F_alt", [0.2 + 1j * 3.96**0.5, 0.2 - 1j * 3.96**0.5]),
        ("F_con", [0.4 + 2j, 0.4 - 2j]),
        ("J^T F", [4, 4]),
        ("F_eg", [4, 4]),
        ("F_cc", [4, 4]),
        ("F_eg'", [2, 2]),
        ("F_cc'", [2, 2]),
    ],
)
def test_eigenvalues_at_the_equilibrium_of_the_variance_subsystem(game, name, eigenvalues):
    """At sigma = 1 and weights 1/10; F_alt has trace 2 c s = 0.4 and determinant 4 s."""
    found = variance_maps(covariance_subsystem(game))[name].jacobian([w2, a])
    values = np.linalg.eigvals(np.array(found.subs({w2: 0, a: 1, sigma: 1, **EXAMPLES}), dtype=complex))
    order = np.argsort(values.imag), np.argsort(np.imag(eigenvalues))
    np.testing.assert_allclose(values[order[0]], np.array(eigenvalues)[order[1]], atol=1e-7)


def test_full_cells(rows):
    for name in MAPS:
        cells = select(rows, "whole game (w2, w1, a, b)", name)
        assert all(cells[claim].answer == "no" for claim in CLAIMS if claim in cells)
        assert len(cells) >= 4


def test_family_cells(rows):
    answers = [(row.claim, row.answer) for row in rows if row.section == "linear family on (w2, a)"]
    assert answers == [
        ("pseudomonotone", "yes"),
        ("monotone once divided by 2 a^2", "yes"),
        *[("quasimonotone, any weights", "no")] * 3,
        ("strongly monotone, modulus K", "yes"),
        ("strongly monotone, modulus K + c", "no"),
        ("strongly monotone, modulus 4*beta", "yes"),
        ("strongly monotone, modulus 4*beta + c", "no"),
        ("pseudomonotone", "yes"),
    ]


def test_nothing_is_unknown(rows):
    assert {row.answer for row in rows} == {"yes", "no"}


# -------------------------------------------------------------------- identities behind the classification


def turned(game, *weights):
    """``q = v^T J v`` with v the map turned by a right angle."""
    map_ = member(game, *weights)
    v = Matrix([-map_[1], map_[0]])
    return cancel((v.T * map_.jacobian([w2, a]) * v)[0])


def test_second_order_identities(game):
    m = a**2 - s
    total = beta + gamma
    q = turned(game, alpha, beta, gamma)
    bend = 8 * beta * (gamma - beta)
    assert cancel(turned(game, Integer(1), Integer(0), Integer(0)) + 2 * w2 * m**2) == 0
    zero = 16 * a**4 * total * (total**2 * m**2 + 2 * total**2 * w2**2 * (a**2 + s) + bend * w2**4)
    assert cancel(turned(game, Integer(0), beta, gamma) - zero) == 0
    ring = 16 * s**2 * w2**2 * total * (alpha**2 + 2 * alpha * total * w2 + 4 * s * total**2 + bend * w2**2)
    assert cancel(q.subs(a, sigma) - ring) == 0
    assert cancel(q.subs({w2: 0, a: 0}) + 2 * alpha**2 * s**3 * total) == 0
    scaled = scaled_member(game, Integer(0), beta, gamma).jacobian([w2, a])
    determinant = (scaled + scaled.T).det() / 4
    assert cancel(determinant - 2 / a**2 * (total**2 * (a**2 + s) + 4 * beta * (gamma - beta) * w2**2)) == 0


def test_lyapunov_identities(game):
    """Rate of ``w2^2 + a^2/2 - s ln a`` along the flow ``x' = -map``."""
    m = a**2 - s
    slope = Matrix([[2 * w2, a - s / a]])
    c = 2 * alpha
    expected = {
        "F": 0,
        "F_alt": -c * m**2,
        "F_cc": -2 * (m**2 + 4 * a**2 * w2**2),
        "F_eg": -2 * (m**2 + 2 * w2**2 * (a**2 + s)),
        "F_con": -2 * beta * (m**2 + w2**2 * (6 * a**2 - 2 * s)),
    }
    found = variance_maps(covariance_subsystem(game))
    for name, rate in expected.items():
        assert cancel((slope * -found[name])[0] - rate) == 0


@pytest.mark.slow
def test_a_little_of_the_field_does_no_harm_on_any_cut_off_domain(game):
    """For beta = 1, gamma = 2, every sigma and a_min: each alpha up to ``a_min^2 / (a_min + sigma)``."""
    from gan_sde.symbolic.certificates import NONNEGATIVE, POSITIVE, Monotone
    from gan_sde.symbolic.certificates.monotone import prove_definite

    floor, slack = symbols("a_min tau")
    weight = floor**2 / ((1 + slack) * (floor + sigma))
    map_ = scaled_member(game, weight, Integer(1), Integer(2))
    problem = cut_off(game, map_, floor, {slack: NONNEGATIVE, floor: POSITIVE})
    argument = prove_definite(problem, Monotone())
    assert argument.establishes(problem, Monotone())


# -------------------------------------------------------------------- certificates checked anew


def fractions(table):
    return {k.name: Fraction(int(v.p), int(v.q)) for k, v in table.items()}


def family_weights(name, constants):
    """alpha, beta, gamma of a member, by the words of its row."""
    get = {k: constants.get(k, Fraction(0)) for k in ("alpha", "beta", "gamma", "K", "delta")}
    if name == "alpha = 0, beta = gamma + delta > gamma":
        return {"beta": get["gamma"] + get["delta"], "gamma": get["gamma"]}
    return {"alpha": get["alpha"], "beta": get["beta"], "gamma": get["K"] - get["beta"]}


def by_hand(row, constants):
    """The row's map as a function in fractions."""
    values = fractions(constants)
    hand = HandGame(1, values, [v.name for v in row.certificate.problem.variables])
    if "family" not in row.section and "family" not in row.map:
        return lambda point: hand.map(row.map, values, point)
    weights = family_weights(row.map, values)
    name = "linear'" if "divided" in row.map + row.claim else "linear"
    return lambda point: hand.map(name, weights, point)


def of(rows, kind):
    found = [r for r in rows if isinstance(r.certificate, Refuted) and isinstance(r.certificate.counterexample, kind)]
    assert found
    return found


def test_pairs_evaluated_anew(rows):
    """The definitions, in fractions, from the map written by hand."""
    for row in of(rows, ViolatingPair):
        pair, claim = row.certificate.counterexample, row.certificate.claim
        value = by_hand(row, pair.constants)
        y, x = ([Fraction(int(v.p), int(v.q)) for v in point] for point in (pair.y, pair.x))
        step = [p - q for p, q in zip(x, y, strict=True)]
        at_y, at_x = inner(value(y), step), inner(value(x), step)
        names = [v.name for v in row.certificate.problem.variables]
        assert all(point[names.index("a")] > 0 for point in (x, y) if "a" in names)
        if row.claim.startswith("quasi"):
            assert at_y > 0 > at_x
        elif row.claim.startswith("pseudo"):
            assert at_y >= 0 > at_x
        elif row.claim == "monotone":
            assert at_x - at_y < 0
        else:
            assert claim == StronglyMonotone() and at_x - at_y <= 0 and any(step)


def test_unstable_points_evaluated_anew(rows):
    for row in of(rows, UnstablePoint):
        found = row.certificate.counterexample
        point = [Fraction(int(v.p), int(v.q)) for v in found.point]
        matrix = np.array(jacobian(by_hand(row, found.constants), point), dtype=float)
        assert np.linalg.eigvals(matrix).real.min() < 1e-7  # exactly 0 for rotations, else negative


VALUES = {  # of all constants that occur, three times; beta <= K and c, delta > 0
    "alpha": (Rational(1, 3), 2, Rational(1, 50)), "beta": (Rational(1, 2), 3, Rational(1, 9)),
    "eta": (1, Rational(1, 7), 4), "gamma": (0, 2, Rational(1, 3)), "delta": (1, Rational(1, 4), 5),
    "K": (Rational(1, 2), 7, 1), "sigma": (1, Rational(5, 2), Rational(1, 3)), "mu": (0, 0, 0),
}  # fmt: skip


def test_directions_give_pairs_for_any_constants(rows):
    """At three sets of constants each direction yields two points that break quasimonotonicity, in fractions."""
    for row in of(rows, DecreasingDirection):
        found = row.certificate.counterexample
        assert set(map(str, row.certificate.problem.domain.constants)) <= set(VALUES)
        for k in range(3):
            constants = {c: Integer(1) * VALUES[c.name][k] for c in row.certificate.problem.domain.constants}
            value = by_hand(row, constants)
            point, step = (
                [Fraction(str(e.subs(constants))) for e in entries]
                for entries in (
                    [found.point[v] + Integer(0) for v in row.certificate.problem.variables],
                    found.direction,
                )
            )
            size = max(abs(v) for v in step)
            small = [v / size / 10**7 for v in step]
            ends = [[p + sign * v for p, v in zip(point, small, strict=True)] for sign in (-1, 1)]
            assert inner(value(ends[0]), small) > 0 > inner(value(ends[1]), small)


def sign_proofs(thing):
    """All sign proofs inside an argument, with the domains that they belong to."""
    if isinstance(thing, SignProof):
        yield thing
    elif isinstance(thing, tuple):
        for each in thing:
            yield from sign_proofs(each)
    elif isinstance(thing, Proved):
        yield from sign_proofs(thing.argument)
    elif is_dataclass(thing):
        for each in fields(thing):
            yield from sign_proofs(getattr(thing, each.name))


def test_proofs_expanded_anew(rows):
    """Lemma by lemma, with this file's own expansion; and every certificate against its map."""
    expanded = 0
    for row in rows:
        assert row.certificate.verify(), (row.section, row.map, row.claim)
        if not isinstance(row.certificate, Proved):
            continue
        proof, domain = row.certificate, row.certificate.problem.domain
        if isinstance(proof.claim, Hurwitz) and proof.claim.at is not None:
            domain = type(domain)({}, domain.constants)
        for each in sign_proofs(proof.argument):
            assert expanded_anew(each, domain)
            expanded += 1
    assert expanded > 100


def test_minors_are_those_of_the_map_by_hand(rows):
    """The expressions whose signs are proved, at a point, against differences of the map in fractions."""
    compared = 0
    for row in rows:
        proof = row.certificate
        if (
            not isinstance(proof, Proved)
            or not isinstance(proof.argument, DefiniteJacobian)
            or "tau" in str(proof.problem.map)
        ):
            continue
        names = proof.problem.domain.everything
        table = {v: Rational(3 + k, 4 + k * k) for k, v in enumerate(names)}
        if symbols("K") in table:
            table |= {symbols("K"): Integer(2), symbols("beta"): Rational(3, 4)}
        point = [Fraction(str(table[v])) for v in proof.problem.variables]
        matrix = np.array(
            jacobian(by_hand(row, {c: table[c] for c in proof.problem.domain.constants}), point), dtype=float
        )
        modulus = getattr(proof.claim, "modulus", None)
        symmetric = (matrix + matrix.T) / 2 - float(0 if modulus is None else modulus.subs(table)) * np.eye(len(matrix))
        for block in proof.argument.blocks:
            assert block.definite or len(block.rows) == 1
            for n, minor in enumerate(block.minors, start=1):
                chosen = symmetric[np.ix_(block.rows[:n], block.rows[:n])]
                assert np.linalg.det(chosen) == pytest.approx(float(minor.expression.subs(table)), rel=1e-6, abs=1e-9)
                compared += 1
    assert compared > 40


def test_proved_inequalities_hold_at_random_pairs(rows):
    """No substitute for the proofs: 300 pairs each, where a wrong sign in a definition would show."""
    rng = np.random.default_rng(11)
    for row in rows:
        proof = row.certificate
        if not isinstance(proof, Proved) or row.section != "variance (w2, a)" or row.map.endswith("R"):
            continue
        if row.claim not in ("pseudomonotone", "quasimonotone", "monotone", "strongly monotone, modulus 1"):
            continue
        value = by_hand(row, {sigma: Integer(1), **EXAMPLES})
        for _ in range(300):
            x, y = ([Fraction(rng.normal()), Fraction(float(np.exp(rng.normal())))] for _ in range(2))
            step = [p - q for p, q in zip(x, y, strict=True)]
            at_y, at_x = inner(value(y), step), inner(value(x), step)
            if "modulus" in row.claim:
                assert at_x - at_y >= inner(step, step)
            elif row.claim == "monotone":
                assert at_x >= at_y
            else:
                assert at_y < 0 or at_x >= 0


# -------------------------------------------------------------------- negative controls


def changed(problem, entry, factor):
    return problem.with_map(ImmutableMatrix([e * (factor if i == entry else 1) for i, e in enumerate(problem.map)]))


@pytest.mark.parametrize("factor", [-1, 2])
def test_a_changed_map_loses_its_proof(rows, factor):
    """Each entry of each proved map in turn with another sign, or doubled."""
    tried = 0
    for row in rows:
        proof = row.certificate
        if not isinstance(proof, Proved):
            continue
        for entry in range(len(proof.problem.map)):
            mutant = replace(proof, problem=changed(proof.problem, entry, factor))
            assert not mutant.verify(), (row.section, row.map, row.claim, entry)
            tried += 1
    assert tried > 100


def test_a_changed_map_loses_its_counterexample(rows):
    """The map reversed; for stability, the map made stable by a multiple of the identity."""
    for row in rows:
        proof = row.certificate
        if not isinstance(proof, Refuted) or row.claim.startswith("strongly"):
            continue
        problem = proof.problem
        stable = problem.map + 1000 * Matrix(problem.variables)
        other = stable if isinstance(proof.claim, Hurwitz) else -problem.map
        assert not replace(proof, problem=problem.with_map(other)).verify(), (row.section, row.map, row.claim)


def test_a_smaller_claim_is_not_contradicted(rows):
    """The pairs against strong monotonicity of a monotone map say nothing against quasimonotonicity."""
    for row in of(rows, ViolatingPair):
        if row.claim.startswith("strongly"):
            assert not replace(row.certificate, claim=Quasimonotone()).verify()


# -------------------------------------------------------------------- bad input


def test_bad_input(game):
    general = gs.games.get("quadratic")
    with pytest.raises(ValueError, match="games: expected the game of dimension 1"):
        property_table({2: game})
    with pytest.raises(ValueError, match="game: expected an LQ-GAN"):
        covariance_subsystem(gs.games.get("bilinear"))
    with pytest.raises(ValueError, match="free: expected 'all'"):
        row_subsystem(game, 1, "none")
    with pytest.raises(ValueError, match="game: expected a payoff linear"):
        maps.mismatch(gs.Game.zero_sum(w2**2 + a, maximiser={"d": [w2]}, minimiser={"g": [a]}))
    if general.payoff is None:
        with pytest.raises(ValueError, match="game: expected one payoff"):
            restrict(general, {}, "nothing")


def test_equilibrium_jacobian_of_crossing_the_curl(game):
    at = game.known_equilibria[0]
    slope = maps.mismatch(game)[1].subs(at)
    found = maps.crossing_the_curl(game).jacobian(game.parameters).subs(at)
    assert same(found, diag(slope * slope.T, slope.T * slope))
    values = [complex(v).real for v in found.subs({mu: 1, sigma: 2}).eigenvals(multiple=True)]
    singular = np.linalg.svd(np.array(slope.subs({mu: 1, sigma: 2}), dtype=float), compute_uv=False)
    np.testing.assert_allclose(sorted(values), sorted([*singular**2, *singular**2]), rtol=1e-9)
