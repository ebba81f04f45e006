"""Adversarial training: the model descends where a perturbation of its data has climbed first."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

from sympy import Expr, ImmutableMatrix, Integer, Rational, sqrt

from gan_sde.algorithms.algorithm import AbstractAlgorithm
from gan_sde.algorithms.products import two_players_zero_sum
from gan_sde.algorithms.rate import MultipleOfEta, Rate, as_rate
from gan_sde.symbolic.expectation import chaos
from gan_sde.symbolic.field import tidy
from gan_sde.symbolic.oracle import AbstractOracle
from gan_sde.symbolic.sde import SDE
from gan_sde.symbolic.training import Training
from gan_sde.symbolic.update import BATCH_SIZE, ETA
from gan_sde.symbolic.validation import check_choice, check_integer, shown


@dataclass(frozen=True)
class AdversarialTraining(AbstractAlgorithm):
    """K ascents of a perturbation that starts from 0, then one descent of the model (arXiv 2105.08037).

    For ``min_theta E max_delta J(theta, x, delta)``, on one batch::

        delta_0 = 0,   delta_{k+1} = delta_k + alpha grad_delta J(theta, delta_k),   k = 0 ... K - 1
        theta' = theta - eta grad_theta J(theta, delta_K)

    The gradient in theta takes the perturbation as given, as projected gradient descent on the data does. The
    perturbation is found anew in every iteration: its coordinates in the state keep their start and are never read.

    Parameters
    ----------
    inner_steps
        K; 0 is stochastic gradient descent.
    inner_rate
        alpha: a number u is the multiple ``u eta``, ``Fixed(alpha)`` does not shrink with the learning rate.
    perturbations
        m: perturbations found in one iteration, each on a batch of its own; theta descends the mean of the m fields.
        An iteration sees ``m batch_size`` samples. With 1, the whole minibatch shares one perturbation; with
        ``batch_size=1``, each of m samples has its own.

    Notes
    -----
    For ``alpha = u eta`` the SDE of order 2 is that of descent on the loss plus a penalty of the input gradient: see
    `adversarial_sde`. A projection of the perturbation onto a ball whose radius does not shrink with the learning rate
    is not seen at this order, and left out here.

    References
    ----------
    H. Gu, X. Guo, X. Li (2021), Adversarial training for gradient descent: analysis through its continuous-time
    approximation, arXiv 2105.08037.

    Examples
    --------
    >>> import gan_sde as gs
    >>> from gan_sde.games.adversarial_regression import adversarial_regression
    >>> game = adversarial_regression().subs(slope=1, sigma_x=1, noise=0, penalty=0)
    >>> gs.Training(game, AdversarialTraining(perturbations=2)).sde(order=1).drift
    Matrix([
    [        0],
    [1 - theta]])
    """

    inner_steps: int = 1
    inner_rate: Rate | float = 1
    perturbations: int = 1

    def __post_init__(self) -> None:
        check_integer("inner_steps", self.inner_steps, 0)
        check_integer("perturbations", self.perturbations, 1)
        object.__setattr__(self, "inner_rate", as_rate("inner_rate", self.inner_rate))

    def step(self, oracle: AbstractOracle, x: Any, eta: Any) -> Any:
        """One iteration."""
        adversary, model = two_players_zero_sum(oracle, "adversarial-training")
        unperturbed, alpha = oracle.only(model, x), self.inner_rate.at(eta)
        fields = []
        for _ in range(self.perturbations):
            batch, point = oracle.fresh(), unperturbed
            for _ in range(self.inner_steps):
                point = point - alpha * oracle.only(adversary, oracle.F(point, batch))
            fields.append(oracle.only(model, oracle.F(point, batch)))
        return x - eta * (reduce(add, fields) / self.perturbations)


def adversarial_sde(training: Training, order: int = 2) -> SDE:
    """SDE of adversarial training in closed form: descent on the loss plus penalties, with the noise of the loss.

    ``d Theta = -u_O grad(G + eta (u_I K / 2) R + eta (u_O / 4) |grad G|^2) dt + u_O sqrt(eta / (m B)) Sigma^{1/2} dW``
    with ``G = E J``, ``R = |E g|^2 + tr Cov(g) / B``, ``g = grad_delta J`` and ``Sigma = Cov(grad_theta J)``, all at
    ``delta = 0`` (arXiv 2105.08037; the perturbation shared by B samples is the general case here). Order 1 is
    ``-u_O grad G`` alone. It equals ``training.sde(order)`` and stays short where the losses are not polynomial in
    the data, for which that derivation multiplies out all pairs of data points.

    Parameters
    ----------
    training
        `AdversarialTraining` of a zero-sum game whose payoff has the maximiser's parameters as perturbations. u_O and
        u_I are the rates of its players, u_I times the algorithm's own inner rate.
    order
        1 or 2.

    Returns
    -------
    SDE
        Of all parameters of the game; those of the adversary rest.

    Raises
    ------
    ValueError
        If the algorithm is another one, or its inner rate does not shrink with the learning rate.
    """
    check_choice("order", order, (1, 2))
    algorithm, game = training.algorithm, training.game
    if not isinstance(algorithm, AdversarialTraining) or not isinstance(algorithm.inner_rate, MultipleOfEta):
        raise ValueError(
            f"training: expected adversarial training with an inner rate that is a multiple of eta, "
            f"got {shown(algorithm)}"
        )
    if game.payoff is None:
        raise ValueError("training: expected a zero-sum game, got a general-sum game")
    (adversary, moves), (model, theta) = game.players.items()
    at_rest = dict.fromkeys(moves, Integer(0))
    inner, outer = training.rates.get(adversary, 1) * algorithm.inner_rate.factor, training.rates.get(model, 1)
    field = chaos([game.payoff.diff(s).xreplace(at_rest) for s in theta], game.data)
    drift = -outer * field.mean
    if order == 2:
        penalty = _input_gradient([game.payoff.diff(s).xreplace(at_rest) for s in moves], game.data)
        descent = field.mean.jacobian(theta).T * field.mean * (outer * Rational(1, 2))
        ascent = ImmutableMatrix([penalty.diff(s) for s in theta]) * (inner * algorithm.inner_steps * Rational(1, 2))
        drift -= ETA * outer * (descent + ascent)
    scale = outer * sqrt(ETA / (BATCH_SIZE * algorithm.perturbations))
    diffusion = ImmutableMatrix((scale * field.modes).applyfunc(tidy))
    still = ImmutableMatrix.zeros(len(moves), 1)
    noise = ImmutableMatrix.vstack(ImmutableMatrix.zeros(len(moves), diffusion.cols), diffusion)
    return SDE(
        game=game,
        order=order,
        drift=ImmutableMatrix.vstack(still, ImmutableMatrix(drift.applyfunc(tidy))),
        diffusion=noise,
        covariance=ImmutableMatrix((noise * noise.T).applyfunc(tidy)),
        parameters=game.parameters,
        shift=ImmutableMatrix.zeros(game.dim, 1),
    )


def _input_gradient(gradient: list[Expr], data: Any) -> Expr:
    """``|E g|^2 + tr Cov(g) / B``."""
    of_mean = sum((e**2 for e in chaos(gradient, data).mean), start=Integer(0))
    (mean_of_square,) = chaos([sum((e**2 for e in gradient), start=Integer(0))], data).mean
    return of_mean * (1 - 1 / BATCH_SIZE) + mean_of_square / BATCH_SIZE
