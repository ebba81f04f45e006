"""Covariances of linear stochastic games: stationary and at finite time, of the SDE and of the iteration.

The flow is `x' = -J x` with `J = DF` the Jacobian of the stacked own-gradients; `noise_covariance` is that
of ONE sample's field, a batch divides it by its size, and one iteration lasts the physical time `lr`:

    SDE        dX = -J X dt + sqrt(lr / B) Sigma^{1/2} dW
    iteration  x' = x - lr (J x + noise),  Cov(noise) = Sigma / B
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import expm, solve_continuous_lyapunov

from analysis._validation import Array, count, covariance_matrix, finite_array, positive, square_matrix


def stationary_covariance(
    jacobian: ArrayLike, noise_covariance: ArrayLike, lr: float = 1.0, batch_size: float = 1
) -> Array:
    """Covariance of the SDE's invariant law: the solution C of J C + C J^T = (lr / B) Sigma.

    Parameters
    ----------
    jacobian : array, shape (d, d)
        J = DF; every eigenvalue must have positive real part.
    noise_covariance : array, shape (d, d)
        Per-sample covariance Sigma of the stochastic field; may be singular.
    lr : float
        Learning rate, the physical time of one iteration.
    batch_size : float
        B; `math.inf` gives 0.

    Returns
    -------
    array, shape (d, d)

    Raises
    ------
    ValueError
        Wrong shapes, Sigma not symmetric positive semidefinite, or J with an eigenvalue of real part <= 0:
        then there is no stationary law.

    References
    ----------
    Mandt, Hoffman & Blei (2017), arXiv 1704.04289, eq. 13; Bartels & Stewart (1972), doi
    10.1145/361573.361582.

    Examples
    --------
    >>> float(stationary_covariance([[2.0]], [[4.0]], lr=0.1, batch_size=10)[0, 0])
    0.01
    """
    matrix, noise = _matrices(jacobian, noise_covariance, lr, batch_size)
    _require_hurwitz(matrix)
    return _symmetric(solve_continuous_lyapunov(matrix, noise))


def discrete_stationary_covariance(
    jacobian: ArrayLike, noise_covariance: ArrayLike, lr: float, batch_size: float = 1
) -> Array:
    """Covariance of the iteration's invariant law: C = A C A^T + (lr^2 / B) Sigma with A = I - lr J.

    Parameters and errors are those of `stationary_covariance`, but what must hold is that the spectral
    radius of A is below 1.

    Returns
    -------
    array, shape (d, d)

    Notes
    -----
    With R = (I - lr J / 2)^{-1}, which commutes with J, the equation becomes (J R) C + C (J R)^T = (lr / B)
    R Sigma R^T. Unlike C - A C A^T this has no cancellation as lr -> 0, where it turns into the SDE's
    equation.

    Examples
    --------
    >>> round(float(discrete_stationary_covariance([[2.0]], [[4.0]], lr=0.5, batch_size=1)[0, 0]), 12)
    1.0
    """
    matrix, noise = _matrices(jacobian, noise_covariance, lr, batch_size)
    radius = float(np.max(np.abs(np.linalg.eigvals(np.eye(len(matrix)) - lr * matrix))))
    if radius >= 1 - 1e-14:
        raise ValueError(
            f"lr: expected I - lr J of spectral radius < 1, got {radius:.6g} at lr = {lr:g} (no stationary law)"
        )
    resolvent = np.linalg.inv(np.eye(len(matrix)) - lr / 2 * matrix)
    return _symmetric(solve_continuous_lyapunov(matrix @ resolvent, resolvent @ noise @ resolvent.T))


def transient_covariance(
    jacobian: ArrayLike,
    noise_covariance: ArrayLike,
    time: ArrayLike,
    *,
    initial: ArrayLike | None = None,
    lr: float = 1.0,
    batch_size: float = 1,
) -> Array:
    """Covariance of the SDE at finite time: C' = -J C - C J^T + (lr / B) Sigma from C(0) = `initial`.

    Parameters
    ----------
    jacobian, noise_covariance, lr, batch_size
        As in `stationary_covariance`, but J may be anything.
    time : float or array
        Physical times (learning rate x iterations), not negative.
    initial : array, shape (d, d), optional
        Covariance at time 0; left out, 0 (a start at one point).

    Returns
    -------
    array, shape time.shape + (d, d)

    Raises
    ------
    ValueError
        Bad arguments as in `stationary_covariance`, or a time at which an unstable direction has grown beyond
        the largest float.

    Notes
    -----
    Van Loan's block exponential on a sub-interval with |J| h <= 1/2, then C(2h) = C(h) + E C(h) E^T: the
    block exponential alone overflows at long times, and C(infinity) minus its image cancels at short ones.

    References
    ----------
    Van Loan (1978), doi 10.1109/TAC.1978.1101743.

    Examples
    --------
    >>> round(float(transient_covariance([[1.0]], [[2.0]], time=0.5)[0, 0]), 6)
    0.632121
    """
    matrix, noise = _matrices(jacobian, noise_covariance, lr, batch_size)
    times = finite_array("time", time)
    if np.any(times < 0):
        raise ValueError(f"time: expected numbers >= 0, got {float(np.min(times)):g}")
    start = _initial(initial, len(matrix))
    flat = [_at_time(matrix, noise, float(t), start) for t in times.ravel()]
    for late, covariance in zip(times.ravel(), flat, strict=True):
        _require_no_overflow("time", f"{late:g}", covariance)
    return np.stack(flat).reshape(*times.shape, *matrix.shape)


def discrete_transient_covariance(
    jacobian: ArrayLike,
    noise_covariance: ArrayLike,
    steps: int,
    *,
    lr: float,
    initial: ArrayLike | None = None,
    batch_size: float = 1,
) -> Array:
    """Covariance of the iteration after `steps` iterations, from `initial` (0 if left out).

    Returns
    -------
    array, shape (d, d)

    Raises
    ------
    ValueError
        Bad arguments, or so many steps that an unstable direction has grown beyond the largest float.

    Notes
    -----
    Binary powers of the affine map C -> A C A^T + Q, so that 10^9 steps cost thirty squarings; any J is
    allowed.

    Examples
    --------
    >>> discrete_transient_covariance([[1.0]], [[1.0]], steps=2, lr=0.5).tolist()
    [[0.3125]]
    """
    matrix, noise = _matrices(jacobian, noise_covariance, lr, batch_size)
    remaining = count("steps", steps, 0)
    covariance = _initial(initial, len(matrix))
    power, added = np.eye(len(matrix)) - lr * matrix, lr * noise
    with np.errstate(over="ignore", invalid="ignore"):
        while remaining:
            if remaining & 1:
                covariance = power @ covariance @ power.T + added
            added = power @ added @ power.T + added
            power = power @ power
            remaining >>= 1
    _require_no_overflow("steps", str(steps), covariance)
    return _symmetric(covariance)


def _matrices(jacobian: ArrayLike, noise_covariance: ArrayLike, lr: float, batch_size: float) -> tuple[Array, Array]:
    matrix = square_matrix("jacobian", jacobian)
    sigma = finite_array("noise_covariance", noise_covariance, (2,))
    sigma = covariance_matrix("noise_covariance", sigma, len(matrix))
    scale = positive("lr", lr) / positive("batch_size", batch_size, allow_infinity=True)
    return matrix, scale * sigma


def _require_hurwitz(matrix: Array) -> None:
    eigenvalues = np.linalg.eigvals(matrix)
    # Rounding may lift an exactly imaginary pair a little above 0.
    tolerance = 10 * len(matrix) * np.finfo(float).eps * np.linalg.norm(matrix)
    worst = float(np.min(eigenvalues.real))
    if worst <= tolerance:
        raise ValueError(f"jacobian: expected eigenvalues with positive real part, got {worst:.6g} (no stationary law)")


def _initial(initial: ArrayLike | None, d: int) -> Array:
    if initial is None:
        return np.zeros((d, d))
    return covariance_matrix("initial", finite_array("initial", initial, (2,)), d)


def _at_time(matrix: Array, noise: Array, time: float, start: Array) -> Array:
    d = len(matrix)
    doublings = max(0, int(np.ceil(np.log2(max(float(np.linalg.norm(matrix)) * time, 1e-300)))) + 1)
    block = np.zeros((2 * d, 2 * d))
    block[:d, :d], block[:d, d:], block[d:, d:] = matrix, noise, -matrix.T
    exponential = expm(block * (time / 2**doublings))
    flow = exponential[d:, d:].T
    covariance = _symmetric(flow @ exponential[:d, d:])
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(doublings):
            covariance = covariance + flow @ covariance @ flow.T
            flow = flow @ flow
        return _symmetric(covariance + flow @ start @ flow.T)


def _require_no_overflow(name: str, came: str, covariance: Array) -> None:
    if not np.all(np.isfinite(covariance)):
        raise ValueError(
            f"{name}: expected a growth within the range of floats, got an overflow by {came} (an unstable direction)"
        )


def _symmetric(matrix: Array) -> Array:
    return (matrix + matrix.T) / 2
