"""From the update of an algorithm to the SDE that approximates it weakly.

For ``x' = x + eta (U_0 + eta U_1 + ...)`` the drift is ``b_0 + eta b_1`` with ``b_0 = E U_0`` and
``b_1 = E U_1 - (D b_0) b_0 / 2``, and the covariance is ``eta Cov(U_0)``. The theorem for stochastic gradients is
that of Li, Tai & E (arXiv 1511.06251; JMLR 20, 2019), for games that of Cao & Guo (arXiv 2006.02047); here the
expansion is carried out on the update itself, so that it holds for any algorithm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf
from typing import Any

import numpy as np
from sympy import Expr, Float, ImmutableMatrix, Integer, Mul, Rational, Symbol, sqrt
from sympy import latex as to_latex

from gan_sde.symbolic.derivatives import jacobian
from gan_sde.symbolic.field import tidied, tidy
from gan_sde.symbolic.game import Game
from gan_sde.symbolic.kinks import refuse_kinks
from gan_sde.symbolic.noise_factor import exact_factor
from gan_sde.symbolic.products import FEW_TERMS, NoPolynomialError, Products
from gan_sde.symbolic.tensor_functions import TensorSDE
from gan_sde.symbolic.update import BATCH_SIZE, ETA, Monomial, Update
from gan_sde.symbolic.validation import check_batch_size, check_choice, check_positive


@dataclass(frozen=True, eq=False)
class SDE:
    """Ito SDE ``dX = drift dt + diffusion dW`` on the clock ``t = lr x iterations``.

    Parameters
    ----------
    game
        The game that it came from (for names, start and bounds).
    order
        Order of the drift: 1 (``b_0``) or 2 (``b_0 + lr b_1``).
    drift
        ``d x 1``.
    diffusion
        ``d x m``, includes ``sqrt(lr / batch_size)``.
    covariance
        ``d x d``, exact in the batch size.
    slots
        Per diffusion column, the (batch, function) whose batch mean it multiplies; None with ``noise="exact"``.
    training, options
        The training that it was derived from, and how; None if it was made by hand.
    parameters
        The d state symbols: those of the game, and the slow memory of an algorithm that has one.
    shift
        Where a fast memory was eliminated: ``x0 + lr shift`` is the start at which the SDE follows the training.
    clock
        Under a schedule, the time as the last state variable, with drift 1; else None.
    lr, batch_size
        The two symbols.
    """

    game: Game
    order: int
    drift: ImmutableMatrix
    diffusion: ImmutableMatrix
    covariance: ImmutableMatrix
    parameters: tuple[Symbol, ...]
    shift: ImmutableMatrix
    slots: tuple[tuple[int, int], ...] | None = None
    training: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)
    clock: Symbol | None = None
    lr: Symbol = ETA
    batch_size: Symbol = BATCH_SIZE

    @property
    def dim(self) -> int:
        """Number d of states."""
        return len(self.parameters)

    def start(self, x: np.ndarray, lr: float) -> np.ndarray:
        """Complete starts ``(n, d)`` of the parameters to starts of the state at which the SDE follows the training.

        Slow memory is appended; where a fast memory was eliminated, ``lr shift`` is added; a clock starts at 0.
        """
        if self.training is not None and len(self.training.state) != x.shape[1]:
            x = self.training.start_of_sde(self, x, lr)
        return x if self.clock is None else np.column_stack([x, np.zeros(len(x))])

    def latex(self) -> str:
        """LaTeX of the SDE as an ``align*`` body."""
        state = ImmutableMatrix(self.parameters)
        return " \\\\\n".join(
            [
                rf"X &= {to_latex(state.T)}^\top, \qquad dX = b(X)\,dt + S(X)\,dW",
                rf"b &= {to_latex(self.drift)}",
                rf"S &= {to_latex(self.diffusion)}",
            ]
        )

    def subs(self, mapping: dict | None = None, /, **values: float) -> SDE:
        """Give values to free constants of the game; see `Game.subs`."""
        game = self.game.subs(mapping, **values)
        names = {str(k): v for k, v in {**(mapping or {}), **values}.items()}
        table = {s: names[s.name] for s in self.game.free_symbols if s.name in names}
        training = None if self.training is None else replace(self.training, game=game)
        return replace(
            self,
            game=game,
            training=training,
            drift=self.drift.subs(table),
            diffusion=self.diffusion.subs(table),
            covariance=self.covariance.subs(table),
            shift=self.shift.subs(table),
        )

    def with_rates(self, rates: Mapping[str, float]) -> SDE:
        """Return the SDE of the same training with per-player rates."""
        if all(rate == 1 for rate in rates.values()):
            return self
        derived = None if self.training is None else self.training.sde(**self.options)
        if derived is None or (derived.drift, derived.diffusion) != (self.drift, self.diffusion):
            raise ValueError("lr: expected one rate for an SDE that was not derived from a training, got one a player")
        return self.training.with_rates(rates).sde(**self.options)

    def at(self, lr: float, batch_size: float) -> tuple[ImmutableMatrix, ImmutableMatrix]:
        """Drift and diffusion at given rate and batch size (``math.inf``: the deterministic limit)."""
        self.game.refuse_free_symbols()
        check_positive("lr", lr)
        check_batch_size(batch_size)
        if batch_size == inf:
            quiet = self.without_noise()
            return quiet.drift.subs(self.lr, lr), quiet.diffusion
        table = {self.lr: lr, self.batch_size: batch_size}
        return self.drift.subs(table), self.diffusion.subs(table)

    def without_noise(self) -> SDE:
        """Return the deterministic limit of infinite batches: drift without its 1/B terms, no diffusion."""
        drift = self.drift.applyfunc(lambda e: e.limit(self.batch_size, inf) if e.has(self.batch_size) else e)
        none = ImmutableMatrix.zeros(self.dim, 0)
        return replace(
            self, drift=drift, diffusion=none, covariance=ImmutableMatrix.zeros(self.dim, self.dim), slots=()
        )

    def to_torchsde(self, *, lr: float, batch_size: float = 1) -> TensorSDE:
        """Object that ``torchsde.sdeint`` takes; noise type "general", Ito, ``brownian_size`` columns.

        Raises
        ------
        ValueError
            If the game still has free constants, ``lr`` or ``batch_size`` is not positive, or derivatives of a kink
            have no numerical form.
        """
        refuse_kinks(self.game, (*self.drift, *self.diffusion))
        return TensorSDE(self.parameters, *self.at(lr, batch_size))


def derive_sde(update: Update, *, order: int = 1, noise: str = "leading", diffusion_order: int = 1) -> SDE:
    """Derive the SDE of an update.

    Parameters
    ----------
    update
        One iteration of an algorithm on a game.
    order
        Weak order aimed at, 1 or 2.
    noise
        ``"leading"``: the diffusion is the part of the update linear in the batch means, exact where the update has
        no products of them and leading in 1/B otherwise; ``"exact"``: ``diffusion * diffusion.T`` equals
        ``covariance`` for every batch size.
    diffusion_order
        2 adds the correction that makes the stationary covariance right to relative order lr^2 (affine fields with
        additive noise).
    """
    for name, value, choices in (
        ("order", order, (1, 2)),
        ("noise", noise, ("leading", "exact")),
        ("diffusion_order", diffusion_order, (1, 2)),
    ):
        check_choice(name, value, choices)
    first = list(update.terms[0])
    rows = update.polynomial(first)
    b0 = update.mean_of(rows)
    drift = tidied(b0) if order == 1 else _second_order(b0, update.mean(list(update.terms[1])), update.state)
    covariance = _covariance(update, rows)
    modes = _linear_modes(rows, [(b, k) for b, batch in enumerate(update.batches) for k in range(len(batch.means))])
    linear = all(len(m) < 2 for row in rows for m in row)
    if diffusion_order == 2 and not linear:
        raise ValueError("diffusion_order: expected 1 for an update with products of batch means, got 2")
    if diffusion_order == 2:
        modes = _corrected_modes(update, modes, b0)
        covariance = tidied(modes.values * modes.values.T * (ETA / BATCH_SIZE))
    diffusion = modes.values * sqrt(ETA / BATCH_SIZE)
    slots: tuple[tuple[int, int], ...] | None = modes.keys
    if noise == "exact" and not linear:
        factor = exact_factor(rows, partial(_monomial_covariance, update), BATCH_SIZE)
        diffusion, slots = factor * sqrt(ETA), None
    return SDE(
        game=update.game,
        order=order,
        drift=drift,
        diffusion=ImmutableMatrix(diffusion),
        covariance=covariance,
        parameters=update.state,
        shift=update.shift,
        slots=slots,
    )


def _second_order(b0: ImmutableMatrix, mean: ImmutableMatrix, state: Sequence[Symbol]) -> ImmutableMatrix:
    """``b_0 + eta (mean - (D b_0) b_0 / 2)``, ``mean`` being that of ``U_1``."""
    slope, products = jacobian(b0, state), Products()
    half = Rational(-1, 2) * ETA
    counts = [len(e.args) for e in b0]
    written_out = sum(max(1, len(e.args)) * counts[n % len(state)] for n, e in enumerate(slope) if e != 0)
    if b0.has(Float) and written_out < FEW_TERMS:
        return tidied(b0 + ETA * (mean - slope * b0 / 2))
    drift = []
    for i in range(len(state)):
        turned = [(half, slope[i, k], b0[k]) for k in range(len(state)) if slope[i, k] != 0]
        try:
            drift.append(products.total([(b0[i],), (ETA, mean[i]), *turned]))
        except NoPolynomialError:
            drift.append(tidy(b0[i] + ETA * (mean[i] - (slope[i, :] * b0)[0] / 2)))
    return ImmutableMatrix(drift)


@dataclass(frozen=True, eq=False)
class _Modes:
    """Columns of a diffusion and the batch means that they belong to."""

    values: ImmutableMatrix
    keys: tuple[tuple[int, int], ...]


def _linear_modes(rows: Sequence[dict[Monomial, Expr]], keys: Sequence[tuple[int, int]]) -> _Modes:
    """Coefficients of the batch means, one column each, those that vanish left out."""
    zero = Integer(0)
    used = [key for key in keys if any(row.get((key,), zero) != 0 for row in rows)]
    values = [[row.get((key,), zero) for key in used] for row in rows]
    return _Modes(ImmutableMatrix(len(rows), len(used), [e for row in values for e in row]), tuple(used))


def _corrected_modes(update: Update, modes: _Modes, b0: ImmutableMatrix) -> _Modes:
    """``L + lr (K - D b_0 L / 2)`` with L, K the coefficients of the batch means in ``U_0`` and ``U_1``.

    Over one iteration the SDE itself adds ``lr (J S + S J^T) / 2`` to the covariance, the algorithm adds
    ``lr (K L^T + L K^T)``; the difference belongs into the diffusion.
    """
    rows = update.polynomial(list(update.terms[1]))
    zero = Integer(0)
    second = ImmutableMatrix([[row.get((key,), zero) for key in modes.keys] for row in rows])
    values = modes.values + ETA * (second - jacobian(b0, update.state) * modes.values * Rational(1, 2))
    return _Modes(tidied(values), modes.keys)


def _covariance(update: Update, rows: Sequence[dict[Monomial, Expr]]) -> ImmutableMatrix:
    """``eta`` times the covariance of a vector of polynomials in the batch means, exact in B."""
    d, products = len(rows), Products()
    entries = [[Integer(0)] * d for _ in range(d)]
    correlated = _correlated(update, list(dict.fromkeys(m for row in rows for m in row)))
    for i in range(d):
        for j in range(i, d):
            terms = [
                (c, rows[j][n], covariance)
                for m, c in rows[i].items()
                for n, covariance in correlated[m]
                if n in rows[j]
            ]
            try:
                entries[i][j] = entries[j][i] = products.total((ETA, *factors) for factors in terms)
            except NoPolynomialError:
                entries[i][j] = entries[j][i] = tidy(ETA * tidy(sum((Mul(*factors) for factors in terms), Integer(0))))
    return ImmutableMatrix(entries)


def _correlated(update: Update, monomials: Sequence[Monomial]) -> dict[Monomial, list[tuple[Monomial, Expr]]]:
    """For each product of batch means those that are correlated with it, and the covariance."""
    found: dict[Monomial, list[tuple[Monomial, Expr]]] = {m: [] for m in monomials}
    known: dict[tuple[Monomial, Monomial], Expr] = {}
    for m in monomials:
        for n in monomials:
            if {b for b, _ in m} & {b for b, _ in n}:
                key = (m, n) if m <= n else (n, m)
                if key not in known:
                    known[key] = _monomial_covariance(update, *key)
                if known[key] != 0:
                    found[m].append((n, known[key]))
    return found


def _monomial_covariance(update: Update, m: Monomial, n: Monomial) -> Expr:
    return (update.moment(tuple(sorted(m + n))) - update.moment(m) * update.moment(n)).expand()
