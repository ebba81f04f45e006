"""Elementary functions as Triton device functions.

They follow `gan_sde.kernels.elementary`: free of branches and of the library's slow paths, computed in float64 and
rounded to the type of the argument. Where the CPU calls its scalar library (sines, hyperbolic functions, powers)
there are formulas of our own, with errors of a few units in the last place; ``sin``, ``cos`` and ``tan`` are meant for
arguments within the divergence bound, and the error of ``power`` grows with the logarithm of its result.

Numbers stand beside a tensor: alone they would be rounded to float32, whatever the type around them.
"""

from __future__ import annotations

from gan_sde.kernels.triton_language import jit, tl
from gan_sde.kernels.triton_words import cosine_sine_64, into_quadrant


@jit
def exp_64(x):
    """Exponential, by ``2^n exp(r)`` with ``|r| <= ln(2) / 2`` and the Taylor polynomial of degree 13."""
    y = tl.where(x < -707.0, -707.0, x)
    y = tl.where(y > 710.0, 710.0, y)
    shifted = y * 1.4426950408889634 + 6755399441055744.0
    n = shifted - 6755399441055744.0
    r = (y - n * 6.93145751953125e-1) - n * 1.42860682030941723212e-6
    p = r * (1 / 6227020800) + (1 / 479001600)
    p = p * r + (1 / 39916800)
    p = p * r + (1 / 3628800)
    p = p * r + (1 / 362880)
    p = p * r + (1 / 40320)
    p = p * r + (1 / 5040)
    p = p * r + (1 / 720)
    p = p * r + (1 / 120)
    p = p * r + (1 / 24)
    p = p * r + (1 / 6)
    p = p * r + 0.5
    p = p * (r * r) + (r + 1.0)
    # 2^(n-1) is a normal number also where 2^n is not.
    half = ((shifted.to(tl.int64, bitcast=True) + 1022) << 52).to(tl.float64, bitcast=True)
    result = p * half * 2.0
    return tl.where(x < -707.0, result * 0.0, result)


@jit
def log_64(x):
    """Natural logarithm, by ``2 artanh((m - 1) / (m + 1))`` of the mantissa."""
    tiny = x < 2.2250738585072014e-308
    bits = tl.where(tiny, x * 18014398509481984.0, x).to(tl.int64, bitcast=True)
    exponent = (bits - 0x3FE8000000000000) >> 52
    mantissa = (bits - (exponent << 52)).to(tl.float64, bitcast=True)
    n = exponent.to(tl.float64)
    n = tl.where(tiny, n - 54.0, n)
    s = (mantissa - 1.0) / (mantissa + 1.0)
    z = s * s
    p = z * (2 / 23) + (2 / 21)
    p = p * z + (2 / 19)
    p = p * z + (2 / 17)
    p = p * z + (2 / 15)
    p = p * z + (2 / 13)
    p = p * z + (2 / 11)
    p = p * z + (2 / 9)
    p = p * z + (2 / 7)
    p = p * z + (2 / 5)
    p = p * z + (2 / 3)
    result = n * 6.93145751953125e-1 + (n * 1.42860682030941723212e-6 + (p * z * s + (s + s)))
    result = tl.where(x == 0.0, result * 0.0 - float("inf"), result)
    result = tl.where(x < 0.0, result * float("nan"), result)
    return tl.where(x < float("inf"), result, x)


@jit
def exp(x):
    """Exponential."""
    return exp_64(x.to(tl.float64)).to(x.dtype)


@jit
def log(x):
    """Natural logarithm."""
    return log_64(x.to(tl.float64)).to(x.dtype)


@jit
def tanh(x):
    """Hyperbolic tangent; below 0.625 by the rational function of Cephes, for its relative accuracy."""
    y = x.to(tl.float64)
    z = y * y
    p = z * -9.64399179425052238628e-1 - 9.92877231001918586564e1
    p = p * z - 1.61468768441708447952e3
    q = z + 1.12811678491631932401e2
    q = q * z + 2.23548839060100448583e3
    q = q * z + 4.84406305325125486048e3
    small = y + y * z * (p / q)
    size = tl.abs(y)
    large = 1.0 - 2.0 / (exp_64(size * 2.0) + 1.0)
    large = tl.where(y < 0.0, -large, large)
    return tl.where(size < 0.625, small, large).to(x.dtype)


@jit
def sigmoid(x):
    """Logistic function ``1 / (1 + exp(-x))``, without overflow."""
    y = x.to(tl.float64)
    t = exp_64(-tl.abs(y))
    r = 1.0 / (t + 1.0)
    return tl.where(y < 0.0, t * r, r).to(x.dtype)


@jit
def softplus(x):
    """``log(1 + exp(x))``, without overflow and with full relative accuracy on both sides."""
    y = x.to(tl.float64)
    t = exp_64(-tl.abs(y))
    u = t + 1.0
    # The correction of log1p: what rounding lost in 1 + t.
    positive = tl.where(y < 0.0, y * 0.0, y)
    return tl.where(y == y, positive + (log_64(u) + (t - (u - 1.0)) / u), y).to(x.dtype)


@jit
def cosine_sine(y):
    """Cosine and sine of float64, reduced by pi / 2 in three parts of which the first two take part exactly."""
    shifted = y * 0.6366197723675814 + 6755399441055744.0
    n = shifted - 6755399441055744.0
    r = y - n * 1.5707962512969970703125
    r = r - n * 7.54978941586159635336e-8
    r = r - n * 5.39030285815811905290e-15
    cosine, sine = cosine_sine_64(r)
    return into_quadrant(n.to(tl.int32), cosine, sine)


@jit
def sin(x):
    """Sine."""
    _, odd = cosine_sine(x.to(tl.float64))
    return odd.to(x.dtype)


@jit
def cos(x):
    """Cosine."""
    even, _ = cosine_sine(x.to(tl.float64))
    return even.to(x.dtype)


@jit
def tan(x):
    """Tangent."""
    even, odd = cosine_sine(x.to(tl.float64))
    return (odd / even).to(x.dtype)


@jit
def sinh(x):
    """Hyperbolic sine; below 1 by its Taylor polynomial."""
    y = x.to(tl.float64)
    z = y * y
    p = z * (1 / 272) + 1.0
    p = p * z * (1 / 210) + 1.0
    p = p * z * (1 / 156) + 1.0
    p = p * z * (1 / 110) + 1.0
    p = p * z * (1 / 72) + 1.0
    p = p * z * (1 / 42) + 1.0
    p = p * z * (1 / 20) + 1.0
    p = p * z * (1 / 6) + 1.0
    t = exp_64(tl.abs(y))
    large = t * 0.5 - 0.5 / t
    large = tl.where(y < 0.0, -large, large)
    return tl.where(tl.abs(y) < 1.0, y * p, large).to(x.dtype)


@jit
def cosh(x):
    """Hyperbolic cosine."""
    t = exp_64(tl.abs(x.to(tl.float64)))
    return (t * 0.5 + 0.5 / t).to(x.dtype)


@jit
def arctan(x):
    """Inverse tangent, after Cephes: reduced to arguments below 0.66."""
    y = x.to(tl.float64)
    size = tl.abs(y)
    is_large = size > 2.41421356237309504880
    is_small = size <= 0.66
    t = tl.where(is_large, -1.0 / size, tl.where(is_small, size, (size - 1.0) / (size + 1.0)))
    z = t * t
    p = z * -8.750608600031904122785e-1 - 1.615753718733365076637e1
    p = p * z - 7.500855792314704667340e1
    p = p * z - 1.228866684490136173410e2
    p = p * z - 6.485021904942025371773e1
    q = z + 2.485846490142306297962e1
    q = q * z + 1.650270098316988542046e2
    q = q * z + 4.328810604912902668951e2
    q = q * z + 4.853903996359136964868e2
    q = q * z + 1.945506571482613964425e2
    quarters = tl.where(is_small, 0, tl.where(is_large, 2, 1)).to(tl.float64)
    result = quarters * 0.78539816339744830962 + (t * (z * (p / q)) + t + quarters * 3.061616997868382943065e-17)
    return tl.where(y < 0.0, -result, result).to(x.dtype)


@jit
def erf(x):
    """Error function, the library's."""
    return tl.erf(x.to(tl.float64)).to(x.dtype)


@jit
def power(a, b):
    """General power ``a^b``, by logarithm and exponential; of a negative base, NaN unless b is an integer."""
    y = b.to(tl.float64)
    size = exp_64(y * log_64(tl.abs(a.to(tl.float64))))
    whole = tl.floor(y) == y
    is_odd = tl.floor(y * 0.5) * 2.0 != y
    signed = tl.where(whole, tl.where(is_odd, -size, size), size * float("nan"))
    result = tl.where(a < 0.0, signed, size)
    return tl.where(y == 0.0, y * 0.0 + 1.0, result).to(a.dtype)


@jit
def sqrt(x):
    """Square root; NaN of a negative number."""
    return tl.sqrt(x)


@jit
def absolute(x):
    """Magnitude."""
    return tl.abs(x)


@jit
def where(condition, a, b):
    """``a`` where the condition holds, else ``b``."""
    return tl.where(condition, a, b)


@jit
def maximum(a, b):
    """Larger of two numbers; NaN if either is."""
    return tl.where(a > b, a, tl.where(a != a, a, b))


@jit
def minimum(a, b):
    """Smaller of two numbers; NaN if either is."""
    return tl.where(a < b, a, tl.where(a != a, a, b))


@jit
def sign(x):
    """-1, 0 or 1; NaN of NaN."""
    return tl.where(x > 0.0, 1.0, tl.where(x < 0.0, -1.0, x))


@jit
def heaviside(x):
    """Unit step with 1/2 at 0; NaN of NaN."""
    return sign(x) * 0.5 + 0.5


DEVICE_FUNCTIONS = {
    "exp": exp, "log": log, "tanh": tanh, "sigmoid": sigmoid, "softplus": softplus, "sqrt": sqrt, "sign": sign,
    "heaviside": heaviside, "maximum": maximum, "minimum": minimum, "where": where, "absolute": absolute,
    "power": power, "sin": sin, "cos": cos, "tan": tan, "sinh": sinh, "cosh": cosh, "arctan": arctan, "erf": erf,
}  # fmt: skip
"""Name in lowered code to device function, for float64 and float32 alike."""
