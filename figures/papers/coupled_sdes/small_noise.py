"""An integrator for SDEs whose noise is as small as that of a training, in plain numpy.

The noise of the SDE of a training is of order ``sqrt(lr)``. One step of length ``h = lr`` may then leave out what a
general scheme of weak order 2 spends its time on, the iterated integrals of the diffusion, without leaving out anything
of second order (G. N. Milstein, M. V. Tretyakov, "Numerical methods in the weak sense for stochastic differential
equations with small noise", SIAM J. Numer. Anal. 34 (1997) 2142-2167; the coefficients here are chosen anew).

With a the drift, S the diffusion and g the noise of the step::

    k1 = a(x)                      g = S(x + h k1 / 2) dW
    k2 = a(x + h k1 / 2 + g)       k3 = a(x + h k2 / 2)       k4 = a(x + h k3 + g)
    x' = x + h (k1 + 2 k2 + 2 k3 + k4) / 6 + g

Without noise that is the classical Runge-Kutta method. The stages that see g carry half of the weight: so the step has
the terms ``h (Da S + DS a) dW / 2`` and ``h^2 D^2 a [S, S] / 4`` of the Ito-Taylor expansion. What is missing is of
weak order ``h^3 lr`` and ``h^2 lr^2`` a step: the error at a fixed time is of third order in lr.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from sympy import Expr, Matrix, Symbol, lambdify

import gan_sde as gs
from gan_sde.symbolic.training import state_bounds


class SmallNoiseIntegrator:
    """Steps of one SDE for many trajectories at once.

    Parameters
    ----------
    sde
        Its game without free constants. Its state may end with a clock.
    batch_size
        Samples a batch.
    """

    def __init__(self, sde: gs.SDE, batch_size: float):
        self.sde, self.batch_size = sde, batch_size
        self.columns = sde.diffusion.cols
        normals = [Symbol(f"normal_{i}__") for i in range(self.columns)]
        constants = [sde.lr, sde.batch_size]
        self._drift = compiled([*sde.parameters, *constants], list(sde.drift))
        noise = sde.diffusion * Matrix(self.columns, 1, normals)
        self._noise = compiled([*sde.parameters, *normals, *constants], list(noise))
        self._bounds = np.array(state_bounds(sde.game, sde.parameters)).T[:, :, None]

    def run(self, x0: Sequence[float], lr: float, normals: np.ndarray) -> np.ndarray:
        """States ``(D, n)`` after as many units of time lr as there are ``normals``, ``(steps, columns, n)``."""
        x = np.repeat(np.asarray(self.sde.start(np.array([x0], dtype=float), lr)).T, normals.shape[2], axis=1)
        for drawn in normals:
            x = self.step(x, lr, drawn)
        return x

    def step(self, x: np.ndarray, lr: float, normals: np.ndarray) -> np.ndarray:
        """States ``(D, n)`` after the time lr, given standard normals ``(columns, n)``."""
        constants = (lr, self.batch_size)

        def drift(at: np.ndarray) -> np.ndarray:
            return _stack(self._drift(*at, *constants), x)

        k1 = drift(x)
        middle = x + lr / 2 * k1
        g = np.sqrt(lr) * _stack(self._noise(*middle, *normals, *constants), x)
        k2 = drift(middle + g)
        k3 = drift(x + lr / 2 * k2)
        k4 = drift(x + lr * k3 + g)
        return np.clip(x + lr / 6 * (k1 + 2 * k2 + 2 * k3 + k4) + g, *self._bounds)


def compiled(arguments: Sequence[Symbol], expressions: Sequence[Expr]) -> Callable[..., Sequence[np.ndarray]]:
    """Numpy function of the arguments that shares common parts."""
    return lambdify(arguments, expressions, modules="numpy", cse=True)


def _stack(rows: Sequence[np.ndarray], like: np.ndarray) -> np.ndarray:
    out = np.empty_like(like)
    for i, row in enumerate(rows):
        out[i] = row
    return out
