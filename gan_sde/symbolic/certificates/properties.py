"""Properties of a map G on a convex domain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sympy import Expr, Symbol


class AbstractProperty:
    """A property that a map may have on a domain, for all values of the constants."""


@dataclass(frozen=True)
class Monotone(AbstractProperty):
    """``<G(x) - G(y), x - y> >= 0`` for all x, y."""


@dataclass(frozen=True)
class StrictlyMonotone(AbstractProperty):
    """``<G(x) - G(y), x - y> > 0`` for all x != y."""


@dataclass(frozen=True)
class StronglyMonotone(AbstractProperty):
    """``<G(x) - G(y), x - y> >= c |x - y|^2`` for all x, y.

    Parameters
    ----------
    modulus
        The modulus c > 0, an expression of the constants; None: some positive one, which may depend on the constants.
    """

    modulus: Expr | None = None


@dataclass(frozen=True)
class Pseudomonotone(AbstractProperty):
    """``<G(y), x - y> >= 0`` implies ``<G(x), x - y> >= 0``."""


@dataclass(frozen=True)
class Quasimonotone(AbstractProperty):
    """``<G(y), x - y> > 0`` implies ``<G(x), x - y> >= 0``."""


@dataclass(frozen=True)
class Hurwitz(AbstractProperty):
    """Every eigenvalue of the Jacobian of G has positive real part.

    Parameters
    ----------
    at
        The point, expressions of the constants by variable; None: everywhere in the domain.
    """

    at: Mapping[Symbol, Expr] | None = None


@dataclass(frozen=True)
class MonotoneWhere(AbstractProperty):
    """The symmetric part of the Jacobian is positive semidefinite exactly where ``region >= 0``."""

    region: Expr


@dataclass(frozen=True)
class HurwitzWhere(AbstractProperty):
    """The Jacobian has eigenvalues of positive real part exactly where ``region > 0``."""

    region: Expr


def implies(stronger: AbstractProperty, weaker: AbstractProperty) -> bool:
    """Whether one property implies another on every domain: strong, strict, monotone, pseudo-, quasimonotone."""
    order = (StronglyMonotone, StrictlyMonotone, Monotone, Pseudomonotone, Quasimonotone)
    if not isinstance(stronger, order) or not isinstance(weaker, order):
        return False
    if isinstance(weaker, StronglyMonotone):
        return isinstance(stronger, StronglyMonotone) and weaker.modulus in (None, stronger.modulus)
    return order.index(type(stronger)) <= order.index(type(weaker))
