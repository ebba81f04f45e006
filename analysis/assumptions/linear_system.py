"""Which laws a linear SDE with constant noise has: decided by linear algebra."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import null_space

from analysis._validation import Array, covariance_matrix, finite_array, square_matrix

TOLERANCE = 1e-10
"""Relative size below which a singular value or the real part of an eigenvalue counts as 0."""


@dataclass(frozen=True, eq=False)
class LinearLaw:
    """What the invariant laws of dX = (A X + c) dt + S dW are.

    Attributes
    ----------
    eigenvalues : complex array, shape (d,)
        Of A, that of largest real part first.
    noise_rank : int
        Rank of S.
    kalman_rank : int
        Rank of (S, A S, A^2 S, ...): dimension of what the noise reaches.
    verdict : str
        "ergodic": one invariant law, approached exponentially, with a density; "degenerate ergodic": the same
        although S has not full rank; "singular": one law, approached from everywhere, without a density;
        "none": no invariant law; "not attracting": there are invariant laws, but not every start approaches them.
    reason : str
        One line.
    """

    eigenvalues: NDArray[np.complex128]
    noise_rank: int
    kalman_rank: int
    verdict: str
    reason: str

    @property
    def ergodic(self) -> bool:
        """Whether there is exactly one invariant law, with a density, which every start approaches."""
        return self.verdict in ("ergodic", "degenerate ergodic")


def linear_law(matrix: ArrayLike, covariance: ArrayLike, offset: ArrayLike | None = None) -> LinearLaw:
    """Decide which invariant laws dX = (A X + c) dt + S dW has.

    Parameters
    ----------
    matrix : array, shape (d, d)
        A, the Jacobian of the drift (not of the field: A = -DF).
    covariance : array, shape (d, d)
        S S^T.
    offset : array, shape (d,), optional
        c; left out, 0.

    Returns
    -------
    LinearLaw

    Raises
    ------
    ValueError
        Arguments that are no matrix, no covariance, no vector.

    Notes
    -----
    Let R be the range of (S, A S, A^2 S, ...), which A maps to itself. Inside R every mode is driven by noise: one
    with Re(lambda) >= 0 spreads every law without bound, and no invariant law exists. Outside, on the quotient by
    R, the motion is deterministic: without a fixed point its orbits are unbounded. If A is stable on R and the
    quotient has a fixed point, invariant laws exist; if A is stable, there is one, Gaussian, with support a
    translate of R (Kalman; Zakai & Snyders). Decided up to rounding of 1e-10.

    References
    ----------
    Zakai & Snyders (1970), J. Differential Equations 8, 27-33.

    Examples
    --------
    >>> noise = [[1.0, 0.0], [0.0, 0.0]]
    >>> linear_law([[-1.0, -1.0], [1.0, 0.0]], noise).reason
    'degenerate noise (rank 1 of 2), yet controllable and stable: ergodic'
    >>> linear_law([[0.0, -1.0], [1.0, 0.0]], noise).reason
    'no invariant measure: the linear part has eigenvalues ±1i (undamped)'
    """
    a = square_matrix("matrix", matrix)
    d = len(a)
    noise = covariance_matrix("covariance", finite_array("covariance", covariance, (2,)), d)
    c = np.zeros(d) if offset is None else finite_array("offset", offset, (1,))
    if c.shape != (d,):
        raise ValueError(f"offset: expected shape ({d},), got {c.shape}")
    eigenvalues = np.linalg.eigvals(a).astype(np.complex128)
    eigenvalues = eigenvalues[np.argsort(-eigenvalues.real, kind="stable")]
    reached = _reachable(a, noise)
    ranks = _range(noise).shape[1], reached.shape[1]
    rest = null_space(reached.T) if ranks[1] else np.eye(d)
    inner, outer = reached.T @ a @ reached, rest.T @ a @ rest
    limit = -TOLERANCE * float(np.linalg.norm(a)) if np.any(a) else 0.0
    verdict, reason = _verdict(inner, outer, rest.T @ c, ranks, d, limit)
    return LinearLaw(eigenvalues, *ranks, verdict, reason)


def _verdict(
    inner: Array, outer: Array, offset: Array, ranks: tuple[int, int], d: int, limit: float
) -> tuple[str, str]:
    driven = np.linalg.eigvals(inner).astype(np.complex128)
    bad = driven[driven.real >= limit]
    if len(bad):
        kind = "undamped" if np.all(bad.real <= -limit) else "unstable"
        return "none", f"no invariant measure: the linear part has eigenvalues {spell(bad)} ({kind})"
    if len(outer):
        fixed = np.linalg.lstsq(outer, -offset, rcond=None)[0]
        if np.linalg.norm(outer @ fixed + offset) > 1e-8 * (np.linalg.norm(offset) + 1e-300):
            return "none", "no invariant measure: a constant drift that neither noise nor restoring force reaches"
        free = np.linalg.eigvals(outer).astype(np.complex128)
        free = free[free.real >= limit]
        if len(free):
            where = f"eigenvalues {spell(free)} that the noise does not reach (rank {ranks[1]} of {d})"
            return "not attracting", f"invariant measures that not every start approaches: {where}"
        return "singular", f"one invariant measure, without a density: the noise reaches {ranks[1]} of {d} dimensions"
    if ranks[0] < d:
        return "degenerate ergodic", (
            f"degenerate noise (rank {ranks[0]} of {d}), yet controllable and stable: ergodic"
        )
    return "ergodic", "elliptic noise and a stable linear part: ergodic"


def spell(eigenvalues: NDArray[np.complex128]) -> str:
    """Write eigenvalues, conjugate pairs once.

    Examples
    --------
    >>> spell(np.array([2j, -2j, 0.5]))
    '±2i, 0.5'
    """
    size = float(np.max(np.abs(eigenvalues))) or 1.0
    words = []
    for value in eigenvalues[eigenvalues.imag >= -1e-9 * size]:
        real = "" if abs(value.real) < 1e-9 * size else f"{value.real:.3g}"
        imaginary = "" if abs(value.imag) < 1e-9 * size else f"±{value.imag:.3g}i"
        words.append(real + imaginary or "0")
    return ", ".join(dict.fromkeys(words))


def _range(matrix: Array) -> Array:
    """Orthonormal basis of the range of a matrix, `(d, rank)`."""
    left, singular, _ = np.linalg.svd(matrix, full_matrices=False)
    return np.asarray(left[:, singular > TOLERANCE * max(float(singular[0]), 1e-300)])


def _reachable(a: Array, noise: Array) -> Array:
    """Orthonormal basis of the range of (S, A S, A^2 S, ...): each new block is made orthogonal to the last ones."""
    basis = newest = _range(noise)
    size = float(np.linalg.norm(a))
    while 0 < basis.shape[1] < len(a) and newest.shape[1] and size:
        image = a @ newest / size
        for _ in range(2):
            image = image - basis @ (basis.T @ image)
        left, singular, _ = np.linalg.svd(image, full_matrices=False)
        newest = left[:, singular > TOLERANCE]
        basis = np.hstack([basis, newest])
    return basis
