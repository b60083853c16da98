/* Arrays of doubles with radii: the choice of an instruction set, and loops block by block. */
#include "onefold_loops.h"

#include <math.h>
#include <string.h>

#include "strided.h"

extern const ad_onefold_entry ad_onefold_entries_baseline[], ad_onefold_entries_avx2[], ad_onefold_entries_avx512[];
extern const ad_onefold_others ad_onefold_others_baseline, ad_onefold_others_avx2, ad_onefold_others_avx512;
#ifdef __x86_64__
#define ENTRIES (ad_isa_number() == 2 ? ad_onefold_entries_avx512 : ad_isa_number() ? ad_onefold_entries_avx2 : ad_onefold_entries_baseline)
#define OTHERS (ad_isa_number() == 2 ? &ad_onefold_others_avx512 : ad_isa_number() ? &ad_onefold_others_avx2 : &ad_onefold_others_baseline)
#else
#define ENTRIES ad_onefold_entries_baseline
#define OTHERS (&ad_onefold_others_baseline)
#endif

const ad_onefold_entry *ad_onefold_entries(void) { return ENTRIES; }

const ad_onefold_entry *ad_onefold_find(const char *name)
{
    for (const ad_onefold_entry *entry = ENTRIES; entry->name; entry++)
        if (strcmp(entry->name, name) == 0)
            return entry;
    return NULL;
}

enum { BLOCK = 512, LINE = 256 };

static unsigned part_of(int64_t n) { return n < BLOCK ? (unsigned)n : BLOCK; }

/* Where n numbers stand in memory from `at` on: one number for all is written out, once. */
static const double *block_of(const double *x, int step, int64_t at, unsigned n, double *own)
{
    if (step)
        return x + at;
    for (unsigned i = 0; at == 0 && i < n; i++)
        own[i] = *x;
    return own;
}

void ad_onefold_run(const ad_onefold_entry *entry, int64_t n, const ad_onefolds *in, ad_onefolds out)
{
    double own[4][BLOCK];
    for (int64_t at = 0; at < n; at += BLOCK) {
        const unsigned m = part_of(n - at);
        const double *x[4];
        for (int k = 0; k < 2; k++) {
            const ad_onefolds *a = in + (k < entry->operands ? k : 0);
            x[2 * k] = block_of(a->x, a->x_step, at, m, own[2 * k]);
            x[2 * k + 1] = block_of(a->r, a->r_step, at, m, own[2 * k + 1]);
        }
        entry->pass(m, x[0], x[1], x[2], x[3], out.x + at, out.r + at);
    }
}

/* Is any lost? */
int ad_onefold_reaches(const ad_onefold_entry *entry, ad_onefold_row row, int64_t n, ad_onefolds x, const double *y, double *ry)
{
    double own[2][BLOCK];
    int64_t lost = 0;
    for (int64_t at = 0; at < n; at += BLOCK) {
        const unsigned m = part_of(n - at);
        lost |= entry->reach(m, row, block_of(x.x, x.x_step, at, m, own[0]), block_of(x.r, x.r_step, at, m, own[1]), y + at, ry + at);
    }
    return lost != 0;
}

int ad_onefold_compare(int64_t n, ad_onefolds a, ad_onefolds b, int8_t *order)
{
    double own[4][BLOCK];
    int open = 0;
    for (int64_t at = 0; at < n; at += BLOCK) {
        const unsigned m = part_of(n - at);
        open |= OTHERS->compare(m, block_of(a.x, a.x_step, at, m, own[0]), block_of(a.r, a.r_step, at, m, own[1]),
            block_of(b.x, b.x_step, at, m, own[2]), block_of(b.r, b.r_step, at, m, own[3]), order + at);
    }
    return open;
}

int ad_onefold_round(int64_t n, ad_onefolds x, float *nearest, uint8_t *sure)
{
    double own[2][BLOCK];
    int all = 1;
    for (int64_t at = 0; at < n; at += BLOCK) {
        const unsigned m = part_of(n - at);
        all &= OTHERS->round(m, block_of(x.x, x.x_step, at, m, own[0]), block_of(x.r, x.r_step, at, m, own[1]), nearest + at, sure + at);
    }
    return all;
}

/* y = mask ? a : b, of any 8 bytes. */
void ad_onefold_choose(int64_t n, const uint8_t *mask, const uint64_t *a, int a_step, const uint64_t *b, int b_step, uint64_t *y)
{
    uint64_t own[2][BLOCK];
    for (unsigned i = 0; i < BLOCK && !(a_step && b_step); i++) {
        own[0][i] = *a;
        own[1][i] = *b;
    }
    for (int64_t at = 0; at < n; at += BLOCK)
        OTHERS->choose(part_of(n - at), mask + at, a_step ? a + at : own[0], b_step ? b + at : own[1], y + at);
}

/* What has been summed, and the numbers added to it one by one. */
typedef struct { double high, low, off; } sum;

static sum plus(sum s, double x, double r)
{
    const double high = s.high + x, t = high - s.high, lost = (s.high - (high - t)) + (x - t);
    const double low = s.low + lost, u = low - s.low, rest = (s.low - (low - u)) + (lost - u);
    return (sum){high, low, s.off + r + fabs(rest)};
}

static void put(ad_onefolds y, int64_t at, sum s)
{
    const double x = s.high + s.low, t = x - s.high, r = s.off + fabs((s.high - (x - t)) + (s.low - t));
    const int known = fabs(x) + r < INFINITY;
    y.x[at] = known ? x : NAN;
    y.r[at] = known ? r : INFINITY;
}

/* The sums of m columns, m <= LINE, of `rows` rows of x. */
static void sum_columns(const double *x, const double *r, int r_step, int64_t rows, int64_t stride, unsigned m, double *sums)
{
    double own[LINE];
    for (unsigned i = 0; i < 3 * m; i++)
        sums[i] = 0;
    for (unsigned i = 0; i < m && !r_step; i++)
        own[i] = *r;
    for (int64_t k = 0; k < rows; k++)
        OTHERS->add(m, x + k * stride, r_step ? r + k * stride : own, sums);
}

/* A line of n numbers: as rows whose columns are summed, and what is left over. */
static sum sum_line(const double *x, const double *r, int r_step, int64_t n)
{
    double sums[3 * LINE];
    const unsigned m = n >= 16 * LINE ? LINE : n >= 64 ? 16 : 0;
    const int64_t rows = m ? n / m : 0;
    sum s = {0, 0, 0};
    if (rows)
        sum_columns(x, r, r_step, rows, m, m, sums);
    for (unsigned i = 0; i < m; i++)
        s = plus(plus(s, sums[i], sums[2 * m + i]), sums[m + i], 0);
    for (int64_t i = rows * m; i < n; i++)
        s = plus(s, x[i], r[r_step ? i : 0]);
    return s;
}

/* y[o, i] = the sum of x[o, 0..n-1, i]. */
void ad_onefold_sum(int64_t outer, int64_t n, int64_t inner, ad_onefolds x, ad_onefolds y)
{
    double sums[3 * LINE];
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i += LINE) {
            const int64_t at = o * n * inner + i;
            const double *r = x.r + (x.r_step ? at : 0);
            if (inner == 1) {
                put(y, o, sum_line(x.x + at, r, x.r_step, n));
                continue;
            }
            const unsigned m = inner - i < LINE ? (unsigned)(inner - i) : LINE;
            sum_columns(x.x + at, r, x.r_step, n, inner, m, sums);
            for (unsigned k = 0; k < m; k++)
                put(y, o * inner + i + k, (sum){sums[k], sums[m + k], sums[2 * m + k]});
        }
}
