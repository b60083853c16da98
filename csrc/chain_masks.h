/* Masks of chains: bytes of 0 or 1 in memory, all bits of an element or none in vectors.  GCC 12 takes vectors apart for that, element by
 * element.  And vectors of which elements are missing, of the first and of the one behind it, where so many bytes are left (`there`): what is
 * missing reads as 0.  Included by chain_type.inc for an element type, of which vectors have NAME(LANES). */
enum { NAME(LANES) = AD_VECTOR / sizeof(T) };
#define INLINE static inline __attribute__((always_inline))

#if AD_VECTOR == 64
INLINE MASK NAME(v_mask)(const char *from)
{
    const __m128i bytes = sizeof(T) == 8 ? _mm_loadl_epi64((const void *)from) : _mm_loadu_si128((const void *)from);
    return -(MASK)(sizeof(T) == 8 ? _mm512_cvtepu8_epi64(bytes) : _mm512_cvtepu8_epi32(bytes));
}
INLINE void NAME(v_put_masks)(char *to, const MASK *m)
{
    for (int j = 0; j < AD_CHAIN_VECTORS; j++)
        if (sizeof(T) == 8)
            _mm_storel_epi64((void *)(to + j * NAME(LANES)), _mm512_cvtepi64_epi8((__m512i)-m[j]));
        else
            _mm_storeu_si128((void *)(to + j * NAME(LANES)), _mm512_cvtepi32_epi8((__m512i)-m[j]));
}
INLINE VECTOR NAME(v_where)(MASK c, VECTOR x, VECTOR y) { return (VECTOR)((c & (MASK)x) | (~c & (MASK)y)); }
typedef unsigned NAME(there);
INLINE NAME(there) NAME(v_there)(size_t left) { return left < AD_VECTOR ? (1U << left / sizeof(T)) - 1 : 0xFFFF; }
INLINE VECTOR NAME(v_read)(NAME(there) there, const char *from)
{
    return sizeof(T) == 8 ? (VECTOR)_mm512_maskz_loadu_pd((__mmask8)there, from) : (VECTOR)_mm512_maskz_loadu_ps((__mmask16)there, from);
}

#elif AD_VECTOR == 32
INLINE MASK NAME(v_mask)(const char *from)
{
    int32_t four;
    memcpy(&four, from, sizeof four);
    return -(MASK)(sizeof(T) == 8 ? _mm256_cvtepu8_epi64(_mm_cvtsi32_si128(four)) : _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)from)));
}
/* Four vectors in one: 0 or 1 for each element, in bytes (float) or in two bytes each (double).  Of each half of the vector those that were
 * in that half. */
INLINE __m256i NAME(v_packed)(const MASK *m)
{
    const __m256i a = _mm256_packs_epi32((__m256i)m[0], (__m256i)m[1]), b = _mm256_packs_epi32((__m256i)m[2], (__m256i)m[3]);
    return _mm256_and_si256(_mm256_packs_epi16(a, b), sizeof(T) == 8 ? _mm256_set1_epi16(1) : _mm256_set1_epi8(1));
}
INLINE void NAME(v_put_halves)(char *to, __m256i bytes)
{
    const __m128i low = _mm256_castsi256_si128(bytes), high = _mm256_extracti128_si256(bytes, 1);
    _mm_storeu_si128((void *)to, sizeof(T) == 8 ? _mm_unpacklo_epi16(low, high) : _mm_unpacklo_epi32(low, high));
    _mm_storeu_si128((void *)(to + 16), sizeof(T) == 8 ? _mm_unpackhi_epi16(low, high) : _mm_unpackhi_epi32(low, high));
}
INLINE void NAME(v_put_masks)(char *to, const MASK *m)
{
    const __m256i first = NAME(v_packed)(m), second = NAME(v_packed)(m + 4);
    if (sizeof(T) == 8) {
        NAME(v_put_halves)(to, _mm256_packus_epi16(first, second));
    } else {
        NAME(v_put_halves)(to, first);
        NAME(v_put_halves)(to + 32, second);
    }
}
INLINE VECTOR NAME(v_where)(MASK c, VECTOR x, VECTOR y)
{
    return (VECTOR)(sizeof(T) == 8 ? (__m256)_mm256_blendv_pd((__m256d)y, (__m256d)x, (__m256d)c) : _mm256_blendv_ps((__m256)y, (__m256)x, (__m256)c));
}
typedef MASK NAME(there);
INLINE NAME(there) NAME(v_there)(size_t left)
{
    const __m256i at = sizeof(T) == 8 ? _mm256_setr_epi64x(0, 1, 2, 3) : _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return (MASK)at < (MASK){0} + (WHOLE)(left < AD_VECTOR ? left / sizeof(T) : AD_VECTOR);
}
INLINE VECTOR NAME(v_read)(NAME(there) there, const char *from)
{
    return sizeof(T) == 8 ? (VECTOR)_mm256_maskload_pd((const void *)from, (__m256i)there) : (VECTOR)_mm256_maskload_ps((const void *)from, (__m256i)there);
}

#else
INLINE MASK NAME(v_mask)(const char *from)
{
    MASK m;
    for (int i = 0; i < NAME(LANES); i++)
        m[i] = -(WHOLE)from[i];
    return m;
}
INLINE void NAME(v_put_masks)(char *to, const MASK *m)
{
    for (int j = 0; j < AD_CHAIN_VECTORS; j++)
        for (int i = 0; i < NAME(LANES); i++)
            to[j * NAME(LANES) + i] = (char)-m[j][i];
}
INLINE VECTOR NAME(v_where)(MASK c, VECTOR x, VECTOR y) { return (VECTOR)((c & (MASK)x) | (~c & (MASK)y)); }
#endif
#if AD_VECTOR > 16
INLINE NAME(there) NAME(v_there_behind)(size_t left) { return NAME(v_there)(left > AD_VECTOR ? left - AD_VECTOR : 0); }
#endif
#undef INLINE
