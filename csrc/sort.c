/* argsort.  Numbers become keys, unsigned integers of the same order, which are sorted digit by digit from the last (Knuth, The Art of
 * Computer Programming, volume 3, section 5.2.5): equal ones keep their order, and no comparison has to be guessed. */
#include "strided.h"

#include <stdlib.h>

typedef struct { uint64_t key; int64_t at; } entry;
enum { DIGITS = 8, VALUES = 256, FEW = 48 };                /* of a key; of a digit; entries that are inserted one by one */

/* NaN is behind inf, and of one order with any other NaN; so is -0 with 0. */
static uint64_t key_of_f64(double x)
{
    const double plain = x + 0.0;                           /* -0 + 0 is 0 */
    uint64_t bits;
    memcpy(&bits, &plain, sizeof bits);
    return x != x ? UINT64_MAX : bits ^ (bits >> 63 ? UINT64_MAX : UINT64_C(1) << 63);
}

static uint64_t key_of_i64(int64_t x) { return (uint64_t)x ^ UINT64_C(1) << 63; }

/* `flip`: all ones for the other direction. */
static void list_entries(int dtype, const void *x, int64_t n, int64_t step, uint64_t flip, entry *to)
{
#define LIST(T, key_of)                                     \
    for (int64_t i = 0; i < n; i++)                         \
        to[i] = (entry){key_of(((const T *)x)[i * step]) ^ flip, i};
    switch (dtype) {
    case AD_F32: LIST(float, key_of_f64) break;
    case AD_F64: LIST(double, key_of_f64) break;
    case AD_I32: LIST(int32_t, key_of_i64) break;
    default: LIST(int64_t, key_of_i64)
    }
#undef LIST
}

static void insert_each(entry *x, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        const entry e = x[i];
        int64_t j = i;
        for (; j > 0 && x[j - 1].key > e.key; j--)
            x[j] = x[j - 1];
        x[j] = e;
    }
}

/* To x or to `other`, which has room for as many: where they are is returned.  A digit that all have is passed over: a float has half of
 * a double's. */
static entry *sort_by_digits(entry *x, entry *other, int64_t n)
{
    int64_t count[DIGITS][VALUES] = {{0}};
    for (int64_t i = 0; i < n; i++)
        for (int d = 0; d < DIGITS; d++)
            count[d][x[i].key >> 8 * d & 0xFF]++;
    for (int d = 0; d < DIGITS; d++) {
        if (count[d][x[0].key >> 8 * d & 0xFF] == n)
            continue;
        int64_t next = 0;
        for (int v = 0; v < VALUES; v++) {
            const int64_t many = count[d][v];
            count[d][v] = next;
            next += many;
        }
        for (int64_t i = 0; i < n; i++)
            other[count[d][x[i].key >> 8 * d & 0xFF]++] = x[i];
        entry *const sorted = other;
        other = x;
        x = sorted;
    }
    return x;
}

/* (The counts of digits take longer to clear than few entries to sort.) */
static const entry *sort(entry *x, entry *other, int64_t n)
{
    if (n > FEW)
        return sort_by_digits(x, other, n);
    insert_each(x, n);
    return x;
}

int ad_argsort_forward(const ad_array *const *in, int n_in, const int64_t *attr, ad_array **out)
{
    const ad_array *x = in[0];
    const int64_t axis = attr[0];
    const uint64_t flip = attr[1] ? UINT64_MAX : 0;
    (void)n_in;
    if (axis < 0 || axis >= x->ndim)
        return AD_BAD_SHAPE;
    if (x->dtype == AD_BOOL)
        return AD_BAD_DTYPE;
    const int64_t n = x->shape[axis], outer = ad_product(x->shape, (int)axis), inner = ad_product(x->shape + axis + 1, (int)(x->ndim - axis - 1));
    entry *room = malloc(2 * (size_t)(n ? n : 1) * sizeof *room);
    *out = room ? ad_array_new(AD_I64, x->ndim, x->shape) : NULL;
    for (int64_t o = 0; *out && n && o < outer; o++)
        for (int64_t i = 0; i < inner; i++) {
            const int64_t first = o * n * inner + i;
            list_entries(x->dtype, (const char *)x->data + (size_t)first * ad_itemsize(x->dtype), n, inner, flip, room);
            const entry *sorted = sort(room, room + n, n);
            for (int64_t k = 0; k < n; k++)
                ((int64_t *)(*out)->data)[first + k * inner] = sorted[k].at;
        }
    free(room);
    return *out ? AD_OK : AD_NO_MEMORY;
}
