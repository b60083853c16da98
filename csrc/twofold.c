/* Arrays of certified twofold numbers: the choice of an instruction set, and the way back to the formats. */
#include "twofold_loops.h"

#include <string.h>

#include "strided.h"
#include "twofold.h"

#define DECLARE(isa)                                                                                              \
    extern const ad_twofold_row ad_twofold_rows_##isa[];                                                          \
    void ad_twofold_compare_##isa(int64_t n, const ad_twofolds *a, const ad_twofolds *b, int8_t *out);            \
    void ad_twofold_sum_##isa(int64_t outer, int64_t n, int64_t inner, const ad_twofolds *x, const ad_twofolds *y); \
    void ad_twofold_exact_##isa(int64_t n, const double *x, const ad_twofolds *y);
DECLARE(baseline)
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
DECLARE(avx2)
DECLARE(avx512)
#define CHOSEN(name) (ad_isa_number() == 2 ? name##_avx512 : ad_isa_number() ? name##_avx2 : name##_baseline)
#else
#define CHOSEN(name) name##_baseline
#endif

const ad_twofold_row *ad_twofold_find(const char *name)
{
    for (const ad_twofold_row *row = CHOSEN(ad_twofold_rows); row->name; row++)
        if (strcmp(row->name, name) == 0)
            return row;
    return NULL;
}

void ad_twofold_compare(int64_t n, const ad_twofolds *a, const ad_twofolds *b, int8_t *out) { CHOSEN(ad_twofold_compare)(n, a, b, out); }
void ad_twofold_exact(int64_t n, const double *x, const ad_twofolds *y) { CHOSEN(ad_twofold_exact)(n, x, y); }
void ad_twofold_sum(int64_t outer, int64_t n, int64_t inner, const ad_twofolds *x, const ad_twofolds *y)
{
    CHOSEN(ad_twofold_sum)(outer, n, inner, x, y);
}

static double in_format(double x, int64_t e, int single)
{
    const double y = e == 0 ? x : ldexp(x, e > 5000 ? 5000 : e < -5000 ? -5000 : (int)e);
    return single ? (float)y : y;
}

/* The next double away from (sign > 0) or towards 0 (sign < 0), of a normal number. */
static double neighbour(double x, int sign) { return ad_from_bits(ad_bits(x) + (uint64_t)(int64_t)sign); }

/* The nearest number of the format, and whether it surely is: both ends of the ball, moved outwards by what their computation and
 * the two roundings of in_format may have lost, give it.  Where both ends leave the format it is infinite. */
void ad_twofold_round(int64_t n, const ad_twofolds *in, int single, double *nearest, uint8_t *sure)
{
    for (int64_t i = 0; i < n; i++) {
        const int64_t k = i * in->step, e = in->e[k];
        const double hi = in->hi[k], lo = in->lo[k], r = in->r[k] * AD_WIDEN + fabs(lo) * 0x1p-51;
        nearest[i] = in->r[k] == AD_INF ? AD_NAN : hi;
        sure[i] = in->r[k] < AD_INF;
        if (!sure[i] || hi == 0 || !(fabs(hi) < AD_INF)) {
            sure[i] &= in->r[k] == 0;
            continue;
        }
        if (in->r[k] == 0 && lo == 0) {
            const double y = ldexp(hi, e > 5000 ? 5000 : e < -5000 ? -5000 : (int)e);
            nearest[i] = in_format(hi, e, single);
            sure[i] = !single || fabs(y) >= 0x1p-1000 || y == 0;
            continue;
        }
        const double top = hi + (lo + r), bottom = hi + (lo - r);
        nearest[i] = in_format(hi, e, single);
        if (!single && fabs(nearest[i]) > 0x1p-1000 && fabs(nearest[i]) < AD_INF)
            sure[i] = top == hi && bottom == hi;
        else
            sure[i] = fabs(lo) + r < fabs(hi) / 2 &&
                      in_format(neighbour(top, hi > 0 ? 1 : -1), e, single) == in_format(neighbour(bottom, hi > 0 ? -1 : 1), e, single);
    }
}
