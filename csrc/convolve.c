/* convolve, convolve_input, convolve_filters: y[b, i, o] = the sum over k and c of x[b, i * stride + k * dilation - before, c] * w[k, c, o],
 * and the two operators that make x of y and w, and w of x and y, with the same sum: the derivatives of each are the other two.
 * i and k count through one to three dimensions; outside x is 0.
 *
 * Windows along the last dimension are a line.  What all windows of a line see at one place of theirs are the rows of a matrix in x itself,
 * `stride` places apart, and several places that follow each other are one such matrix, whose rows overlap: a line is a few products, and no
 * element is copied (A. Anderson and others, "Low-memory GEMM-based convolution algorithms for deep neural networks", 2017), but where windows
 * see what is not there: then x has a margin of zeros.  Where each channel is for itself there is nothing to multiply matrices for: the line
 * is multiplied by the filter's numbers channel by channel. */
#include "convolve.h"
#include "strided.h"

enum { PIECES = 8, LARGE = 1 << 16, BLOCK = 1024 };         /* sums of filters; elements of filters that have two; windows in a block of lines */

/* ------------------------------------------------------------------------------------------------- shapes */
static int take_each(const int64_t **attr, int rank, int64_t least, int64_t *to)
{
    const ad_tuple t = ad_take_tuple(attr);
    if (t.n != rank)
        return AD_BAD_SHAPE;
    for (int i = 0; i < rank; i++) {
        if (t.item[i] < least)
            return AD_BAD_SHAPE;
        to[AD_WINDOW_DIMS - rank + i] = t.item[i];
    }
    return AD_OK;
}

static void sizes_of(const ad_array *a, int from, int rank, int64_t *to) { memcpy(to + AD_WINDOW_DIMS - rank, a->shape + from, (size_t)rank * sizeof *to); }

/* How far all windows see, from the first place of the first one. */
static int see(convolution *s)
{
    int64_t all = s->n;
    for (int i = 0; i < AD_WINDOW_DIMS; i++) {
        int64_t first, own;
        const int nothing = s->count[i] == 0 || s->window[i] == 0;
        if (__builtin_mul_overflow(s->count[i] - 1, s->stride[i], &first) || __builtin_mul_overflow(s->window[i] - 1, s->dilation[i], &own) ||
            __builtin_add_overflow(first, own, &first) || __builtin_add_overflow(first, 1, &first))
            return AD_NO_MEMORY;
        s->seen[i] = nothing ? 0 : first;
        if (s->seen[i] && __builtin_mul_overflow(all, s->seen[i], &all))
            return AD_NO_MEMORY;
    }
    return __builtin_mul_overflow(all, s->o > s->c ? s->o : s->c, &all) ? AD_NO_MEMORY : AD_OK;
}

/* x, y and w: NULL for the one that is to be made, whose sizes stand among the attributes. */
static int pose(convolution *s, const ad_array *x, const ad_array *y, const ad_array *w, const int64_t *attr)
{
    const ad_array *one = x ? x : y, *other = w ? w : y;
    *s = (convolution){.dtype = one->dtype, .rank = one->ndim - 2, .status = AD_OK};
    if (s->rank < 1 || s->rank > AD_WINDOW_DIMS || other->ndim != one->ndim)
        return AD_BAD_SHAPE;
    if (one->dtype != other->dtype || one->dtype == AD_BOOL)
        return AD_BAD_DTYPE;
    for (int i = 0; i < AD_WINDOW_DIMS; i++)
        s->size[i] = s->count[i] = s->window[i] = s->stride[i] = s->dilation[i] = 1;
    if (x)
        sizes_of(x, 1, s->rank, s->size);
    if (y)
        sizes_of(y, 1, s->rank, s->count);
    if (w)
        sizes_of(w, 0, s->rank, s->window);
    if (take_each(&attr, s->rank, 0, x == NULL ? s->size : y == NULL ? s->count : s->window) != AD_OK ||
        take_each(&attr, s->rank, 1, s->stride) != AD_OK || take_each(&attr, s->rank, 1, s->dilation) != AD_OK ||
        take_each(&attr, s->rank, 0, s->before) != AD_OK || *attr < 1)
        return AD_BAD_SHAPE;
    s->groups = *attr;
    s->n = one->shape[0];
    s->o = other->shape[s->rank + 1];
    if (x == NULL && __builtin_mul_overflow(w->shape[s->rank], s->groups, &s->c))
        return AD_NO_MEMORY;
    if (x)
        s->c = x->shape[s->rank + 1];
    if (s->c % s->groups || s->o % s->groups || (w && w->shape[s->rank] != s->c / s->groups) || (x && y && y->shape[0] != s->n) ||
        (x == NULL && y->shape[s->rank + 1] != s->o))
        return AD_BAD_SHAPE;
    s->k = ad_product(s->window, AD_WINDOW_DIMS);
    s->lines = s->count[0] * s->count[1];
    s->apart = s->groups == s->c && s->groups > 1;
    s->channels = s->apart ? s->o : s->c;
    s->across = s->groups == 1 && s->dilation[2] == 1 ? s->window[2] : 1;
    return see(s);
}

static ad_array *image_like(const convolution *s, int64_t channels, const int64_t *sizes)
{
    int64_t shape[AD_WINDOW_DIMS + 2] = {s->n};
    memcpy(shape + 1, sizes + AD_WINDOW_DIMS - s->rank, (size_t)s->rank * sizeof *shape);
    shape[s->rank + 1] = channels;
    return ad_array_new(s->dtype, s->rank + 2, shape);
}

static ad_array *zero_image_like(const convolution *s, int64_t channels, const int64_t *sizes)
{
    ad_array *image = image_like(s, channels, sizes);
    if (image)
        ad_zero(image);
    return image;
}

static void release(convolution *s)
{
    ad_array *const held[] = {s->wide, s->places, s->filters, s->sums};
    for (int i = 0; i < 4; i++)
        if (held[i])
            ad_array_release(held[i]);
}

/* ------------------------------------------------------------------------------------------------- the margin */
/* Do windows see x and no more? */
static int needs_no_margin(const convolution *s)
{
    int none = s->channels == s->c;
    for (int i = 0; i < AD_WINDOW_DIMS; i++)
        none &= s->before[i] == 0 && s->seen[i] <= s->size[i];
    return none;
}

/* s->wide: x itself, or room for what is seen of it; and s->places. */
static int make_wide(convolution *s, ad_array *x)
{
    const int same = needs_no_margin(s);
    memcpy(s->span, same ? s->size : s->seen, sizeof s->span);
    s->wide = same ? ad_array_hold(x) : zero_image_like(s, s->channels, s->seen);
    s->places = ad_array_new(AD_I64, 1, &s->k);
    if (s->wide == NULL || s->places == NULL)
        return AD_NO_MEMORY;
    int64_t *at = s->places->data;
    for (int64_t i = 0; i < s->window[0]; i++)
        for (int64_t j = 0; j < s->window[1]; j++)
            for (int64_t k = 0; k < s->window[2]; k++)
                *at++ = ((i * s->dilation[0] * s->span[1] + j * s->dilation[1]) * s->span[2] + k * s->dilation[2]) * s->channels;
    return AD_OK;
}

/* For each run of x along the last dimension that a window sees: where it stands in x and in `wide`, in places, and how many they are. */
static void each_run(const convolution *s, void (*run)(const convolution *s, int64_t at, int64_t wide, int64_t places, const ad_array *x), const ad_array *x)
{
    int64_t end[AD_WINDOW_DIMS];                            /* in x; nothing but the margin is seen where it is not above 0 */
    for (int i = 0; i < AD_WINDOW_DIMS; i++)
        end[i] = s->seen[i] - s->before[i] < s->size[i] ? s->seen[i] - s->before[i] : s->size[i];
    for (int64_t b = 0; b < s->n && end[2] > 0; b++)
        for (int64_t i = 0; i < end[0]; i++)
            for (int64_t j = 0; j < end[1]; j++)
                run(s, ((b * s->size[0] + i) * s->size[1] + j) * s->size[2],
                    ((b * s->seen[0] + i + s->before[0]) * s->seen[1] + j + s->before[1]) * s->seen[2] + s->before[2], end[2], x);
}

static void put_run(const convolution *s, int64_t at, int64_t wide, int64_t places, const ad_array *x)
{
    const int64_t each = s->c ? s->channels / s->c : 1;
    const size_t item = ad_itemsize(s->dtype);
    if (each == 1) {
        memcpy((char *)s->wide->data + (size_t)(wide * s->c) * item, (const char *)x->data + (size_t)(at * s->c) * item, (size_t)(places * s->c) * item);
        return;
    }
    AD_BY_SIZE(s->dtype,
        const T *from = (const T *)x->data + at * s->c;
        T *to = (T *)s->wide->data + wide * s->channels;
        for (int64_t i = 0; i < places * s->c; i++)
            for (int64_t m = 0; m < each; m++)
                *to++ = from[i];)
}

static void take_run(const convolution *s, int64_t at, int64_t wide, int64_t places, const ad_array *x)
{
    const int64_t each = s->c ? s->channels / s->c : 1;
    AD_BY_NUMBER(s->dtype,
        T *to = (T *)x->data + at * s->c;
        const T *from = (const T *)s->wide->data + wide * s->channels;
        for (int64_t i = 0; i < places * s->c; i++) {
            T sum = *from++;
            for (int64_t m = 1; m < each; m++)
                sum += *from++;
            to[i] = sum;
        })
}

/* x with its margin, to s->wide. */
static int widen(convolution *s, ad_array *x)
{
    const int status = make_wide(s, x);
    if (status == AD_OK && s->wide != x)
        each_run(s, put_run, x);
    return status;
}

/* The sums of all pieces, in order, to w. */
static void add_up_filters(const convolution *s, ad_array *w)
{
    const int64_t c = s->apart ? 1 : s->c / s->groups, groups = s->apart ? 1 : s->groups, o = s->o / groups;
    AD_BY_NUMBER(s->dtype,
        for (int64_t piece = 0; piece < s->pieces; piece++) {
            const T *from = (const T *)s->sums->data + piece * w->size;
            for (int64_t g = 0; g < groups; g++)
                for (int64_t i = 0; i < s->k * c; i++)
                    for (int64_t j = 0; j < o; j++) {
                        T *to = (T *)w->data + i * s->o + g * o + j;
                        *to = piece ? *to + *from++ : *from++;
                    }
        })
}

/* ------------------------------------------------------------------------------------------------- shares of threads */
static void convolve_lines(void *arg, int64_t from, int64_t to)
{
    for (int64_t line = from; line < to; line++)
        ad_convolve_line(arg, ad_products_here(), line);
}

/* (Lines of one image may see the same.) */
static void convolve_input_images(void *arg, int64_t from, int64_t to)
{
    convolution *s = arg;
    char *part = malloc((size_t)(s->count[2] * ad_in_panels(s->dtype, s->across * s->c / s->groups)) * ad_itemsize(s->dtype));
    if (part == NULL)
        s->status = AD_NO_MEMORY;
    for (int64_t line = from * s->lines; line < to * s->lines && part; line++)
        ad_convolve_input_line(s, ad_products_here(), line, part);
    free(part);
}

static void convolve_filters_pieces(void *arg, int64_t from, int64_t to)
{
    convolution *s = arg;
    const ad_products *p = ad_products_here();
    const int64_t all = s->n * s->lines, few = BLOCK / s->count[2], block = few < 1 ? 1 : few < AD_PARTS ? few : AD_PARTS;
    char *packed = malloc((size_t)(block * s->count[2] * p->panel[s->dtype](s->o)) * ad_itemsize(s->dtype));
    if (packed == NULL)
        s->status = AD_NO_MEMORY;
    for (int64_t piece = from; piece < to && packed; piece++) {
        char *sum = (char *)s->sums->data + (size_t)(piece * s->sums->shape[1]) * ad_itemsize(s->dtype);
        const int64_t end = (piece + 1) * all / s->pieces;
        for (int64_t line = piece * all / s->pieces; line < end; line += block)
            ad_convolve_filters_lines(s, p, line, end - line < block ? end - line : block, packed, sum);
    }
    free(packed);
}

/* Products of numbers, in all (of large ones it matters little that they wrap). */
static int64_t cost_of(const convolution *s) { return (int64_t)((uint64_t)s->n * (uint64_t)s->lines * (uint64_t)(s->count[2] * s->k * s->o) * (uint64_t)(s->c / s->groups)) / 4; }

/* ------------------------------------------------------------------------------------------------- operators */
static int hand_out(convolution *s, int status, ad_array *made, ad_array **out)
{
    release(s);
    status = status == AD_OK ? s->status : status;
    if (status == AD_OK)
        *out = made;
    else if (made)
        ad_array_release(made);
    return status;
}

/* y of x and w, or of the adjoint of a convolution with w. */
static int convolve(convolution *s, const ad_array *x, const ad_array *w, int turned, ad_array *y)
{
    int status = widen(s, (ad_array *)x);
    if (status == AD_OK)
        status = ad_lay_out_filters(s, w, turned);
    if (status == AD_OK) {
        s->to = y->data;
        ad_share_out(convolve_lines, s, s->n * s->lines, 1, cost_of(s));
    }
    return status;
}

int ad_convolve_forward(const ad_array *const *in, int n_in, const int64_t *attr, ad_array **out)
{
    (void)n_in;
    convolution s;
    const int posed = pose(&s, in[0], NULL, in[1], attr);
    if (posed != AD_OK)
        return posed;
    ad_array *y = image_like(&s, s.o, s.count);
    int status = y ? AD_OK : AD_NO_MEMORY;
    if (status == AD_OK && y->size && s.k * s.c == 0)
        ad_zero(y);
    else if (status == AD_OK && y->size)
        status = convolve(&s, in[0], in[1], 0, y);
    return hand_out(&s, status, y, out);
}

/* Where windows move by one place, the adjoint is a convolution: of y, with the filters turned round.  0: it is none. */
static int turn_round(const convolution *s, convolution *t)
{
    *t = *s;
    int whole = (!s->apart || s->o == s->c) && ad_is_worth_turning(s);
    for (int i = 0; i < AD_WINDOW_DIMS; i++) {
        t->size[i] = s->count[i];
        t->count[i] = s->size[i];
        t->before[i] = (s->window[i] - 1) * s->dilation[i] - s->before[i];
        whole &= s->stride[i] == 1 && t->before[i] >= 0;
    }
    t->c = t->channels = s->o;
    t->o = s->c;
    t->lines = t->count[0] * t->count[1];
    return whole && see(t) == AD_OK;
}

/* The shares of lines, added up where they are seen. */
static int add_up_input(convolution *s, const ad_array *y, const ad_array *w, ad_array *x)
{
    int status = make_wide(s, x);
    if (status == AD_OK)
        status = ad_turn_filters(s, w);
    if (status != AD_OK)
        return status;
    s->from = y->data;
    ad_zero(x);
    ad_share_out(convolve_input_images, s, s->n, 1, cost_of(s));
    if (s->wide != x)
        each_run(s, take_run, x);
    return AD_OK;
}

int ad_convolve_input_forward(const ad_array *const *in, int n_in, const int64_t *attr, ad_array **out)
{
    (void)n_in;
    convolution s, t;
    const int posed = pose(&s, NULL, in[0], in[1], attr);
    if (posed != AD_OK)
        return posed;
    ad_array *x = image_like(&s, s.c, s.size);
    int status = x ? AD_OK : AD_NO_MEMORY;
    if (status == AD_OK && x->size && in[0]->size && in[1]->size) {
        if (turn_round(&s, &t)) {
            s = t;
            status = convolve(&s, in[0], in[1], 1, x);
        } else
            status = add_up_input(&s, in[0], in[1], x);
    } else if (status == AD_OK)
        ad_zero(x);
    return hand_out(&s, status, x, out);
}

int ad_convolve_filters_forward(const ad_array *const *in, int n_in, const int64_t *attr, ad_array **out)
{
    (void)n_in;
    convolution s;
    const int posed = pose(&s, in[0], in[1], NULL, attr);
    if (posed != AD_OK)
        return posed;
    int64_t shape[AD_WINDOW_DIMS + 2];
    memcpy(shape, s.window + AD_WINDOW_DIMS - s.rank, (size_t)s.rank * sizeof *shape);
    shape[s.rank] = s.c / s.groups;
    shape[s.rank + 1] = s.o;
    ad_array *w = ad_array_new(s.dtype, s.rank + 2, shape);
    int status = w ? AD_OK : AD_NO_MEMORY;
    if (status == AD_OK && w->size && in[1]->size == 0)
        ad_zero(w);
    else if (status == AD_OK && w->size) {
        const int64_t most = w->size > LARGE ? 2 : PIECES, lines = s.n * s.lines;
        s.pieces = lines < most ? lines : most;
        s.sums = ad_zeros(s.dtype, 2, (const int64_t[]){s.pieces, w->size});
        status = s.sums ? widen(&s, (ad_array *)in[0]) : AD_NO_MEMORY;
        if (status == AD_OK) {
            s.from = in[1]->data;
            ad_share_out(convolve_filters_pieces, &s, s.pieces, 1, cost_of(&s));
            add_up_filters(&s, w);
        }
    }
    return hand_out(&s, status, w, out);
}
