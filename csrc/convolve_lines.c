/* Lines of windows, and the filters as these want them. */
#include "convolve.h"
#include "strided.h"

/* ------------------------------------------------------------------------------------------------- filters */
int64_t ad_in_panels(int dtype, int64_t n)
{
    int64_t all = 0;
    for (int64_t j = 0, width; j < n; j += width)
        all += width = ad_products_here()->panel[dtype](n - j);
    return all;
}

/* w with the last place first. */
static int reverse_filters(convolution *s, const ad_array *w)
{
    s->filters = ad_array_alike(s->dtype, w);
    if (s->filters == NULL)
        return AD_NO_MEMORY;
    const size_t bytes = (size_t)s->o * ad_itemsize(s->dtype);
    for (int64_t k = 0; k < s->k; k++)
        memcpy((char *)s->filters->data + (size_t)k * bytes, (const char *)w->data + (size_t)(s->k - 1 - k) * bytes, bytes);
    return AD_OK;
}

int ad_lay_out_filters(convolution *s, const ad_array *w, int turned)
{
    if (s->apart && turned)
        return reverse_filters(s, w);
    if (s->apart) {
        s->filters = ad_array_hold((ad_array *)w);
        return AD_OK;
    }
    const ad_products *p = ad_products_here();
    const int64_t c = s->c / s->groups, o = s->o / s->groups, size = s->groups * s->k * c * ad_in_panels(s->dtype, o);
    s->filters = ad_array_new(s->dtype, 1, &size);
    if (s->filters == NULL)
        return AD_NO_MEMORY;
    const size_t item = ad_itemsize(s->dtype);
    char *to = s->filters->data;
    for (int64_t g = 0; g < s->groups; g++)
        for (int64_t j = 0, width; j < o; j += width) {
            width = p->panel[s->dtype](o - j);
            for (int64_t k = 0; k < s->k; k++, to += (size_t)(c * width) * item) {
                const int64_t at = turned ? ((s->k - 1 - k) * o + j) * s->c + g * c : k * c * s->o + g * o + j;
                p->pack_panel[s->dtype](o - j < width ? o - j : width, c, (const char *)w->data + (size_t)at * item, turned ? 1 : s->o, turned ? s->c : 1, to);
            }
        }
    return AD_OK;
}

int ad_turn_filters(convolution *s, const ad_array *w)
{
    if (s->apart) {
        s->filters = ad_array_hold((ad_array *)w);
        return AD_OK;
    }
    const ad_products *p = ad_products_here();
    const int64_t c = s->c / s->groups, o = s->o / s->groups, columns = s->across * c, size = s->groups * (s->k / s->across) * o * ad_in_panels(s->dtype, columns);
    s->filters = ad_array_new(s->dtype, 1, &size);
    if (s->filters == NULL)
        return AD_NO_MEMORY;
    const size_t item = ad_itemsize(s->dtype);
    char *to = s->filters->data;
    for (int64_t g = 0; g < s->groups; g++)
        for (int64_t k = 0; k < s->k; k += s->across)
            for (int64_t j = 0, width; j < columns; j += width, to += (size_t)(o * width) * item) {
                width = p->panel[s->dtype](columns - j);
                p->pack_panel[s->dtype](columns - j < width ? columns - j : width, o, (const char *)w->data + (size_t)((k * c + j) * s->o + g * o) * item, 1, s->o, to);
            }
    return AD_OK;
}

/* (An adjoint has columns of x's channels, often few, of which a panel would be mostly empty.) */
int ad_is_worth_turning(const convolution *s)
{
    const int64_t c = s->c / s->groups;
    return s->apart || 4 * s->across * ad_in_panels(s->dtype, c) <= 5 * ad_in_panels(s->dtype, s->across * c);
}

/* ------------------------------------------------------------------------------------------------- lines */
/* What the first window of a line sees first; and where its place k is from there, in bytes. */
static char *seen_first(const convolution *s, int64_t line)
{
    const int64_t b = line / s->lines, at = line % s->lines, i = at / s->count[1] * s->stride[0], j = at % s->count[1] * s->stride[1];
    return (char *)s->wide->data + (size_t)(((b * s->span[0] + i) * s->span[1] + j) * s->span[2] * s->channels) * ad_itemsize(s->dtype);
}

static size_t place(const convolution *s, int64_t k) { return (size_t)((const int64_t *)s->places->data)[k] * ad_itemsize(s->dtype); }

/* One channel at a time. */
static void scale_line(const convolution *s, const ad_products *p, int64_t line, char *to)
{
    const size_t item = ad_itemsize(s->dtype);
    const char *seen = seen_first(s, line);
    memset(to, 0, (size_t)(s->count[2] * s->o) * item);
    for (int64_t k = 0; k < s->k; k++)
        p->scale_columns[s->dtype](s->count[2], s->o, seen + place(s, k), s->stride[2] * s->channels, (const char *)s->filters->data + (size_t)(k * s->o) * item,
                                   to, s->o);
}

void ad_convolve_line(const convolution *s, const ad_products *p, int64_t line)
{
    const size_t item = ad_itemsize(s->dtype);
    const int64_t c = s->c / s->groups, o = s->o / s->groups, terms = s->across * c;
    char *to = s->to + (size_t)(line * s->count[2] * s->o) * item;
    const char *filters = s->filters->data, *seen = seen_first(s, line);
    if (s->apart) {
        scale_line(s, p, line, to);
        return;
    }
    for (int64_t g = 0; g < s->groups; g++)
        for (int64_t j = 0, width; j < o; j += width) {
            width = p->panel[s->dtype](o - j);
            ad_parts parts = {.a_row = s->stride[2] * s->channels, .a_column = 1, .row = s->o};
            for (int64_t k = 0; k < s->k;) {
                for (parts.count = 0; parts.count < AD_PARTS && k < s->k; parts.count++, k += s->across, filters += (size_t)(terms * width) * item) {
                    parts.a[parts.count] = seen + place(s, k) + (size_t)(g * c) * item;
                    parts.b[parts.count] = filters;
                }
                p->sum_parts[s->dtype](s->count[2], o - j < width ? o - j : width, terms, &parts, to + (size_t)(g * o + j) * item);
                parts.add = 1;
            }
        }
}

void ad_convolve_input_line(const convolution *s, const ad_products *p, int64_t line, char *part)
{
    const size_t item = ad_itemsize(s->dtype);
    const int64_t c = s->c / s->groups, o = s->o / s->groups, step = s->stride[2] * s->channels, places = s->count[2], columns = s->across * c;
    const int64_t wide = ad_in_panels(s->dtype, columns);   /* of zeros beyond the edge too: to write part of a vector takes longer */
    const char *from = s->from + (size_t)(line * places * s->o) * item, *w = s->filters->data;
    char *seen = seen_first(s, line);
    for (int64_t k = 0; k < s->k && s->apart; k++)
        p->scale_columns[s->dtype](places, s->o, from, s->o, w + (size_t)(k * s->o) * item, seen + place(s, k), step);
    for (int64_t g = 0; g < s->groups && !s->apart; g++)
        for (int64_t k = 0; k < s->k; k += s->across) {
            ad_parts parts = {.count = 1, .a_row = s->o, .a_column = 1, .row = wide, .a = {from + (size_t)(g * o) * item}};
            for (int64_t j = 0, width; j < columns; j += width, w += (size_t)(o * width) * item) {
                width = p->panel[s->dtype](columns - j);
                parts.b[0] = w;
                p->sum_parts[s->dtype](places, width, o, &parts, part + (size_t)j * item);
            }
            AD_BY_NUMBER(s->dtype,                          /* (place by place, so that no sum waits for the one before) */
                for (int64_t first = 0; first < columns; first += c) {
                    T *to = (T *)(seen + place(s, k)) + g * c + first;
                    const T *share = (const T *)part + first;
                    for (int64_t i = 0; i < places; i++, to += step, share += wide)
                        for (int64_t l = 0; l < c; l++)
                            to[l] += share[l];
                })
        }
}

/* One channel at a time. */
static void dot_line(const convolution *s, const ad_products *p, int64_t line, char *sum)
{
    const size_t item = ad_itemsize(s->dtype);
    const char *seen = seen_first(s, line);
    for (int64_t k = 0; k < s->k; k++)
        p->dot_columns[s->dtype](s->count[2], s->o, seen + place(s, k), s->stride[2] * s->channels, s->from + (size_t)(line * s->count[2] * s->o) * item,
                                 sum + (size_t)(k * s->o) * item);
}

/* For each place the products of what lines see there with those lines of y, a panel of its channels at a time. */
void ad_convolve_filters_lines(const convolution *s, const ad_products *p, int64_t line, int64_t count, char *packed, char *sum)
{
    const size_t item = ad_itemsize(s->dtype);
    const int64_t c = s->c / s->groups, o = s->o / s->groups, places = s->count[2];
    const char *seen[AD_PARTS];
    for (int64_t t = 0; t < count; t++)
        seen[t] = seen_first(s, line + t);
    for (int64_t t = 0; t < count && s->apart; t++)
        dot_line(s, p, line + t, sum);
    for (int64_t g = 0; g < s->groups && !s->apart; g++)
        for (int64_t j = 0, width; j < o; j += width) {
            width = p->panel[s->dtype](o - j);
            const int64_t n = o - j < width ? o - j : width;
            ad_parts parts = {.count = (int)count, .add = 1, .a_row = 1, .a_column = s->stride[2] * s->channels, .row = o};
            for (int64_t t = 0; t < count; t++) {
                char *to = packed + (size_t)(t * places * width) * item;
                p->pack_panel[s->dtype](n, places, s->from + (size_t)((line + t) * places * s->o + g * o + j) * item, s->o, 1, to);
                parts.b[t] = to;
            }
            for (int64_t k = 0; k < s->k; k += s->across) {
                for (int64_t t = 0; t < count; t++)
                    parts.a[t] = seen[t] + place(s, k) + (size_t)(g * c) * item;
                p->sum_parts[s->dtype](s->across * c, n, places, &parts, sum + (size_t)((g * s->k + k) * c * o + j) * item);
            }
        }
}
