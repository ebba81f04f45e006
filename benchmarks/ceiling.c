/* The ceiling: the one-dimensional LQ-GAN by hand, one fused loop with everything in registers.
 *
 * Philox4x32-10 (Salmon et al., SC11 2011) and the Box-Muller transform on 512-bit vectors, a group of trajectories at
 * a time: counters, normals and state never leave the registers, and only sums and sums of squares at the checkpoints
 * are kept. Euler steps of the SDE in double and in single precision, and the training by batch statistics, whose
 * chi-squares are k p(n)^3 for a given polynomial p. The state is w2, w1, a, b.
 *
 * Build: gcc -O3 -march=native -mprefer-vector-width=512 -ffp-contract=fast -fno-math-errno -fno-trapping-math
 *        -shared -fPIC ceiling.c -o ceiling.so
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#ifndef __AVX512DQ__
#error "this file needs AVX-512 (F and DQ)"
#endif
#include <immintrin.h>

typedef double real64 __attribute__((vector_size(64)));
typedef float real32 __attribute__((vector_size(64)));
typedef uint64_t word64 __attribute__((vector_size(64)));
typedef int64_t int64v __attribute__((vector_size(64)));
typedef uint32_t word32 __attribute__((vector_size(64)));
typedef int32_t int32v __attribute__((vector_size(64)));

#define INLINE static inline __attribute__((always_inline))
#define ALL64(x) ((real64)_mm512_set1_pd(x))
#define ALL32(x) ((real32)_mm512_set1_ps(x))
#define WORDS(x) ((word64)_mm512_set1_epi64((long long)(x)))

/* ---- random words: eight counters, each in the low half of a 64-bit lane ---- */

typedef struct { word64 a, b, c, d; } words4;

INLINE word64 xor3(word64 x, word64 y, word64 z) {
    return (word64)_mm512_ternarylogic_epi64((__m512i)x, (__m512i)y, (__m512i)z, 0x96);
}

INLINE word64 product(word64 x, word64 y) { return (word64)_mm512_mul_epu32((__m512i)x, (__m512i)y); }

/* The results carry rubbish in their upper halves, which the products of the next round do not see. */
INLINE words4 philox(word64 trajectory, uint32_t step, uint32_t key0, uint32_t key1) {
    word64 a = trajectory, b = WORDS(step), c = WORDS(0), d = WORDS(0);
    const word64 m0 = WORDS(0xD2511F53u), m1 = WORDS(0xCD9E8D57u);
#pragma GCC unroll 10
    for (int round = 0; round < 10; round++) {
        word64 p = product(a, m0), q = product(c, m1);
        a = xor3(q >> 32, b, WORDS(key0));
        c = xor3(p >> 32, d, WORDS(key1));
        b = q;
        d = p;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    return (words4){a, b, c, d};
}

/* ---- normals in double precision ---- */

INLINE real64 log64(real64 x) {
    real64 m = (real64)_mm512_getmant_pd((__m512d)x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_zero);
    real64 e = (real64)_mm512_getexp_pd((__m512d)(x * ALL64(4.0 / 3.0)));
    real64 s = (m - ALL64(1)) / (m + ALL64(1)), z = s * s, p = ALL64(2.0 / 21);
    p = p * z + ALL64(2.0 / 19);
    p = p * z + ALL64(2.0 / 17);
    p = p * z + ALL64(2.0 / 15);
    p = p * z + ALL64(2.0 / 13);
    p = p * z + ALL64(2.0 / 11);
    p = p * z + ALL64(2.0 / 9);
    p = p * z + ALL64(2.0 / 7);
    p = p * z + ALL64(2.0 / 5);
    p = p * z + ALL64(2.0 / 3);
    return e * ALL64(0.6931471805599453) + (p * z * s + (s + s));
}

INLINE void pair64(word64 u, word64 v, real64 *even, real64 *odd) {
    const word64 low = WORDS(0xFFFFFFFFu);
    int64v w = (int64v)(v & low);
    real64 x = __builtin_convertvector((int64v)(u & low), real64) * ALL64(0x1p-32) + ALL64(0x1p-33);
    real64 square = log64(x) * ALL64(-2);
    real64 radius = (real64)_mm512_sqrt_pd(_mm512_max_pd((__m512d)square, _mm512_setzero_pd()));
    int64v quadrant = (w + (1 << 29)) >> 30;
    x = __builtin_convertvector(w - (quadrant << 30), real64) * ALL64(1.4629180792671596e-09);
    real64 z = x * x, p = ALL64(1.58962301576546568060e-10);
    p = p * z - ALL64(2.50507477628578072866e-8);
    p = p * z + ALL64(2.75573136213857245213e-6);
    p = p * z - ALL64(1.98412698295895385996e-4);
    p = p * z + ALL64(8.33333333332211858878e-3);
    p = p * z - ALL64(1.66666666666666307295e-1);
    real64 sine = p * z * x + x;
    p = ALL64(-1.13585365213876817300e-11);
    p = p * z + ALL64(2.08757008419747316778e-9);
    p = p * z - ALL64(2.75573141792967388112e-7);
    p = p * z + ALL64(2.48015872888517045348e-5);
    p = p * z - ALL64(1.38888888888730564116e-3);
    p = p * z + ALL64(4.16666666666665929218e-2);
    real64 cosine = p * z * z + (ALL64(1) - ALL64(0.5) * z);
    __mmask8 swap = _mm512_test_epi64_mask((__m512i)quadrant, _mm512_set1_epi64(1));
    __m512i s = _mm512_castpd_si512(_mm512_mask_blend_pd(swap, (__m512d)sine, (__m512d)cosine));
    __m512i c = _mm512_castpd_si512(_mm512_mask_blend_pd(swap, (__m512d)cosine, (__m512d)sine));
    s = _mm512_xor_si512(s, (__m512i)((quadrant >> 1) << 63));
    c = _mm512_xor_si512(c, (__m512i)(((quadrant + 1) >> 1) << 63));
    *odd = radius * (real64)s;
    *even = radius * (real64)c;
}

/* ---- normals in single precision ---- */

INLINE real32 radius32(word32 u) {
    real32 x = (real32)_mm512_cvtepu32_ps((__m512i)u) * ALL32(0x1p-32f) + ALL32(0x1p-33f);
    real32 m = (real32)_mm512_getmant_ps((__m512)x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_zero);
    real32 e = (real32)_mm512_getexp_ps((__m512)(x * ALL32(1.3333334f)));
    real32 t = m - ALL32(1), p = ALL32(7.0376836292e-2f);
    p = p * t - ALL32(1.1514610310e-1f);
    p = p * t + ALL32(1.1676998740e-1f);
    p = p * t - ALL32(1.2420140846e-1f);
    p = p * t + ALL32(1.4249322787e-1f);
    p = p * t - ALL32(1.6668057665e-1f);
    p = p * t + ALL32(2.0000714765e-1f);
    p = p * t - ALL32(2.4999993993e-1f);
    p = p * t + ALL32(3.3333331174e-1f);
    real32 square = t * t, logarithm = p * t * square + (t - ALL32(0.5f) * square) + e * ALL32(0.69314718f);
    return (real32)_mm512_sqrt_ps(_mm512_max_ps((__m512)(logarithm * ALL32(-2)), _mm512_setzero_ps()));
}

INLINE void pair32(word32 u, word32 v, real32 *even, real32 *odd) {
    real32 radius = radius32(u);
    word32 quadrant = (v + (1u << 29)) >> 30;
    real32 x = __builtin_convertvector((int32v)(v - (quadrant << 30)), real32) * ALL32(1.4629180792671596e-9f);
    real32 z = x * x, p = ALL32(-1.9515295891e-4f);
    p = p * z + ALL32(8.3321608736e-3f);
    p = p * z - ALL32(1.6666654611e-1f);
    real32 sine = p * z * x + x;
    p = ALL32(2.443315711809948e-5f);
    p = p * z - ALL32(1.388731625493765e-3f);
    p = p * z + ALL32(4.166664568298827e-2f);
    real32 cosine = p * z * z + (ALL32(1) - ALL32(0.5f) * z);
    __mmask16 swap = _mm512_test_epi32_mask((__m512i)quadrant, _mm512_set1_epi32(1));
    __m512i s = _mm512_castps_si512(_mm512_mask_blend_ps(swap, (__m512)sine, (__m512)cosine));
    __m512i c = _mm512_castps_si512(_mm512_mask_blend_ps(swap, (__m512)cosine, (__m512)sine));
    s = _mm512_xor_si512(s, (__m512i)((quadrant >> 1) << 31));
    c = _mm512_xor_si512(c, (__m512i)(((quadrant + 1) >> 1) << 31));
    *odd = radius * (real32)s;
    *even = radius * (real32)c;
}

INLINE word32 merged(word64 low, word64 high) {
    return (word32)_mm512_mask_blend_epi32(0xAAAA, (__m512i)low, (__m512i)(high << 32));
}

/* ---- steps ---- */

typedef struct { double lr, noise, mu, sigma; } model;

/* One Euler step in any type; n holds the normals of y and He2(y), of z and He2(z). */
#define EULER(real, ALL)                                                                                       \
    INLINE void euler_##real(real x[4], const real n[4], model g) {                                            \
        real w2 = x[0], w1 = x[1], a = x[2], b = x[3], fa = ALL(2) * w2 * a, fb = ALL(2) * w2 * b + w1;        \
        const double s = g.sigma, m = g.mu, r2 = M_SQRT2;                                                      \
        real f2 = ALL(s * s + m * m) - a * a - b * b, f1 = ALL(m) - b, two_az = ALL(2) * a * n[2];             \
        real g2 = ALL(2 * m * s) * n[0] + ALL(s * s * r2) * n[1] - b * two_az - ALL(r2) * a * a * n[3];        \
        real g1 = ALL(s) * n[0] - a * n[2], ga = fb * n[2] + ALL(r2) * fa * n[3], gb = fa * n[2];              \
        x[0] = w2 + (ALL(g.lr) * f2 + ALL(g.noise) * g2);                                                      \
        x[1] = w1 + (ALL(g.lr) * f1 + ALL(g.noise) * g1);                                                      \
        x[2] = a + (ALL(g.lr) * fa + ALL(g.noise) * ga);                                                       \
        x[3] = b + (ALL(g.lr) * fb + ALL(g.noise) * gb);                                                       \
    }
EULER(real64, ALL64)
EULER(real32, ALL32)

INLINE real64 horner(const double *p, int terms, real64 n) {
    real64 value = ALL64(p[terms - 1]);
    for (int i = terms - 2; i >= 0; i--) value = value * n + ALL64(p[i]);
    return value * value * value;
}

INLINE void train(real64 x[4], real64 n[4], double lr, double mu, double s, double batch, const double *p, int terms) {
    real64 root = ALL64(1 / sqrt(batch)), share = ALL64((batch - 1) / batch);
    real64 y = n[0] * root, z = n[2] * root;
    real64 y2 = horner(p, terms, n[1]) * share + y * y, z2 = horner(p, terms, n[3]) * share + z * z;
    real64 w2 = x[0], w1 = x[1], a = x[2], b = x[3], g = a * z + b;
    real64 first = ALL64(mu) + ALL64(s) * y, second = ALL64(mu * mu) + ALL64(2 * mu * s) * y + ALL64(s * s) * y2;
    x[0] = w2 + ALL64(lr) * (second - (a * a * z2 + ALL64(2) * a * b * z + b * b));
    x[1] = w1 + ALL64(lr) * (first - g);
    x[2] = a + ALL64(lr) * (ALL64(2) * w2 * (a * z2 + b * z) + w1 * z);
    x[3] = b + ALL64(lr) * (ALL64(2) * w2 * g + w1);
}

/* ---- ensembles: sums and sums of squares at every checkpoint, shape (steps / every + 1, 8) ---- */

INLINE word64 lanes(int64_t first) {
    return (word64)_mm512_add_epi64(_mm512_set1_epi64(first), _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0));
}

/* Two groups of eight side by side hide each other's latency. */
#define GROUPS 1
#define ENSEMBLE64(STEP)                                                                                       \
    memset(sums, 0, (steps / every + 1) * 8 * sizeof(double));                                                 \
    for (int64_t first = 0; first < trajectories; first += 8 * GROUPS) {                                       \
        real64 x[GROUPS][4], n[4];                                                                             \
        word64 counter[GROUPS];                                                                                \
        for (int u = 0; u < GROUPS; u++) {                                                                     \
            counter[u] = lanes(first + 8 * u);                                                                 \
            for (int k = 0; k < 4; k++) x[u][k] = ALL64(start[k]);                                             \
        }                                                                                                      \
        for (int64_t t = 0;; ) {                                                                               \
            double *row = sums + t / every * 8;                                                                \
            for (int u = 0; u < GROUPS; u++)                                                                   \
                for (int k = 0; k < 4; k++) {                                                                  \
                    row[k] += _mm512_reduce_add_pd((__m512d)x[u][k]);                                          \
                    row[4 + k] += _mm512_reduce_add_pd((__m512d)(x[u][k] * x[u][k]));                          \
                }                                                                                              \
            if (t >= steps) break;                                                                             \
            for (int64_t stop = t + every; t < stop; t++)                                                      \
                _Pragma("GCC unroll 1") for (int u = 0; u < GROUPS; u++) {                                     \
                    words4 w = philox(counter[u], (uint32_t)t, (uint32_t)seed, (uint32_t)(seed >> 32));        \
                    pair64(w.a, w.b, n, n + 1);                                                                \
                    pair64(w.c, w.d, n + 2, n + 3);                                                            \
                    STEP;                                                                                      \
                }                                                                                              \
        }                                                                                                      \
    }

void sde_float64(int64_t trajectories, int64_t steps, int64_t every, uint64_t seed, const double *start, double lr,
                 double batch, double mu, double sigma, double *sums) {
    model g = {lr, lr / sqrt(batch), mu, sigma};
    ENSEMBLE64(euler_real64(x[u], n, g))
}

void training_float64(int64_t trajectories, int64_t steps, int64_t every, uint64_t seed, const double *start, double lr,
                      double batch, double mu, double sigma, const double *polynomial, int terms, double *sums) {
    if (terms == 15) {  /* the usual degree, unrolled */
        ENSEMBLE64(train(x[u], n, lr, mu, sigma, batch, polynomial, 15))
    } else {
        ENSEMBLE64(train(x[u], n, lr, mu, sigma, batch, polynomial, terms))
    }
}

void sde_float32(int64_t trajectories, int64_t steps, int64_t every, uint64_t seed, const double *start, double lr,
                 double batch, double mu, double sigma, double *sums) {
    model g = {lr, lr / sqrt(batch), mu, sigma};
    memset(sums, 0, (steps / every + 1) * 8 * sizeof(double));
    for (int64_t first = 0; first < trajectories; first += 16) {
        real32 x[4], n[4];
        word64 low = lanes(first), high = lanes(first + 8);
        for (int k = 0; k < 4; k++) x[k] = ALL32((float)start[k]);
        for (int64_t t = 0;;) {
            double *row = sums + t / every * 8;
            for (int k = 0; k < 4; k++) {
                row[k] += _mm512_reduce_add_ps((__m512)x[k]);
                row[4 + k] += _mm512_reduce_add_ps((__m512)(x[k] * x[k]));
            }
            if (t >= steps) break;
            for (int64_t stop = t + every; t < stop; t++) {
                words4 v = philox(low, (uint32_t)t, (uint32_t)seed, (uint32_t)(seed >> 32));
                words4 w = philox(high, (uint32_t)t, (uint32_t)seed, (uint32_t)(seed >> 32));
                pair32(merged(v.a, w.a), merged(v.b, w.b), n, n + 1);
                pair32(merged(v.c, w.c), merged(v.d, w.d), n + 2, n + 3);
                euler_real32(x, n, g);
            }
        }
    }
}
