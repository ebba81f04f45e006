"""What the toolkit derives for extragradient and Hamiltonian descent, against the SDEs of the paper, in symbols.

With additive noise of covariance Sigma and a fixed extrapolation rate rho the paper's SDEs are

- extragradient on a shared sample: drift ``-F + rho DF F``, covariance ``lr (I - rho DF) Sigma (I - rho DF)^T``;
- on independent samples: the same drift, covariance ``lr (Sigma + rho^2 DF Sigma DF^T)``;
- Hamiltonian descent: drift ``-DF^T F``, covariance ``lr DF^T Sigma DF``.

On linear games the derived SDEs are the same. Where F is not linear, the derived drift is the mean of
``-F(z - rho F_1(z))`` in full, of which the paper keeps the first order in rho; and if the extrapolation rate is a
multiple of the learning rate, it drops out of the SDE of order 1 and enters the drift of order 2 only.
"""

from __future__ import annotations

from functools import cache

from sympy import Expr, Matrix, Rational, Symbol, eye, hessian, simplify, symbols, zeros

import gan_sde as gs
from figures.papers.minimax_sdes.games import RHO, P, Q, X, Y, extragradient, hamiltonian, quadratic
from figures.registry import Check

A, LAM, SIGMA, KAPPA = symbols("a lam sigma kappa")
FIELD = Matrix([LAM * X - A * Y, A * X + LAM * Y])
"""``DF z`` in the toolkit's order (y, x), written by hand: the maximiser's component is ``-(lam x - a y)``."""
FIELD[0] = -FIELD[0]


def derived_checks() -> tuple[Check, ...]:
    """All comparisons: each difference of a derived and a published formula must vanish identically."""
    rows = [(name, _difference(difference)) for name, difference in _differences()]
    return (*(Check(name, "0", found, None, found == "0") for name, found in rows), nonlinear_check())


def _difference(matrix: Matrix) -> str:
    """0, or the first entry that is not."""
    return next((str(entry) for entry in map(simplify, matrix) if entry != 0), "0")


def _block(matrix: Matrix) -> Matrix:
    """Rows, and of a covariance columns, of (y, x): without the extrapolation rate."""
    return Matrix(matrix[:2, : min(2, matrix.shape[1])])


@cache
def published(name: str) -> tuple[Matrix, Matrix]:
    """Drift and covariance per learning rate of the paper's SDEs."""
    jacobian, sigma = FIELD.jacobian([Y, X]), SIGMA**2 * eye(2)
    if name == "hamiltonian":
        return -jacobian.T * FIELD, jacobian.T * sigma * jacobian
    ahead = RHO * jacobian
    if name == "shared":
        return -FIELD + ahead * FIELD, (eye(2) - ahead) * sigma * (eye(2) - ahead).T
    return -FIELD + ahead * FIELD, sigma + ahead * sigma * ahead.T


def _differences() -> list[tuple[str, Matrix]]:
    game = quadratic(A, LAM, SIGMA)
    trainings = {
        "shared": extragradient(game, "shared"),
        "independent": extragradient(game, "independent"),
        "hamiltonian": hamiltonian(game),
    }
    rows = []
    for name, training in trainings.items():
        sde, (drift, covariance) = training.sde(1), published(name)
        label = "Hamiltonian descent" if name == "hamiltonian" else f"extragradient, fixed rho, {name} sample"
        rows.append((f"{label}: derived - published drift", _block(sde.drift) - drift))
        per_sample = _block(sde.covariance) * sde.batch_size / sde.lr
        rows.append((f"{label}: derived - published covariance", per_sample - covariance))
    multiple = gs.Training(game, gs.algorithms.get("extragradient", extrapolation=KAPPA, batches="shared"))
    first, second = multiple.sde(1), multiple.sde(2)
    rows.append(("extragradient, rho = kappa lr: order-1 drift + F", _block(first.drift) + FIELD))
    turn = (KAPPA - Rational(1, 2)) * second.lr * FIELD.jacobian([Y, X]) * FIELD
    name = "extragradient, rho = kappa lr: order-2 drift + F - (kappa - 1/2) lr DF F"
    rows.append((name, _block(second.drift) + FIELD - turn))
    return rows


def nonlinear_check() -> Check:
    """Where F is not linear, derived minus published drift begins with ``-(rho^2/2) (D^2F[F, F] + D^2F : Sigma)``."""
    payoff = X * Y + X**3 / 3 - X * Y**2 + P * X + Q * Y
    game = gs.Game.zero_sum(
        payoff,
        maximiser={"maximiser": [Y]},
        minimiser={"minimiser": [X, RHO]},
        data={P: gs.Normal(0, 1), Q: gs.Normal(0, 1)},
    )
    sde = extragradient(game).sde(1)
    field = Matrix([-payoff.diff(Y), payoff.diff(X)]).subs({P: 0, Q: 0})
    jacobian = field.jacobian([Y, X])
    curvature = Matrix([_curvature(entry, field, sde.batch_size) for entry in field])
    rest = (_block(sde.drift) + field - RHO * jacobian * field + RHO**2 / 2 * curvature).expand()
    lowest = zeros(2, 1) + rest.applyfunc(lambda e: e.coeff(RHO, 0) + e.coeff(RHO, 1) * RHO + e.coeff(RHO, 2) * RHO**2)
    found = _difference(lowest)
    return Check(
        "extragradient, F quadratic: derived - published drift + rho²/2 (D²F[F, F] + D²F : Sigma/B)",
        "0",
        found,
        None,
        found == "0",
    )


def _curvature(entry: Expr, field: Matrix, batch_size: Symbol) -> Expr:
    """``D^2F_i[F, F] + D^2F_i : Sigma / B`` with Sigma the identity."""
    second = hessian(entry, [Y, X])
    return (field.T * second * field)[0] + second.trace() / batch_size
