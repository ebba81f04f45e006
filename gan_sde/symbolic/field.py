"""Vector field, Jacobian parts, equilibria and LaTeX of a game."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from warnings import warn

from sympy import Dummy, Expr, Float, ImmutableMatrix, Integer, Matrix, MatrixBase, Poly, Symbol, simplify, solve
from sympy import latex as to_latex

from gan_sde.symbolic.derivatives import Gradient
from gan_sde.symbolic.products import NoPolynomialError, Products
from gan_sde.symbolic.real_zeros import real_zeros
from gan_sde.symbolic.shared_trees import substitute

if TYPE_CHECKING:
    from gan_sde.symbolic.game import Game


class UndecidedWarning(UserWarning):
    """No equilibrium was found, and that there is none is not proved."""


def own_gradients(losses: Mapping[str, Expr], players: Mapping[str, Sequence[Symbol]]) -> ImmutableMatrix:
    """Stack the gradient of each player's loss in that player's own parameters, ``d x 1``."""
    # sympy differentiates Abs of a plain symbol as of a complex number; stand-ins that are real avoid that
    real = {s: Dummy(s.name, real=True) for loss in losses.values() for s in loss.free_symbols}
    back = {stand_in: s for s, stand_in in real.items()}
    entries: list[Expr] = []
    for p, block in players.items():
        stand_ins = [real.get(s, s) for s in block]
        derivatives = Gradient(stand_ins)(losses[p].xreplace(real))
        entries += substitute([derivatives.get(s, Integer(0)) for s in stand_ins], back)
    return ImmutableMatrix(entries)


def symmetric_part(matrix: ImmutableMatrix) -> ImmutableMatrix:
    """Potential part ``(A + A^T) / 2`` (Balduzzi et al., ICML 2018)."""
    return ImmutableMatrix((matrix + matrix.T) / 2)


def antisymmetric_part(matrix: ImmutableMatrix) -> ImmutableMatrix:
    """Hamiltonian part ``(A - A^T) / 2`` (Balduzzi et al., ICML 2018)."""
    return ImmutableMatrix((matrix - matrix.T) / 2)


def hamiltonian(field: ImmutableMatrix) -> Expr:
    """``|F|^2 / 2``."""
    return tidy(sum(f**2 for f in field) / 2)


def tidy(expression: Expr) -> Expr:
    """Expand polynomials and sums of quotients; leave other expressions as they are."""
    return _tidy(expression, Products())


def tidied(matrix: MatrixBase) -> ImmutableMatrix:
    """`tidy` of each entry; what they share is multiplied out once."""
    products = Products()
    return ImmutableMatrix(*matrix.shape, [_tidy(e, products) for e in matrix])


def _tidy(expression: Expr, products: Products) -> Expr:
    try:
        return products.expanded(expression)
    except NoPolynomialError:
        return expression.expand() if expression.is_rational_function() else expression


def equilibria(
    field: ImmutableMatrix,
    parameters: Sequence[Symbol],
    known: Sequence[Mapping[Symbol, Expr]],
    bounds: Mapping[Symbol, tuple[float, float]],
) -> list[dict[Symbol, Expr]]:
    """Zeros of the field; known ones are verified, and refused if the field does not vanish there.

    Those of polynomials with rational coefficients are all found up to `real_zeros.MOST_ZEROS`. Else sympy solves for
    them; where it finds none that may mean nothing, and an `UndecidedWarning` says so.
    """
    if known:
        for point in known:
            rest = field.subs(dict(point)).applyfunc(simplify)
            if any(abs(r.evalf()) > 1e-9 if r.is_number else r != 0 for r in rest):
                raise ValueError(f"known_equilibria: expected a zero of the field, got {dict(point)}")
        candidates = [dict(point) for point in known]
    else:
        candidates = _solved(field, parameters)
    return [point for point in candidates if _is_inside(point, bounds)]


def _solved(field: ImmutableMatrix, parameters: Sequence[Symbol]) -> list[dict[Symbol, Expr]]:
    is_affine = all(e.is_polynomial(*parameters) and Poly(e, *parameters).total_degree() <= 1 for e in field)
    found = None if is_affine else real_zeros(field, parameters)
    if found is not None:
        return found
    try:
        candidates: list[dict[Symbol, Expr]] = solve(list(field), list(parameters), dict=True)
    except NotImplementedError as error:
        raise ValueError(
            "known_equilibria: expected the zeros of a field that sympy cannot solve for, got none"
        ) from error
    never_zero = any(e != 0 and not e.free_symbols & set(parameters) for e in field)
    if not (candidates or is_affine or never_zero):
        warn(
            "equilibria: expected zeros of the field that can be solved for, got none; there may be some all the same "
            "(give values to constants, or known_equilibria)",
            UndecidedWarning,
            stacklevel=4,
        )
    return candidates


def _is_inside(point: Mapping[Symbol, Expr], bounds: Mapping[Symbol, tuple[float, float]]) -> bool:
    """False where a coordinate is known to violate its bounds or to be complex; undecided counts as inside."""
    for symbol, value in point.items():
        if value.is_real is False:
            return False
        low, high = bounds.get(symbol, (None, None))
        if low is None or not value.is_number:
            continue
        if not value.is_real:  # sympy cannot tell, nor therefore compare
            number = complex(value)
            if abs(number.imag) > 1e-9 * (1 + abs(number)):
                return False
            value = Float(number.real)
        if not low <= value <= high:
            return False
    return True


def latex(game: Game) -> str:
    """LaTeX of payoff or losses, field and Jacobian as an ``align*`` body."""
    lines = []
    if game.payoff is not None:
        lines.append(rf"V &= {to_latex(game.payoff)}")
    else:
        lines += [rf"\ell_{{\mathrm{{{p}}}}} &= {to_latex(e)}" for p, e in game.losses.items()]
    lines += [
        rf"x &= {to_latex(Matrix(game.parameters).T)}^\top",
        rf"F &= {to_latex(game.field)}",
        rf"DF &= {to_latex(game.jacobian)}",
    ]
    return " \\\\\n".join(lines)
