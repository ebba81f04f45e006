"""Elementary functions for the lanes of a kernel.

Those in everyday use (``exp``, ``log``, ``tanh``, ``sigmoid``, ``softplus``) are free of branches and library calls,
so that LLVM vectorises the loop around them; their errors are a few units in the last place, and subnormal
results of ``exp`` are flushed to zero. The others call the scalar library: right, but slow. All compute in float64;
a float32 kernel rounds their results.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from gan_sde.kernels.normals import CONTRACT
from gan_sde.kernels.vectors import INLINED, bits_of, number_of

_inline = numba.njit(fastmath=CONTRACT, **INLINED)

INVERSE_LN2 = 1.4426950408889634
LN2_HIGH = 6.93145751953125e-1
LN2_LOW = 1.42860682030941723212e-6
ROUND_TO_INTEGER = 6755399441055744.0
EXP_OVERFLOW = 709.782712893384
EXP_UNDERFLOW = -707.0
SMALLEST_NORMAL = 2.2250738585072014e-308


@_inline
def exp(x):
    """Exponential, by ``2^n exp(r)`` with ``|r| <= ln(2) / 2`` and the Taylor polynomial of degree 13."""
    y = min(max(x, EXP_UNDERFLOW), EXP_OVERFLOW)
    shifted = y * INVERSE_LN2 + ROUND_TO_INTEGER
    n = shifted - ROUND_TO_INTEGER
    r = (y - n * LN2_HIGH) - n * LN2_LOW
    p = 1 / 6227020800
    p = p * r + 1 / 479001600
    p = p * r + 1 / 39916800
    p = p * r + 1 / 3628800
    p = p * r + 1 / 362880
    p = p * r + 1 / 40320
    p = p * r + 1 / 5040
    p = p * r + 1 / 720
    p = p * r + 1 / 120
    p = p * r + 1 / 24
    p = p * r + 1 / 6
    p = p * r + 0.5
    p = p * (r * r) + (r + 1.0)
    # 2^(n-1) is a normal number also where 2^n is not.
    power = number_of((bits_of(shifted) + np.int64(1022)) << np.int64(52))
    result = (p * power) * 2.0
    result = 0.0 if x < EXP_UNDERFLOW else result
    result = math.inf if x > EXP_OVERFLOW else result
    return x if x != x else result


@_inline
def log(x):
    """Natural logarithm, by ``2 artanh((m - 1) / (m + 1))`` of the mantissa."""
    tiny = x < SMALLEST_NORMAL
    bits = bits_of(np.float64(x * 18014398509481984.0 if tiny else x))
    exponent = (bits - np.int64(0x3FE8000000000000)) >> np.int64(52)
    mantissa = number_of(bits - (exponent << np.int64(52)))
    n = np.float64(exponent) - (54.0 if tiny else 0.0)
    s = (mantissa - 1.0) / (mantissa + 1.0)
    z = s * s
    p = 2 / 23
    p = p * z + 2 / 21
    p = p * z + 2 / 19
    p = p * z + 2 / 17
    p = p * z + 2 / 15
    p = p * z + 2 / 13
    p = p * z + 2 / 11
    p = p * z + 2 / 9
    p = p * z + 2 / 7
    p = p * z + 2 / 5
    p = p * z + 2 / 3
    result = n * LN2_HIGH + (n * LN2_LOW + (p * z * s + (s + s)))
    result = -math.inf if x == 0.0 else result
    result = math.nan if x < 0.0 else result
    return result if x < math.inf else x


@_inline
def tanh(x):
    """Hyperbolic tangent; below 0.625 by the rational function of Cephes, for its relative accuracy."""
    z = x * x
    p = -9.64399179425052238628e-1
    p = p * z - 9.92877231001918586564e1
    p = p * z - 1.61468768441708447952e3
    q = z + 1.12811678491632931402e2
    q = q * z + 2.23548839060100448583e3
    q = q * z + 4.84406305325125486048e3
    small = x + x * z * (p / q)
    size = abs(x)
    large = 1.0 - 2.0 / (exp(2.0 * size) + 1.0)
    large = -large if x < 0.0 else large
    return small if size < 0.625 else large


@_inline
def sigmoid(x):
    """Logistic function ``1 / (1 + exp(-x))``, without overflow."""
    t = exp(-abs(x))
    r = 1.0 / (1.0 + t)
    return t * r if x < 0.0 else r


@_inline
def softplus(x):
    """``log(1 + exp(x))``, without overflow and with full relative accuracy on both sides."""
    t = exp(-abs(x))
    u = 1.0 + t
    # The correction of log1p: what rounding lost in 1 + t.
    return max(x, 0.0) + (log(u) + (t - (u - 1.0)) / u) if x == x else x


@_inline
def maximum(a, b):
    """Larger of two numbers; NaN if either is."""
    return a if (a > b or a != a) else b


@_inline
def minimum(a, b):
    """Smaller of two numbers; NaN if either is."""
    return a if (a < b or a != a) else b


@_inline
def sign(x):
    """-1, 0 or 1; NaN of NaN."""
    return (1.0 if x > 0.0 else (-1.0 if x < 0.0 else x)) * 1.0


@_inline
def heaviside(x):
    """Unit step with 1/2 at 0; NaN of NaN."""
    return 0.5 * sign(x) + 0.5


@_inline
def where(condition, a, b):
    """``a`` where the condition holds, else ``b``."""
    return a if condition else b


@_inline
def absolute(x):
    """Magnitude."""
    return abs(x)


@_inline
def sqrt(x):
    """Square root; NaN of a negative number."""
    return math.sqrt(x)


@_inline
def power(a, b):
    """General power ``a^b``."""
    return a**b


@_inline
def size_bits_64(x):
    """Bits of a float64 that is no less than 0, or NaN, as an integer: larger for a larger number, largest for NaN."""
    return np.uint64(bits_of(np.float64(x)))


@_inline
def size_bits_32(x):
    """Bits of a float32 that is no less than 0, or NaN, as an integer."""
    return np.uint32(bits_of(np.float32(x)))


def _library(function):
    @numba.njit(**INLINED)
    def call(x):
        return function(x)

    return call


def _rounded_to_32(function):
    @numba.njit(**INLINED)
    def call(x):
        return np.float32(function(np.float64(x)))

    return call


@numba.njit(**INLINED)
def _power_32(a, b):
    return np.float32(np.float64(a) ** np.float64(b))


LANE_FUNCTIONS_64 = {
    "exp": exp, "log": log, "tanh": tanh, "sigmoid": sigmoid, "softplus": softplus, "sqrt": sqrt, "sign": sign,
    "heaviside": heaviside, "maximum": maximum, "minimum": minimum, "where": where, "absolute": absolute,
    "power": power, "sin": _library(math.sin), "cos": _library(math.cos), "tan": _library(math.tan),
    "sinh": _library(math.sinh), "cosh": _library(math.cosh), "arctan": _library(math.atan),
    "erf": _library(math.erf),
}  # fmt: skip
"""Name in lowered code to numba function of float64 lanes."""

_TYPE_PRESERVING = ("maximum", "minimum", "where", "absolute", "sqrt")
LANE_FUNCTIONS_32 = {
    name: function if name in _TYPE_PRESERVING else _power_32 if name == "power" else _rounded_to_32(function)
    for name, function in LANE_FUNCTIONS_64.items()
}
"""The same for float32 lanes."""
