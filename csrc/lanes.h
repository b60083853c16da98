/* Division and square roots of eight float64 at once, by multiplications: Intel's AVX-512 divides eight in the time of 32 multiplications,
 * AMD's in that of 9, and leaves only roots to them.
 * Results have the bits of the processor's own, to whose loops the rest of an array is left.  Eight of which one over- or underflows, or is
 * 0, infinite or NaN, are left to the processor.  Included by elementwise_avx512.c. */
#ifndef AD_LANES_H
#define AD_LANES_H

#include <immintrin.h>
#include <stdint.h>

#define AD_LANES 8
typedef __m512d ad_lanes;

static inline ad_lanes ad_get(const double *x) { return _mm512_loadu_pd(x); }
static inline void ad_put(double *x, ad_lanes v) { _mm512_storeu_pd(x, v); }
static inline ad_lanes ad_all(double x) { return _mm512_set1_pd(x); }

/* ------------------------------------------------------------------------------------------------- what is left to the processor */
/* 0, subnormal, infinite or NaN. */
static inline __mmask8 ad_is_abnormal(ad_lanes x) { return _mm512_fpclass_pd_mask(x, 0xBF); }

/* Less than 2^-900 or more than 2^900 in size, or NaN; unless signless, any number below 0 too. */
static inline __mmask8 ad_is_far(ad_lanes x, int signless)
{
    const __m512i bits = _mm512_castpd_si512(x), twice = signless ? _mm512_slli_epi64(bits, 1) : bits;
    const __m512i least = _mm512_set1_epi64((int64_t)(UINT64_C(123) << (52 + signless))), span = _mm512_set1_epi64((int64_t)(UINT64_C(1800) << (52 + signless)));
    return _mm512_cmpgt_epu64_mask(_mm512_sub_epi64(twice, least), span);
}

static inline __mmask8 ad_has_all_digits(ad_lanes x)        /* 1.11..1 in base 2 */
{
    const __m512i others = _mm512_xor_si512(_mm512_castpd_si512(x), _mm512_set1_epi64(-1));
    return _mm512_testn_epi64_mask(others, _mm512_set1_epi64((INT64_C(1) << 52) - 1));
}

/* ------------------------------------------------------------------------------------------------- division */
/* 1 / b as division rounds it: 1 - b r is exact in the last step, which so rounds only once, but for a b that has all digits (Markstein,
 * "Computation of elementary functions on the IBM RISC System/6000 processor", 1990). */
static inline ad_lanes ad_lanes_over(ad_lanes b)
{
    ad_lanes r = _mm512_rcp14_pd(b), e = _mm512_fnmadd_pd(b, r, ad_all(1));
    r = _mm512_fmadd_pd(r, _mm512_fmadd_pd(e, e, e), r);
    e = _mm512_fnmadd_pd(b, r, ad_all(1));
    r = _mm512_fmadd_pd(e, r, r);
    e = _mm512_fnmadd_pd(b, r, ad_all(1));
    return _mm512_fmadd_pd(e, r, r);
}
static inline ad_lanes ad_lanes_reciprocal(ad_lanes b)
{
    const ad_lanes r = ad_lanes_over(b);
    return __builtin_expect(ad_is_abnormal(r) | ad_has_all_digits(b), 0) ? _mm512_div_pd(ad_all(1), b) : r;
}

/* a / b likewise: with 1 / b as it is rounded, and a - q b, which is exact. */
static inline ad_lanes ad_lanes_div(ad_lanes a, ad_lanes b)
{
    const ad_lanes r = ad_lanes_over(b), q = _mm512_mul_pd(a, r), y = _mm512_fmadd_pd(_mm512_fnmadd_pd(q, b, a), r, q);
    const int left = ad_is_far(a, 1) | ad_is_abnormal(r) | ad_is_abnormal(y) | ad_has_all_digits(b);
    return __builtin_expect(left, 0) ? _mm512_div_pd(a, b) : y;
}

/* ------------------------------------------------------------------------------------------------- square root */
/* sqrt(x) = root + (x - root^2) h, that difference being exact, and h half of 1/root, off by 2^-51.  So the sum is off by 2^-51 of half an ULP
 * before it is rounded, and is rounded like the square root unless that lies so near to what is halfway between two numbers: for such an x
 * of 53 digits (M + 1/2)^2 - x is less than 16 in units where x has 106, and all of these have been tried (tests/test_lanes.py). */
static inline ad_lanes ad_lanes_sqrt(ad_lanes x)
{
    const ad_lanes y = _mm512_rsqrt14_pd(x);
    ad_lanes root = _mm512_mul_pd(x, y), h = _mm512_mul_pd(y, ad_all(0.5)), e = _mm512_fnmadd_pd(root, h, ad_all(0.5));
    root = _mm512_fmadd_pd(root, e, root);
    h = _mm512_fmadd_pd(h, e, h);
    e = _mm512_fnmadd_pd(root, h, ad_all(0.5));
    root = _mm512_fmadd_pd(root, e, root);
    h = _mm512_fmadd_pd(h, e, h);
    const ad_lanes z = _mm512_fmadd_pd(_mm512_fnmadd_pd(root, root, x), h, root);
    return __builtin_expect(ad_is_far(x, 0), 0) ? _mm512_sqrt_pd(x) : z;
}

/* ------------------------------------------------------------------------------------------------- what stands around them in a formula */
static inline ad_lanes ad_lanes_neg(ad_lanes x) { return _mm512_xor_pd(x, ad_all(-0.0)); }
static inline ad_lanes ad_lanes_add(ad_lanes a, ad_lanes b) { return _mm512_add_pd(a, b); }
static inline ad_lanes ad_lanes_sub(ad_lanes a, ad_lanes b) { return _mm512_sub_pd(a, b); }
static inline ad_lanes ad_lanes_mul(ad_lanes a, ad_lanes b) { return _mm512_mul_pd(a, b); }
static inline __mmask8 ad_lanes_equal(ad_lanes a, ad_lanes b) { return _mm512_cmp_pd_mask(a, b, _CMP_EQ_OQ); }
static inline ad_lanes ad_lanes_where(__mmask8 c, ad_lanes a, ad_lanes b) { return _mm512_mask_blend_pd(c, b, a); }
static inline ad_lanes ad_lanes_scale(ad_lanes g, ad_lanes d)
{
    return _mm512_maskz_mul_pd(_mm512_cmp_pd_mask(g, ad_all(0), _CMP_NEQ_UQ), g, d);
}
static inline ad_lanes ad_lanes_select(ad_lanes g, ad_lanes d)
{
    return _mm512_maskz_mul_pd(_mm512_cmp_pd_mask(d, ad_all(0), _CMP_NEQ_UQ) & _mm512_cmp_pd_mask(g, ad_all(0), _CMP_NEQ_UQ), g, d);
}

#endif
