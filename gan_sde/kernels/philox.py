"""Philox4x32-10: random words as a pure function of a key and a counter.

The key is the 64-bit seed. The four counter words hold everything that names a random number::

    c0  trajectory, low 32 bits
    c1  step
    c2  draw block, 24 bits          | stream << 24
    c3  sub-step, 16 bits            | trajectory, bits 32 to 47, << 16

so that a number depends neither on the chunking nor on the threads nor on the order of the calls. Both forms
below, over numpy arrays and for numba lanes, yield the same integers on every machine.

References
----------
J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11 (2011),
doi:10.1145/2063384.2063405.
"""

from __future__ import annotations

import numba
import numpy as np

MULTIPLIER_0, MULTIPLIER_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
WEYL_0, WEYL_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
LOW_WORD = np.uint64(0xFFFFFFFF)
WORD_BITS = np.uint64(32)
SUBSTEP_BITS = np.uint64(16)
STREAM_SHIFT = np.uint64(24)

ROUNDS = 10
BLOCK_LIMIT = 1 << 24
STREAM_LIMIT = 1 << 8
SUBSTEP_LIMIT = 1 << 16
STEP_LIMIT = 1 << 32
TRAJECTORY_LIMIT = 1 << 48


def philox_block(c0, c1, c2, c3, seed):
    """Four random words per counter, over numpy arrays.

    Parameters
    ----------
    c0, c1, c2, c3
        The counter words, integers or integer arrays that broadcast, each below 2^32.
    seed
        The key, 0 to 2^64 - 1.

    Returns
    -------
    tuple of numpy.ndarray
        Four uint64 arrays of the broadcast shape, each below 2^32.

    Examples
    --------
    >>> [f"{int(word):08x}" for word in philox_block(0, 0, 0, 0, 0)]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    c0, c1, c2, c3 = np.broadcast_arrays(*(np.asarray(c, dtype=np.uint64) for c in (c0, c1, c2, c3)))
    mask = int(LOW_WORD)
    key0, key1 = seed & mask, seed >> 32
    for _ in range(ROUNDS):
        product0, product1 = c0 * MULTIPLIER_0, c2 * MULTIPLIER_1
        c0 = (product1 >> WORD_BITS) ^ c1 ^ np.uint64(key0)
        c2 = (product0 >> WORD_BITS) ^ c3 ^ np.uint64(key1)
        c1, c3 = product1 & LOW_WORD, product0 & LOW_WORD
        key0, key1 = (key0 + int(WEYL_0)) & mask, (key1 + int(WEYL_1)) & mask
    return c0, c1, c2, c3


def words(seed, stream, trajectories, step, substep, indices):
    """Random words of one (step, sub-step), by word number.

    Parameters
    ----------
    seed, stream, step, substep
        Integers.
    trajectories
        Global trajectory numbers, integer array of shape ``(n,)``.
    indices
        Word numbers, integer array of shape ``(k,)``; word ``w`` is lane ``w % 4`` of draw block ``w // 4``.

    Returns
    -------
    numpy.ndarray
        Shape ``(k, n)``, uint64, each below 2^32.
    """
    trajectories = np.asarray(trajectories, dtype=np.uint64)
    blocks, which = np.unique(np.asarray(indices, dtype=np.int64) // 4, return_inverse=True)
    block = philox_block(
        trajectories & LOW_WORD,
        step,
        blocks[:, None] | (stream << 24),
        np.uint64(substep) | ((trajectories >> WORD_BITS) << SUBSTEP_BITS),
        seed,
    )
    return np.stack(block)[np.asarray(indices) % 4, which]


@numba.njit(forceinline=True)
def _round(c0, c1, c2, c3, key0, key1):
    product0, product1 = (c0 & LOW_WORD) * MULTIPLIER_0, (c2 & LOW_WORD) * MULTIPLIER_1
    c0, c2 = (product1 >> WORD_BITS) ^ c1 ^ key0, (product0 >> WORD_BITS) ^ c3 ^ key1
    return (
        c0,
        product1 & LOW_WORD,
        c2,
        product0 & LOW_WORD,
        (key0 + WEYL_0) & LOW_WORD,
        (key1 + WEYL_1) & LOW_WORD,
    )


@numba.njit(forceinline=True)
def philox(trajectory, step, block, substep, key0, key1):
    """Four random words of one lane; every argument is a uint64, ``block`` carries the stream already."""
    c0, c1, c2 = trajectory & LOW_WORD, step, block
    c3 = substep | ((trajectory >> WORD_BITS) << SUBSTEP_BITS)
    # Written out: a loop would have to be unrolled before the lanes can be vectorised.
    c0, c1, c2, c3, key0, key1 = _round(c0, c1, c2, c3, key0, key1)
    c0, c1, c2, c3, key0, key1 = _round(c0, c1, c2, c3, key0, key1)
    c0, c1, c2, c3, key0, key1 = _round(c0, c1, c2, c3, key0, key1)
    c0, c1, c2, c3, key0, key1 = _round(c0, c1, c2, c3, key0, key1)
    c0, c1, c2, c3, key0, key1 = _round(c0, c1, c2, c3, key0, key1)
    c0, c1, c2, c3, key0, key1 = _round(c0, c1, c2, c3, key0, key1)
    c0, c1, c2, c3, key0, key1 = _round(c0, c1, c2, c3, key0, key1)
    c0, c1, c2, c3, key0, key1 = _round(c0, c1, c2, c3, key0, key1)
    c0, c1, c2, c3, key0, key1 = _round(c0, c1, c2, c3, key0, key1)
    c0, c1, c2, c3, key0, key1 = _round(c0, c1, c2, c3, key0, key1)
    return c0, c1, c2, c3
