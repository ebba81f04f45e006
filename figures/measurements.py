"""Real measurements for the figures: bundled, or a file of the reader's."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gan_sde.symbolic.number_table import read_matrix

BUNDLED = ("age", "sex", "bmi", "bp")
"""Columns of scikit-learn's diabetes data: age, sex, body-mass index and mean blood pressure of 442 patients."""

SMALLEST_SCALE = 0.01
"""Standard deviation, given the columns before it, below which a standardised column counts as their function;
also the smallest diagonal entry of A that the LQ-GAN can take."""


def load_measurements(path: str | Path | None = None) -> tuple[np.ndarray, str]:
    """Read measurements and standardise them: every column to mean 0 and variance 1.

    Parameters
    ----------
    path
        CSV or NPY file, ``(rows, N)``; None: the bundled ones.

    Returns
    -------
    values : ndarray
        Shape ``(rows, N)``; no row and no column is left out.
    name : str
        Of the data set.

    Raises
    ------
    ValueError
        If the file cannot be read as numbers, has fewer than N + 2 rows, or its columns are constant or linear
        functions of each other, so that the covariance has no Cholesky factor.

    References
    ----------
    Efron, Hastie, Johnstone & Tibshirani (2004), Least angle regression, doi 10.1214/009053604000000067: the
    diabetes data.

    Examples
    --------
    >>> values, name = load_measurements()
    >>> values.shape, name
    ((442, 4), 'diabetes (age, sex, bmi, bp)')
    """
    if path is None:
        return standardise(bundled(), "diabetes"), f"diabetes ({', '.join(BUNDLED)})"
    return standardise(read_matrix(path), str(path)), Path(path).name


def bundled() -> np.ndarray:
    """Return the bundled measurements in their own units, ``(442, 4)``."""
    from sklearn.datasets import load_diabetes

    table = load_diabetes(scaled=False)
    return np.asarray(table.data[:, [table.feature_names.index(column) for column in BUNDLED]], dtype=float)


def standardise(values: np.ndarray, label: str) -> np.ndarray:
    """Shift and scale every column of ``(rows, N)`` to mean 0 and variance 1; ``label`` names it in errors."""
    rows, columns = values.shape
    if rows < columns + 2:
        raise ValueError(f"{label}: expected at least {columns + 2} rows for {columns} columns, got {rows}")
    # a power of two before anything is squared: exact, and no overflow whatever the units
    scaled = np.ldexp(values, -np.frexp(np.abs(values).max(axis=0))[1])
    centred = scaled - scaled.mean(axis=0)
    deviation = np.sqrt(np.mean(centred**2, axis=0))
    constant = np.flatnonzero(deviation <= 1e-12)
    if len(constant):
        raise ValueError(f"{label}: expected columns that vary, got a constant column {constant[0] + 1}")
    result = centred / deviation
    scales = np.abs(np.diag(np.linalg.qr(result, mode="r"))) / np.sqrt(rows)
    dependent = np.flatnonzero(scales <= SMALLEST_SCALE)
    if len(dependent):
        raise ValueError(
            f"{label}: expected linearly independent columns, got column {dependent[0] + 1} within "
            f"{100 * SMALLEST_SCALE:g} % of a linear function of the columns before it"
        )
    return result
