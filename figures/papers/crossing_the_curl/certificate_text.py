"""The certificates of the property table in words: one line each, from which a reader can check it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import singledispatch

from sympy import Expr, Symbol, factor

from figures.registry import Table
from gan_sde.symbolic.certificates import Certificate, Hurwitz, Problem, Proved, Refuted
from gan_sde.symbolic.certificates import hurwitz as eigenvalues
from gan_sde.symbolic.certificates.directions import DecreasingDirection, WeakCurvature, constants_of
from gan_sde.symbolic.certificates.domain import Domain
from gan_sde.symbolic.certificates.monotone import DefiniteJacobian, GramJacobian, MonotoneRegion, shifted
from gan_sde.symbolic.certificates.pairs import ViolatingPair
from gan_sde.symbolic.certificates.properties import AbstractProperty, Monotone, Pseudomonotone, Quasimonotone
from gan_sde.symbolic.certificates.quasimonotone import Implied, PositiveMultiple
from gan_sde.symbolic.certificates.results import matrix_text, plain, region_text, sign_text, values_text
from gan_sde.symbolic.certificates.signs import SignProof
from gan_sde.symbolic.certificates.table import Row

NOTE = (
    "G is the map (a step is x' = x - rho G), DG its Jacobian, S the symmetric part of DG. Monotone: <G(x) - G(y), "
    "x - y> >= 0; strongly: >= m |x - y|^2; pseudomonotone: <G(y), x - y> >= 0 implies <G(x), x - y> >= 0; "
    "quasimonotone: > 0 implies >= 0; Hurwitz: all eigenvalues of DG have positive real part. A proof holds for all "
    "constants in the stated intervals: expand its identities; every [term] is nonnegative. Counterexamples are exact. "
    "Maps: F the field, F_alt alternating, F_unr unrolled by two steps, F_reg gradient-regularised, F_con consensus, "
    "J^T F, F_eg extragradient's direction -J F, F_cc Crossing-the-Curl (J^T - J) F / 2; a prime: divided by 2 a^2."
)


def tables(rows: Sequence[Row]) -> tuple[Table, ...]:
    """Every map and every certificate, section by section."""
    found: list[Table] = []
    for section in dict.fromkeys(row.section for row in rows):
        members = [row for row in rows if row.section == section]
        maps = dict.fromkeys((row.map, *map_text(row.certificate.problem)) for row in members)
        # the same map with a further constant, the modulus c, is the same map
        fewer = {m for m in maps for n in maps if m[:2] == n[:2] and n[2].startswith(m[2]) and m != n}
        note = "" if found else NOTE
        found.append(Table(f"{section}: maps", ("map", "G", "domain"), tuple(m for m in maps if m not in fewer), note))
        cells = ((r.map, r.claim.replace("**", "^"), ANSWERS[r.answer], explain(r.certificate)) for r in members)
        found.append(Table(f"{section}: certificates", ("map", "property", "answer", "certificate"), tuple(cells)))
    return tuple(found)


ANSWERS = {"yes": "proved", "no": "refuted", "unknown": "unknown"}


def map_text(problem: Problem) -> tuple[str, str]:
    """The map and its domain."""
    return f"G({', '.join(map(str, problem.variables))}) = {plain(list(problem.map))}", region_text(problem)


def explain(certificate: Certificate) -> str:
    """One line from which a reader can check the certificate, its conclusion first."""
    problem, claim = certificate.problem, certificate.claim
    if isinstance(certificate, Proved):
        return reason(certificate.argument, problem, claim)
    if isinstance(certificate, Refuted):
        return reason(certificate.counterexample, problem, claim)
    worst, values = f"{certificate.worst:.3g}", values_text(certificate.constants)
    return f"nothing found; least value of the local test at {certificate.samples} points: {worst} ({values})"


@singledispatch
def reason(why: object, problem: Problem, claim: AbstractProperty) -> str:
    """Write an argument or a counterexample."""
    raise TypeError(f"why: expected an argument or counterexample with a text, got {type(why).__name__}")


@reason.register
def _(pair: ViolatingPair, problem: Problem, claim: AbstractProperty) -> str:
    at_y, at_x, square = pair.products(problem)
    if isinstance(claim, (Pseudomonotone, Quasimonotone)):
        text = f"<G(y), x - y> = {at_y} > 0, yet <G(x), x - y> = {at_x} < 0"
    else:
        text = f"<G(y), x - y> = {at_y} and <G(x), x - y> = {at_x}: difference {at_x - at_y}"
        text += " < 0" if isinstance(claim, Monotone) else f" < m |x - y|^2 = {square} m for every m > 0"
    y, x = (values_text(dict(zip(problem.variables, p, strict=True))) for p in (pair.y, pair.x))
    return f"{text}; y: {y}; x: {x}{and_constants(pair.constants)}"


@reason.register
def _(point: eigenvalues.UnstablePoint, problem: Problem, claim: AbstractProperty) -> str:
    jacobian = point.jacobian(problem)
    order, value = next((n, d) for n, d in enumerate(eigenvalues.hurwitz_determinants(jacobian), 1) if d <= 0)
    text = f"tr DG = {value} <= 0" if order == 1 else f"Hurwitz determinant {order} = {value} <= 0"
    if len(problem.variables) == 2:
        text = f"tr DG = {jacobian.trace()}, det DG = {jacobian.det()}: not both > 0"
    polynomial = plain((-jacobian).charpoly("lambda").as_expr())
    at = values_text(dict(zip(problem.variables, point.point, strict=True)))
    return f"{text}; det(lambda I + DG) = {polynomial}; at {at}{and_constants(point.constants)}"


@reason.register
def _(line: DecreasingDirection, problem: Problem, claim: AbstractProperty) -> str:
    return (
        "for all constants <G(x), v> = 0 and <v, DG(x) v> < 0, so that x - t v and x + t v violate it for small t > 0; "
        f"{point_and_direction(line)}; -<v, DG(x) v> = {sign_text(line.curvature, constants_of(problem))}"
    )


@reason.register
def _(line: WeakCurvature, problem: Problem, claim: AbstractProperty) -> str:
    return (
        f"for all constants <v, DG(x) v> < m |v|^2, m = {plain(modulus(claim))}; {point_and_direction(line)}; "
        f"m |v|^2 - <v, DG(x) v> = {sign_text(line.gap, constants_of(problem))}"
    )


@reason.register
def _(proof: DefiniteJacobian, problem: Problem, claim: AbstractProperty) -> str:
    matrix = shifted(problem, claim)
    name = f"S - m I with m = {plain(modulus(claim))}" if modulus(claim) is not None else "S"
    if matrix.is_zero_matrix:
        return f"{name} is the zero matrix"
    definite = all(block.definite for block in proof.blocks)
    kind = f"positive {'definite' if definite else 'semidefinite'}"
    signs = listed([p for block in proof.blocks for p in block.minors], problem.domain)
    if matrix.is_diagonal():
        return f"{name} is diagonal and {kind}: entries {signs}"
    blocks = "" if len(proof.blocks) == 1 else f" of its {len(proof.blocks)} diagonal blocks"
    which = "leading" if definite else "all"
    return f"{name} is {matrix_text(matrix)}, {kind}: {which} principal minors{blocks} {signs}"


@reason.register
def _(proof: GramJacobian, problem: Problem, claim: AbstractProperty) -> str:
    text = f"S = R^T diag(w) R, constant R = {matrix_text(proof.rows)}, w: {listed(proof.weights, problem.domain)}"
    end = (
        "" if proof.volume is None else f"; det(R)^2 = {sign_text(proof.volume, problem.domain)}: m = least eigenvalue"
    )
    return text + end


@reason.register
def _(proof: MonotoneRegion, problem: Problem, claim: AbstractProperty) -> str:
    place, region = f"S_{proof.entry + 1}{proof.entry + 1}", plain(claim.region)
    corner, quotient = (sign_text(p, problem.domain) for p in (proof.corner, proof.factor))
    return f"{place} = {corner} and det S = q ({region}) with q = {quotient}: S >= 0 exactly where det S >= 0"


@reason.register
def _(proof: eigenvalues.HurwitzRegion, problem: Problem, claim: AbstractProperty) -> str:
    quotient, base, slope = (sign_text(p, problem.domain) for p in (proof.factor, proof.base, proof.slope))
    text = f"det DG = q r and tr DG = p + s r with r = {plain(claim.region)}, q = {quotient}, p = {base}, s = {slope}"
    return f"{text}: both > 0 exactly where r > 0"


@reason.register
def _(proof: eigenvalues.RouthHurwitz, problem: Problem, claim: Hurwitz) -> str:
    jacobian, domain = eigenvalues.jacobian_of(problem, claim), eigenvalues.domain_of(problem, claim)
    trace, rest = sign_text(proof.determinants[0], domain), listed(proof.determinants[1:], domain)
    name = "tr DG det DG =" if len(problem.variables) == 2 else "further Hurwitz determinants of det(lambda I + DG)"
    return f"tr DG = {trace}, {name} {rest}; DG = {matrix_text(jacobian)}{at_point(claim)}"


@reason.register
def _(proof: eigenvalues.ObservableDissipation, problem: Problem, claim: Hurwitz) -> str:
    domain = eigenvalues.domain_of(problem, claim)
    left, stack = (sign_text(p, domain) for p in proof.volumes)
    root = f"w: {listed(proof.weights, domain)}; P = {matrix_text(proof.left)}, det(P)^2 = {left}"
    if matrix_text(proof.kernel) == "I":
        return f"S = P^T diag(w) P is positive definite, hence Re(lambda) > 0; {root}{at_point(claim)}"
    return (
        "S = (P Q)^T diag(w) P Q >= 0 and no eigenvector v of DG has Q v = 0, hence Re(lambda) |v|^2 = <v, S v> > 0; "
        f"{root}; Q = {matrix_text(proof.kernel)}, det(Q stacked on Q DG)^2 = {stack}{at_point(claim)}"
    )


@reason.register
def _(proof: Implied, problem: Problem, claim: AbstractProperty) -> str:
    return f"monotone, hence {type(claim).__name__.lower()}: {explain(proof.stronger)}"


@reason.register
def _(proof: PositiveMultiple, problem: Problem, claim: AbstractProperty) -> str:
    sign = sign_text(proof.factor, problem.domain)
    return f"f G is monotone with f = {sign}, and <f G, v> has the sign of <G, v>; for f G: {explain(proof.base)}"


def and_constants(values: Mapping[Symbol, Expr]) -> str:
    """Constants of a counterexample, if there are any."""
    return f"; constants: {values_text(values)}" if values else ""


def at_point(claim: Hurwitz) -> str:
    """The point of a claim, if it has one."""
    return f"; at {values_text(claim.at)}" if claim.at else ""


def point_and_direction(line: DecreasingDirection | WeakCurvature) -> str:
    """Where, and which way."""
    return f"x: {values_text(line.point)}; v = {plain([factor(e) for e in line.direction])}"


def modulus(claim: AbstractProperty) -> Expr | None:
    """The modulus that a claim states, if it states one."""
    return getattr(claim, "modulus", None)


def listed(proofs: Sequence[SignProof], domain: Domain) -> str:
    """Signs, each once."""
    return ", ".join(dict.fromkeys(sign_text(proof, domain) for proof in proofs))
