"""From random words to standard normals, uniforms, signs and threes, over numpy arrays and for numba lanes.

Normals come in pairs from two 32-bit words by the Box-Muller transform: radius ``sqrt(-2 ln((u + 1/2) / 2^32))``
and angle ``2 pi v / 2^32``. The largest magnitude is 6.8 (a tail of probability 1.5e-11 is cut). The angle is
split into quadrants in integers, so its sine and cosine lose nothing to argument reduction.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from gan_sde.kernels.vectors import INLINED, bits_of, number_of

CONTRACT = {"contract"}
"""The only liberty that kernels take with floating point: fused multiply-add. NaN and infinity stay visible."""

ULP_32 = 2.0**-32
QUARTER = 1 << 30
EIGHTH = 1 << 29
RADIANS_PER_UNIT = 2.0 * math.pi * ULP_32


def normal_pairs(u, v, dtype=np.float64):
    """Box-Muller over numpy arrays: the even (cosine) and the odd (sine) normal of words ``u`` and ``v``."""
    v = v.astype(np.int64)
    radius = np.sqrt(-2.0 * np.log((u.astype(np.float64) + 0.5) * ULP_32))
    quadrant = (v + EIGHTH) >> 30
    angle = (v - (quadrant << 30)) * RADIANS_PER_UNIT
    cosine, sine = np.cos(angle), np.sin(angle)
    turned = np.choose(quadrant & 3, (cosine, -sine, -cosine, sine))
    turned_sine = np.choose(quadrant & 3, (sine, cosine, -sine, -cosine))
    return (radius * turned).astype(dtype), (radius * turned_sine).astype(dtype)


def uniforms(u, dtype=np.float64):
    """Uniforms on the open interval (0, 1) over numpy arrays of words; float32 keeps the upper 23 bits."""
    if np.dtype(dtype) == np.float32:
        return (((u >> np.uint64(9)).astype(np.float64) + 0.5) * 2.0**-23).astype(np.float32)
    return (u.astype(np.float64) + 0.5) * ULP_32


def threes(u, dtype=np.float64):
    """Two numbers -1, 0 or 1 with probabilities 1/6, 2/3, 1/6 from each word ``u``, over numpy arrays."""
    pair = u.astype(np.uint64) * np.uint64(36) >> np.uint64(32)
    return tuple(np.where(d == 5, 1, np.where(d == 0, -1, 0)).astype(dtype) for d in np.divmod(pair, np.uint64(6)))


@numba.njit(fastmath=CONTRACT, **INLINED)
def _log_unit_64(x):
    """Natural logarithm of a normal number in (0, 1], by ``2 artanh((m - 1) / (m + 1))``."""
    bits = bits_of(x)
    # 2^52 times the exponent, left in place: a conversion costs no more for it, and two shifts are saved
    exponent = (bits - np.int64(0x3FE8000000000000)) & np.int64(-0x10000000000000)
    mantissa = number_of(bits - exponent)
    s = (mantissa - 1.0) / (mantissa + 1.0)
    z = s * s
    p = 2 / 21
    p = p * z + 2 / 19
    p = p * z + 2 / 17
    p = p * z + 2 / 15
    p = p * z + 2 / 13
    p = p * z + 2 / 11
    p = p * z + 2 / 9
    p = p * z + 2 / 7
    p = p * z + 2 / 5
    p = p * z + 2 / 3
    return np.float64(exponent) * (0.6931471805599453 * 2.0**-52) + (p * z * s + (s + s))


@numba.njit(fastmath=CONTRACT, **INLINED)
def normal_pair_64(u, v):
    """Two standard normals from two words of 32 bits held in uint64; sine and cosine after Cephes."""
    x = np.float64(np.int64(u)) * 2.3283064365386963e-10 + 1.1641532182693481e-10
    square = -2.0 * _log_unit_64(x)
    radius = math.sqrt(square if square > 0.0 else 0.0)
    word = np.int64(v)
    quadrant = (word + 0x20000000) >> 30
    x = np.float64(word - (quadrant << 30)) * 1.4629180792671596e-09
    z = x * x
    p = 1.58962301576546568060e-10
    p = p * z - 2.50507477628578072866e-8
    p = p * z + 2.75573136213857245213e-6
    p = p * z - 1.98412698295895385996e-4
    p = p * z + 8.33333333332211858878e-3
    p = p * z - 1.66666666666666307295e-1
    sine = p * z * x + x
    p = -1.13585365213876817300e-11
    p = p * z + 2.08757008419747316778e-9
    p = p * z - 2.75573141792967388112e-7
    p = p * z + 2.48015872888517045348e-5
    p = p * z - 1.38888888888730564116e-3
    p = p * z + 4.16666666666665929218e-2
    cosine = p * z * z + (1.0 - 0.5 * z)
    swap = (quadrant & 1) != 0
    odd = cosine if swap else sine
    even = sine if swap else cosine
    odd = -odd if (quadrant & 2) != 0 else odd
    even = -even if ((quadrant + 1) & 2) != 0 else even
    return radius * even, radius * odd


_f = np.float32
_i = np.int32
_u = np.uint32


@numba.njit(fastmath=CONTRACT, **INLINED)
def _log_unit_32(x):
    """Natural logarithm of a normal float32 in (0, 1], after Cephes ``logf``."""
    bits = bits_of(x)
    exponent = _i(_i(bits - _i(0x3F400000)) & _i(-0x800000))
    t = number_of(_i(bits - exponent)) - _f(1.0)
    p = _f(7.0376836292e-2)
    p = p * t - _f(1.1514610310e-1)
    p = p * t + _f(1.1676998740e-1)
    p = p * t - _f(1.2420140846e-1)
    p = p * t + _f(1.4249322787e-1)
    p = p * t - _f(1.6668057665e-1)
    p = p * t + _f(2.0000714765e-1)
    p = p * t - _f(2.4999993993e-1)
    p = p * t + _f(3.3333331174e-1)
    return p * t * t * t + (t - _f(0.5) * t * t) + _f(exponent) * _f(0.69314718 * 2.0**-23)


@numba.njit(fastmath=CONTRACT, **INLINED)
def normal_pair_32(u, v):
    """Two standard normals in float32 from two words of 32 bits; sine and cosine after Cephes.

    All is done in 32 bits, with every result narrowed at once (numba widens integers): a loop over stored uint32 words
    then works on vectors twice as long as one over words in uint64.
    """
    x = _f(_u(u)) * _f(2.3283064365386963e-10) + _f(1.1641532e-10)
    square = _f(-2.0) * _log_unit_32(x)
    radius = math.sqrt(square if square > _f(0.0) else _f(0.0))
    word = _u(v)
    quadrant = _u(_u(word + _u(0x20000000)) >> _u(30))
    x = _f(_i(_u(word - _u(quadrant << _u(30))))) * _f(1.4629180792671596e-9)
    z = x * x
    p = _f(-1.9515295891e-4)
    p = p * z + _f(8.3321608736e-3)
    p = p * z - _f(1.6666654611e-1)
    sine = p * z * x + x
    p = _f(2.443315711809948e-5)
    p = p * z - _f(1.388731625493765e-3)
    p = p * z + _f(4.166664568298827e-2)
    cosine = p * z * z + (_f(1.0) - _f(0.5) * z)
    swap = (quadrant & _u(1)) != 0
    odd = cosine if swap else sine
    even = sine if swap else cosine
    odd = -odd if (quadrant & _u(2)) != 0 else odd
    even = -even if (_u(quadrant + _u(1)) & _u(2)) != 0 else even
    return radius * even, radius * odd


@numba.njit(fastmath=CONTRACT, **INLINED)
def uniform_64(u):
    """Uniform on (0, 1) from a word."""
    return np.float64(np.int64(u)) * 2.3283064365386963e-10 + 1.1641532182693481e-10


@numba.njit(fastmath=CONTRACT, **INLINED)
def uniform_32(u):
    """Uniform on (0, 1) in float32 from the upper 23 bits of a word: the lower nine would round up to 1."""
    return _f(np.int64(u) >> 9) * _f(2.0**-23) + _f(2.0**-24)


@numba.njit(fastmath=CONTRACT, **INLINED)
def fair_sign_64(u, bit):
    """1 if the bit of the word is set, else -1."""
    return 1.0 if (u >> np.uint64(bit)) & np.uint64(1) else -1.0


@numba.njit(fastmath=CONTRACT, **INLINED)
def fair_sign_32(u, bit):
    """Float32 1 if the bit of the word is set, else -1."""
    return _f(1.0) if (u >> np.uint64(bit)) & np.uint64(1) else _f(-1.0)


@numba.njit(**INLINED)
def _threes(u):
    """The first two digits in base 6 of a word over 2^32, each as -1 (digit 0), 1 (digit 5) or 0, int64."""
    first = np.uint64(u) * np.uint64(6)
    second = (first & np.uint64(0xFFFFFFFF)) * np.uint64(6)
    a, b = np.int64(first >> np.uint64(32)), np.int64(second >> np.uint64(32))
    return ((a + 3) >> 3) + ((a + 7) >> 3) - 1, ((b + 3) >> 3) + ((b + 7) >> 3) - 1


@numba.njit(**INLINED)
def three_pair_64(u):
    """Two numbers -1, 0 or 1 with probabilities 1/6, 2/3, 1/6 from a word."""
    a, b = _threes(u)
    return np.float64(a), np.float64(b)


@numba.njit(**INLINED)
def three_pair_32(u):
    """As `three_pair_64`, in float32."""
    a, b = _threes(u)
    return _f(a), _f(b)
