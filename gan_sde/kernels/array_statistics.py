"""Mean and scatter of a batch of normal vectors, drawn without its samples.

The batch mean of B standard normal vectors of dimension N is a normal vector over ``sqrt(B)``. Independent of it, the
scatter about the mean is Wishart with B - 1 degrees of freedom, hence ``A A^T`` with independent entries: A is lower
triangular, its square diagonal entries are chi-squares of B - 1, ..., B - N degrees of freedom, and those below are
standard normals (M. S. Bartlett, "On the theory of statistical regression", Proc. R. Soc. Edinburgh 53 (1933),
doi:10.1017/S0370164600015637). All in all ``N (N + 3) / 2`` normals, for any B.
"""

from __future__ import annotations

import math

import numpy as np

from gan_sde.kernels.batch_statistics import chi_square_polynomial
from gan_sde.kernels.compiled import compiled
from gan_sde.kernels.normals import CONTRACT, normal_pair_64
from gan_sde.kernels.philox import philox
from gan_sde.kernels.vectors import prefer_widest_vectors

FEWEST_DEGREES = 8
"""Degrees of freedom of the last chi-square from which drawing so pays: below, a batch has not many more samples."""
_LANES = 64


class BartlettPlan:
    """Rows of the statistics of independent groups of normals: for each its mean, then its factor's lower triangle.

    Row r of a batch comes from the r-th normal of the batch's words. The factor is ``A / sqrt(B)``, row by row.

    Parameters
    ----------
    groups
        Dimension N of every group.
    batch_size
        B, at least N + `FEWEST_DEGREES`; see `fits`.
    """

    def __init__(self, groups: tuple[int, ...], batch_size: int) -> None:
        kinds: list[int] = []
        for dim in groups:
            kinds += [0] * dim
            for i in range(dim):
                kinds += [0] * i + [batch_size - 1 - i]
        degrees = sorted(set(kinds) - {0})
        fits = [chi_square_polynomial(k) for k in degrees]
        self._polynomials = np.zeros((len(fits), max(map(len, fits))))
        for row, k, fit in zip(self._polynomials, degrees, fits, strict=True):
            row[: len(fit)] = fit
            row *= math.cbrt(k / batch_size)  # so that A_ii^2 / B is the cube
        self._kinds = np.array([degrees.index(k) if k else -1 for k in kinds])
        self._root = 1 / math.sqrt(batch_size)

    @staticmethod
    def fits(groups: tuple[int, ...], batch_size: float) -> bool:
        """Whether a batch is large enough, and finite."""
        return bool(groups) and max(groups) + FEWEST_DEGREES <= batch_size < math.inf

    @property
    def rows(self) -> int:
        """Statistics of one batch."""
        return len(self._kinds)

    @property
    def words(self) -> int:
        """Random words of one batch."""
        return -(-self.rows // 4) * 4

    def draw(self, number: int, width: int, place: tuple[int, int], stream: np.uint64, key) -> np.ndarray:
        """Statistics of a trajectory's batch with this number in its iteration, ``(rows, width)``.

        Parameters
        ----------
        number, width
            Number of the batch; trajectories.
        place
            Number of the first trajectory, and of the iteration.
        stream, key
            As `gan_sde.kernels.philox.philox` takes them.
        """
        result = np.empty((self.rows, width))
        _draw(result, self._kinds, self._polynomials, self._root, number * self.words // 4, *place, stream, *key)
        return result


@compiled(nogil=True, error_model="numpy", fastmath=CONTRACT)
def _draw(result, kinds, polynomials, root, first_block, trajectory, step, stream, key0, key1):
    """Normals over ``sqrt(B)``, and on the diagonal the root of a chi-square over B."""
    prefer_widest_vectors()
    rows, count = result.shape
    terms = polynomials.shape[1]
    words, normals, value = np.empty((4, _LANES), np.uint64), np.empty((4, _LANES)), np.empty(_LANES)
    for first in range(0, count, _LANES):
        width = min(_LANES, count - first)
        base = np.uint64(trajectory + first)
        for block in range((rows + 3) // 4):
            draw = np.uint64(first_block + block) | stream
            for lane in range(_LANES):
                w = philox(base + np.uint64(lane), np.uint64(step), draw, np.uint64(0), key0, key1)
                words[0, lane], words[1, lane], words[2, lane], words[3, lane] = w
            for lane in range(_LANES):
                normals[0, lane], normals[1, lane] = normal_pair_64(words[0, lane], words[1, lane])
                normals[2, lane], normals[3, lane] = normal_pair_64(words[2, lane], words[3, lane])
            for row in range(4 * block, min(4 * block + 4, rows)):
                normal = normals[row % 4]
                if kinds[row] < 0:
                    for lane in range(_LANES):
                        value[lane] = normal[lane] * root
                else:
                    polynomial = polynomials[kinds[row]]
                    for lane in range(_LANES):
                        value[lane] = 0.0
                    for t in range(terms - 1, -1, -1):
                        coefficient = polynomial[t]
                        for lane in range(_LANES):
                            value[lane] = value[lane] * normal[lane] + coefficient
                    for lane in range(_LANES):
                        value[lane] *= math.sqrt(value[lane])
                for lane in range(width):
                    result[row, first + lane] = value[lane]
