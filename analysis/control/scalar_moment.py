"""The mean loss of a quadratic under a learning rate that is controlled: one moment, one equation.

With t = lr x iterations and u the rate as a multiple of lr, the order-1 SDE of stochastic gradient descent is
`dX = -u f'(X) dt + u sqrt(lr Sigma / B) dW`. On a quadratic loss, and on a game that is isotropic, it closes in
one moment:

    m' = -2 decay u m + noise u^2,     u in [0, largest].
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis._validation import Array, count, finite_array, positive


@dataclass(frozen=True)
class ScalarMoment:
    """The equation m' = -2 decay u m + noise u^2 for a controlled rate u in [0, largest].

    Attributes
    ----------
    decay : float
        Per unit of physical time, of the amplitude; half of that of m.
    noise : float
        What noise adds to m in a unit of time at rate 1.
    largest : float
        Largest rate, as a multiple of the learning rate.

    Examples
    --------
    >>> moment = quadratic_moment(curvature=2.0, variance=4.0, lr=0.1)
    >>> moment
    ScalarMoment(decay=2.0, noise=0.4, largest=1.0)
    >>> float(moment.feedback(0.1))
    0.5
    """

    decay: float
    noise: float
    largest: float = 1.0

    def __post_init__(self) -> None:
        finite_array("decay", self.decay, (0,))
        finite_array("noise", self.noise, (0,))
        positive("largest", self.largest)

    def derivative(self, moment: ArrayLike, rate: ArrayLike) -> Array:
        """Derivative m' at moments and rates that broadcast against each other."""
        u = np.asarray(rate, dtype=float)
        return np.asarray(-2 * self.decay * u * np.asarray(moment, dtype=float) + self.noise * u**2)

    def feedback(self, moment: ArrayLike) -> Array:
        """The rate at which m falls fastest, and the optimal one.

        A smaller m at any time is a smaller m ever after (solutions of one scalar equation do not cross), so
        that falling fastest at each moment is best at every horizon: with G(m) = min_u m'(m, u) any other control
        has m' >= G(m), hence a larger m by comparison. The parabola in u is least at u = decay m / noise if
        noise > 0, clipped to the interval, else at one of its ends; ties go to the larger rate.
        """
        m = finite_array("moment", moment)
        ends = np.where(self.derivative(m, self.largest) <= 0, self.largest, 0.0)
        if self.noise <= 0:
            return ends
        return np.clip(self.decay * m / self.noise, 0.0, self.largest)

    def evolve(self, start: float, rates: ArrayLike, durations: ArrayLike) -> Array:
        """Follow m exactly under rates that are constant by pieces.

        Parameters
        ----------
        start : float
            m at time 0.
        rates : array, shape (..., n)
            Rate of each piece, a multiple of the learning rate.
        durations : array, shape (n,), or float
            Physical time of each piece.

        Returns
        -------
        array, shape (..., n + 1)
            m at the ends of the pieces, the start first.

        Raises
        ------
        ValueError
            Numbers that are not finite, negative durations, or shapes that do not fit.
        """
        u, lengths = rate_array(rates), finite_array("durations", durations)
        if np.any(lengths < 0):
            raise ValueError(f"durations: expected numbers >= 0, got {float(np.min(lengths)):g}")
        try:
            lengths = np.broadcast_to(lengths, u.shape)
        except ValueError:
            message = f"durations: expected one for all or one a rate, {u.shape}, got shape {lengths.shape}"
            raise ValueError(message) from None
        path = np.empty((*u.shape[:-1], u.shape[-1] + 1))
        path[..., 0] = finite_number("start", start)
        exponent = -2 * self.decay * u * lengths
        factor, gain = np.exp(exponent), self.noise * u**2 * lengths * _mean_exponential(exponent)
        for k in range(u.shape[-1]):
            path[..., k + 1] = factor[..., k] * path[..., k] + gain[..., k]
        return path


def quadratic_moment(
    curvature: float, variance: float, lr: float, batch_size: float = 1, largest: float = 1.0
) -> ScalarMoment:
    """The mean loss m = E f(X) of f = a (x - b)^2 / 2, any sign of a: decay a, noise a lr Sigma / (2 B).

    Parameters
    ----------
    curvature : float
        a; with a < 0 the loss m is negative and to be driven down.
    variance : float
        Sigma, variance of one sample's gradient, the same everywhere.
    lr : float
        Largest learning rate if `largest` is 1; the physical time of an iteration.
    batch_size : float
        B; `math.inf` takes the noise away.
    largest : float
        Largest rate as a multiple of `lr`.

    References
    ----------
    Li, Tai & E (2017), arXiv 1511.06251, section 4.1.
    """
    scale = _noise_scale(variance, lr, batch_size)
    return ScalarMoment(float(curvature), float(curvature) * scale / 2, largest)


def game_moment(
    curvature: float, variance: float, lr: float, batch_size: float = 1, largest: float = 1.0
) -> ScalarMoment:
    """Half the mean squared distance, m = E|z|^2 / 2, of descent-ascent on one isotropic pair of a game.

    The pair is a x^2 / 2 + lam x y - a y^2 / 2, whatever lam: the coupling rotates z and leaves |z| alone. Each
    player's gradient has the variance `variance`; decay a, noise lr s^2 / B. What is driven down is a distance, not a
    loss, so that with a <= 0 (a bilinear game, say) the best rate is 0.

    Parameters
    ----------
    curvature, variance, lr, batch_size, largest
        As in `quadratic_moment`, `variance` for each of the two coordinates.
    """
    return ScalarMoment(float(curvature), _noise_scale(variance, lr, batch_size), largest)


def adversarial_moment(
    variance: float, lr: float, inner_rate: float, inner_steps: int, batch_size: float = 1, largest: float = 1.0
) -> ScalarMoment:
    """Adversarial training of a mean: J = (theta - x - delta)^2 / 2, m = E(theta - E x)^2 / 2.

    K inner ascents of delta from 0 at rate `inner_rate` x lr multiply the residual by 1 + inner_rate lr each. The
    outer step sees the curvature a = (1 + inner_rate lr)^K, to first order 1 + lr K inner_rate, and the gradient
    variance a^2 Sigma: decay a, noise lr a^2 Sigma / (2 B). The optimal rate is a times smaller than without.

    Parameters
    ----------
    variance : float
        Sigma, variance of the data x.
    lr, batch_size, largest
        As in `quadratic_moment`.
    inner_rate : float
        Rate of the inner ascent as a multiple of `lr`.
    inner_steps : int
        K; 0 is plain gradient descent.

    References
    ----------
    Gu, Guo & Li (2021), arXiv 2105.08037.

    Examples
    --------
    >>> plain, robust = (adversarial_moment(1.0, 0.1, 2.5, steps) for steps in (0, 1))
    >>> print(plain.feedback(0.03), robust.feedback(0.03))
    0.6 0.48
    """
    inner = 1 + finite_number("inner_rate", inner_rate) * positive("lr", lr)
    a = inner ** count("inner_steps", inner_steps, 0)
    return ScalarMoment(a, a**2 * _noise_scale(variance, lr, batch_size) / 2, largest)


def finite_number(name: str, value: ArrayLike) -> float:
    """Return one finite number."""
    return float(finite_array(name, value, (0,)))


def rate_array(rates: ArrayLike) -> Array:
    """Return finite rates (..., n), one a piece along the last axis."""
    u = finite_array("rates", rates)
    if u.ndim == 0:
        raise ValueError(f"rates: expected an array of shape (..., n), got the number {float(u):g}")
    return u


def _noise_scale(variance: float, lr: float, batch_size: float) -> float:
    spread = finite_number("variance", variance)
    if spread < 0:
        raise ValueError(f"variance: expected a number >= 0, got {spread:g}")
    return positive("lr", lr) * spread / positive("batch_size", batch_size, allow_infinity=True)


def _mean_exponential(z: Array) -> Array:
    """(e^z - 1) / z, 1 at 0."""
    safe = np.where(z == 0, 1.0, z)
    return np.where(z == 0, 1.0, np.expm1(safe) / safe)
