/* Arrays of certified twofold numbers: the choice of an instruction set, loops block by block, and the way back to the formats. */
#include "twofold_loops.h"

#include <string.h>

#include "strided.h"
#include "twofold.h"

extern const ad_twofold_pass ad_twofold_passes_baseline[], ad_twofold_passes_avx2[], ad_twofold_passes_avx512[];
extern const ad_twofold_pass ad_twofold_specials_baseline[], ad_twofold_specials_avx2[], ad_twofold_specials_avx512[];
extern const ad_twofold_function ad_twofold_functions_baseline[], ad_twofold_functions_fma[];
extern const ad_twofold_others ad_twofold_others_baseline, ad_twofold_others_avx2, ad_twofold_others_avx512;
#ifdef __x86_64__
#define OF_THIS_ISA(of) (ad_isa_number() == 2 ? of##_avx512 : ad_isa_number() ? of##_avx2 : of##_baseline)
#define FUNCTIONS (ad_isa_number() ? ad_twofold_functions_fma : ad_twofold_functions_baseline)
#else
#define OF_THIS_ISA(of) of##_baseline
#define FUNCTIONS ad_twofold_functions_baseline
#endif

static const ad_twofold_pass *pass_of(const ad_twofold_pass *passes, const char *name)
{
    while (passes->name && strcmp(passes->name, name) != 0)
        passes++;
    return passes->name ? passes : NULL;
}

ad_twofold_row ad_twofold_find(const char *name)
{
    ad_twofold_row row = {0, {NULL, NULL, NULL, NULL}, {NULL, NULL, NULL}};
    for (const ad_twofold_function *one = FUNCTIONS; one->name && !row.arity; one++)
        if (strcmp(one->name, name) == 0) {
            row.one = *one;
            row.arity = one->unary ? 1 : one->binary ? 2 : 3;
        }
    const ad_twofold_pass *pass = pass_of(OF_THIS_ISA(ad_twofold_passes), name);
    if (!pass)
        pass = pass_of(OF_THIS_ISA(ad_twofold_specials), name);
    if (pass && row.arity)
        row.pass = *pass;
    return row;
}

AD_INLINE ad_twofold load(const ad_twofolds *x, int64_t i)
{
    const int64_t k = i * x->rest;
    return (ad_twofold){x->hi[i * x->step], x->lo[k], x->r[k], x->e[k]};
}

AD_INLINE void store(const ad_twofolds *y, int64_t i, ad_twofold v)
{
    y->hi[i] = v.hi;
    y->lo[i] = v.lo;
    y->r[i] = v.r;
    y->e[i] = v.e;
}

enum { BLOCK = 256, LANES = AD_LANES };
typedef struct { double hi[BLOCK], lo[BLOCK], r[BLOCK]; int64_t e[BLOCK]; } room;

/* How many of n numbers come next: whole lanes, or the last few. */
static int64_t part_of(int64_t n) { return n >= BLOCK ? BLOCK : n >= LANES ? n / LANES * LANES : n; }

static ad_twofolds in_room(room *x) { return (ad_twofolds){x->hi, x->lo, x->r, x->e, 1, 1}; }
static ad_twofolds from(const ad_twofolds *x, int64_t at) { return (ad_twofolds){x->hi + at, x->lo + at, x->r + at, x->e + at, 1, 1}; }

/* Where an operand stands in memory, BLOCK numbers at most: what is one for all is written out, once, and the last few numbers up to LANES. */
static ad_twofolds block_of(const ad_twofolds *x, int64_t at, int64_t n, room *own)
{
    if (x->rest && n - at >= LANES)
        return from(x, at);
    ad_twofolds y = in_room(own);
    if (!x->step && at == 0)
        for (int i = 0; i < BLOCK; i++)
            store(&y, i, load(x, 0));
    else if (x->step && n - at < LANES)
        for (int i = 0; i < LANES; i++)
            store(&y, i, load(x, at + i < n ? at + i : n - 1));
    else if (x->step) {
        for (int i = 0; i < BLOCK && at == 0; i++) {
            y.lo[i] = *x->lo;
            y.r[i] = *x->r;
            y.e[i] = *x->e;
        }
        y.hi = x->hi + at;
    }
    return y;
}

/* The numbers that a pass has left undone, or all, one by one. */
static void run_rest(const ad_twofold_row *row, int m, ad_twofolds a, ad_twofolds b, ad_twofolds y)
{
    for (int i = 0; i < m; i++)
        if (!row->pass.name || y.e[i])
            store(&y, i, row->arity == 1 ? row->one.unary(load(&a, i)) : row->one.binary(load(&a, i), load(&b, i)));
}

static void run_ternary(const ad_twofold_row *row, int64_t n, const ad_twofolds *in, const ad_twofolds *out)
{
    for (int64_t i = 0; i < n; i++)
        store(out, i, row->one.ternary(load(in, i), load(in + 1, i), load(in + 2, i)));
}

void ad_twofold_run(const ad_twofold_row *row, int64_t n, const ad_twofolds *in, const ad_twofolds *out)
{
    if (row->arity == 3) {
        run_ternary(row, n, in, out);
        return;
    }
    room own[2], last;
    int m;
    for (int64_t at = 0; at < n; at += m) {
        m = (int)part_of(n - at);
        const ad_twofolds a = block_of(in, at, n, own), b = row->arity == 2 ? block_of(in + 1, at, n, own + 1) : a;
        const ad_twofolds y = m < LANES ? in_room(&last) : from(out, at);
        const unsigned groups = (unsigned)(m + LANES - 1) / LANES;
        int64_t left = 1;
        if (row->pass.unary)
            left = row->pass.unary(groups, a.hi, a.lo, a.r, a.e, y.hi, y.lo, y.r, y.e);
        if (row->pass.binary)
            left = row->pass.binary(groups, a.hi, a.lo, a.r, a.e, b.hi, b.lo, b.r, b.e, y.hi, y.lo, y.r, y.e);
        if (left)
            run_rest(row, m, a, b, y);
        for (int i = 0; i < m && m < LANES; i++)
            store(out, at + i, load(&y, i));
    }
}

/* In y = g s what comes from a branch that was not taken (the radius -0.0: of g, or in `select` of what an s of 0 chooses) gets its radius:
 * what it meets there is of no interest.  Has another exact 0 met what is not finite? */
int ad_twofold_mark(int select, int64_t n, const ad_twofolds *g, const ad_twofolds *s, const ad_twofolds *y)
{
    room own[2];
    int64_t met = 0;
    for (int64_t at = 0, m; at < n; at += m) {
        m = part_of(n - at);
        if (m >= LANES) {
            const ad_twofolds a = block_of(g, at, n, own), b = block_of(s, at, n, own + 1);
            met |= OF_THIS_ISA(&ad_twofold_others)->mark((unsigned)(m / LANES), select, a.hi, a.lo, a.r, a.e, b.hi, b.lo, b.r, b.e, y->r + at);
        }
        for (int64_t i = at; i < n && m < LANES; i++) {
            const ad_twofold a = load(g, i), b = load(s, i);
            const int away = signbit(a.r) != 0;
            if (away | (select & (b.hi == 0) & (b.r == 0)))
                y->r[i] = -0.0;
            met |= (a.hi == 0) & (a.r == 0) & !away & !(fabs(b.hi) + b.r < AD_INF);
        }
    }
    return met != 0;
}

/* -1, 0, 1: less, equal, greater, for sure; 2: one is NaN; 3: the digits leave it open. */
static int8_t compared(ad_twofold a, ad_twofold b)
{
    if (a.r == AD_INF || b.r == AD_INF)
        return 3;
    if (two_is_odd(a) | two_is_odd(b)) {
        const double x = fabs(a.hi) < AD_INF ? 0 : a.hi, y = fabs(b.hi) < AD_INF ? 0 : b.hi;
        return a.hi != a.hi || b.hi != b.hi ? 2 : (x > y) - (x < y);
    }
    const ad_twofold d = two_sub(a, b);
    return two_is_zero(d) ? 0 : two_may_be_zero(d) ? 3 : d.hi > 0 ? 1 : -1;
}

void ad_twofold_compare(int64_t n, const ad_twofolds *a, const ad_twofolds *b, int8_t *out)
{
    room own[2];
    for (int64_t at = 0, m; at < n; at += m) {
        m = part_of(n - at);
        int64_t left = 1;
        if (m >= LANES) {
            const ad_twofolds x = block_of(a, at, n, own), y = block_of(b, at, n, own + 1);
            left = OF_THIS_ISA(&ad_twofold_others)->compare((unsigned)(m / LANES), x.hi, x.lo, x.r, x.e, y.hi, y.lo, y.r, y.e, out + at);
        }
        for (int64_t i = at; i < at + m && left; i++)
            out[i] = compared(load(a, i), load(b, i));
    }
}

/* The sums of m columns, m <= BLOCK, of `rows` rows of x from its number `at` on. */
static ad_twofolds sum_columns(const ad_twofolds *x, int64_t at, int64_t rows, int64_t stride, int m, room *two, const ad_twofold_row *add)
{
    ad_twofolds y = in_room(two);
    for (int i = 0; i < m; i++)
        store(&y, i, load(x, at + i));
    for (int64_t k = 1; k < rows; k++) {
        at += stride;
        const ad_twofolds in[2] = {y, from(x, at)};
        y = in_room(two + (k & 1));
        ad_twofold_run(add, m, in, &y);
    }
    return y;
}

/* A line of n numbers: as rows of BLOCK, whose columns are summed, and what is left over. */
static ad_twofold sum_line(const ad_twofolds *x, int64_t at, int64_t n, const ad_twofold_row *add)
{
    room two[2];
    const int64_t rows = n / BLOCK;
    ad_twofold sum = {0, 0, 0, 0};
    if (rows) {
        const ad_twofolds y = sum_columns(x, at, rows, BLOCK, BLOCK, two, add);
        for (int i = 0; i < BLOCK; i++)
            sum = two_add(sum, load(&y, i));
    }
    for (int64_t i = rows * BLOCK; i < n; i++)
        sum = two_add(sum, load(x, at + i));
    return sum;
}

/* y[o, i] = the sum of x[o, 0..n-1, i]. */
void ad_twofold_sum(int64_t outer, int64_t n, int64_t inner, const ad_twofolds *x, const ad_twofolds *y)
{
    room two[2];
    const ad_twofold_row add = ad_twofold_find("add");
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i += BLOCK) {
            const int m = inner - i < BLOCK ? (int)(inner - i) : BLOCK;
            const ad_twofolds sums = n && inner > 1 ? sum_columns(x, o * n * inner + i, n, inner, m, two, &add) : *y;
            for (int k = 0; k < m; k++)
                store(y, o * inner + i + k, n == 0 ? (ad_twofold){0, 0, 0, 0} : inner == 1 ? sum_line(x, o * n, n, &add) : load(&sums, k));
        }
}

/* Are they twofold numbers with nothing beside them? */
int ad_twofold_are_comfortable(int64_t n, const double *x)
{
    int all = 1;
    for (int64_t i = 0; i < n; i++)
        all &= ((fabs(x[i]) <= AD_COMFORT) & (fabs(x[i]) >= 1 / AD_COMFORT)) | (x[i] == 0);
    return all;
}

/* float64 numbers as twofold ones, exactly. */
void ad_twofold_exact(int64_t n, const double *x, const ad_twofolds *y)
{
    for (int64_t i = 0; i < n; i++)
        store(y, i, two_exact(x[i]));
}

static double in_format(double x, int64_t e, int single)
{
    const double y = e == 0 ? x : ldexp(x, e > 5000 ? 5000 : e < -5000 ? -5000 : (int)e);
    return single ? (float)y : y;
}

/* The next double away from (sign > 0) or towards 0 (sign < 0), of a normal number. */
static double neighbour(double x, int sign) { return ad_from_bits(ad_bits(x) + (uint64_t)(int64_t)sign); }

/* hi + lo, exactly, cut to a double's digits, the last of which is 1 where something was cut off: so that a second rounding, to at most
 * 51 digits, gives what one would (Boldo, Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to
 * odd", IEEE Trans. Computers 57, 2008). */
static double odd(double hi, double lo)
{
    return lo == 0 || (ad_bits(hi) & 1) ? hi : neighbour(hi, (lo > 0) == (hi > 0) ? 1 : -1);
}

/* Is the number exact, so that what lies halfway between two of the format may be rounded?  As it is in the format, or nan. */
static double rounded_exactly(double hi, double lo, int64_t e, int single)
{
    const double y = in_format(hi, e, 0);
    if (lo == 0)
        return !single || fabs(y) >= 0x1p-1000 || y == 0 ? in_format(hi, e, single) : AD_NAN;
    if (hi + lo != hi || !(fabs(y) > (single ? 0x1p-1000 : 0x1p-1021)) || !(fabs(y) < 0x1p1023))
        return AD_NAN;
    return single ? in_format(odd(hi, lo), e, single) : y;
}

/* Are all numbers from hi + bottom to hi + top rounded to the same one of the format, which has at most 51 digits there?  It goes to *nearest.
 * `near`: neither is more than half a digit of hi; else both are moved outwards by what their computation may have lost. */
static int round_to_the_same(double hi, double top, double bottom, int64_t e, int single, int near, double *nearest)
{
    const double high = near ? odd(hi, top) : neighbour(hi + top, hi > 0 ? 1 : -1);
    const double low = near ? odd(hi, bottom) : neighbour(hi + bottom, hi > 0 ? -1 : 1);
    const double one = in_format(high, e, single);
    if (one != in_format(low, e, single))
        return 0;
    *nearest = one;
    return 1;
}

/* The nearest number of the format, and whether it surely is: both ends of the ball, moved outwards by what their computation and
 * the two roundings of in_format may have lost, give it.  Where both ends leave the format it is infinite. */
static uint8_t round_one(ad_twofold x, int single, double *nearest)
{
    const double r = x.r * AD_WIDEN + fabs(x.lo) * 0x1p-51;
    *nearest = x.r == AD_INF ? AD_NAN : x.hi;
    if (!(x.r < AD_INF) || x.hi == 0 || !(fabs(x.hi) < AD_INF))
        return x.r == 0;
    *nearest = in_format(x.hi, x.e, single);
    const double exactly = x.r == 0 ? rounded_exactly(x.hi, x.lo, x.e, single) : AD_NAN;
    if (exactly == exactly) {
        *nearest = exactly;
        return 1;
    }
    const double top = x.lo + r, bottom = x.lo - r, size = fabs(*nearest);
    if (!single && size > 0x1p-1021 && size < AD_INF)
        return x.hi + top == x.hi && x.hi + bottom == x.hi;
    return fabs(x.lo) + r < fabs(x.hi) / 2 && round_to_the_same(x.hi, top, bottom, x.e, single,
        fabs(x.lo) + r < fabs(x.hi) * 0x1p-54 && (single || size < 0x1p-1024), nearest);
}

void ad_twofold_round(int64_t n, const ad_twofolds *in, int single, double *nearest, uint8_t *sure)
{
    room own;
    for (int64_t at = 0, m; at < n; at += m) {
        m = part_of(n - at);
        int64_t left = 1;
        if (!single && m >= LANES) {
            const ad_twofolds x = block_of(in, at, n, &own);
            left = OF_THIS_ISA(&ad_twofold_others)->round((unsigned)(m / LANES), x.hi, x.lo, x.r, x.e, nearest + at, sure + at);
        }
        for (int64_t i = at; i < at + m && left; i++)
            sure[i] = round_one(load(in, i), single, nearest + i);
    }
}
