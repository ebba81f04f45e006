"""The LQ-GAN's field and Jacobian products as stacked matrix products in numpy: plain formulas to compare with."""

from typing import NamedTuple

import numpy as np


class Blocks(NamedTuple):
    """A state or a vector as matrices: ``W`` symmetric, ``w``, ``A`` lower triangular, ``b``."""

    quadratic: np.ndarray
    linear: np.ndarray
    scale: np.ndarray
    shift: np.ndarray


def field(n, x, batch):
    point = unpack(n, x)
    cross, mean = cross_moments(point, batch)
    second = cross @ transposed(point.scale) + outer(mean, point.shift)
    generator = gradient(point, cross, mean, batch)
    return pack(n, second - batch.data_second, mean - batch.data_mean, *generator)


def jvp(n, x, v, batch):
    mismatch, by_phi, by_theta = parts(n, x, v, batch)
    return pack(n, *mismatch, by_phi[0] + by_theta[0], by_phi[1] + by_theta[1])


def vjp(n, x, v, batch):
    mismatch, by_phi, by_theta = parts(n, x, v, batch)
    return pack(n, -mismatch[0], -mismatch[1], by_theta[0] - by_phi[0], by_theta[1] - by_phi[1])


def parts(n, x, v, batch):
    """``-M v``, ``M^T v`` and ``H v``."""
    point, direction = unpack(n, x), unpack(n, v)
    cross, mean = cross_moments(direction, batch)
    half = cross @ transposed(point.scale) + outer(mean, point.shift)
    curvature = -2 * point.quadratic @ cross, -2 * apply(point.quadratic, mean)
    return (half + transposed(half), mean), gradient(direction, *cross_moments(point, batch), batch), curvature


def cross_moments(point, batch):
    """``E[x z^T]`` and ``E[x]``."""
    mean = apply(point.scale, batch.latent_mean) + point.shift
    return point.scale @ batch.latent_second + outer(point.shift, batch.latent_mean), mean


def gradient(phi, cross, mean, batch):
    """The generator's gradient for the discriminator of ``phi``."""
    scale = -2 * phi.quadratic @ cross - outer(phi.linear, batch.latent_mean)
    return scale, -2 * apply(phi.quadratic, mean) - phi.linear


def unpack(n, x):
    s, (rows, columns) = n * (n + 1) // 2, np.triu_indices(n)
    quadratic, scale = np.zeros((2, *x.shape[:-1], n, n))
    quadratic[..., rows, columns] = quadratic[..., columns, rows] = x[..., :s]
    scale[..., *np.tril_indices(n)] = x[..., s + n : 2 * s + n]
    return Blocks(quadratic, x[..., s : s + n], scale, x[..., 2 * s + n :])


def pack(n, second, mean, scale, shift):
    upper = np.triu_indices(n)
    # an off-diagonal W_ij stands at two places of the symmetric matrix, so its gradient counts twice
    weight = np.where(upper[0] == upper[1], 1.0, 2.0)
    return np.concatenate([second[..., *upper] * weight, mean, scale[..., *np.tril_indices(n)], shift], axis=-1)


def transposed(matrix):
    return np.swapaxes(matrix, -1, -2)


def apply(matrix, vector):
    return (matrix @ vector[..., None])[..., 0]


def outer(left, right):
    return left[..., :, None] * right[..., None, :]
