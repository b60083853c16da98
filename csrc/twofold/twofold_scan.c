/* Sums and products so far, and recurrences, of certified twofold numbers: lines of `inner` numbers, one after another. */
#include "twofold_loops.h"

#include "twofold_more.h"

static ad_twofolds line(const ad_twofolds *x, int64_t k, int64_t inner)
{
    k *= inner;
    return (ad_twofolds){x->hi + k, x->lo + k, x->r + k, x->e + k, 1, 1};
}
static ad_twofold get(const ad_twofolds *x, int64_t i) { return (ad_twofold){x->hi[i], x->lo[i], x->r[i], x->e[i]}; }
static void set(const ad_twofolds *y, int64_t i, ad_twofold v)
{
    y->hi[i] = v.hi;
    y->lo[i] = v.lo;
    y->r[i] = v.r;
    y->e[i] = v.e;
}

static void copy(const ad_twofolds *from, const ad_twofolds *to, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        set(to, i, get(from, i));
}

/* y[0] = x[0], y[k] = y[k-1] + x[k], or times. */
void ad_twofold_scan(int product, int64_t n, int64_t inner, const ad_twofolds *x, const ad_twofolds *y)
{
    const ad_twofold_row row = ad_twofold_find(product ? "mul" : "add");
    if (n)
        copy(x, y, inner);
    for (int64_t k = 1; k < n; k++)
        if (inner < AD_LANES)
            for (int64_t i = 0; i < inner; i++) {
                const ad_twofold a = get(y, (k - 1) * inner + i), b = get(x, k * inner + i);
                set(y, k * inner + i, product ? two_mul(a, b) : two_add(a, b));
            }
        else {
            const ad_twofolds in[2] = {line(y, k - 1, inner), line(x, k, inner)}, out = line(y, k, inner);
            ad_twofold_run(&row, inner, in, &out);
        }
}

/* y[0] = b[0], y[k] = b[k] + a[k] y[k-1], or a[k-1] y[k-1] where not own: nothing where y[k-1] is exactly 0.  room: a line. */
void ad_twofold_recurrence(int own, int64_t n, int64_t inner, const ad_twofolds *a, const ad_twofolds *b, const ad_twofolds *y, const ad_twofolds *room)
{
    const ad_twofold_row scale = ad_twofold_find("scale"), add = ad_twofold_find("add");
    if (n)
        copy(b, y, inner);
    for (int64_t k = 1; k < n; k++) {
        const ad_twofolds s = line(a, own ? k : k - 1, inner), last = line(y, k - 1, inner), fresh = line(b, k, inner), out = line(y, k, inner);
        if (inner < AD_LANES)
            for (int64_t i = 0; i < inner; i++)
                set(&out, i, two_add(get(&fresh, i), two_scale(get(&last, i), get(&s, i))));
        else {
            const ad_twofolds factors[2] = {last, s}, terms[2] = {fresh, *room};
            ad_twofold_run(&scale, inner, factors, room);
            ad_twofold_run(&add, inner, terms, &out);
        }
    }
}
