/* Products of matrices of certified twofold numbers: a few columns at once, whose sums are vectors (twofold_passes.inc).
 *
 * A row of a and a column of b are brought to one exponent each, that of their largest number: what falls below the doubles then adds to
 * the radius.  Rows and columns with an infinity, a nan or an unknown number are done one number at a time, as IEEE 754 has them. */
#include "twofold_loops.h"

#include "strided.h"
#include "twofold.h"

extern const ad_twofold_dots ad_twofold_dots_baseline, ad_twofold_dots_avx2, ad_twofold_dots_avx512;
#ifdef __x86_64__
#define DOTS (ad_isa_number() == 2 ? ad_twofold_dots_avx512 : ad_isa_number() ? ad_twofold_dots_avx2 : ad_twofold_dots_baseline)
#else
#define DOTS ad_twofold_dots_baseline
#endif

enum { PANEL = AD_LANES, LINE = AD_LINE, ROWS = 512 };
typedef struct { int64_t e; int odd, rounded; } kind;       /* of a row or column: its exponent; what is in it */

static ad_twofold at(const ad_twofolds *x, int64_t i) { return (ad_twofold){x->hi[i], x->lo[i], x->r[i], x->e[i]}; }
static int is_none(ad_twofold x) { return (x.hi == 0) & (x.r == 0); }

/* Of `width` columns of n numbers, whose lines are `step` apart; a row is a column whose lines are 1 apart.  Where none is odd, none rounded
 * and none smaller than 2^-400, products are exact. */
static void kinds_of(const ad_twofolds *x, int64_t from, int64_t step, int64_t n, int width, kind *kinds)
{
    for (int i = 0; i < width; i++)
        kinds[i] = (kind){INT64_MIN, 0, 0};
    for (int64_t l = 0; l < n; l++)
        for (int i = 0; i < width; i++) {
            const ad_twofold v = at(x, from + l * step + i);
            kinds[i].odd |= two_is_odd(v);
            kinds[i].e = !is_none(v) && v.e > kinds[i].e ? v.e : kinds[i].e;
        }
    for (int i = 0; i < width; i++)
        kinds[i].e = kinds[i].e == INT64_MIN ? 0 : kinds[i].e;
    for (int64_t l = 0; l < n; l++)
        for (int i = 0; i < width; i++) {
            const ad_twofold v = at(x, from + l * step + i);
            kinds[i].rounded |= (v.lo != 0) | (v.r != 0) | ((v.e != kinds[i].e) & !is_none(v)) | ((fabs(v.hi) < 0x1p-400) & (v.hi != 0));
        }
}

/* A number in the unit of its row or column; of odd ones 0. */
AD_INLINE ad_dw in_unit(ad_twofold x, kind of)
{
    if (of.odd || is_none(x))
        return dw_of(0);
    return x.e == of.e ? dw_from(x) : dw_shifted(dw_from(x), of.e - x.e);
}

/* With u = 2^-53, x = ah bl + al bh and q = p.low + x: al bl is left out, x has two roundings and q one, of less than u (u |ah bh| + |x|).
 * (dot_brief adds 2 k numbers of u k |ah bh| and less, summed up, to its low sum, with one rounding each: 2 (k + 1)^2 u^2 |ah bh|.)
 * So |ah| P + |al| Q + ar R is what a product may lose; R is at least 2^-260, and ar 2^-800 more than it is, for what underflows. */
AD_INLINE void pack(double *to, ad_dw v, double lost)
{
    const double h = fabs(v.h), l = fabs(v.l), all = h + l + v.r;
    to[0] = v.h;
    to[PANEL] = v.l;
    to[2 * PANEL] = (4 * AD_U * l + lost * AD_U * AD_U * h + v.r) * AD_WIDEN;
    to[3 * PANEL] = (4 * AD_U * h + l + v.r) * AD_WIDEN;
    to[4 * PANEL] = all * AD_WIDEN + (all > 0 && all < 0x1p-260 ? 0x1p-260 : 0);
}

/* Columns j to j + width of b, line by line; what is beyond them is 0. */
static void pack_panel(const ad_twofolds *b, int64_t j, int width, int64_t k, int64_t n, const kind *kinds, double lost, double *to)
{
    for (int64_t l = 0; l < k; l++, to += LINE) {
        for (int i = 0; i < width; i++)
            pack(to + i, in_unit(at(b, l * n + j + i), kinds[i]), lost);
        for (int i = width; i < PANEL; i++)
            pack(to + i, dw_of(0), lost);
    }
}

static void lay_out(const ad_twofolds *a, int64_t from, int64_t k, kind of, double *to)
{
    for (int64_t l = 0; l < k; l++) {
        const ad_dw v = in_unit(at(a, from + l), of);
        to[l] = v.h;
        to[k + l] = v.l;
        to[2 * k + l] = v.r + (fabs(v.h) + v.r > 0 ? 0x1p-800 : 0);
    }
}

static ad_twofold dot_one_by_one(const ad_twofolds *a, int64_t i, const ad_twofolds *b, int64_t j, int64_t k, int64_t n)
{
    ad_twofold sum = {0, 0, 0, 0};
    for (int64_t l = 0; l < k; l++)
        sum = two_add(sum, two_mul(at(a, i + l), at(b, j + l * n)));
    return sum;
}

static void put(const ad_twofolds *y, int64_t i, ad_twofold v)
{
    y->hi[i] = v.hi;
    y->lo[i] = v.lo;
    y->r[i] = v.r;
    y->e[i] = v.e;
}

static int64_t rows_of(int64_t m) { return m < ROWS ? m + (m & 1) : ROWS; }

int64_t ad_twofold_product_room(int64_t m, int64_t k) { return (LINE + 3 * rows_of(m)) * k; }

/* Rows i and i + 1 times the columns j to j + width. */
static void put_rows(const ad_twofolds *a, const ad_twofolds *b, const ad_twofolds *y, int64_t i, int64_t j, int count, int width, int64_t k, int64_t n,
    const kind *rows, const kind *columns, const double *sums)
{
    const double widen = 1 + (double)(4 * k + 32) * 0x1p-52;
    for (int t = 0; t < count; t++, sums += 3 * PANEL)
        for (int l = 0; l < width; l++) {
            const ad_pair s = ad_two_sum(sums[l], sums[PANEL + l]);
            const ad_dw sum = {s.high, s.low, sums[2 * PANEL + l] * widen};
            put(y, (i + t) * n + j + l, rows[t].odd | columns[l].odd ? dot_one_by_one(a, (i + t) * k, b, j + l, k, n) : two_of(sum, rows[t].e + columns[l].e));
        }
}

/* `count` rows of a from the first on, ROWS at most, times b. */
static void product_of_rows(int brief, int64_t first, int64_t count, int64_t k, int64_t n, const ad_twofolds *a, const ad_twofolds *b, const ad_twofolds *y, double *room)
{
    const ad_twofold_dots dots = DOTS;
    const double lost = brief ? 2.02 * (double)(k + 1) * (double)(k + 1) + 1.01 : 1.01;
    double *const laid = room + LINE * k, sums[6 * PANEL];
    kind rows[ROWS], columns[PANEL];
    for (int64_t i = 0; i < count + (count & 1); i++) {     /* of an odd number the last one twice */
        const int64_t at = first + (i < count ? i : count - 1);
        kinds_of(a, at * k, 1, k, 1, rows + i);
        lay_out(a, at * k, k, rows[i], laid + 3 * k * i);
    }
    for (int64_t j = 0; j < n; j += PANEL) {
        const int width = n - j < PANEL ? (int)(n - j) : PANEL;
        int rounded = 0;
        kinds_of(b, j, n, k, width, columns);
        for (int i = 0; i < width; i++)
            rounded |= columns[i].rounded;
        pack_panel(b, j, width, k, n, columns, lost, room);
        for (int64_t i = 0; i < count; i += 2) {
            const int exact = !(rounded | rows[i].rounded | rows[i + 1].rounded);
            (exact ? dots.exact : brief ? dots.brief : dots.rounded)(k, laid + 3 * k * i, room, sums);
            put_rows(a, b, y, first + i, j, count - i < 2 ? 1 : 2, width, k, n, rows + i, columns, sums);
        }
    }
}

/* y (m, n) = a (m, k) b (k, n), all of them in row-major order.  brief: no number has a low part, and about a double's digits do.  room: doubles, as many
 * as ad_twofold_product_room says. */
void ad_twofold_product(int brief, int64_t m, int64_t k, int64_t n, const ad_twofolds *a, const ad_twofolds *b, const ad_twofolds *y, double *room)
{
    for (int64_t i = 0; i < m * n && k == 0; i++)
        put(y, i, (ad_twofold){0, 0, 0, 0});
    for (int64_t i = 0; i < m && k > 0; i += ROWS)
        product_of_rows(brief, i, m - i < ROWS ? m - i : ROWS, k, n, a, b, y, room);
}
