"""The property table's claim: it passes on the right table and fails on broken ones."""

import re
from dataclasses import replace

import numpy as np
import pytest
from sympy import Matrix, Poly, Rational, Symbol, cancel, sympify

from figures.papers.crossing_the_curl import certificate_text
from figures.papers.crossing_the_curl import property_table as table
from figures.registry import Settings
from figures.table import grid
from gan_sde.symbolic.certificates import Proved, Quasimonotone, Unknown
from gan_sde.symbolic.certificates.results import sign_text
from gan_sde.symbolic.certificates.signs import SignProof
from tests.figures.test_report import columns


@pytest.fixture(scope="module")
def rows():
    return table.build((1,))


def test_cells_and_statements(rows):
    assert table.valid_check(rows).passed
    assert all(table.section_check(rows, section).passed for section in table.EXPECTED)
    assert all(table.words_check(rows, *words).passed for words in table.STATEMENTS)


def test_mutants_are_noticed_and_non_mutants_too(rows):
    assert table.mutation_check(rows).passed
    assert not table.mutation_check(rows, changed=lambda map_: map_).passed


def test_an_unknown_or_broken_cell_fails(rows):
    k = next(i for i, r in enumerate(rows) if r.section == table.VARIANCE and r.map == "F_cc" and r.answer == "yes")
    certificate = rows[k].certificate
    assert isinstance(certificate, Proved)
    unknown = replace(rows[k], certificate=Unknown(certificate.problem, Quasimonotone(), 10, 0.1))
    broken = replace(
        rows[k], certificate=replace(certificate, problem=certificate.problem.with_map(-certificate.problem.map))
    )
    for bad in (unknown, broken):
        changed = [*rows[:k], bad, *rows[k + 1 :]]
        assert not table.valid_check(changed).passed
    assert not table.section_check([*rows[:k], unknown, *rows[k + 1 :]], table.VARIANCE).passed
    assert not table.words_check(rows[:1], *table.STATEMENTS[0]).passed


def test_missing_stages_fail(rows):
    assert not table.stage_check(rows).passed  # dimension 1 has none
    assert not table.joint_check(rows).passed


def test_picture(rows):
    figure = table.draw(rows)
    assert len(figure.axes) == 4
    assert len(figure.axes[1].patches) == 50  # ten maps, five properties


# -------------------------------------------------------------------- the rows in words


def mean_and_variance(w2, w1, a, b, mu, sigma):
    """F and its Jacobian for ``V = w2 (y^2 - x^2) + w1 (y - x)``, x = a z + b, worked out by hand."""
    field = Matrix([a**2 + b**2 - mu**2 - sigma**2, b - mu, -2 * a * w2, -2 * b * w2 - w1])
    jacobian = [[0, 0, 2 * a, 2 * b], [0, 0, 0, 1], [-2 * a, 0, -2 * w2, 0], [-2 * b, -1, 0, -2 * w2]]
    return field, Matrix(jacobian)


def by_hand(name, values):
    """A map of the whole game, or of (w2, a) where no more is given, in rational numbers."""
    whole = "b" in values
    point = {"w1": 0, "b": 0, "mu": 0, **values}
    field, jacobian = mean_and_variance(*(point[s] for s in ("w2", "w1", "a", "b", "mu", "sigma")))
    if not whole:
        field, jacobian = field.extract([0, 2], [0]), jacobian.extract([0, 2], [0, 2])
    half = len(field) // 2
    weight = {"F_alt": values.get("alpha", 0), "F_unr": 4 * values.get("alpha", 0), "F_reg": 2 * values.get("eta", 0)}
    if name in weight:
        pull = jacobian[:half, half:].T * field[:half, :]
        return Matrix([*field[:half], *(field[half:, :] + weight[name] * pull)])
    return {
        "F": field,
        "F_con": field + values.get("beta", 0) * jacobian.T * field,
        "J^T F": jacobian.T * field,
        "F_eg": -jacobian * field,
        "F_cc": (jacobian.T - jacobian) * field / 2,
    }[name]


def numbers(text):
    """Values by name from ``w2 = 1/2, a = 3``."""
    return {name: Rational(value) for name, value in re.findall(r"(\w+) = (-?\d+(?:/\d+)?)", text)}


def products(name, text):
    """The inner products that a printed pair has, and those that it states."""
    stated = [Rational(v) for v in re.findall(r"<G\([xy]\), x - y> = (-?\d+(?:/\d+)?)", text)]
    y, x, constants = (numbers(re.search(rf"; {part}: ([^;]+)", text + ";")[1]) for part in ("y", "x", "constants"))
    step = Matrix([x[s] - y[s] for s in y])
    return [(by_hand(name, {**point, **constants}).T * step)[0] for point in (y, x)], stated


def certificate_rows(rows, section):
    (found,) = (t for t in certificate_text.tables(rows) if t.title == f"{section}: certificates")
    return found.rows


def test_every_certificate_has_a_row_that_is_printed(rows):
    found = [t for t in certificate_text.tables(rows) if t.title.endswith("certificates")]
    assert sum(len(t.rows) for t in found) == len(rows)
    for each in found:
        text = grid(each.header, each.rows, cut=10_000)
        for printed, cells in zip(columns(text), zip(*each.rows, strict=True), strict=True):
            assert printed == "".join("".join(cells).split())
    words = {"yes": "proved", "no": "refuted"}
    assert [r[:3] for t in found for r in t.rows] == [
        (r.map, r.claim.replace("**", "^"), words[r.answer]) for r in rows
    ]


def test_printed_pairs_have_the_products_that_they_state(rows):
    checked = 0
    for section in (table.VARIANCE, table.WHOLE):
        for name, words, answer, text in certificate_rows(rows, section):
            if answer == "refuted" and "; y: " in text:
                found, stated = products(name, text)
                assert found == stated and found[1] - found[0] < 0
                if words != "monotone":
                    assert found[0] > 0 > found[1]
                checked += 1
                wrong = text.replace("a = ", "a = 1", 1)  # another digit in front of a
                assert products(name, wrong)[0] != stated
    assert checked == 44


def test_printed_directions_decrease_through_zero(rows):
    checked, small = 0, Rational(1, 10**6)
    constants = {"sigma": Rational(3, 2), "alpha": Rational(1, 5), "beta": Rational(2, 3), "eta": Rational(1, 7)}
    for section in (table.VARIANCE, table.WHOLE):
        for name, words, _, text in certificate_rows(rows, section):
            if not words.startswith("quasimonotone, any weights") or name.startswith("linear"):
                continue
            fixed = {**constants, "mu": Rational(0)}
            place = re.search(r"; x: ([^;]+); v = \(([^;]+)\); -<v, DG\(x\) v> = (.+?) > 0", text)
            x = {s: sympify(e, locals=fixed) for s, e in (pair.split(" = ") for pair in place[1].split(", "))}
            v = Matrix(sympify(f"[{place[2]}]", locals=fixed))

            def along(t, name=name, x=x, v=v, fixed=fixed):
                moved = {s: value + t * e for (s, value), e in zip(x.items(), v, strict=True)}
                return (by_hand(name, {**fixed, **moved}).T * v)[0]

            assert along(0) == 0 and along(-small) > 0 > along(small)
            slope = (along(small) - along(-small)) / (2 * small)
            assert float(-slope) == pytest.approx(float(sympify(place[3], locals=fixed)), rel=1e-4)
            checked += 1
    assert checked == 12


def test_printed_polynomials_have_a_root_that_is_not_stable(rows):
    texts = [row[-1] for t in certificate_text.tables(rows) for row in t.rows if "det(lambda I + DG) = " in row[-1]]
    for text in texts:
        polynomial = sympify(re.search(r"det\(lambda I \+ DG\) = ([^;]+)", text)[1].replace("lambda", "t"))
        roots = np.roots([float(c) for c in Poly(polynomial, Symbol("t")).all_coeffs()])
        assert roots.real.max() > -1e-6
    assert len(texts) == 19


def sign_proofs(thing):
    """All proofs of signs inside a certificate."""
    if isinstance(thing, SignProof):
        yield thing
    elif isinstance(thing, (tuple, list)):
        for each in thing:
            yield from sign_proofs(each)
    elif hasattr(thing, "__dataclass_fields__"):
        for name in thing.__dataclass_fields__:
            yield from sign_proofs(getattr(thing, name))


def test_printed_signs_are_those_of_the_expressions(rows):
    checked = 0
    for row in rows:
        everything = row.certificate.problem.domain
        for proof in sign_proofs(row.certificate):
            text = sign_text(proof, everything)
            assert re.search(r" >=? 0", text)[0] == (" > 0" if proof.strict else " >= 0")
            value, _, lemmas = text.partition(" (where ")
            names = {str(s): s for s in proof.expression.free_symbols}
            for side in (value, *(lemma.split(" = ")[-1] for lemma in lemmas.removesuffix(")").split("; ") if lemma)):
                read = sympify(re.sub(r" >=? 0$", "", side).translate(str.maketrans("[]", "()")), locals=names)
                expressions = [proof.expression] if side is value else [each.expression for each in proof.lemmas]
                assert any(cancel(read - e) == 0 for e in expressions), (text, proof.expression)
                checked += 1
    assert checked > 200


def test_unknown_is_said(rows):
    certificate = rows[0].certificate
    text = certificate_text.explain(Unknown(certificate.problem, Quasimonotone(), 4000, 0.125))
    assert text.startswith("nothing found") and "4000" in text and "0.125" in text


@pytest.mark.slow
def test_the_whole_claim():
    outcome = table.run(Settings())
    assert all(check.passed for check in outcome.checks)
    assert sum(len(t.rows) for t in outcome.tables if t.title.endswith("certificates")) == 246
