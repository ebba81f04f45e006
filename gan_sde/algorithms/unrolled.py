"""Unrolled training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gan_sde.algorithms.algorithm import AbstractAlgorithm
from gan_sde.algorithms.products import two_players_zero_sum
from gan_sde.algorithms.rate import Rate, as_rate
from gan_sde.symbolic.oracle import AbstractOracle
from gan_sde.symbolic.validation import check_choice, check_integer


@dataclass(frozen=True)
class Unrolled(AbstractAlgorithm):
    """The generator descends the payoff after k look-ahead steps of the discriminator (Metz et al., arXiv 1611.02163).

    The gradient goes through the look-ahead: with ``phi_{j+1} = phi_j + alpha V_phi(phi_j, theta)``,
    ``dV(phi_k, theta)/dtheta = V_theta + alpha sum_j V_{theta phi}(phi_j) lambda_{j+1}``, where
    ``lambda_k = V_phi(phi_k)`` and ``lambda_j = lambda_{j+1} + alpha V_{phi phi}(phi_j) lambda_{j+1}``.

    Parameters
    ----------
    inner_steps
        Look-ahead steps k.
    rate
        Their size alpha: a number is a multiple of the learning rate, ``Fixed(alpha)`` does not shrink with it.
    batches
        ``"independent"``: a fresh batch for every evaluation; ``"shared"``: one for all.
    """

    inner_steps: int = 1
    rate: Rate | float = 1
    batches: str = "independent"

    def __post_init__(self) -> None:
        check_integer("inner_steps", self.inner_steps, 1)
        object.__setattr__(self, "rate", as_rate("rate", self.rate))
        check_choice("batches", self.batches, ("shared", "independent"))

    def step(self, oracle: AbstractOracle, x: Any, eta: Any) -> Any:
        """One iteration."""
        up, down = two_players_zero_sum(oracle, "unrolled")
        alpha, shared = self.rate.at(eta), oracle.fresh()

        def batch() -> Any:
            return shared if self.batches == "shared" else oracle.fresh()

        own = oracle.only(up, oracle.F(x, shared))
        ahead = [x]
        for j in range(self.inner_steps):
            # the first look-ahead step is the discriminator's own: it may use the same evaluation when shared
            step = own if self.batches == "shared" and j == 0 else oracle.only(up, oracle.F(ahead[-1], batch()))
            ahead.append(ahead[-1] - alpha * step)
        last = oracle.F(ahead[-1], batch())
        generator = oracle.only(down, last)
        # the discriminator's field is minus the payoff's gradient: lambda_k = -F_phi at the end
        sensitivity = oracle.only(up, last if self.batches == "shared" else oracle.F(ahead[-1], batch())) * -1
        for point in reversed(ahead[:-1]):
            product = oracle.jvp(point, sensitivity, batch())
            generator = generator + alpha * oracle.only(down, product)
            sensitivity = sensitivity - alpha * oracle.only(up, product)
        return x - eta * (own + generator)
