"""Both sides of the fluctuation-dissipation relations, as series along the run.

Every player minimises its own loss, F stacks the own-gradients, the flow is -F.

SDE dX = -F dt + sqrt(lr / B) Sigma^{1/2} dW: its generator is L f = -grad f . F + (lr / 2B) Tr(Sigma D^2 f),
and E[L f] = 0 under the invariant measure. f = |x_p - c|^2 / 2 gives FDR1 of player p, f = a loss gives FDR2
of that loss.

Iteration x' = x - lr F_B(x): E|x_p' - c|^2 = E|x_p - c|^2 gives, exactly and at any rate, the discrete FDR1.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis._validation import Array, finite_array, positive

Players = Mapping[str, slice | Sequence[int] | NDArray[np.bool_]]
Terms = dict[str, tuple[Array, Array]]


def fdr1_terms(
    positions: ArrayLike,
    fields: ArrayLike,
    noise_covariance: ArrayLike,
    *,
    players: Players,
    lr: float,
    batch_size: float = 1,
    centre: ArrayLike | None = None,
) -> Terms:
    """Both sides of FDR1 of the SDE: E[(x_p - c) . F_p] = (lr / 2B) E[Tr Sigma_p], for every player p.

    Exact for dX = -F dt + sqrt(lr / B) Sigma^{1/2} dW; on the iteration it has a relative gap of order lr,
    which a long enough run detects: use `fdr1_discrete_terms` there.

    Returns
    -------
    dict
        Player to `(left, right)`, each of shape (chain, draw). For parameters see `fluctuation_dissipation`.
    """
    states, field = _pair("fields", positions, fields)
    variances = _variances(noise_covariance, states.shape)
    scale = positive("lr", lr) / (2 * positive("batch_size", batch_size, allow_infinity=True))
    work = (states - _centre(centre, states)) * field
    return {
        name: (work[..., own].sum(axis=-1), scale * variances[..., own].sum(axis=-1))
        for name, own in _indices(players, states.shape[-1]).items()
    }


def fdr1_discrete_terms(
    positions: ArrayLike,
    batch_fields: ArrayLike,
    *,
    players: Players,
    lr: float,
    field: ArrayLike | None = None,
    centre: ArrayLike | None = None,
) -> Terms:
    """Both sides of the exact FDR1 of the iteration: E[(x_p - c) . F_p] = (lr / 2) E|F_p^B|^2.

    The right side is the full second moment of the mini-batch field (not its covariance). Alternating
    training: call once a player, with the positions and fields that the player itself saw.

    Parameters
    ----------
    positions, batch_fields : array, shape (chain, draw, d)
    players : mapping
        As in `fluctuation_dissipation`.
    lr : float
    field : array, shape (chain, draw, d), optional
        The exact field for the left side. Left out, the mini-batch field itself, cheap and unbiased: over
        successive iterations left - right is then exactly (|x - c|^2 - |x' - c|^2) / 2 lr and telescopes,
        so that with few chains the error bar is far too wide (never too narrow), and with many chains it is
        right.
    centre : array, shape (d,), optional

    Returns
    -------
    dict
        Player to `(left, right)`, each of shape (chain, draw).
    """
    states, batch = _pair("batch_fields", positions, batch_fields)
    exact = batch if field is None else _pair("field", positions, field)[1]
    half = positive("lr", lr) / 2
    work = (states - _centre(centre, states)) * exact
    return {
        name: (work[..., own].sum(axis=-1), half * np.sum(batch[..., own] ** 2, axis=-1))
        for name, own in _indices(players, states.shape[-1]).items()
    }


def fdr2_terms(
    gradient: ArrayLike,
    fields: ArrayLike,
    hessian: ArrayLike,
    noise_covariance: ArrayLike,
    *,
    lr: float,
    batch_size: float = 1,
) -> tuple[Array, Array]:
    """Both sides of FDR2 of the SDE for a function f: E[grad f . F] = (lr / 2B) E[Tr(Sigma D^2 f)].

    f is usually a player's loss or the payoff; Sigma must hold the cross covariance between players if they
    share batches.

    Parameters
    ----------
    gradient, fields : array, shape (chain, draw, d)
        Full gradient of f (by ALL parameters) and the exact field.
    hessian : array, shape (d, d) or (chain, draw, d, d)
        Of f.
    noise_covariance : array, shape (d, d) or (chain, draw, d, d)
        Per-sample covariance of F.
    lr, batch_size : float

    Returns
    -------
    left, right : arrays, shape (chain, draw)
        For `balance_test`.
    """
    slope, field = _pair("fields", gradient, fields)
    curvature = _matrices("hessian", hessian, slope.shape)
    sigma = _matrices("noise_covariance", noise_covariance, slope.shape)
    scale = positive("lr", lr) / (2 * positive("batch_size", batch_size, allow_infinity=True))
    trace = np.einsum("...ij,...ji->...", sigma, curvature)
    return np.sum(slope * field, axis=-1), np.broadcast_to(scale * trace, slope.shape[:2])


def _pair(name: str, positions: ArrayLike, fields: ArrayLike) -> tuple[Array, Array]:
    states, field = finite_array("positions", positions, (3,)), finite_array(name, fields, (3,))
    if states.shape != field.shape:
        raise ValueError(f"{name}: expected shape {states.shape}, got {field.shape}")
    return states, field


def _centre(centre: ArrayLike | None, states: Array) -> Array:
    if centre is None:
        return np.zeros(states.shape[-1])
    point = finite_array("centre", centre, (1,))
    if len(point) != states.shape[-1]:
        raise ValueError(f"centre: expected {states.shape[-1]} numbers, got {len(point)}")
    return point


def _matrices(name: str, value: ArrayLike, shape: tuple[int, ...]) -> Array:
    matrix = finite_array(name, value, (2, 4))
    d = shape[-1]
    if matrix.shape not in ((d, d), (*shape, d)):
        raise ValueError(f"{name}: expected shape {(d, d)} or {(*shape, d)}, got {matrix.shape}")
    return matrix


def _variances(noise_covariance: ArrayLike, shape: tuple[int, ...]) -> Array:
    diagonal = np.diagonal(_matrices("noise_covariance", noise_covariance, shape), axis1=-2, axis2=-1)
    if np.any(diagonal < 0):
        raise ValueError(f"noise_covariance: expected variances >= 0, got {float(diagonal.min()):g}")
    return np.broadcast_to(diagonal, shape)


def _indices(players: Players, d: int) -> dict[str, NDArray[np.intp]]:
    if not isinstance(players, Mapping) or not players:
        raise ValueError(f"players: expected a non-empty mapping of player to indices, got {players!r}")
    indices: dict[str, NDArray[np.intp]] = {}
    owner: dict[int, str] = {}
    for name, own in players.items():
        indices[name] = chosen = _chosen(own, d)
        if chosen.ndim != 1 or chosen.size == 0 or len(set(chosen.tolist())) < chosen.size:
            raise ValueError(f"players: expected different indices below {d} for {name!r}, got {own!r}")
        shared = [k for k in chosen.tolist() if k in owner]
        if shared:
            raise ValueError(
                f"players: expected no index of two players, got {shared[0]} of {owner[shared[0]]!r} and {name!r}"
            )
        owner |= dict.fromkeys(chosen.tolist(), name)
    return indices


def _chosen(own: object, d: int) -> NDArray[np.intp]:
    """Indices of a slice, of integers or of a mask of length d; none of anything else."""
    everything, nothing = np.arange(d), np.array([], dtype=np.intp)
    try:
        if isinstance(own, slice):
            return everything[own]
        key = np.asarray(own)
        # cast to integers, fractions would be cut and marks read as the indices 0 and 1
        meant = key.dtype.kind in "iu" or (key.dtype.kind == "b" and key.shape == (d,))
        return np.asarray(everything[key]) if meant else nothing
    except (IndexError, TypeError, ValueError):
        return nothing
