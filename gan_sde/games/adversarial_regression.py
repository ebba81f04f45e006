"""Regression against an adversary who moves the inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sympy import Expr, Function, Integer, Symbol, symbols, tanh

from gan_sde.symbolic.distributions import Empirical, Normal
from gan_sde.symbolic.expectation import DataKey
from gan_sde.symbolic.game import Game
from gan_sde.symbolic.law import AbstractDistribution
from gan_sde.symbolic.validation import check_choice, finite_array, shown


class softplus(Function):
    """``log(1 + exp(x))``, kept whole: its derivatives are then polynomials in one ``tanh``.

    Examples
    --------
    >>> softplus(Symbol("x")).diff()
    tanh(x/2)/2 + 1/2
    """

    nargs = 1

    def fdiff(self, argindex: int = 1) -> Expr:
        """``1 / (1 + exp(-x))``."""
        return (1 + tanh(self.args[0] / 2)) / 2

    @staticmethod
    def _imp_(x: Any) -> Any:
        """Numerical value, for ``lambdify``."""
        return np.logaddexp(0, x)


def perturbed(
    loss: Expr,
    *,
    model: Sequence[Symbol],
    inputs: Sequence[Symbol],
    data: Mapping[DataKey, AbstractDistribution],
    penalty: Any = 0,
    **options: Any,
) -> Game:
    """Make the adversarial game of a per-sample loss: ``J(theta, x, delta) = L(theta, x + delta) - c |delta|^2 / 2``.

    Parameters
    ----------
    loss
        ``L(theta, x)``: an expression of the parameters, the data symbols and free constants.
    model
        Parameters ``theta`` of the minimiser.
    inputs
        Data symbols that the adversary may move, wherever they stand in the loss; a parameter ``delta_<name>`` of the
        maximiser for each.
    data
        Laws of all data symbols.
    penalty
        c, a number or a symbol.
    options
        As in `Game.zero_sum`; a start ``x0`` may leave out the perturbations, which start from 0.

    Raises
    ------
    ValueError
        If an input is no data symbol, or as in `Game.zero_sum`.

    Examples
    --------
    >>> theta, x = symbols("theta x")
    >>> game = perturbed((theta - x)**2 / 2, model=[theta], inputs=[x], data={x: Normal(0, 1)})
    >>> game.parameters, game.payoff
    ((delta_x, theta), (-delta_x + theta - x)**2/2)
    """
    drawn = {s for key in data for s in (key if isinstance(key, tuple) else (key,))}
    for symbol in inputs:
        if symbol not in drawn:
            raise ValueError(f"inputs: expected data symbols, got {shown(symbol)}")
    moves = {s: Symbol(f"delta_{s.name}") for s in inputs}
    payoff = loss.xreplace({s: s + move for s, move in moves.items()})
    payoff -= penalty * sum(move**2 for move in moves.values()) / 2
    if options.get("x0") is not None:
        options["x0"] = {**{move.name: 0.0 for move in moves.values()}, **options["x0"]}
    return Game.zero_sum(
        payoff, maximiser={"adversary": list(moves.values())}, minimiser={"model": list(model)}, data=data, **options
    )


def adversarial_regression(loss: str = "squared", data: Sequence[Sequence[float]] | np.ndarray | None = None) -> Game:
    """Linear regression, or classification, against an adversary who adds delta to the inputs.

    Parameters
    ----------
    loss
        ``"squared"``: ``(theta . x - y)^2 / 2``; ``"logistic"``: ``log(1 + exp(-y theta . x))``.
    data
        Rows ``(x_1, ..., x_n, y)``; for the logistic loss y is 1 or -1. None, for the squared loss only: one input
        ``x ~ N(0, sigma_x^2)`` with ``y = slope x + noise e``, ``e ~ N(0, 1)``.

    Notes
    -----
    The payoff is ``J = loss(theta, x + delta, y) - penalty |delta|^2 / 2``. One delta for all samples: the algorithm
    ``adversarial-training`` decides how many samples share one. At ``delta = 0`` with Gaussian data the expected loss
    is ``(theta - slope)^2 sigma_x^2 / 2 + noise^2 / 2``.
    """
    check_choice("loss", loss, ("squared", "logistic"))
    c = Symbol("penalty")
    if data is None:
        if loss == "logistic":
            raise ValueError("data: expected rows (x_1, ..., x_n, y) for the logistic loss, got None")
        return _gaussian(c)
    rows = finite_array("data", data, "rows of finite numbers (x_1, ..., x_n, y)")
    if rows.ndim != 2 or rows.shape[1] < 2 or not len(rows):
        raise ValueError(f"data: expected rows (x_1, ..., x_n, y), got an array of shape {rows.shape}")
    wrong = np.flatnonzero(np.abs(rows[:, -1]) != 1)
    if loss == "logistic" and len(wrong):
        raise ValueError(f"data: expected labels y of 1 or -1, got {rows[wrong[0], -1]:g} in row {wrong[0]}")
    count = rows.shape[1] - 1
    theta, inputs = symbols(f"theta_1:{count + 1}"), symbols(f"x_1:{count + 1}")
    y = Symbol("y")
    score = sum(t * x for t, x in zip(theta, inputs, strict=True))
    return perturbed(
        (score - y) ** 2 / 2 if loss == "squared" else softplus(-y * score),
        model=theta,
        inputs=inputs,
        data={(*inputs, y): Empirical(rows)},
        penalty=c,
        name="adversarial-regression",
        x0={s.name: 0.0 for s in theta},
        defaults={"penalty": 0.0},
    )


def _gaussian(penalty: Symbol) -> Game:
    theta, delta, x, e, slope, sigma_x, noise = symbols("theta delta_x x e slope sigma_x noise")
    residual = theta * (x + delta) - slope * x - noise * e  # the target stays that of the input as it was drawn
    return Game.zero_sum(
        residual**2 / 2 - penalty * delta**2 / 2,
        maximiser={"adversary": [delta]},
        minimiser={"model": [theta]},
        data={x: Normal(0, sigma_x), e: Normal(0, 1)},
        name="adversarial-regression",
        x0={"delta_x": 0.0, "theta": 0.0},
        defaults={"slope": 1.0, "sigma_x": 1.0, "noise": 1.0, "penalty": 0.0},
        known_equilibria=({delta: Integer(0), theta: slope},),
    )
