"""Random words, normals, signs and uniforms as Triton device functions: the same counters as on the CPU.

The integers agree with `gan_sde.kernels.philox` bit for bit; the normals with `gan_sde.kernels.normals` up to
rounding, since a GPU contracts other products into fused multiply-adds. Logarithm, sine and cosine are polynomials of
our own: those of the library reduce large arguments on a slow path that costs hundreds of instructions, and the
angles here need none of it.
"""

from __future__ import annotations

from gan_sde.kernels.triton_language import jit, tl


@jit
def philox_round(c0, c1, c2, c3, key0, key1):
    """One round on four words of 32 bits."""
    low0 = c0 * 0xD2511F53
    low1 = c2 * 0xCD9E8D57
    high0 = tl.umulhi(c0, 0xD2511F53)
    high1 = tl.umulhi(c2, 0xCD9E8D57)
    return high1 ^ c1 ^ key0, low1, high0 ^ c3 ^ key1, low0, key0 + 0x9E3779B9, key1 + 0xBB67AE85


@jit
def philox(c0, c1, c2, c3, key0, key1):
    """Four random words of a counter; everything is uint32, a block of lanes or one number for all."""
    c0, c1, c2, c3, key0, key1 = philox_round(c0, c1, c2, c3, key0, key1)
    c0, c1, c2, c3, key0, key1 = philox_round(c0, c1, c2, c3, key0, key1)
    c0, c1, c2, c3, key0, key1 = philox_round(c0, c1, c2, c3, key0, key1)
    c0, c1, c2, c3, key0, key1 = philox_round(c0, c1, c2, c3, key0, key1)
    c0, c1, c2, c3, key0, key1 = philox_round(c0, c1, c2, c3, key0, key1)
    c0, c1, c2, c3, key0, key1 = philox_round(c0, c1, c2, c3, key0, key1)
    c0, c1, c2, c3, key0, key1 = philox_round(c0, c1, c2, c3, key0, key1)
    c0, c1, c2, c3, key0, key1 = philox_round(c0, c1, c2, c3, key0, key1)
    c0, c1, c2, c3, key0, key1 = philox_round(c0, c1, c2, c3, key0, key1)
    c0, c1, c2, c3, key0, key1 = philox_round(c0, c1, c2, c3, key0, key1)
    return c0, c1, c2, c3


@jit
def log_unit_64(x):
    """Natural logarithm of a normal float64 in (0, 1], by ``2 artanh((m - 1) / (m + 1))``."""
    bits = x.to(tl.int64, bitcast=True)
    exponent = (bits - 0x3FE8000000000000) >> 52
    mantissa = (bits - (exponent << 52)).to(tl.float64, bitcast=True)
    s = (mantissa - 1.0) / (mantissa + 1.0)
    z = s * s
    p = z * (2 / 21) + (2 / 19)
    p = p * z + (2 / 17)
    p = p * z + (2 / 15)
    p = p * z + (2 / 13)
    p = p * z + (2 / 11)
    p = p * z + (2 / 9)
    p = p * z + (2 / 7)
    p = p * z + (2 / 5)
    p = p * z + (2 / 3)
    return exponent.to(tl.float64) * 0.6931471805599453 + (p * z * s + (s + s))


@jit
def turn(v):
    """Quadrant of an angle ``2 pi v / 2^32`` and what is left of ``v``, between -2^29 and 2^29 (int32)."""
    # Past the last eighth the sum wraps to quadrant 0, and the rest is v itself as a signed number.
    quadrant = (v + 0x20000000) >> 30
    return quadrant, (v - (quadrant << 30)).to(tl.int32, bitcast=True)


@jit
def into_quadrant(quadrant, cosine, sine):
    """Cosine and sine of the whole angle from those of the rest."""
    swap = (quadrant & 1) != 0
    even = tl.where(swap, sine, cosine)
    odd = tl.where(swap, cosine, sine)
    even = tl.where(((quadrant + 1) & 2) != 0, -even, even)
    odd = tl.where((quadrant & 2) != 0, -odd, odd)
    return even, odd


@jit
def cosine_sine_64(angle):
    """Cosine and sine of float64 angles up to pi / 4 in magnitude, after Cephes."""
    z = angle * angle
    p = z * 1.58962301576546568060e-10 - 2.50507477628578072866e-8
    p = p * z + 2.75573136213857245213e-6
    p = p * z - 1.98412698295895385996e-4
    p = p * z + 8.33333333332211858878e-3
    p = p * z - 1.66666666666666307295e-1
    sine = p * z * angle + angle
    p = z * -1.13585365213876817300e-11 + 2.08757008419747316778e-9
    p = p * z - 2.75573141792967388112e-7
    p = p * z + 2.48015872888517045348e-5
    p = p * z - 1.38888888888730564116e-3
    p = p * z + 4.16666666666665929218e-2
    return p * z * z + (1.0 - z * 0.5), sine


@jit
def normal_pair_64(u, v):
    """Two standard normals in float64 from two words."""
    x = u.to(tl.float64) * 2.3283064365386963e-10 + 1.1641532182693481e-10
    radius = tl.sqrt(tl.maximum(log_unit_64(x) * -2.0, 0.0))
    quadrant, rest = turn(v)
    cosine, sine = cosine_sine_64(rest.to(tl.float64) * 1.4629180792671596e-09)
    even, odd = into_quadrant(quadrant, cosine, sine)
    return radius * even, radius * odd


@jit
def log_unit_32(x):
    """Natural logarithm of a normal float32 in (0, 1], after Cephes ``logf``."""
    bits = x.to(tl.int32, bitcast=True)
    exponent = (bits - 0x3F400000) >> 23
    t = (bits - (exponent << 23)).to(tl.float32, bitcast=True) - 1.0
    p = t * 7.0376836292e-2 - 1.1514610310e-1
    p = p * t + 1.1676998740e-1
    p = p * t - 1.2420140846e-1
    p = p * t + 1.4249322787e-1
    p = p * t - 1.6668057665e-1
    p = p * t + 2.0000714765e-1
    p = p * t - 2.4999993993e-1
    p = p * t + 3.3333331174e-1
    return p * t * t * t + (t - t * 0.5 * t) + exponent.to(tl.float32) * 0.69314718


@jit
def normal_pair_32(u, v):
    """Two standard normals in float32 from two words; sine and cosine after Cephes."""
    x = u.to(tl.float32) * 2.3283064365386963e-10 + 1.1641532e-10
    radius = tl.sqrt(tl.maximum(log_unit_32(x) * -2.0, 0.0))
    quadrant, rest = turn(v)
    angle = rest.to(tl.float32) * 1.4629180792671596e-9
    z = angle * angle
    p = z * -1.9515295891e-4 + 8.3321608736e-3
    p = p * z - 1.6666654611e-1
    sine = p * z * angle + angle
    p = z * 2.443315711809948e-5 - 1.388731625493765e-3
    p = p * z + 4.166664568298827e-2
    even, odd = into_quadrant(quadrant, p * z * z + (1.0 - z * 0.5), sine)
    return radius * even, radius * odd


@jit
def uniform_64(u):
    """Uniform on (0, 1) in float64 from a word."""
    return u.to(tl.float64) * 2.3283064365386963e-10 + 1.1641532182693481e-10


@jit
def uniform_32(u):
    """Uniform on (0, 1) in float32 from the upper 23 bits of a word: the lower nine would round up to 1."""
    return (u >> 9).to(tl.float32) * 1.1920928955078125e-07 + 5.9604644775390625e-08


@jit
def fair_sign(u, bit):
    """1 if the bit of the word is set, else -1, as int32: exact in any type."""
    return (((u >> bit) & 1) * 2).to(tl.int32) - 1


@jit
def three_pair(u):
    """Two numbers -1, 0 or 1 with probabilities 1/6, 2/3, 1/6 from a word, as int32; as on the CPU to the bit."""
    six = tl.full((), 6, tl.uint32)
    first = tl.umulhi(u, six).to(tl.int32)
    second = tl.umulhi(u * six, six).to(tl.int32)
    return ((first + 3) >> 3) + ((first + 7) >> 3) - 1, ((second + 3) >> 3) + ((second + 7) >> 3) - 1


WORDS = {"philox": philox, "fair_sign": fair_sign, "three_pair": three_pair}
"""Names in kernel text, whatever the type of the state."""
WORDS_64 = WORDS | {"normal_pair": normal_pair_64, "uniform": uniform_64}
WORDS_32 = WORDS | {"normal_pair": normal_pair_32, "uniform": uniform_32}
