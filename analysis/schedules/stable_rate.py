"""A learning rate at a stated distance from the edge of stability."""

from numpy.typing import ArrayLike

from analysis._validation import finite_array, positive
from analysis.stability import linear_stability, mean_square_max_lr


def stable_rate(jacobian: ArrayLike, *, fraction: float = 0.5, batch_size: float = 1) -> float:
    """Return a fraction of the largest learning rate at which simultaneous descent is stable.

    Parameters
    ----------
    jacobian : array, shape (d, d) or (samples, d, d)
        J = DF at the equilibrium: linear stability decides, `linear_stability`. One a sample: stability of second
        moments under the noise of drawing batches decides, `mean_square_max_lr`, a smaller rate.
    fraction : float
        Between 0 and 1.
    batch_size : float
        Samples in a batch; only with one Jacobian a sample.

    Raises
    ------
    ValueError
        If no rate is stable.

    Examples
    --------
    >>> round(stable_rate([[1.0, 2.0], [-2.0, 1.0]]), 12)
    0.2
    >>> stable_rate([[[0.0]], [[2.0]]], fraction=0.25)
    0.25
    """
    matrices = finite_array("jacobian", jacobian, (2, 3))
    share = positive("fraction", fraction)
    if share > 1:
        raise ValueError(f"fraction: expected a number in (0, 1], got {share:g}")
    if matrices.ndim == 2:
        largest = linear_stability(matrices).max_lr
    else:
        largest = mean_square_max_lr(matrices, batch_size)
    if largest <= 0:
        raise ValueError("jacobian: expected a game that is stable at some learning rate, got one that is at none")
    return share * largest
