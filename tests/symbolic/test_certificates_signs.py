"""Sign proofs: each identity is expanded here anew, and false claims and broken proofs are refused."""

from dataclasses import replace
from random import Random

import pytest
from sympy import Integer, Mul, expand, fraction, lambdify, symbols, together

from gan_sde.symbolic.certificates import NONNEGATIVE, POSITIVE, REAL, Domain, Interval, prove_sign

x, y, s, r = symbols("x y s r")


def expanded_anew(proof, domain):
    """The proof read line by line, independent of its own check: numerators of the identities, and signs."""
    known = {k.expand(): v for k, v in domain.generators().items()}
    for lemma in proof.lemmas:
        right = Integer(0)
        positive = []
        for term in lemma.terms:
            assert term.coefficient > 0
            assert all(power >= 1 for _, power in term.factors)
            right += term.coefficient * Mul(*(f**p for f, p in term.factors)) * term.square**2
            positive.append(term.square == 1 and all(known[f.expand()] for f, _ in term.factors))
        left = lemma.expression * Mul(*(f**p for f, p in lemma.multiplier))
        assert all(known[f.expand()] for f, _ in lemma.multiplier)
        assert expand(fraction(together(left - right))[0]) == 0
        known[lemma.expression.expand()] = any(positive) or known.get(lemma.expression.expand(), False)
    return known[proof.expression.expand()] >= proof.strict


TRUE = [
    (x**2 - x * y + y**2, {x: REAL, y: POSITIVE}, True),
    (x**4 - 2 * x**2 * s**2 + s**4, {x: REAL, s: REAL}, False),
    (s * (s - x) + 1, {x: Interval(-1, s), s: POSITIVE}, True),
    (r**2 - x**2, {x: Interval(-r, r), r: POSITIVE}, False),
    ((x**2 + s) / (x**2 + 1) / s, {x: REAL, s: POSITIVE}, True),
    (-x + 3, {x: Interval(-2, 2)}, True),
    (Integer(0), {x: REAL}, False),
    (x**2 + 2 * x * y + 2 * y**2 + 2 * y + 3, {x: REAL, y: REAL}, True),
    (x - y, {x: Interval(y), y: REAL}, False),
]
FALSE = [
    (x**2 - y, {x: REAL, y: POSITIVE}, False),
    (x**2, {x: REAL}, True),
    (s * x, {x: NONNEGATIVE, s: POSITIVE}, True),
    (r**2 - 2 * x**2, {x: Interval(-r, r), r: POSITIVE}, False),
    (1 / x**2, {x: REAL}, False),
    (-Integer(1), {x: REAL}, False),
    (x**2 - 2 * x * y + y**2, {x: REAL, y: REAL}, True),
]


@pytest.mark.parametrize(("claim", "intervals", "strict"), TRUE)
def test_true_claims_are_proved(claim, intervals, strict):
    domain = Domain(intervals)
    proof = prove_sign(claim, domain, strict=strict)
    assert proof is not None
    assert proof.holds(domain)
    assert expanded_anew(proof, domain)
    assert expand(fraction(together(proof.expression - claim))[0]) == 0


@pytest.mark.parametrize(("claim", "intervals", "strict"), FALSE)
def test_false_claims_are_not_proved(claim, intervals, strict):
    assert prove_sign(claim, Domain(intervals), strict=strict) is None


def test_random_quadratics_agree_with_their_discriminant():
    """Nothing false is proved; what is positive definite is found."""
    random = Random(3)
    proved = 0
    for _ in range(150):
        a, b, c = (Integer(random.randint(-4, 4)) for _ in range(3))
        form = a * x**2 + b * x * y + c * y**2 + 1
        nonnegative = bool(a >= 0 and c >= 0 and 4 * a * c >= b**2)
        found = prove_sign(form, Domain({x: REAL, y: REAL}), strict=True) is not None
        assert found <= nonnegative
        assert found >= bool(a > 0 and 4 * a * c > b**2)
        proved += found
    assert 20 < proved < 100


def test_random_polynomials_on_half_lines_are_never_negative_where_proved():
    random = Random(5)
    proved = 0
    for _ in range(80):
        monomials = [x**2, y**2, s * x**2, x * y, s, s**2, s * y**2, x, x**4]
        form = sum(random.choice([-1, 0, 1, 2, 3]) * m for m in monomials) + random.randint(1, 5)
        proof = prove_sign(form, Domain({x: REAL, y: REAL, s: POSITIVE}))
        if proof is None:
            continue
        proved += 1
        value = lambdify([x, y, s], form)
        for _ in range(500):
            assert value(random.gauss(0, 2), random.gauss(0, 2), random.expovariate(1)) >= -1e-9
    assert proved > 5


def test_a_broken_proof_fails():
    domain = Domain({x: REAL, y: POSITIVE})
    proof = prove_sign(x**2 - x * y + y**2, domain, strict=True)
    last = proof.lemmas[-1]
    square, rest = last.terms
    broken = [
        replace(last, terms=(square,)),
        replace(last, terms=(replace(square, square=square.square + y), rest)),
        replace(last, terms=(replace(square, coefficient=-square.coefficient), rest)),
        replace(last, expression=last.expression + 1),
        replace(last, multiplier=((y, 1),)),
    ]
    for lemma in broken:
        assert not replace(proof, lemmas=(*proof.lemmas[:-1], lemma)).holds(domain)
    assert not replace(proof, lemmas=(last,)).holds(domain)  # a lemma that it needs is missing
    assert not proof.holds(Domain({x: REAL, y: REAL}))  # y > 0 was used


def test_intervals():
    assert Domain({x: POSITIVE}).contains({x: Integer(1)})
    assert not Domain({x: POSITIVE}).contains({x: Integer(0)})
    assert not Domain({x: Interval(-r, r)}, {r: POSITIVE}).contains({x: Integer(2), r: Integer(1)})
    assert not Domain({x: REAL}).contains({})
    with pytest.raises(ValueError, match="interval: expected low < high"):
        Interval(2, 1)
