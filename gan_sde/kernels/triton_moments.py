"""Moments of trajectories that live on the device: only sums a block come back to the host."""

from __future__ import annotations

from typing import Any

import numpy as np


def device_moments(state: Any, block: int, mirror: Any = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count, mean and sum of squared deviations of every observable, block by block, in float64.

    The observables are the d states and then their products ``x_i x_j``, ``i <= j``, row by row. Each block is reduced
    in two passes by itself, so nothing is lost to cancellation and the result does not depend on how many blocks are
    there. To be merged in the order of the blocks.

    Parameters
    ----------
    state
        Torch tensor ``(d, n)`` on any device; columns whose first entry is NaN are left out.
    block
        Columns in a block; the last one may hold fewer.
    mirror
        Of the same shape, where the columns are antithetic pairs: a value is then the mean of the two.

    Returns
    -------
    count, mean, squares
        Shapes ``(blocks,)``, int64, and twice ``(blocks, d + d (d + 1) / 2)``.

    Examples
    --------
    >>> import torch
    >>> count, mean, squares = device_moments(torch.tensor([[1.0, 3.0, float("nan")]]), block=2)
    >>> count, mean[0], squares[0]
    (array([2, 0]), array([2., 5.]), array([ 2., 32.]))
    """
    import torch

    dim, n = state.shape
    blocks = -(-n // block)
    paths = [_in_blocks(path, blocks, block) for path in (state, mirror) if path is not None]
    count = torch.sum(paths[0][0] == paths[0][0], dim=1)
    size = torch.clamp(count, min=1)
    means, spreads = [], []
    pairs = [(None, j) for j in range(dim)] + [(i, j) for i in range(dim) for j in range(i, dim)]
    for i, j in pairs:
        values = [path[j] if i is None else path[i] * path[j] for path in paths]
        value = values[0] if mirror is None else (values[0] + values[1]) / 2
        mean = torch.nansum(value, dim=1) / size
        means.append(mean)
        spreads.append(torch.nansum((value - mean[:, None]) ** 2, dim=1))
    mean, squares = (torch.stack(each, dim=1).cpu().numpy() for each in (means, spreads))
    return count.cpu().numpy(), mean, squares


def _in_blocks(state: Any, blocks: int, block: int) -> Any:
    """Float64 tensor ``(d, blocks, block)``, NaN beyond the last column."""
    import torch

    dim, n = state.shape
    padded = torch.full((dim, blocks * block), float("nan"), dtype=torch.float64, device=state.device)
    padded[:, :n] = state
    return padded.view(dim, blocks, block)
