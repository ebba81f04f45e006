"""Linear stability of the flow x' = -J x and of simultaneous descent x' = x - lr J x."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis._validation import Array, finite_array, positive, square_matrix


@dataclass(frozen=True, eq=False)
class LinearStability:
    """What the Jacobian J = DF at an equilibrium says.

    Attributes
    ----------
    eigenvalues : complex array, shape (d,)
        Of J, the slowest (smallest real part) first.
    rate : float
        Smallest real part, per unit of physical time: the flow contracts like exp(-rate t) if it is positive.
    monotonicity : float
        Smallest eigenvalue of the symmetric part of J; laws of the SDE with additive noise then approach
        each other in 2-Wasserstein distance at least like exp(-monotonicity t).
    max_lr : float
        Simultaneous descent is stable for 0 < lr < max_lr; 0 if it is stable for no rate.
    """

    eigenvalues: NDArray[np.complex128]
    rate: float
    monotonicity: float
    max_lr: float

    @property
    def hurwitz(self) -> bool:
        """Whether the flow -J x is stable: every eigenvalue of J has positive real part."""
        return self.max_lr > 0

    def spectral_radius(self, lr: float) -> float:
        """Spectral radius of I - lr J: the factor of one iteration."""
        return float(np.max(np.abs(1 - positive("lr", lr) * self.eigenvalues)))


def linear_stability(jacobian: ArrayLike) -> LinearStability:
    """Analyse the linearised game.

    |1 - lr mu| < 1 iff lr < 2 Re(mu) / |mu|^2: the largest stable rate is the minimum over the eigenvalues
    mu of J.

    Parameters
    ----------
    jacobian : array, shape (d, d)
        J = DF, the flow being -F.

    Returns
    -------
    LinearStability

    References
    ----------
    Mescheder, Nowozin & Geiger (2017), arXiv 1705.10461, Lemma 4.

    Examples
    --------
    >>> game = linear_stability([[1.0, 2.0], [-2.0, 1.0]])
    >>> round(game.max_lr, 12), round(game.spectral_radius(0.4), 12)
    (0.4, 1.0)
    >>> linear_stability([[0.0, 1.0], [-1.0, 0.0]]).max_lr
    0.0
    """
    matrix = square_matrix("jacobian", jacobian)
    eigenvalues = np.linalg.eigvals(matrix).astype(np.complex128)
    eigenvalues = eigenvalues[np.argsort(eigenvalues.real, kind="stable")]
    rate = float(eigenvalues[0].real)
    monotonicity = float(np.linalg.eigvalsh((matrix + matrix.T) / 2)[0])
    stable = rate > _rounding(matrix)
    max_lr = float(np.min(2 * eigenvalues.real / np.abs(eigenvalues) ** 2)) if stable else 0.0
    return LinearStability(eigenvalues, rate, monotonicity, max_lr)


def mean_square_radius(jacobians: ArrayLike, lr: float, batch_size: float = 1) -> float:
    """Factor by which one iteration multiplies second moments under multiplicative noise.

    x' = x - lr J_batch x with J_batch the mean of `batch_size` Jacobians drawn with replacement from the
    samples: the spectral radius of E[A (x) A], A = I - lr J_batch. Below 1, and only then, second moments
    stay bounded.

    Parameters
    ----------
    jacobians : array, shape (samples, d, d)
        One Jacobian a data point, equally likely.
    lr : float
        Learning rate.
    batch_size : float
        `math.inf` gives the square of the deterministic spectral radius.

    Returns
    -------
    float

    Examples
    --------
    >>> mean_square_radius([[[0.0]], [[2.0]]], lr=0.5)
    0.5
    """
    lyapunov, quadratic = _moment_operators(jacobians, batch_size)
    rate = positive("lr", lr)
    transition = np.eye(len(lyapunov)) - rate * lyapunov + rate**2 * quadratic
    return float(np.max(np.abs(np.linalg.eigvals(transition))))


def mean_square_max_lr(jacobians: ArrayLike, batch_size: float = 1) -> float:
    """Largest rate below which second moments stay bounded under multiplicative noise (0 if there is none).

    E[A (x) A] = I - lr L + lr^2 Q with L C = J C + C J^T (mean J) and Q C = E[J_batch C J_batch^T]. If the
    mean J is Hurwitz, L^{-1} preserves positive semidefinite matrices, and so does Q; hence the iteration
    is mean-square stable iff lr times the spectral radius of L^{-1} Q is below 1. One dimension: 2 h / (h^2
    + v / B).

    Parameters
    ----------
    jacobians : array, shape (samples, d, d)
        One Jacobian a data point, equally likely.
    batch_size : float
        Samples in a batch, drawn with replacement.

    Returns
    -------
    float

    Examples
    --------
    >>> mean_square_max_lr([[[0.0]], [[2.0]]])
    1.0
    """
    lyapunov, quadratic = _moment_operators(jacobians, batch_size)
    if not linear_stability(np.mean(np.asarray(jacobians, dtype=float), axis=0)).hurwitz:
        return 0.0
    growth = np.linalg.eigvals(np.linalg.solve(lyapunov, quadratic))
    return float(1 / np.max(np.abs(growth)))


def _moment_operators(jacobians: ArrayLike, batch_size: float) -> tuple[Array, Array]:
    matrices = finite_array("jacobians", jacobians, (3,))
    samples, d, other = matrices.shape
    if d != other:
        raise ValueError(f"jacobians: expected shape (samples, d, d), got {matrices.shape}")
    size = positive("batch_size", batch_size, allow_infinity=True)
    mean, identity = matrices.mean(axis=0), np.eye(d)
    centred = matrices - mean
    spread = np.einsum("sij,skl->ikjl", centred, centred).reshape(d * d, d * d) / samples
    lyapunov = np.kron(mean, identity) + np.kron(identity, mean)
    return lyapunov, np.kron(mean, mean) + spread / size


def _rounding(matrix: Array) -> float:
    """Size below which the real part of an eigenvalue is no more than rounding."""
    return float(10 * len(matrix) * np.finfo(float).eps * np.linalg.norm(matrix))
