"""Groups of draws that are independent of each other, or nearly: whole chains, or long blocks of a few chains."""

from itertools import pairwise

import numpy as np

from analysis._validation import Array
from analysis.chains import effective_sample_size

FEWEST, MOST = 16, 64
"""Groups. Sixteen have 2^15 patterns of signs, hence p-values down to 3e-5."""

CORRELATION_TIMES = 10
"""Shortest block, in integrated correlation times: sums of neighbouring blocks of a first-order autoregression then
correlate by 1/40 at most, which raises a false-alarm rate of 5 % to about 5.6 %."""


def chain_groups(name: str, samples: Array) -> list[Array]:
    """Cut `(chain, draw, d)` into 16 to 64 groups `(s, d)`.

    From 16 chains on a group is one chain, or several; nothing is then assumed about the correlation along a chain.
    Fewer are cut into blocks. Draws that fill no block are dropped from the front.

    Raises
    ------
    ValueError
        About the argument `name`, if the chains are too few and too short.
    """
    chains, draws, d = samples.shape
    if chains >= FEWEST:
        return merge(list(samples), min(chains, MOST))
    shortest = int(np.ceil(CORRELATION_TIMES * correlation_time(samples)))
    blocks = min(draws // shortest, -(-MOST // chains))
    if chains * blocks < FEWEST:
        wanted = -(-FEWEST // chains) * shortest
        raise ValueError(
            f"{name}: expected {FEWEST} chains, or {wanted} draws a chain ({-(-FEWEST // chains)} blocks of "
            f"{CORRELATION_TIMES} correlation times), got {chains} chains of {draws} draws"
        )
    length = draws // blocks
    return list(samples[:, draws - blocks * length :].reshape(chains * blocks, length, d))


def correlation_time(samples: Array) -> float:
    """Integrated correlation time in draws, at least 1: the longest over coordinates and the squared radius.

    A state that turns forgets its coordinates sooner than its radius.
    """
    centred = samples - samples.mean(axis=(0, 1))
    deviation = centred.std(axis=(0, 1))
    scaled = centred / np.where(deviation > 0, deviation, 1.0)
    series = np.concatenate([scaled, np.sum(scaled**2, axis=2, keepdims=True)], axis=2)
    return max(1.0, float(samples.shape[0] * samples.shape[1] / np.min(effective_sample_size(series))))


def merge(groups: list[Array], number: int) -> list[Array]:
    """Join neighbouring groups until `number` are left."""
    bounds = np.linspace(0, len(groups), number + 1).astype(int)
    return [np.concatenate(groups[low:high]) for low, high in pairwise(bounds)]


def thin(groups: list[Array], largest: int) -> list[Array]:
    """Keep evenly spaced draws of every group, together about `largest` at most."""
    stride = -(-sum(map(len, groups)) // largest)
    return [group[::stride] for group in groups]
