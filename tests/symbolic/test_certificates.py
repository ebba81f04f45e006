"""Certificates of small maps whose properties are known by hand, and of broken ones."""

from dataclasses import replace

import pytest
from sympy import ImmutableMatrix, Integer, Rational, symbols

from gan_sde.symbolic.certificates import (
    NONNEGATIVE,
    POSITIVE,
    REAL,
    Hurwitz,
    HurwitzWhere,
    Interval,
    Monotone,
    MonotoneWhere,
    Proved,
    Pseudomonotone,
    Quasimonotone,
    Refuted,
    StrictlyMonotone,
    StronglyMonotone,
    Unknown,
    certify,
    refute_direction,
    refute_modulus,
)
from gan_sde.symbolic.certificates.properties import implies

x, y, z, c, t = symbols("x y z c t")
ROTATION = [y, -x]

PROVED = [
    (ROTATION, None, Monotone()),
    (ROTATION, None, Quasimonotone()),
    ([x**3, y], None, Monotone()),
    ([x + x**3, y], None, StronglyMonotone(Integer(1))),
    ([2 * x + y, 2 * y - x], None, StronglyMonotone()),
    ([x + y, y - x], None, StrictlyMonotone()),
    ([x / y, Integer(0)], {x: NONNEGATIVE, y: Interval(1, 2)}, Quasimonotone()),
    ([x + y, y - x], None, Hurwitz()),
    ([x - 3 * y, x + y / 2], None, Hurwitz()),
    ([x * y, y], {y: POSITIVE}, Hurwitz()),
]
REFUTED = [
    (ROTATION, None, StrictlyMonotone()),
    (ROTATION, None, StronglyMonotone()),
    (ROTATION, None, StronglyMonotone(Rational(1, 10))),
    (ROTATION, None, Hurwitz()),
    ([x**3, y], None, StronglyMonotone(Rational(1, 100))),
    ([x, -y], None, Quasimonotone()),
    ([x * y, y], {y: POSITIVE}, Monotone()),
    ([y, -x - y], None, Pseudomonotone()),
    ([x * y, y], None, Hurwitz()),
    ([x + 3 * y, y + 3 * x], None, Hurwitz()),
]


@pytest.mark.parametrize(("map_", "domain", "claim"), PROVED)
def test_proved(map_, domain, claim):
    if map_[0] == x / y:  # scaled by y > 0 this is monotone
        certificate = certify(map_, [x, y], domain, claim, factors=[y])
    else:
        certificate = certify(map_, [x, y], domain, claim)
    assert isinstance(certificate, Proved)
    assert certificate.verify()


@pytest.mark.parametrize(("map_", "domain", "claim"), REFUTED)
def test_refuted(map_, domain, claim):
    certificate = certify(map_, [x, y], domain, claim)
    assert isinstance(certificate, Refuted)
    assert certificate.verify()


def test_what_is_true_but_beyond_the_proofs_is_unknown():
    """Motzkin's polynomial is nonnegative and no sum of squares; samples alone prove nothing."""
    motzkin = x**5 * c**2 / 5 + x**3 * c**4 / 3 - x**3 * c**2 + x
    certificate = certify([motzkin], [x], None, Monotone(), constants={c: REAL})
    assert isinstance(certificate, Unknown)
    assert certificate.worst > -1e-6
    assert certificate.samples > 0


def test_a_pole_inside_the_domain_is_never_proved():
    """``-1/x`` has a positive derivative on both sides of its pole and is not monotone across it."""
    assert not isinstance(certify([-1 / x], [x], None, Monotone()), Proved)
    assert isinstance(certify([-1 / x], [x], {x: POSITIVE}, Monotone()), Proved)


def test_pseudomonotone_but_not_monotone():
    """A positive multiple of a rotation about the origin of the half-plane."""
    map_ = [y**2 * y, -(y**2) * x]
    assert isinstance(certify(map_, [x, y], {y: POSITIVE}, Monotone()), Refuted)
    certificate = certify(map_, [x, y], {y: POSITIVE}, Pseudomonotone())
    assert certificate.argument.factor.expression == y**-2
    assert certificate.verify()


def test_regions():
    map_ = [x**2 + y, y * 2 - x]
    assert isinstance(certify(map_, [x, y], None, MonotoneWhere(x)), Proved)
    assert isinstance(certify(map_, [x, y], None, MonotoneWhere(-x)), Unknown)
    assert isinstance(certify([x + y**3 / 3, y**3 / 3 + y], [x, y], None, HurwitzWhere(y**2 + 1)), Proved)
    assert isinstance(certify(map_, [x, y], None, HurwitzWhere(x)), Unknown)


def test_for_all_constants():
    constants = {c: POSITIVE}
    problem = certify([x, -c * y], [x, y], None, Quasimonotone(), constants=constants).problem
    refuted = refute_direction(problem, Quasimonotone(), {x: Integer(0), y: 1 + c})
    assert refuted is None  # along the map's zero entry the curvature is positive
    refuted = refute_direction(problem, Quasimonotone(), {x: c * 2, y: Integer(1)})
    assert refuted is None or refuted.verify()
    refuted = refute_direction(problem, Quasimonotone(), {x: Integer(1), y: Integer(0)})
    assert refuted.verify()
    flipped = replace(refuted, problem=problem.with_map(ImmutableMatrix([x, c * y])))
    assert not flipped.verify()


def test_no_modulus_at_all():
    problem = certify([x**3], [x], None, StrictlyMonotone(), constants={c: POSITIVE}).problem
    refuted = refute_modulus(problem, StronglyMonotone(c), {x: c / (2 + 2 * c)}, [Integer(1)])
    assert refuted.verify()
    assert refute_modulus(problem, StronglyMonotone(c), {x: 1 + c}, [Integer(1)]) is None


def test_order_of_the_properties():
    assert implies(StronglyMonotone(Integer(1)), StrictlyMonotone())
    assert implies(Monotone(), Quasimonotone())
    assert not implies(Pseudomonotone(), Monotone())
    assert not implies(Monotone(), StronglyMonotone())
    assert not implies(StronglyMonotone(Integer(1)), StronglyMonotone(Integer(2)))
    assert not implies(Hurwitz(), Monotone())


def test_a_modulus_that_may_not_be_positive_proves_nothing():
    certificate = certify([x], [x], None, StronglyMonotone(-c), constants={c: POSITIVE})
    assert not isinstance(certificate, Proved)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([x, y], [x], None, Monotone()), "map: expected 1 entries"),
        (
            ([c * x], [x], None, Monotone()),
            "constants: expected an interval for every symbol of the map, got none for c",
        ),
        (([x, y], [x, y], None, Hurwitz({x: Integer(0)})), "at: expected a value for each of"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        certify(*arguments)


def test_an_example_outside_its_interval_is_refused():
    with pytest.raises(ValueError, match="examples: expected rational numbers inside"):
        certify([c * x], [x], None, Monotone(), constants={c: POSITIVE}, examples={c: Integer(-1)})
