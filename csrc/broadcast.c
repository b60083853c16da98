/* Arrays in larger shapes (broadcast.h). */
#include "broadcast.h"
#include "rows.h"

#include <stdlib.h>
#include <string.h>

ad_layout ad_layout_in(const ad_array *a, const ad_array *whole)
{
    ad_layout l = {.ndim = 0};
    int64_t step = a->size;
    for (int i = 0; i < whole->ndim; i++) {
        const int own = i - (whole->ndim - a->ndim);
        const int64_t size = whole->shape[i];
        if (own >= 0 && a->shape[own] > 1)
            step /= a->shape[own];
        if (size == 1)
            continue;
        const int64_t stride = own >= 0 && a->shape[own] > 1 ? step : 0;
        if (l.ndim && l.stride[l.ndim - 1] == stride * size) {
            l.shape[l.ndim - 1] *= size;
            l.stride[l.ndim - 1] = stride;
        } else {
            l.shape[l.ndim] = size;
            l.stride[l.ndim++] = stride;
        }
    }
    return l;
}

/* ------------------------------------------------------------------------------------------------- reading */
/* Where element `at` of the larger shape is: its index in each dimension, and the element of the array. */
static int64_t seek(const ad_layout *l, int64_t at, int64_t *index)
{
    int64_t element = 0;
    for (int i = l->ndim - 1; i >= 0; i--) {
        index[i] = i ? at % l->shape[i] : at;
        at = i ? at / l->shape[i] : 0;
        element += index[i] * l->stride[i];
    }
    return element;
}

/* On by n elements that end no later than the dimension d does. */
static int64_t move_on(const ad_layout *l, int d, int64_t n, int64_t *index, int64_t element)
{
    index[d] += n;
    element += n * l->stride[d];
    for (int i = d; i > 0 && index[i] == l->shape[i]; i--) {
        element += l->stride[i - 1] - l->shape[i] * l->stride[i];
        index[i] = 0;
        index[i - 1]++;
    }
    return element;
}

/* `n` bytes that repeat every `period`, the first of which are there. */
static void repeat(char *to, size_t period, size_t n)
{
    for (size_t done = period; done < n; done *= 2)
        memcpy(to + done, to, done < n - done ? done : n - done);
}

const void *ad_read_spread(const ad_layout *l, const void *data, int64_t at, int64_t n, size_t item, void *room)
{
    int64_t index[AD_MAX_RANK];
    const int last = l->ndim - 1;
    char *to = room;
    if (n == 0)                                             /* a dimension may be empty */
        return room;
    if (last < 0) {
        ad_fill(to, data, n, item);
        return to;
    }
    int64_t element = seek(l, at, index);
    while (n > 0) {
        int64_t run = l->shape[last] - index[last];
        const char *from = (const char *)data + (size_t)element * item;
        if (l->stride[last] == 0) {
            run = run < n ? run : n;
            ad_fill(to, from, run, item);
        } else if (to == room && run >= n) {
            return from;
        } else if (last > 0 && index[last] == 0 && l->shape[last] < n && l->stride[last - 1] == 0) {
            const int64_t left = (l->shape[last - 1] - index[last - 1]) * l->shape[last], rows = (left < n ? left : n) / l->shape[last];
            run = rows * l->shape[last];
            memcpy(to, from, (size_t)l->shape[last] * item);
            repeat(to, (size_t)l->shape[last] * item, (size_t)run * item);
            element = move_on(l, last - 1, rows, index, element);
            n -= run;
            to += (size_t)run * item;
            continue;
        } else {
            run = run < n ? run : n;
            memcpy(to, from, (size_t)run * item);
        }
        element = move_on(l, last, run, index, element);
        n -= run;
        to += (size_t)run * item;
    }
    return room;
}

/* ------------------------------------------------------------------------------------------------- summing back */
enum { NARROW = 16, WIDEST = 1 << 14 };                     /* columns that want lanes; elements of a chunk's sums */

int ad_back_is_plain(const ad_back *b) { return b->values == b->size; }

/* How many elements of the array a chunk meets: all, or, where the first dimension is its own, those of a few steps of it. */
static int64_t width_of(const ad_back *b, int64_t chunk)
{
    if (b->l.ndim == 0 || b->l.stride[0] == 0)
        return b->size;
    const int64_t steps = chunk / (b->values / b->l.shape[0]) + 2;
    return (steps < b->l.shape[0] ? steps : b->l.shape[0]) * b->l.stride[0];
}

ad_back ad_back_of(const ad_array *a, const ad_array *whole)
{
    ad_back b = {.run = 1, .size = a->size, .l = ad_layout_in(a, whole), .lanes = 1, .columns = 1};
    ad_layout *l = &b.l;
    if (l->ndim && l->stride[l->ndim - 1] == 0)
        b.run = l->shape[--l->ndim];
    b.values = b.run ? whole->size / b.run : 0;
    if (l->ndim)
        b.columns = l->shape[l->ndim - 1];
    if (l->ndim > 1)
        while (b.lanes * b.columns < NARROW)
            b.lanes *= 2;
    b.chunk = AD_BACK_CHUNK;
    b.width = width_of(&b, b.chunk);
    if (b.width * b.lanes > WIDEST || b.values <= b.chunk) {
        b.chunk = b.values;
        b.width = b.size;
    }
    b.n_chunks = b.chunk ? (b.values + b.chunk - 1) / b.chunk : 0;
    return b;
}

size_t ad_back_room(const ad_back *b, size_t item) { return (size_t)(b->n_chunks * b->width * b->lanes) * item; }

/* The first element of the array that a chunk meets. */
static int64_t low_of(const ad_back *b, int64_t chunk)
{
    if (b->width == b->size)
        return 0;
    const int64_t low = chunk * b->chunk / (b->values / b->l.shape[0]) * b->l.stride[0];
    return low + b->width <= b->size ? low : b->size - b->width;
}

/* `columns` values belong to one row of the array; row r of those that meet it goes to lane r % lanes, of which there are 2^n.  (Small
 * arrays are summed in less time than a division or two takes.) */
#define DEFINE_BACK(T, dtype)                                                                                          \
    static void add_##T(const ad_back *b, const T *restrict x, int64_t at, int64_t n, T *restrict room)         \
    {                                                                                                           \
        const ad_layout *l = &b->l;                                                                             \
        const int last = l->ndim - 1;                                                                           \
        const int64_t columns = b->columns, period = columns * b->lanes, chunk = at < b->chunk ? 0 : at / b->chunk, low = low_of(b, chunk); \
        void (*const add)(int64_t rows, int64_t n, const void *x, void *y) = ad_rows(dtype)->add_rows;          \
        int64_t index[AD_MAX_RANK], element = seek(l, at, index);                                               \
        room += chunk * b->width * b->lanes;                                                                    \
        while (n > 0) {                                                                                         \
            const int64_t before = index[last], row = index[last - 1];                                          \
            T *to = room + (element - before - low) * b->lanes;                                                 \
            const int64_t place = (row & (b->lanes - 1)) * columns + before;                                    \
            int64_t run = (l->shape[last - 1] - row) * columns - before, i = place ? period - place : 0;        \
            run = run < n ? run : n;                                                                            \
            i = i < run ? i : run;                                                                              \
            const int64_t rows = run - i < period ? 0 : run - i < 2 * period ? 1 : (run - i) / period, rest = run - i - rows * period; \
            if (i)                                                                                              \
                add(1, i, x, to + place);                                                                       \
            if (rows)                                                                                           \
                add(rows, period, x + i, to);                                                                   \
            if (rest)                                                                                           \
                add(1, rest, x + i + rows * period, to);                                                        \
            x += run;                                                                                           \
            n -= run;                                                                                           \
            index[last] = 0;                                                                                    \
            element = n > 0 ? move_on(l, last - 1, l->shape[last - 1] - row, index, element - before) : 0;      \
        }                                                                                                       \
    }                                                                                                           \
    static void total_##T(const ad_back *b, const T *lane, int64_t column, int64_t n, double *restrict total)   \
    {                                                                                                           \
        if (b->lanes == 1) {                                                                                    \
            for (int64_t a = 0; a < n; a++)                                                                     \
                total[a] += lane[column + a];                                                                   \
            return;                                                                                             \
        }                                                                                                       \
        for (int64_t a = 0; a < n; a++) {                                                                       \
            double sum = 0;                                                                                     \
            for (int64_t k = 0; k < b->lanes; k++)                                                              \
                sum += lane[k * b->columns + column];                                                           \
            total[a] += sum;                                                                                    \
            if (++column == b->columns) {                                                                       \
                column = 0;                                                                                     \
                lane += b->columns * b->lanes;                                                                  \
            }                                                                                                   \
        }                                                                                                       \
    }                                                                                                           \
    static void finish_##T(const ad_back *b, const T *room, T *to, const T *acc)                                \
    {                                                                                                           \
        for (int64_t first = 0; first < b->size; first += PIECE) {                                              \
            double total[PIECE];                                                                                \
            const int64_t n = b->size - first < PIECE ? b->size - first : PIECE;                                \
            memset(total, 0, (size_t)n * sizeof *total);                                                        \
            for (int64_t c = 0; c < b->n_chunks; c++) {                                                         \
                const int64_t low = low_of(b, c), from = first > low ? first : low;                             \
                const int64_t end = first + n < low + b->width ? first + n : low + b->width;                    \
                const int64_t column = b->lanes == 1 ? 0 : (from - low) % b->columns;                           \
                if (from < end)                                                                                 \
                    total_##T(b, room + (c * b->width + from - low - column) * b->lanes, column, end - from, total + (from - first)); \
            }                                                                                                   \
            for (int64_t a = 0; a < n; a++)                                                                     \
                to[first + a] = acc ? acc[first + a] + (T)total[a] : (T)total[a];                               \
        }                                                                                                       \
    }
enum { PIECE = 512 };
DEFINE_BACK(float, AD_F32)
DEFINE_BACK(double, AD_F64)

void ad_back_add(const ad_back *b, int is_f32, const void *values, int64_t at, int64_t n, void *room)
{
    while (n > 0) {
        const int64_t left = b->chunk - at % b->chunk, some = n < left ? n : left;
        if (is_f32)
            add_float(b, values, at, some, room);
        else
            add_double(b, values, at, some, room);
        values = (const char *)values + (size_t)some * (is_f32 ? 4 : 8);
        at += some;
        n -= some;
    }
}

void ad_back_finish(const ad_back *b, int is_f32, const void *room, void *to, const void *acc)
{
    if (is_f32)
        finish_float(b, room, to, acc);
    else
        finish_double(b, room, to, acc);
}

void ad_add(void *to, const void *a, const void *b, int64_t n, int is_f32)
{
    ad_rows(is_f32 ? AD_F32 : AD_F64)->add(n, a, b, to);
}

int ad_sum_back(const ad_back *b, int is_f32, const void *share, void *to, const void *acc)
{
    const size_t item = is_f32 ? 4 : 8, sums = b->run > 1 ? (size_t)b->values * item : 0, chunks = ad_back_is_plain(b) ? 0 : ad_back_room(b, item);
    char *room = malloc(sums + chunks + 1), *values = room, *last = room + sums;
    if (room == NULL)
        return AD_NO_MEMORY;
    if (b->run > 1)
        ad_sum_rows(share, b->values, b->run, is_f32, values);
    else
        values = (char *)share;
    memset(last, 0, chunks);
    if (chunks) {
        ad_back_add(b, is_f32, values, 0, b->values, last);
        ad_back_finish(b, is_f32, last, to, acc);
    } else if (acc)
        ad_add(to, acc, values, b->size, is_f32);
    else
        memcpy(to, values, (size_t)b->size * item);
    free(room);
    return AD_OK;
}
