"""Slowest modes of relaxation of a law under a sparse generator."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, SuperLU, eigs, splu

from analysis._validation import count

Complex = NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Slowest modes of relaxation.

    Attributes
    ----------
    eigenvalues : array, shape (k,)
        Of the generator, per time, slowest first, 0 left out; complex ones with both conjugates.
    functions : array, shape (k, *grid.shape)
        Eigenfunctions f of the backward generator, largest modulus 1: E f(X_t) = e^{lambda t} f(X_0).
    gap : float
        Rate at which the slowest mode decays, -max Re(lambda).
    window : float
        Any mode slower than `gap` has an absolute imaginary part of at least this.
    """

    eigenvalues: Complex
    functions: Complex
    gap: float
    window: float


def slowest_modes(generator: sparse.csc_array, shape: tuple[int, ...], modes: int) -> Spectrum:
    """Eigenvalues with the largest real parts, 0 left out, and their eigenfunctions.

    Parameters
    ----------
    generator : sparse array, shape (n, n)
        Of dp/dt = G p, with one stationary law.
    shape : tuple of int
        Of the grid, with n cells.
    modes : int
        How many eigenvalues beside 0 to look for, each of two times: nearest to 0, then nearest to a real number four
        times as large as the furthest of these, which reaches slow modes that turn fast.

    Notes
    -----
    ARPACK in shift-invert mode. The second search has met every eigenvalue in a disc, from which `Spectrum.window`
    follows.
    """
    size = generator.shape[0]
    if count("modes", modes, 1) > (size - 3) // 3:
        raise ValueError(f"modes: expected at most {(size - 3) // 3} on {size} cells, got {modes}")
    scale = float(np.abs(generator.diagonal()).max())
    near, _ = _eigenpairs(generator, 1e-9 * scale, modes + 1)
    centre = 4 * float(np.abs(near).max())
    values, vectors = _eigenpairs(generator, centre, modes + 1)
    order = np.argsort(-values.real, kind="stable")[1:]
    values, vectors = values[order], vectors[:, order]
    gap = float(-values[0].real)
    radius = float(np.abs(values - centre).max())
    window = float(np.sqrt(max(radius**2 - (centre + gap) ** 2, 0.0)))
    peaks = vectors[np.abs(vectors).argmax(axis=0), np.arange(len(values))]
    return Spectrum(values, (vectors / peaks).T.reshape(-1, *shape), gap, window)


def shifted_factors(generator: sparse.csc_array, shift: float) -> SuperLU:
    """LU factors of ``shift - G``."""
    matrix = (shift * sparse.eye_array(generator.shape[0], format="csc") - generator).tocsc()
    return splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.1)


def _eigenpairs(generator: sparse.csc_array, shift: float, number: int) -> tuple[Complex, Complex]:
    """Eigenvalues nearest to `shift` and eigenfunctions of the transposed generator."""
    factors, size = shifted_factors(generator, shift), generator.shape[0]
    inverse = LinearOperator((size, size), matvec=lambda v: factors.solve(np.ravel(v), "T"), dtype=float)
    start = np.cos(np.arange(size))
    values, vectors = eigs(inverse, number, which="LM", v0=start, ncv=min(size, max(3 * number, 20)))
    return shift - 1 / values, vectors
